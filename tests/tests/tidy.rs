//! House rules that a compiler does not hold.

use std::fs;
use std::path::{Path, PathBuf};

use nbhoist_tests::root;

fn files(folder: &Path, ending: &str, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap().flatten() {
        let path = entry.path();
        let name = entry.file_name().to_string_lossy().into_owned();
        if path.is_dir() && name != "target" && !name.starts_with('.') && name != "node_modules" {
            files(&path, ending, found);
        } else if name.ends_with(ending) {
            found.push(path);
        }
    }
}

/// A crate names only crates to its right; a wrong arrow makes the analysis depend on an editor or a network.
#[test]
fn crates_point_one_way() {
    let order = ["cli", "lsp", "settings", "executor", "analyzer"];
    for (at, name) in order.iter().enumerate() {
        let Ok(manifest) = fs::read_to_string(root().join(name).join("Cargo.toml")) else { continue };
        for left in &order[..=at] {
            assert!(!manifest.contains(&format!("nbhoist-{left}")) || left == name, "{name} must not depend on {left}");
        }
    }
}

/// The analysis is a pure function: the same question gives the same answer, and opening a notebook touches nothing.
#[test]
fn the_analyzer_does_no_io() {
    let mut sources = Vec::new();
    files(&root().join("analyzer/src"), ".rs", &mut sources);
    assert!(!sources.is_empty());
    for path in sources {
        let text = fs::read_to_string(&path).unwrap();
        for banned in ["std::fs", "std::net", "std::process", "std::thread", "std::time", "std::env", "tokio", "println!", "lsp_types"] {
            assert!(!text.contains(banned), "{} uses {banned}", path.display());
        }
    }
}

/// A file over a thousand lines holds a second idea.
#[test]
fn files_are_short() {
    for folder in ["analyzer", "cli", "executor", "lsp", "settings", "tests", "corpus"] {
        for ending in [".rs", ".py"] {
            let mut sources = Vec::new();
            files(&root().join(folder), ending, &mut sources);
            for path in sources {
                let lines = fs::read_to_string(&path).unwrap().lines().count();
                assert!(lines <= 1000, "{} has {lines} lines", path.display());
            }
        }
    }
}

/// A mitigation without a test is a hope: every test that docs/security.md names exists where it says.
#[test]
fn mitigations_have_their_tests() {
    let text = fs::read_to_string(root().join("docs/security.md")).unwrap();
    let mut found = 0;
    for row in text.lines().filter(|line| line.starts_with("| ")) {
        let Some((_, tests)) = row.trim_end_matches('|').rsplit_once('|').map(|(left, tests)| (left, tests.trim())) else { continue };
        // `name` in FILE, or FILE alone.
        for test in tests.split(", ").filter(|test| test.contains(".rs") || test.contains(".py")) {
            let path = test.split_whitespace().find(|word| matches!(word.rsplit_once('.'), Some((_, "rs" | "py")))).unwrap();
            let source = fs::read_to_string(root().join(path)).unwrap_or_else(|_| panic!("{path} is not there: {row}"));
            let name = test.split('`').nth(1).filter(|_| test.starts_with('`')).unwrap_or_default();
            assert!(
                source.contains(&format!(" {name}(")) || source.contains(&format!("test_{name}(")) || name.is_empty(),
                "{path} has no {name}"
            );
            found += 1;
        }
    }
    assert!(found > 15, "the tables were not read");
}
