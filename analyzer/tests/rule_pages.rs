//! The examples of the rule pages: the first is found by its rule, the second by none.

use nbhoist_analyzer::notebook::Notebook;
use nbhoist_analyzer::{Request, analyze, ipynb, percent, rules};

/// Percent scripts, and notebook files where counts or outputs matter. `LARGE` and `SECRET` stand for what no page should hold.
fn examples(page: &str) -> Vec<Notebook> {
    let mut found = Vec::new();
    let mut rest = page;
    while let Some((_, after)) = rest.split_once("```") {
        let Some((block, tail)) = after.split_once("```") else { break };
        let (language, text) = block.split_once('\n').expect("a block has lines");
        found.push(match language {
            "python" => percent::read(text),
            "json" => {
                let text = text.replace("LARGE", &"x".repeat(1_100_000)).replace("SECRET", &format!("AKIA{}", "Q7".repeat(8)));
                ipynb::read(text.as_bytes()).expect("an example is a notebook")
            }
            other => panic!("an example in {other:?}"),
        });
        rest = tail;
    }
    found
}

fn codes(notebook: &Notebook, rule: &rules::Rule) -> Vec<&'static str> {
    let mut request = Request::new(notebook);
    if rule.opt_in {
        request.config.select = vec![rule.code.to_owned()];
    }
    analyze(&request).findings.iter().map(|finding| finding.code).collect()
}

#[test]
fn examples_do_what_the_page_says() {
    for rule in rules::all() {
        let examples = examples(rule.explanation);
        let [fails, passes] = examples.as_slice() else { panic!("{} needs one failing and one passing example", rule.code) };
        assert!(codes(fails, rule).contains(&rule.code), "{}: the first example is not found", rule.code);
        assert_eq!(codes(passes, rule), Vec::<&str>::new(), "{}: something is found in the second example", rule.code);
    }
}

#[test]
fn pages_have_their_parts() {
    for rule in rules::all() {
        for part in ["## What", "## Why", "## Example", "## Use instead", "## How to fix", "## When to ignore"] {
            assert!(rule.explanation.contains(part), "{} has no {part}", rule.code);
        }
    }
}

#[test]
fn codes_and_names_are_used_once_and_in_order() {
    let codes: Vec<_> = rules::all().iter().map(|rule| rule.code).collect();
    assert!(codes.is_sorted_by(|one, two| one < two), "{codes:?}");
    for rule in rules::all() {
        assert_eq!(rules::all().iter().filter(|other| other.name == rule.name).count(), 1, "{}", rule.name);
    }
}
