//! A page for each rule, and the list of them.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use nbhoist_analyzer::rules::{self, Rule};

use super::NOTE;

pub(super) fn pages() -> BTreeMap<String, String> {
    let mut pages: BTreeMap<String, String> = rules::all().iter().map(|rule| (format!("rules/{}.md", rule.name), page(rule))).collect();
    pages.insert("rules/README.md".to_owned(), list());
    pages
}

/// What `explain` shows, too.
pub(crate) fn facts(rule: &Rule) -> String {
    let default = if rule.opt_in { "opt-in: select it by code or name" } else { "on by default" };
    format!("Severity {}, {default}.", rule.severity.as_str())
}

fn page(rule: &Rule) -> String {
    format!(
        "{NOTE}# {} {}\n{} {}\n\n{}\n## In a notebook\n`{}` at the end of the line or above it says that a finding is meant; \
         on the first line of a cell, for the cell.\nMore ways are in [the list of rules](README.md#findings-that-are-meant).\n",
        rule.code,
        rule.name,
        rule.summary,
        facts(rule),
        rule.explanation.trim_end().to_owned() + "\n",
        rules::ignore_comment(rule.code),
    )
}

fn list() -> String {
    let mut rules: Vec<&Rule> = rules::all().iter().collect();
    rules.sort_by_key(|rule| rule.code);
    let mut text = format!(
        "{NOTE}# Rules\n`nbhoist check` applies those that are on by default; [settings](../settings.md) say how to choose. \
         `nbhoist explain CODE` shows a page in the terminal.\n\n\
         | code | name | severity | default | what it finds |\n|---|---|---|---|---|\n"
    );
    for rule in rules {
        let default = if rule.opt_in { "opt-in" } else { "on" };
        let summary = rule.summary.replace('|', "\\|");
        let _ =
            writeln!(text, "| {} | [{}]({}.md) | {} | {default} | {summary} |", rule.code, rule.name, rule.name, rule.severity.as_str());
    }
    text.push_str(MEANT);
    text
}

const MEANT: &str = "
## Findings that are meant
- `# nbhoist: ignore[NBH202]` at the end of a line, or on a line of its own above it, for that line;
- the same above the first line of code of a cell, for the cell;
- the cell's tag `nbhoist-ignore:NBH202`, or `{\"nbhoist\": {\"ignore\": [\"NBH202\"]}}` in the cell's metadata, for the cell;
- the same in the notebook's metadata, for the notebook;
- `per-file-ignores` in the [settings](../settings.md), for files.

Codes, beginnings of codes (`NBH2`), names and `ALL` work everywhere, several with commas; a comment without brackets means every rule. What is not needed any more
is a finding itself: [unused-suppression](unused-suppression.md). `nbhoist check --add-ignores` writes the comments, `--write-baseline` keeps a list outside of the notebooks instead.
`# noqa` does not count: ruff takes out of it the codes that it does not know.
";
