//! What `check` reports and how it ends: severities, baselines, revisions, statistics, watching.

mod common;

use std::io::{BufRead as _, BufReader};
use std::process::Stdio;
use std::time::{Duration, Instant};

use common::{Place, code, notebook};
use serde_json::json;

const JSON: [&str; 2] = ["--output-format", "json"];

#[test]
fn exit_codes_follow_severities() {
    let place = Place::new();
    place.write("a.py", "# %%\nprint(missing)\n");
    let code = |arguments: &[&str]| place.check(arguments).code;
    assert_eq!((code(&[]), code(&["--exit-zero"]), code(&["--fail-on", "never"])), (Some(1), Some(0), Some(0)));
    place.write("nbhoist.toml", "[severity]\nNBH2 = \"info\"\n");
    assert_eq!((code(&[]), code(&["--fail-on", "info"]), code(&["--fail-on", "error"])), (Some(0), Some(1), Some(0)));
    place.write("nbhoist.toml", "[severity]\nNBH2 = \"info\"\ndefined-nowhere = \"warning\"\n");
    assert_eq!((code(&[]), code(&["--fail-on", "error"])), (Some(1), Some(0)));
    place.write("bad.ipynb", "{");
    assert_eq!(code(&["--exit-zero"]), Some(2));
}

#[test]
fn each_folder_has_its_settings() {
    let place = Place::new();
    place.write("a.py", "# %%\nprint(missing)\n");
    place.write("sub/b.py", "# %%\nprint(missing)\n");
    place.write("sub/c.py", "# %%\nprint(missing)\n");
    place.write("sub/pyproject.toml", "[tool.nbhoist.per-file-ignores]\n\"b.*\" = [\"NBH2\"]\n");
    let said = place.check(&JSON);
    let names: Vec<_> = said.json()["findings"].as_array().unwrap().iter().map(|finding| finding["notebook"].clone()).collect();
    assert_eq!(names, [json!("a.py"), json!("sub/c.py")]);
    let said = place.filter(&["--stdin-filename", "sub/b.py"], "# %%\nprint(missing)\n");
    assert_eq!(said.code, Some(0), "{}", said.out);
}

#[test]
fn unknown_rules_are_warned_about() {
    let place = Place::new();
    place.write("a.py", "# %%\nprint(missing)\n");
    let said = place.check(&["--ignore", "NBH220,defined-nowhere"]);
    assert_eq!(said.code, Some(0));
    assert!(said.errors.contains("there is no rule `NBH220`") && said.errors.contains("did you mean `NBH2"), "{}", said.errors);
    place.write("nbhoist.toml", "extend-select = [\"defined-nowere\"]\n");
    let said = place.check(&["--quiet"]);
    assert_eq!(said.errors, "");
    let said = place.check(&[]);
    assert!(said.errors.contains("did you mean `defined-nowhere`?") && said.errors.contains("nbhoist.toml:1:18"), "{}", said.errors);
}

#[test]
fn a_choice_on_the_command_line_wins_over_files() {
    let place = Place::new();
    place.write("a.py", "# %%\nprint(missing)\n");
    place.write("nbhoist.toml", "ignore = [\"NBH202\"]\n");
    let found = |arguments: &[&str]| place.check(&[arguments, &JSON].concat()).findings();
    assert_eq!(found(&[]), [""; 0]);
    assert_eq!(found(&["--select", "NBH202"]), ["NBH202 1:1"]);
    assert_eq!(found(&["--select", "NBH1", "--extend-select", "defined-nowhere"]), ["NBH202 1:1"]);
}

