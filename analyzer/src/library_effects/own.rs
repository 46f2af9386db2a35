//! A user's own files of the table.

use std::collections::HashMap;

use serde::Deserialize;
use serde::de::IntoDeserializer;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::Table;
use super::builtin::top_level;
use super::lookup::matches;
use super::schema::{Default_, Entry};
use super::shape::{self, is_name, wrong};

/// Entries that a user's files added.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Own {
    entries: HashMap<String, Entry>,
    /// Entries whose path holds a `*`, most specific first.
    patterns: Vec<(String, Entry)>,
    libraries: HashMap<String, Option<Default_>>,
}

/// Something in a user's file that cannot be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// Where, in bytes from the start of the file.
    pub start: usize,
    /// What is wrong, and what may stand there.
    pub text: String,
    /// The word that is not known, and the words that are.
    pub unknown: Option<(String, Vec<&'static str>)>,
}

impl Problem {
    pub(super) fn new(start: usize, text: String) -> Self {
        Self { start, text, unknown: None }
    }
}

type Value<'i> = Spanned<DeValue<'i>>;

const LIBRARY_KEYS: [&str; 3] = ["import", "default", "version"];

impl Table {
    /// Adds the entries of a user's file; they count more than ours and than those of files added before. With a problem nothing is added.
    pub fn extend(&mut self, text: &str) -> Result<(), Vec<Problem>> {
        let parsed = DeTable::parse(text).map_err(|error| {
            let start = error.span().unwrap_or(0..0).start;
            vec![Problem::new(start, format!("not valid TOML: {}", error.message()))]
        })?;
        let (mut own, mut problems) = (self.own.clone(), Vec::new());
        for (key, value) in parsed.into_inner() {
            if key.get_ref() == "library" {
                own.read_library(&value, &mut problems);
            } else {
                own.read_entry(key.get_ref(), key.span().start, value, &mut problems);
            }
        }
        if !problems.is_empty() {
            problems.sort_by_key(|problem| problem.start);
            return Err(problems);
        }
        own.patterns.sort_by_key(|(path, _)| std::cmp::Reverse(path.split('.').count()));
        self.own = own;
        Ok(())
    }
}

impl Own {
    pub(super) fn exact(&self, path: &str) -> Option<&Entry> {
        self.entries.get(path)
    }

    pub(super) fn pattern(&self, path: &str) -> Option<&Entry> {
        self.patterns.iter().find(|(pattern, _)| matches(pattern, path)).map(|(_, entry)| entry)
    }

    /// What unlisted paths of this module do, when a user's file says so or has entries for the module and nothing else does.
    pub(super) fn library(&self, module: &str) -> Option<Default_> {
        match self.libraries.get(module)? {
            Some(said) => Some(*said),
            None => Some(super::builtin::library(module).unwrap_or_default()),
        }
    }

    fn read_library(&mut self, value: &Value<'_>, problems: &mut Vec<Problem>) {
        let Some(table) = value.get_ref().as_table() else {
            return problems.push(wrong("library", value, "a table: `library = { import = [\"mylib\"], default = \"pure\" }`"));
        };
        let (mut modules, mut default) = (Vec::new(), None);
        for (key, value) in table {
            match key.get_ref().as_ref() {
                "import" => modules = read_modules(value, problems),
                "default" => match value.get_ref().as_str() {
                    Some("pure") => default = Some(Default_::Pure),
                    Some("unknown") => default = Some(Default_::Unknown),
                    _ => problems.push(wrong("default", value, "`pure` or `unknown`")),
                },
                "version" => {}
                other => problems.push(unknown(other, key.span().start, LIBRARY_KEYS.to_vec())),
            }
        }
        if modules.is_empty() && problems.is_empty() {
            problems.push(Problem::new(value.span().start, "`library` must say in `import` which modules it is about".to_owned()));
        }
        for module in modules {
            self.libraries.insert(module, default);
        }
    }

    fn read_entry(&mut self, path: &str, start: usize, value: Value<'_>, problems: &mut Vec<Problem>) {
        let is_path = path.contains('.') && path.split('.').enumerate().all(|(index, part)| is_name(part) || index > 0 && part == "*");
        if !is_path {
            let text = format!("`{path}` is not a dotted path such as `\"mylib.Model.fit\"`");
            return problems.push(Problem::new(start, text));
        }
        let Some(table) = value.get_ref().as_table() else {
            return problems.push(wrong(path, &value, "a table: `{ mutates = [\"self\"] }`"));
        };
        let before = problems.len();
        for (key, value) in table {
            if shape::check(key.get_ref(), value, problems).is_none() {
                problems.push(unknown(key.get_ref(), key.span().start, shape::keys().collect()));
            }
        }
        if problems.len() > before {
            return;
        }
        match Entry::deserialize(value.into_deserializer()) {
            Ok(entry) => self.insert(path, entry),
            Err(error) => problems.push(Problem::new(error.span().map_or(start, |span| span.start), error.message().to_owned())),
        }
    }

