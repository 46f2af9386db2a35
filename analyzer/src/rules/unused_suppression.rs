//! A comment, tag or entry that says that a finding is meant where there is none.

use super::apply::{is_known, nearest, weight};
use super::suppress::{Entry, Source, Suppressions};
use super::{Context, Rule, all};
use crate::finding::{Applicability, Edit, Finding, Fix, Severity};
use crate::notebook::Notebook;

pub(super) const RULE: Rule = Rule {
    code: "NBH002",
    name: "unused-suppression",
    severity: Severity::Warning,
    opt_in: false,
    summary: "Something says that a finding is meant, but there is none.",
    explanation: include_str!("unused_suppression.md"),
    check,
};

/// It is known only after all other rules: see [`unused`].
fn check(_: &Context<'_>, _: &Rule) -> Vec<Finding> {
    Vec::new()
}

/// What was not used by any of the rules that were applied.
pub(super) fn unused(rule: &Rule, applied: &[(&Rule, Severity)], suppressions: &Suppressions, notebook: &Notebook) -> Vec<Finding> {
    let unused: Vec<&Entry> = suppressions.entries.iter().filter(|entry| !entry.used && is_surely_unused(entry, applied)).collect();
    let mut findings = unclear(rule, suppressions);
    let mut seen: Vec<(u32, usize)> = Vec::new();
    for entry in &unused {
        let Source::Comment(note) = &entry.source else {
            findings.push(of_metadata(rule, entry, notebook));
            continue;
        };
        let cell = entry.cell.unwrap_or(1);
        // Everything about one comment is one finding, with one fix.
        if seen.contains(&(cell, note.start)) {
            continue;
        }
        seen.push((cell, note.start));
        let same = |other: &&&Entry| other.cell == entry.cell && other.source == entry.source;
        let words: Vec<&str> = unused.iter().filter(same).filter_map(|entry| entry.word.as_deref()).collect();
        let (start, end) =
            match (note.words.len() == words.len(), note.words.iter().find(|(word, ..)| Some(word.as_str()) == words.first().copied())) {
                (false, Some((_, start, end))) => (*start, *end),
                _ => (note.start, note.end),
            };
        let help = meant(&words).map_or_else(|| "remove it".to_owned(), |meant| format!("did you mean `{meant}`?"));
        let mut finding = rule.finding(message(&words, "here"), Some(help), cell, offset(start), offset(end));
        if let Some(cell) = notebook.cell(cell) {
            let edits = vec![removal(cell.number, &cell.source, note, &words)];
            finding.fix = Some(Fix { title: "Remove what is not needed".to_owned(), applicability: Applicability::Safe, edits });
        }
        findings.push(finding);
    }
    findings
}

/// Comments that nobody understands.
fn unclear(rule: &Rule, suppressions: &Suppressions) -> Vec<Finding> {
    let places = suppressions.comments.iter().flat_map(|(cell, comments)| comments.unclear.iter().map(|place| (*cell, *place)));
    let finding = |(cell, (start, end))| {
        let help = "write `# nbhoist: ignore[CODE]`, several codes with commas".to_owned();
        rule.finding(
            "this comment suppresses nothing: it has no list of rules in brackets".to_owned(),
            Some(help),
            cell,
            offset(start),
            offset(end),
        )
    };
    places.map(finding).collect()
}

/// Whether all rules that the entry could be about were applied. About others nothing can be said.
fn is_surely_unused(entry: &Entry, applied: &[(&Rule, Severity)]) -> bool {
    let is_applied = |rule: &Rule| applied.iter().any(|(other, _)| other.code == rule.code);
    match entry.word.as_deref() {
        Some(word) if weight(word, &RULE).is_some_and(|weight| weight > 0) => false,
        Some(word) if !word.eq_ignore_ascii_case("all") => all().iter().filter(|rule| weight(word, rule).is_some()).all(is_applied),
        _ => all().iter().filter(|rule| !rule.opt_in).all(is_applied),
    }
}

fn message(words: &[&str], here: &str) -> String {
    match words {
        [] => format!("there is no finding {here} that could be meant"),
        [word] if is_known(word) => format!("there is no finding of `{word}` {here}"),
        [word] => format!("there is no rule `{word}`"),
        _ => format!("there are no findings of {} {here}", words.iter().map(|word| format!("`{word}`")).collect::<Vec<_>>().join(", ")),
    }
}

/// The rule that was probably meant.
fn meant(words: &[&str]) -> Option<&'static str> {
    words.iter().find(|word| !is_known(word)).and_then(|word| nearest(word))
}

fn of_metadata(rule: &Rule, entry: &Entry, notebook: &Notebook) -> Finding {
    let words: Vec<&str> = entry.word.as_deref().into_iter().collect();
    let place = match &entry.source {
        Source::Tag(tag) => format!("the tag `{tag}`"),
        Source::NotebookMetadata => "`nbhoist.ignore` in the notebook's metadata".to_owned(),
        _ => "`nbhoist.ignore` in the cell's metadata".to_owned(),
    };
    let cell = entry.cell.or_else(|| notebook.code_cells().next().map(|cell| cell.number)).unwrap_or(1);
    let message = message(&words, if entry.cell.is_some() { "in this cell" } else { "in this notebook" });
    let help = meant(&words).map_or_else(|| format!("remove it from {place}"), |meant| format!("{place}: did you mean `{meant}`?"));
    rule.finding(message, Some(help), cell, 0, 0)
}

