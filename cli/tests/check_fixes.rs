//! `check` that changes notebooks: fixes, their diff, comments.

mod common;

use common::{Place, code, notebook};

/// A notebook with one thing to fix and two that nobody can.
fn place() -> Place {
    let place = Place::new();
    let cells = [code("a1", "x = 1  # nbhoist: ignore[NBH201]\nprint(missing)"), code("b2", "%time print(gone)\ny = '''\n'''")];
    place.write("a.ipynb", &notebook(&cells));
    place.write("b.py", "# %%\r\nx = 1  # nbhoist: ignore\r\n# %%\r\n# %time print(gone)\r\n");
    place
}

#[test]
fn a_fix_changes_the_lines_concerned_only() {
    let place = place();
    let (before, script) = (place.read("a.ipynb"), place.read("b.py"));
    let said = place.check(&["--fix"]);
    assert_eq!(said.code, Some(1));
    assert!(said.out.ends_with("Fixed 2 findings. Found 3 errors in 2 of 2 notebooks.\n"), "{}", said.out);
    assert_eq!(place.read("a.ipynb"), before.replace("x = 1  # nbhoist: ignore[NBH201]\\n", "x = 1\\n"));
    assert_eq!(place.read("b.py"), script.replace("x = 1  # nbhoist: ignore\r\n", "x = 1\r\n"));
    let again = place.check(&["--fix", "--output-format", "json"]);
    assert!(!again.findings().iter().any(|found| found.starts_with("NBH002")), "{:?}", again.findings());
}

#[test]
fn a_diff_shows_it_and_changes_nothing() {
    let place = place();
    let before = place.read("a.ipynb");
    let said = place.check(&["a.ipynb", "--diff"]);
    assert_eq!(said.code, Some(1));
    let changed: Vec<&str> = said.out.lines().filter(|line| line.starts_with(['+', '-'])).collect();
    let wanted = ["--- a.ipynb", "+++ a.ipynb", "-    \"x = 1  # nbhoist: ignore[NBH201]\\n\",", "+    \"x = 1\\n\","];
    assert_eq!(changed.iter().map(|line| line.replace("    ", " ")).collect::<Vec<_>>(), wanted.map(|line| line.replace("    ", " ")));
    assert!(said.errors.contains("Would fix 1 finding."), "{}", said.errors);
    assert_eq!(place.read("a.ipynb"), before);
    place.check(&["--fix"]);
    let said = place.check(&["--diff"]);
    assert_eq!((said.code, said.out.as_str()), (Some(0), ""));
}

#[test]
fn a_patch_of_the_diff_is_the_fix() {
    let place = place();
    let patch = place.check(&["a.ipynb", "--diff"]).out;
    place.git(&["init", "-q"]);
    place.write("fix.patch", &patch);
    place.git(&["apply", "-p0", "fix.patch"]);
    let patched = place.read("a.ipynb");
    let fresh = self::place();
    fresh.check(&["--fix"]);
    assert_eq!(patched, fresh.read("a.ipynb"));
}

#[test]
fn standard_input_is_fixed_on_its_way_through() {
    let place = place();
    let text = place.read("a.ipynb");
    let said = place.filter(&["--stdin-filename", "a.ipynb", "--fix"], &text);
    assert_eq!(said.out, text.replace("  # nbhoist: ignore[NBH201]", ""));
    assert!(said.errors.contains("missing") && said.code == Some(1), "{}", said.errors);
    let fine = notebook(&[code("a", "x = 1")]);
    let said = place.filter(&["--stdin-filename", "a.ipynb", "--fix"], &fine);
    assert_eq!((said.code, said.out), (Some(0), fine), "what needs no fix comes through");
    assert_eq!(place.read("a.ipynb"), text);
}

#[test]
fn comments_silence_everything_and_keep_the_rest() {
    let place = place();
    let before = place.read("a.ipynb");
    let said = place.check(&["--add-ignores"]);
    assert_eq!(said.code, Some(1), "{}", said.out);
    let after = place.read("a.ipynb");
    let inserted = "    \"# nbhoist: ignore[NBH202]\\n\",\n    \"%time print(gone)";
    let wanted = before.replace("print(missing)", "print(missing)  # nbhoist: ignore[NBH202]").replace("    \"%time print(gone)", inserted);
    assert_eq!(after, wanted);
    let left: Vec<&str> = said.out.lines().filter(|line| line.contains("[NBH") && !line.contains(" | ")).collect();
    assert!(left.len() == 2 && left.iter().all(|line| line.starts_with("warning[NBH002]")), "{left:?}");
    let said = place.check(&["--fix"]);
    assert_eq!(said.code, Some(0), "{}", said.out);
}

#[test]
fn where_no_comment_fits_it_is_said() {
    let place = Place::new();
    place.write("a.ipynb", &notebook(&[code("a1", "%%timeit\nprint(missing)"), code("b2", "%%time print(gone)")]));
    let said = place.check(&["--add-ignores", "--output-format", "concise"]);
    assert_eq!(said.code, Some(1));
    assert!(said.out.contains("There is 1 finding where no comment fits: use the cell tag `nbhoist-ignore:CODE`."), "{}", said.out);
    assert!(place.read("a.ipynb").contains("print(missing)  # nbhoist: ignore[NBH202]"));
}
