//! What may stand behind each key of an entry, to say exactly what is wrong with a user's.

use toml::Spanned;
use toml::de::DeValue;

use super::own::Problem;

/// What may stand behind a key.
#[derive(Clone, Copy, Debug)]
enum Shape {
    Flag,
    Text,
    Texts,
    TextOrTexts,
    Word(&'static [&'static str]),
    Refs,
    /// Keywords with REFs.
    RefsByKeyword,
    /// REFs with one of these words.
    WordByRef(&'static [&'static str]),
    Kind,
}

use Shape::{Flag, Kind, Refs, RefsByKeyword, Text, TextOrTexts, Texts, Word, WordByRef};

const READ_WRITE: &[&str] = &["read", "write"];
const COSTS: &[&str] = &["cheap", "linear", "sort", "quadratic", "cubic", "fit", "io", "network", "heavy"];
const LANGUAGES: &[&str] = &["query", "eval", "code", "formula", "sql"];

/// Every key of an entry.
const SHAPES: [(&str, Shape); 33] = [
    ("gives", Kind),
    ("attribute", Flag),
    ("base", Texts),
    ("mutates", Refs),
    ("mutates_if", RefsByKeyword),
    ("gives_none_if", Text),
    ("views", Refs),
    ("views_if", RefsByKeyword),
    ("holds", Refs),
    ("keeps", Refs),
    ("calls", Refs),
    ("reads", Refs),
    ("writes", Refs),
    ("network", Flag),
    ("subprocess", Flag),
    ("clock", Flag),
    ("input", Flag),
    ("display", Flag),
    ("draws", Text),
    ("draws_unless", Text),
    ("seeds", Texts),
    ("options_read", Text),
    ("options_write", Text),
    ("plot", Word(&["read", "write", "both"])),
    ("environment", Word(READ_WRITE)),
    ("directory", Word(READ_WRITE)),
    ("names_in", WordByRef(LANGUAGES)),
    ("travels", Flag),
    ("why", Text),
    ("device", Flag),
    ("cost", Word(COSTS)),
    ("unverified", Flag),
    ("example", TextOrTexts),
];

type Value<'i> = Spanned<DeValue<'i>>;

/// The names of the keys.
pub(super) fn keys() -> impl Iterator<Item = &'static str> {
    SHAPES.iter().map(|(key, _)| *key)
}

/// Checks one key of an entry; none when it is not a known one.
pub(super) fn check(key: &str, value: &Value<'_>, problems: &mut Vec<Problem>) -> Option<()> {
    let (_, shape) = SHAPES.iter().find(|(known, _)| *known == key)?;
    shape.check(key, value, problems);
    Some(())
}

impl Shape {
    fn check(self, key: &str, value: &Value<'_>, problems: &mut Vec<Problem>) {
        match self {
            Flag if value.get_ref().as_bool().is_some() => {}
            Flag => problems.push(wrong(key, value, "true or false")),
            Text => drop(text(key, value, "a string", problems)),
            TextOrTexts if value.get_ref().as_array().is_none() => drop(text(key, value, "a string or a list of strings", problems)),
            Texts | TextOrTexts => each(key, value, "a list of strings", problems, |_, _| {}),
            Word(words) => word(key, value, words, problems),
            Refs => references(key, value, problems),
            RefsByKeyword => match value.get_ref().as_table() {
                Some(table) => table.values().for_each(|value| references(key, value, problems)),
                None => problems.push(wrong(key, value, "a table of keywords, each with a list of arguments: `{ inplace = [\"self\"] }`")),
            },
            WordByRef(words) => match value.get_ref().as_table() {
                Some(table) => {
                    for (argument, value) in table {
                        reference(key, argument.get_ref(), argument.span().start, problems);
                        word(key, value, words, problems);
                    }
                }
                None => problems.push(wrong(key, value, "a table of arguments, each with a language: `{ \"expr@0\" = \"query\" }`")),
            },
            Kind if value.get_ref().as_array().is_some() => each(key, value, "a list of kinds", problems, kind),
            Kind => {
                if let Some(found) = text(key, value, "a kind or a list of kinds", problems) {
                    kind(&Found { key, text: found, start: value.span().start }, problems);
                }
            }
        }
    }
}