#[test]
fn a_baseline_keeps_to_cells_and_texts_not_lines() {
    let place = Place::new();
    place.write("sub/a.ipynb", &notebook(&[code("a", "print(one)"), code("b", "print(two)")]));
    let said = place.check(&["--write-baseline"]);
    assert_eq!((said.code, said.out.as_str()), (Some(0), "Wrote 2 findings to nbhoist-baseline.json.\n"));
    let written: serde_json::Value = serde_json::from_str(&place.read("nbhoist-baseline.json")).unwrap();
    assert_eq!(written["notebooks"]["sub/a.ipynb"][0], json!({"rule": "NBH202", "cell": "a", "text": "print(one)", "count": 1}));
    let known = ["--baseline", "nbhoist-baseline.json"];
    assert_eq!(place.check(&known).code, Some(0));
    // Cells and lines move, another finding comes.
    place.write("sub/a.ipynb", &notebook(&[code("n", "x = 1"), code("b", "y = 2\n\nprint(two)"), code("a", "print(one)\nprint(three)")]));
    assert_eq!(place.check(&[&known[..], &JSON].concat()).findings(), ["NBH202 3:2"]);
    // The same text in another cell is another finding.
    place.write("sub/a.ipynb", &notebook(&[code("c", "print(one)")]));
    assert_eq!(place.check(&known).code, Some(1));
    place.write("nbhoist.toml", "baseline = \"nbhoist-baseline.json\"\n");
    place.check(&["--write-baseline"]);
    let said = place.check(&["sub", "-v"]);
    assert_eq!(said.code, Some(0));
    assert!(said.out.contains("1 finding of the baseline left out."), "{}", said.out);
    for (text, words) in [("{", "this is no baseline"), ("{\"schema\": 9, \"notebooks\": {}}", "of version 9")] {
        place.write("nbhoist-baseline.json", text);
        let said = place.check(&[]);
        assert!(said.code == Some(2) && said.errors.contains(words), "{}", said.errors);
    }
    assert!(place.check(&["--baseline", "none.json"]).errors.contains("cannot read the baseline"));
}

#[test]
fn a_revision_leaves_only_what_is_new() {
    let place = Place::new();
    place.git(&["init", "-q"]);
    place.write("old.ipynb", &notebook(&[code("a", "print(missing)")]));
    place.write("new.ipynb", &notebook(&[code("a", "print(missing)"), code("b", "value = 1"), code("c", "print(value)")]));
    place.git(&["add", "."]);
    place.git(&["commit", "-qm", "one"]);
    place.git(&["tag", "start"]);
    let since = |arguments: &[&str]| place.check(&[&["--since", "start"], arguments].concat());
    let said = since(&[]);
    assert_eq!((said.code, said.out.as_str()), (Some(0), "All good: no notebook has changed.\n"));
    // A definition goes: the cell that needs it has not changed, and yet the finding is new.
    place.write(
        "new.ipynb",
        &notebook(&[code("z", "# title"), code("a", "print(missing)"), code("b", "other = 1"), code("c", "print(value)")]),
    );
    assert_eq!(since(&JSON).findings(), ["NBH202 4:1"]);
    // A cell that changes shows all that is found in it.
    place.write("new.ipynb", &notebook(&[code("a", "print(missing, 1)"), code("b", "value = 1")]));
    assert_eq!(since(&JSON).findings(), ["NBH202 1:1"]);
    place.git(&["commit", "-qam", "two"]);
    assert_eq!(since(&JSON).findings(), ["NBH202 1:1"]);
    // Untracked and renamed files.
    place.git(&["mv", "old.ipynb", "moved.ipynb"]);
    assert_eq!(since(&["moved.ipynb"]).code, Some(0), "a file that only moved brings nothing");
    place.write("fresh.py", "# %%\nprint(missing)\n");
    assert_eq!(since(&["fresh.py"]).code, Some(1));
    let said = place.check(&["--since", "nowhere"]);
    assert!(said.code == Some(2) && said.errors.contains("git knows no revision `nowhere`"), "{}", said.errors);
    let outside = Place::new();
    outside.write("a.py", "# %%\nx = 1\n");
    let said = outside.command(&["check", "--since", "HEAD"]).env("GIT_CEILING_DIRECTORIES", "/").output().unwrap();
    assert_eq!(said.status.code(), Some(2));
}