/// Takes the words out of the comment, or the whole comment when nothing remains of it.
fn removal(cell: u32, source: &str, note: &super::comments::Note, words: &[&str]) -> Edit {
    let kept: Vec<&str> = note.words.iter().map(|(word, ..)| word.as_str()).filter(|word| !words.contains(word)).collect();
    let edit = |start: usize, end: usize, text: String| Edit::Source { cell, start: offset(start), end: offset(end), text };
    if let (false, Some((_, start, _)), Some((.., end))) = (kept.is_empty(), note.words.first(), note.words.last()) {
        return edit(*start, *end, kept.join(", "));
    }
    let rest = source[note.end..].lines().next().unwrap_or_default();
    let before = &source[..note.start];
    match rest.trim() {
        "" if note.alone && before.trim_start_matches(' ').rsplit('\n').next().is_some_and(|line| line.trim().is_empty()) => {
            // The whole line, with the line break that separates it from the next line, or from the one before.
            let start = before.rfind('\n').map_or(0, |newline| newline + 1);
            let end = note.end + rest.len();
            match (source[end..].starts_with('\n'), start) {
                (true, _) => edit(start, end + 1, String::new()),
                (false, 0) => edit(start, end, String::new()),
                (false, _) => edit(start - 1, end, String::new()),
            }
        }
        "" => edit(before.trim_end_matches([' ', '\t']).len(), note.end + rest.len(), String::new()),
        // What follows must stay a comment.
        text if text.starts_with('#') => edit(note.start, note.end + (rest.len() - rest.trim_start().len()), String::new()),
        _ => edit(note.start, note.end, "#".to_owned()),
    }
}

fn offset(at: usize) -> u32 {
    u32::try_from(at).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use crate::notebook::Notebook;
    use crate::{Config, Request, analyze, fix, percent};

    fn findings(notebook: &Notebook, config: Config) -> Vec<crate::finding::Finding> {
        let mut request = Request::new(notebook);
        request.config = config;
        analyze(&request).findings.into_iter().filter(|finding| finding.code == "NBH002").collect()
    }

    /// The cell after all fixes, and what was said.
    fn fixed(source: &str) -> (String, Vec<String>) {
        let script = format!("# %%\n{source}\n");
        let notebook = percent::read(&script);
        let found = findings(&notebook, Config::default());
        let edits: Vec<_> = found.iter().filter_map(|finding| finding.fix.as_ref()).flat_map(|fix| fix.edits.clone()).collect();
        let bytes = fix::apply(script.as_bytes(), &notebook, &edits).unwrap();
        let after = percent::read(&String::from_utf8(bytes).unwrap());
        assert!(findings(&after, Config::default()).is_empty(), "{source}");
        (after.cells[0].source.clone(), found.into_iter().map(|finding| finding.message).collect())
    }

    #[test]
    fn what_is_not_needed_is_said_and_removed() {
        for (before, after, said) in [
            ("x = 1  # nbhoist: ignore[NBH202]", "x = 1", "there is no finding of `NBH202` here"),
            ("x = 1  # nbhoist: ignore", "x = 1", "there is no finding here that could be meant"),
            ("print(a)  # nbhoist: ignore[NBH201, NBH202]", "print(a)  # nbhoist: ignore[NBH202]", "there is no finding of `NBH201` here"),
            ("x = 1\n# nbhoist: ignore[NBH201, NBH101]\ny = 2", "x = 1\ny = 2", "there are no findings of `NBH201`, `NBH101` here"),
            ("x = 1\n# nbhoist: ignore[NBH201]", "x = 1", "there is no finding of `NBH201` here"),
            ("x = 1  # nbhoist: ignore[NBH201] because", "x = 1  # because", "there is no finding of `NBH201` here"),
            ("x = 1  # nbhoist: ignore[NBH201]  # why", "x = 1  # why", "there is no finding of `NBH201` here"),
            ("x = 1  # why # nbhoist: ignore[NBH201]", "x = 1  # why", "there is no finding of `NBH201` here"),
            ("x = 1  # nbhoist: ignore[NBH999]", "x = 1", "there is no rule `NBH999`"),
        ] {
            assert_eq!(fixed(before), (after.to_owned(), vec![said.to_owned()]), "{before}");
        }
    }

    #[test]
    fn what_is_used_or_may_be_stays() {
        for source in ["print(a)  # nbhoist: ignore[NBH202]", "# nbhoist: ignore\nprint(a)", "x = 1  # nbhoist: ignore[NBH201, NBH002]"] {
            assert_eq!(fixed(source), (source.to_owned(), Vec::new()));
        }
        let notebook = percent::read("# %%\nx = 1  # nbhoist: ignore[NBH201]\ny = 2  # nbhoist: ignore\n");
        let config = Config { ignore: vec!["NBH201".to_owned()], ..Config::default() };
        assert!(findings(&notebook, config).is_empty(), "what a rule that is off would say is not known");
    }

    #[test]
    fn comments_that_nobody_understands_are_said() {
        let notebook = percent::read("# %%\nx = 1\nprint(missing)  # nbhoist: ignore NBH202\n");
        let found = findings(&notebook, Config::default());
        assert_eq!(found.len(), 1);
        assert!(found[0].message.starts_with("this comment suppresses nothing") && (found[0].start, found[0].end) == (22, 46), "{found:?}");
    }

    #[test]
    fn tags_are_said_too() {
        let notebook = percent::read("# %% tags=[\"nbhoist-ignore:defined-nowere\"]\nx = 1\n");
        let found = findings(&notebook, Config::default());
        assert_eq!(found[0].message, "there is no rule `defined-nowere`");
        assert_eq!(found[0].help.as_deref(), Some("the tag `nbhoist-ignore:defined-nowere`: did you mean `defined-nowhere`?"));
    }
}
