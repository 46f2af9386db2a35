//! Names inside strings: pandas queries, expressions, formulas and SQL.

use ruff_python_ast::name::Name;
use ruff_text_size::TextRange;

use super::Interp;
use super::arguments::Args;
use super::heap::{Kind, Val};

impl Interp<'_> {
    /// Reads the names that a string argument mentions. `how` is the language, as the table of library effects names it.
    /// Gives those that are the notebook's.
    pub(super) fn read_names_in(&mut self, text: &Val, how: &str, args: &Args, range: TextRange) -> Vec<Name> {
        let Some(text) = text.as_str().map(str::to_owned) else {
            self.read_hidden_names(how, range);
            return Vec::new();
        };
        let mut found = Vec::new();
        let names = match how {
            "query" => at_names(&text),
            "eval" => identifiers(&text, Position::Anywhere),
            "formula" => identifiers(&text, if has_data(args) { Position::CalledOrDotted } else { Position::Anywhere }),
            "sql" => tables(&text),
            _ => Vec::new(),
        };
        for name in names {
            let name = Name::new(name);
            if self.frames.iter().any(|frame| frame.scope.locals.contains(&name)) {
                continue;
            }
            // A column, a keyword or a function of the language hides what is no name of the notebook.
            if self.base.contains(&name) || self.flow.delta.contains_key(&name) {
                if how == "query" {
                    self.read_global(&name, range);
                } else {
                    self.assuming("a string mentions it", |interp| interp.read_global(&name, range));
                }
                found.push(name);
            }
        }
        found
    }

    /// The string is computed: which names it mentions cannot be told.
    fn read_hidden_names(&mut self, how: &str, range: TextRange) {
        if how != "sql" {
            return;
        }
        // A computed query most likely names frames of the notebook.
        let frames: Vec<Name> = self
            .all_names()
            .into_iter()
            .filter(|name| {
                let val = self.flow.delta.get(name).or_else(|| self.base.get(name).map(|slot| &**slot)).map(|slot| &slot.val);
                val.is_some_and(|val| {
                    val.objs.iter().any(|&id| matches!(&self.heap.get(id).kind, Kind::Lib(path) if path.ends_with("DataFrame")))
                })
            })
            .collect();
        for name in frames {
            self.assuming("a computed query may mention it", |interp| interp.read_global(&name, range));
        }
    }
}

/// Whether a formula's names are columns first.
fn has_data(args: &Args) -> bool {
    args.keyword("data").is_some() || args.positional.len() > 1
}

/// `@name` of a pandas query.
pub(crate) fn at_names(text: &str) -> Vec<String> {
    let mut names = Vec::new();
    for (at, _) in text.match_indices('@') {
        let name: String = text[at + 1..].chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect();
        if name.starts_with(|c: char| c.is_alphabetic() || c == '_') {
            names.push(name);
        }
    }
    names
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Position {
    Anywhere,
    /// Only where it is called (`f(x)`) or the start of a dotted name (`np.log`).
    CalledOrDotted,
}

fn identifiers(text: &str, position: Position) -> Vec<String> {
    let mut names = Vec::new();
    let mut rest = text;
    let mut previous = ' ';
    while let Some(c) = rest.chars().next() {
        if c == '\'' || c == '"' {
            // A quoted part is text.
            let after = &rest[1..];
            rest = after.find(c).map_or("", |end| &after[end + 1..]);
            previous = c;
            continue;
        }
        if c.is_alphabetic() || c == '_' {
            let end = rest.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(rest.len());
            let (name, after) = rest.split_at(end);
            let follows = after.trim_start().chars().next().unwrap_or(' ');
            if previous != '.' && (position == Position::Anywhere || matches!(follows, '(' | '.')) {
                names.push(name.to_owned());
            }
            previous = 'a';
            rest = after;
        } else if c.is_ascii_digit() {
            let end = rest.find(|c: char| !c.is_alphanumeric() && c != '.' && c != '_').unwrap_or(rest.len());
            rest = &rest[end.max(1)..];
            previous = '0';
        } else {
            previous = c;
            rest = &rest[c.len_utf8()..];
        }
    }
    names
}

/// Names that stand where SQL takes a table.
fn tables(text: &str) -> Vec<String> {
    let words: Vec<&str> =
        text.split(|c: char| !(c.is_alphanumeric() || c == '_' || c == '.' || c == ',')).filter(|word| !word.is_empty()).collect();
    let mut names = Vec::new();
    let mut expects = false;
    for word in words {
        let lower = word.to_ascii_lowercase();
        if matches!(lower.as_str(), "from" | "join" | "into" | "table" | "describe" | "summarize" | "update") {
            expects = true;
        } else if matches!(
            lower.as_str(),
            "select" | "where" | "on" | "group" | "order" | "limit" | "values" | "set" | "using" | "having" | "with" | "union"
        ) {
            expects = false;
        } else if expects {
            names.extend(word.split(',').filter(|part| !part.is_empty()).map(|part| part.split('.').next().unwrap_or(part).to_owned()));
            expects = word.ends_with(',') || matches!(lower.as_str(), "as");
        }
    }
    names
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_strings() {
        assert_eq!(at_names("a > @low and b < @h.max()"), ["low", "h"]);
        assert_eq!(identifiers("y ~ np.log(x) + f(z)", Position::CalledOrDotted), ["np", "f"]);
        assert_eq!(identifiers("x + 'y' * 2e3", Position::Anywhere), ["x"]);
        assert_eq!(tables("select a, b from df join other on df.a = other.b where x"), ["df", "other"]);
    }
}
