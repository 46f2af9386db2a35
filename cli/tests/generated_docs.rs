//! Documents that are made from the code say what the code does.

mod common;

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use common::Place;

/// The texts of a folder that are made from the code, by name.
fn texts(docs: &Path) -> BTreeMap<String, String> {
    let mut texts = BTreeMap::new();
    for name in ["settings.md", "nbhoist.schema.json", "cli.md"] {
        texts.insert(name.to_owned(), fs::read_to_string(docs.join(name)).unwrap_or_default());
    }
    for entry in fs::read_dir(docs.join("rules")).unwrap().flatten() {
        texts.insert(format!("rules/{}", entry.file_name().to_string_lossy()), fs::read_to_string(entry.path()).unwrap());
    }
    texts
}

#[test]
fn documents_are_what_the_code_says() {
    let place = Place::new();
    place.write("docs/rules/gone.md", "a rule that is no more");
    assert_eq!(place.nbhoist(&["generate-docs", "docs"]).code, Some(0));
    let made = texts(&place.path().join("docs"));
    let kept = texts(&Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs"));
    assert_eq!(made.keys().collect::<Vec<_>>(), kept.keys().collect::<Vec<_>>(), "run `cargo run -- generate-docs docs`");
    for (name, text) in &made {
        assert!(kept[name] == *text, "docs/{name} is not up to date: run `cargo run -- generate-docs docs`");
    }
}

/// Links between the documents lead somewhere.
#[test]
fn links_of_the_documents_lead_to_files() {
    let docs = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs");
    for (name, text) in texts(&docs) {
        for (_, rest) in text.match_indices("](").map(|(at, mark)| text.split_at(at + mark.len())) {
            let target = rest.split(')').next().unwrap();
            let file = target.split('#').next().unwrap();
            if !file.contains("://") && !file.is_empty() {
                let path = docs.join(&name).parent().unwrap().join(file);
                assert!(path.exists(), "docs/{name} links to {target}");
            }
        }
    }
}

#[test]
fn every_rule_has_its_page_where_findings_point() {
    let place = Place::new();
    let rules = place.nbhoist(&["explain", "--all", "--output-format", "json"]).json()["rules"].clone();
    for rule in rules.as_array().unwrap() {
        let shown = place.nbhoist(&["explain", rule["name"].as_str().unwrap(), "--output-format", "json"]).json();
        let page = shown["url"].as_str().unwrap().split("/docs/").nth(1).unwrap().to_owned();
        assert!(Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs").join(page).is_file(), "{rule}");
    }
    let said = place.nbhoist(&["explain", "NBH20"]);
    assert!(said.code == Some(2) && said.errors.contains("help: "), "{}", said.errors);
    assert!(place.nbhoist(&["explain", "defined-nowere"]).errors.contains("did you mean `defined-nowhere`?"));
}
