//! The reference of settings.

use std::fmt::Write as _;

use nbhoist_settings::keys::{EXECUTOR_KEYS, KEYS, Key, Kind};

use super::NOTE;

const HEAD: &str = "# Settings
Two files count, and the second wins, key by key: your own `~/.config/nbhoist/nbhoist.toml`, and the project's, which is the nearest `nbhoist.toml` from the notebook's
folder upward, or a `pyproject.toml` with a table `[tool.nbhoist]`. The command line and editors read the same ones. A key that is not known is a warning, a value
that cannot be used an error, both with their place.

In `pyproject.toml` the keys stand below `[tool.nbhoist]`, tables below `[tool.nbhoist.NAME]`. [nbhoist.schema.json](nbhoist.schema.json) describes `nbhoist.toml`
to editors; with a TOML language server the first line `#:schema https://raw.githubusercontent.com/nbhoist/nbhoist/main/docs/nbhoist.schema.json` is enough.
";

pub(super) fn page() -> String {
    let mut text = format!("{NOTE}{HEAD}");
    for key in KEYS {
        let user = if key.user_only { " In your own file only." } else { "" };
        let _ = write!(
            text,
            "\n## `{}`\n{}\n\n- type: {}\n- default: {}\n",
            key.name,
            key.text.to_owned() + user,
            kind(key.kind),
            default(&key)
        );
        let _ = write!(text, "\n```toml\n{}\n```\n", key.example);
        if key.kind == Kind::Executors {
            text.push_str("\n| key | type | default | |\n|---|---|---|---|\n");
            for key in EXECUTOR_KEYS {
                let _ = writeln!(text, "| `{}` | {} | {} | {} |", key.name, kind(key.kind), key.default, key.text);
            }
        }
    }
    text
}

/// TOML is shown as code, words as words.
fn default(key: &Key) -> String {
    let is_toml = key.default.starts_with(['[', '{', '"']) || key.default.parse::<f64>().is_ok();
    if is_toml { format!("`{}`", key.default) } else { key.default.to_owned() }
}

fn kind(kind: Kind) -> String {
    let words = |words: &[&str]| words.iter().map(|word| format!("`\"{word}\"`")).collect::<Vec<_>>().join(", ");
    match kind {
        Kind::Number => "number, zero or more".to_owned(),
        Kind::Whole => "whole number, zero or more".to_owned(),
        Kind::String => "string".to_owned(),
        Kind::Word(list) => format!("one of {}", words(list)),
        Kind::Strings => "list of strings".to_owned(),
        Kind::Rules => "list of rules".to_owned(),
        Kind::RulesByFile => "table of patterns, each with a list of rules".to_owned(),
        Kind::WordByRule(list) => format!("table of rules, each with one of {}", words(list)),
        Kind::Flag => "`true` or `false`".to_owned(),
        Kind::Scalar => "string or number".to_owned(),
        Kind::Table => "table of strings".to_owned(),
        Kind::ListOrTable => "list of strings, or table of strings".to_owned(),
        Kind::Executors => "table of executors".to_owned(),
    }
}