/// A string where it stands.
struct Found<'t> {
    key: &'t str,
    text: &'t str,
    start: usize,
}

fn text<'v>(key: &str, value: &'v Value<'_>, expected: &str, problems: &mut Vec<Problem>) -> Option<&'v str> {
    let found = value.get_ref().as_str();
    if found.is_none() {
        problems.push(wrong(key, value, expected));
    }
    found
}

fn word(key: &str, value: &Value<'_>, words: &[&str], problems: &mut Vec<Problem>) {
    let list = format!("one of {}", words.iter().map(|word| format!("`{word}`")).collect::<Vec<_>>().join(", "));
    if let Some(found) = text(key, value, &list, problems)
        && !words.contains(&found)
    {
        problems.push(Problem::new(value.span().start, format!("`{key}` must be {list}, not `{found}`")));
    }
}

fn each(key: &str, value: &Value<'_>, expected: &str, problems: &mut Vec<Problem>, check: fn(&Found<'_>, &mut Vec<Problem>)) {
    let Some(items) = value.get_ref().as_array() else { return problems.push(wrong(key, value, expected)) };
    for item in items {
        match item.get_ref().as_str() {
            Some(text) => check(&Found { key, text, start: item.span().start }, problems),
            None => problems.push(wrong(key, item, expected)),
        }
    }
}

fn references(key: &str, value: &Value<'_>, problems: &mut Vec<Problem>) {
    each(key, value, "a list of arguments: `[\"self\"]`, `[\"data@0\"]`", problems, |found, problems| {
        reference(found.key, found.text, found.start, problems);
    });
}

/// `self`, `*`, `**N`, `NAME`, `NAME@POSITION`.
fn reference(key: &str, text: &str, start: usize, problems: &mut Vec<Problem>) {
    let is_number = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let fits = match (text.strip_prefix("**"), text.split_once('@')) {
        (Some(from), _) => is_number(from),
        (None, Some((name, position))) => is_name(name) && is_number(position),
        (None, None) => text == "*" || is_name(text),
    };
    if !fits {
        let expected = "`self`, `*`, `**1`, a keyword such as `data`, or a keyword with its position such as `data@0`";
        problems.push(Problem::new(start, format!("`{text}` in `{key}` names no argument; it must be {expected}")));
    }
}

fn kind(found: &Found<'_>, problems: &mut Vec<Problem>) {
    match found.text.split_once(':') {
        Some(("arg" | "elem" | "like", argument)) => reference(found.key, argument, found.start, problems),
        None if found.text == "self-kind" || found.text.split('.').all(is_name) => {}
        _ => {
            let expected = "a dotted path, `self`, `self-kind`, `scalar`, `none`, `list`, `tuple`, `dict`, `set`, `iterator`, `array`, `arg:NAME@0` or `elem:NAME@0`";
            problems.push(Problem::new(found.start, format!("`{}` is not a kind; `{}` must be {expected}", found.text, found.key)));
        }
    }
}

/// Whether a text can be a Python name.
pub(super) fn is_name(text: &str) -> bool {
    let mut chars = text.chars();
    chars.next().is_some_and(|first| first.is_alphabetic() || first == '_') && chars.all(|c| c.is_alphanumeric() || c == '_')
}

/// A value of another type than the key takes.
pub(super) fn wrong(key: &str, value: &Value<'_>, expected: &str) -> Problem {
    let kind = value.get_ref().type_str();
    let article = if kind.starts_with(['a', 'e', 'i', 'o', 'u']) { "an" } else { "a" };
    Problem::new(value.span().start, format!("`{key}` must be {expected}, not {article} {kind}"))
}
