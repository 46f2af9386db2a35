//! Comments that say that a finding is meant: `# nbhoist: ignore[NBH201]` at the end of its line, or on a line of its own above.

use crate::finding::Finding;
use crate::notebook::Notebook;

/// The comment that makes this rule be passed over on its line.
pub fn comment(code: &str) -> String {
    format!("# nbhoist: ignore[{code}]")
}

/// Whether a comment says that this finding is meant.
pub(super) fn is_ignored(notebook: &Notebook, finding: &Finding) -> bool {
    let Some(cell) = notebook.cell(finding.cell) else { return false };
    let before = cell.source.get(..finding.start as usize).unwrap_or_default();
    let number = before.matches('\n').count();
    let line = cell.source.lines().nth(number).unwrap_or_default();
    let above = number.checked_sub(1).and_then(|number| cell.source.lines().nth(number));
    let above = above.filter(|line| line.trim_start().starts_with('#'));
    [Some(line), above].into_iter().flatten().any(|line| names(line, finding))
}

/// Whether the comment on this line, if there is one, names the rule. Without brackets it names all.
fn names(line: &str, finding: &Finding) -> bool {
    let comments = line.match_indices('#').filter_map(|(at, _)| {
        let words = line[at + 1..].trim_start().strip_prefix("nbhoist:")?.trim_start();
        words.strip_prefix("ignore")
    });
    comments.map(str::trim_start).any(|rest| match rest.strip_prefix('[').and_then(|list| list.split_once(']')) {
        Some((list, _)) => list.split(',').map(str::trim).any(|word| word.eq_ignore_ascii_case(finding.code) || word == finding.rule),
        None => rest.is_empty() || rest.starts_with('#'),
    })
}

#[cfg(test)]
mod tests {
    use crate::{Request, analyze, percent};

    fn found(source: &str) -> usize {
        analyze(&Request::new(&percent::read(&format!("# %%\n{source}\n")))).findings.len()
    }

    #[test]
    fn comments_name_codes_rules_or_nothing() {
        assert_eq!(found("print(nowhere)"), 1);
        for meant in
            ["# nbhoist: ignore[NBH202]", "#nbhoist:ignore[nbh201, defined-nowhere]  # why", "# nbhoist: ignore", "# x # nbhoist: ignore"]
        {
            assert_eq!(found(&format!("print(nowhere)  {meant}")), 0, "{meant}");
        }
        assert_eq!(found("# nbhoist: ignore\nprint(nowhere)"), 0);
        for other in ["# nbhoist: ignore[NBH101]", "# nbhoist: ignored", "# ignore"] {
            assert_eq!(found(&format!("print(nowhere)  {other}")), 1, "{other}");
        }
        assert_eq!(found("x = 1  # nbhoist: ignore\nprint(nowhere)"), 1);
    }
}
