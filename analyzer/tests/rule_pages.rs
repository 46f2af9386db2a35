//! The examples of the rule pages: the first is found by its rule, the second by none.

use nbhoist_analyzer::{Request, analyze, percent, rules};

fn blocks(page: &str) -> Vec<String> {
    let mut blocks = Vec::new();
    let mut rest = page;
    while let Some((_, after)) = rest.split_once("```python\n") {
        let Some((block, tail)) = after.split_once("```") else { break };
        blocks.push(block.to_owned());
        rest = tail;
    }
    blocks
}

fn codes(script: &str) -> Vec<&'static str> {
    analyze(&Request::new(&percent::read(script))).findings.iter().map(|finding| finding.code).collect()
}

#[test]
fn examples_do_what_the_page_says() {
    for rule in rules::all() {
        let examples = blocks(rule.explanation);
        let [fails, passes] = examples.as_slice() else { panic!("{} needs one failing and one passing example", rule.code) };
        assert!(codes(fails).contains(&rule.code), "{}: the first example is not found", rule.code);
        let left: Vec<_> = codes(passes).into_iter().filter(|code| *code == rule.code).collect();
        assert!(left.is_empty(), "{}: the second example is found", rule.code);
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
