//! Every fix that the failing example of a rule's page is offered: made, it leaves nothing of its rule and brings nothing new.

use std::collections::BTreeSet;

use nbhoist_analyzer::finding::{Applicability, Finding};
use nbhoist_analyzer::notebook::Notebook;
use nbhoist_analyzer::{Request, analyze, fix, ipynb, percent, rules};

/// The first example of a page, and how it is read.
fn example(page: &str) -> (String, fn(&[u8]) -> Notebook) {
    let block = page.split("```").nth(1).expect("a page has an example");
    let (language, text) = block.split_once('\n').expect("a block has lines");
    let text = text.replace("LARGE", &"x".repeat(1_100_000)).replace("SECRET", &format!("AKIA{}", "Q7".repeat(8)));
    match language {
        "python" => (text, |bytes| percent::read(std::str::from_utf8(bytes).unwrap())),
        _ => (text, |bytes| ipynb::read(bytes).unwrap()),
    }
}

fn findings(notebook: &Notebook, rule: &rules::Rule) -> Vec<Finding> {
    let mut request = Request::new(notebook);
    request.config.extend_select = vec![rule.code.to_owned()];
    analyze(&request).findings
}

#[test]
fn fixes_leave_nothing_of_their_rule_and_bring_nothing_new() {
    let mut fixed = BTreeSet::new();
    for rule in rules::all() {
        let (text, read) = example(rule.explanation);
        let mut bytes = text.into_bytes();
        let before = findings(&read(&bytes), rule);
        if !before.iter().any(|finding| finding.code == rule.code && finding.fix.is_some()) {
            continue;
        }
        let codes = |findings: &[Finding]| findings.iter().map(|finding| finding.code).collect::<BTreeSet<_>>();
        for _ in 0..10 {
            let notebook = read(&bytes);
            let own: Vec<Finding> = findings(&notebook, rule).into_iter().filter(|finding| finding.code == rule.code).collect();
            let edits: Vec<_> = fix::compatible(&own, Applicability::Unsafe).iter().flat_map(|fix| fix.edits.clone()).collect();
            bytes = fix::apply(&bytes, &notebook, &edits).unwrap();
        }
        let after = findings(&read(&bytes), rule);
        assert!(!codes(&after).contains(rule.code), "{}: {after:?}", rule.code);
        assert!(codes(&after).is_subset(&codes(&before)), "{}: {after:?}", rule.code);
        fixed.insert(rule.code);
    }
    assert!(fixed.contains("NBH002") && fixed.len() >= 4, "{fixed:?}");
}