#[test]
fn a_branch_is_compared_with_where_it_was_left() {
    let place = Place::new();
    place.git(&["init", "-q"]);
    place.write("a.ipynb", &notebook(&[code("a", "x = 1")]));
    place.write("b.ipynb", &notebook(&[code("a", "print(missing)")]));
    place.git(&["add", "."]);
    place.git(&["commit", "-qm", "one"]);
    place.git(&["checkout", "-qb", "work"]);
    place.write("a.ipynb", &notebook(&[code("a", "print(mine)")]));
    place.git(&["commit", "-qam", "two"]);
    place.git(&["checkout", "-q", "main"]);
    place.write("b.ipynb", &notebook(&[code("a", "x = 2")]));
    place.git(&["commit", "-qam", "three"]);
    place.git(&["checkout", "-q", "work"]);
    let said = place.check(&["--since", "main", "--output-format", "json"]);
    let names: Vec<_> = said.json()["findings"].as_array().unwrap().iter().map(|finding| finding["notebook"].clone()).collect();
    assert_eq!(names, [json!("a.ipynb")]);
}

#[test]
fn statistics_count_by_rule() {
    let place = Place::new();
    place.write("a.py", "# %%\nprint(missing, absent)\nvalue = 1  # nbhoist: ignore\n");
    let said = place.check(&["--statistics"]);
    assert_eq!(said.code, Some(1));
    assert!(said.out.starts_with("2  NBH202 [ ] defined-nowhere\n1  NBH002 [*] unused-suppression\n[*] has fixes\nFound"), "{}", said.out);
    let rows = place.check(&["--statistics", "--output-format", "json"]).json()["statistics"].clone();
    assert_eq!(rows[0], json!({"code": "NBH202", "rule": "defined-nowhere", "count": 2, "fixable": 0, "notebooks": 1}));
    assert!(place.check(&["--statistics", "--output-format", "sarif"]).errors.contains("does not hold statistics"));
}

#[test]
fn watching_checks_again_after_a_change() {
    let place = Place::new();
    place.write("a.py", "# %%\nx = 1\n");
    let mut command = place.command(&["check", "--watch", "--output-format", "concise"]);
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
    let (sender, lines) = std::sync::mpsc::channel();
    let out = BufReader::new(child.stdout.take().unwrap());
    std::thread::spawn(move || out.lines().map_while(Result::ok).try_for_each(|line| sender.send(line)));
    let until = |wanted: &str| {
        let end = Instant::now() + Duration::from_mins(2);
        while let Ok(line) = lines.recv_timeout(end.saturating_duration_since(Instant::now())) {
            if line.contains(wanted) {
                return true;
            }
        }
        false
    };
    let first = until("All good");
    place.write("a.py", "# %%\nprint(missing)\n");
    let second = until("`missing` is read");
    place.write("nbhoist.toml", "ignore = [\"NBH202\"]\n");
    let third = until("All good");
    child.kill().unwrap();
    child.wait().unwrap();
    assert_eq!((first, second, third), (true, true, true));
    assert!(place.check(&["-", "--watch"]).errors.contains("standard input cannot be watched"));
}

#[test]
fn named_files_are_checked_unless_exclusion_is_forced() {
    let place = Place::new();
    place.write("old/a.py", "# %%\nprint(missing)\n");
    place.write("r.ipynb", r#"{"cells": [], "metadata": {"language_info": {"name": "R"}}, "nbformat": 4, "nbformat_minor": 4}"#);
    place.write("nbhoist.toml", "exclude = [\"old/\"]\n");
    assert_eq!(place.check(&["old/a.py"]).code, Some(1));
    assert_eq!(place.check(&["r.ipynb"]).code, Some(2));
    let said = place.check(&["old/a.py", "r.ipynb", "--force-exclude"]);
    assert_eq!((said.code, said.errors.as_str()), (Some(0), ""), "{}", said.out);
}

#[test]
fn contradicting_options_are_refused() {
    let place = Place::new();
    for options in [["--fix", "--diff"], ["--fix", "--add-ignores"], ["--write-baseline", "--watch"], ["--diff", "--watch"]] {
        assert_eq!(place.check(&options).code, Some(2), "{options:?}");
    }
}