    fn insert(&mut self, path: &str, entry: Entry) {
        self.libraries.entry(top_level(path).to_owned()).or_default();
        if path.split('.').any(|part| part == "*") {
            self.patterns.retain(|(known, _)| known != path);
            self.patterns.push((path.to_owned(), entry));
        } else {
            self.entries.insert(path.to_owned(), entry);
        }
    }
}

fn read_modules(value: &Value<'_>, problems: &mut Vec<Problem>) -> Vec<String> {
    let items = value.get_ref().as_array().map(|items| items.iter().map(|item| item.get_ref().as_str().filter(|text| is_name(text))));
    let modules: Option<Vec<&str>> = items.and_then(Iterator::collect);
    match modules {
        Some(modules) => modules.into_iter().map(str::to_owned).collect(),
        None => {
            problems.push(wrong("import", value, "a list of top-level modules: `[\"mylib\"]`"));
            Vec::new()
        }
    }
}

fn unknown(key: &str, start: usize, known: Vec<&'static str>) -> Problem {
    Problem { start, text: format!("unknown key `{key}`"), unknown: Some((key.to_owned(), known)) }
}

#[cfg(test)]
mod tests {
    use super::super::{ArgRef, Found};
    use super::*;

    fn table(text: &str) -> Table {
        let mut table = Table::default();
        table.extend(text).unwrap();
        table
    }

    /// What is wrong with a file, with the text from where it is.
    fn refused(text: &str) -> Vec<(String, String)> {
        let problems = Table::default().extend(text).unwrap_err();
        problems.into_iter().map(|problem| (text[problem.start..].chars().take(6).collect(), problem.text)).collect()
    }

    #[test]
    fn a_users_entry_wins_over_ours() {
        let table = table("\"pandas.DataFrame.head\" = { mutates = [\"self\"] }\n[\"mylib.load\"]\ngives = \"pandas.DataFrame\"");
        let Found::Entry(entry) = table.member("pandas.DataFrame", "head") else { panic!("no entry") };
        assert_eq!(entry.mutates, [ArgRef::Receiver]);
        assert!(matches!(table.function("mylib.load"), Found::Entry(_)));
        assert!(matches!(table.function("mylib.other"), Found::Unknown));
        // What the file does not speak of stays as it was.
        assert_eq!(table.library("pandas"), Some(Default_::Pure));
        assert!(table.exact("pandas.read_csv").is_some());
    }

    #[test]
    fn a_name_counts_more_than_a_star_and_a_later_file_more_than_an_earlier() {
        let mut table = table("\"sklearn.*\" = { network = true }");
        assert!(table.exact("sklearn.base.clone").is_some_and(|entry| !entry.network), "ours names it");
        assert!(matches!(table.function("sklearn.nothing.here"), Found::Entry(entry) if entry.network));
        table.extend("\"sklearn.*\" = { clock = true }").unwrap();
        assert!(matches!(table.function("sklearn.nothing.here"), Found::Entry(entry) if entry.clock && !entry.network));
    }

    #[test]
    fn a_library_can_be_said_to_be_pure() {
        let table = table("library = { import = [\"mylib\"], default = \"pure\" }");
        assert!(matches!(table.function("mylib.anything"), Found::Pure));
    }

    #[test]
    fn what_is_wrong_is_said_with_its_place() {
        for (text, at, says) in [
            ("\"a.b\" = { mutate = [\"self\"] }", "mutate", "unknown key `mutate`"),
            (
                "\"a.b\" = { mutates = \"self\" }",
                "\"self\"",
                "`mutates` must be a list of arguments: `[\"self\"]`, `[\"data@0\"]`, not a string",
            ),
            ("\"a.b\" = { cost = \"much\" }", "\"much\"", "`cost` must be one of `cheap`, `linear`"),
            ("\"a.b\" = { views = [\"x@y\"] }", "\"x@y\"]", "`x@y` in `views` names no argument"),
            ("\"a.b\" = { gives = \"a data frame\" }", "\"a dat", "`a data frame` is not a kind"),
            ("\"a.b\" = { network = \"yes\" }", "\"yes\" ", "`network` must be true or false, not a string"),
            ("a = { network = true }", "a = { ", "`a` is not a dotted path"),
            ("\"a.b\" = 3", "3", "`a.b` must be a table"),
            ("library = { import = \"a\" }", "\"a\" }", "`import` must be a list of top-level modules"),
            ("library = { imports = [\"a\"] }", "import", "unknown key `imports`"),
            ("\"a.b\" = {", "", "not valid TOML"),
        ] {
            let found = refused(text);
            assert!(found.iter().any(|(place, what)| what.starts_with(says) && (place == at || at.is_empty())), "{text}: {found:?}");
        }
    }

    #[test]
    fn a_file_with_a_problem_adds_nothing() {
        let mut table = Table::default();
        assert!(table.extend("\"a.b\" = { network = true }\n\"a.c\" = 3").is_err());
        assert_eq!(table, Table::default());
    }

    #[test]
    fn every_key_of_an_entry_has_a_shape() {
        for key in shape::keys() {
            assert!(!Table::default().extend(&format!("\"a.b\" = {{ {key} = 1979-05-27 }}")).unwrap_err().is_empty(), "{key}");
        }
    }
}
