//! Results of `check` that are kept on disk: used when nothing has changed, and never otherwise.

mod common;

use std::fs;
use std::path::PathBuf;

use common::{Place, code, notebook};
use serde_json::Value;

const CACHE: &str = ".nbhoist_cache/check-2.jsonl";

fn place() -> Place {
    let place = Place::new();
    place.write("a.py", "# %%\nimport own\nprint(missing)\n");
    place.write("b.py", "# %%\nx = 1\nprint(x)\n");
    place
}

fn findings(place: &Place, arguments: &[&str]) -> Value {
    place.check(&[&["--output-format", "json"], arguments].concat()).json()["findings"].clone()
}

/// Puts another message into the cache: a finding that shows it was not looked for again.
fn forge(place: &Place) {
    edit(place, |entries| entries.replace("missing", "forged"));
}

/// Puts other entries into the cache, with a sum that fits.
fn edit(place: &Place, change: impl Fn(&str) -> String) {
    let text = place.read(CACHE);
    let entries = change(text.split_once('\n').unwrap().1);
    let mut hasher = siphasher::sip128::SipHasher13::new();
    std::hash::Hasher::write_u64(&mut hasher, entries.len() as u64);
    std::hash::Hasher::write(&mut hasher, entries.as_bytes());
    let sum = siphasher::sip128::Hasher128::finish128(&hasher).as_u128();
    place.write(CACHE, &format!("{sum:032x}\n{entries}"));
}

fn is_forged(findings: &Value) -> bool {
    findings.to_string().contains("forged")
}

#[test]
fn what_has_not_changed_is_not_analyzed_again() {
    let place = place();
    let cold = findings(&place, &[]);
    assert_eq!(cold, findings(&place, &[]));
    assert_eq!(cold, findings(&place, &["--no-cache"]));
    assert_eq!(place.read(".nbhoist_cache/.gitignore").lines().last(), Some("*"));
    forge(&place);
    assert!(is_forged(&findings(&place, &[])));
    assert!(!is_forged(&findings(&place, &["--no-cache"])));
}

/// Changes what a cached result depends on.
type Change<'a> = &'a dyn Fn(&Place) -> PathBuf;

#[test]
fn every_condition_counts() {
    let changes: [(&str, Change); 5] = [
        ("content", &|place| place.write("a.py", "# %%\nimport own\n\nprint(missing)\n")),
        ("settings", &|place| place.write("nbhoist.toml", "heavy-seconds = 3\n")),
        ("settings of the file", &|place| place.write("nbhoist.toml", "[per-file-ignores]\n\"a.py\" = [\"NBH101\"]\n")),
        ("a new local module", &|place| place.write("own.py", "x = 1\n")),
        ("effects of one's own", &|place| {
            place.write("effects.toml", "[\"thing.load\"]\nclock = true\n");
            place.write("nbhoist.toml", "library-effects = [\"effects.toml\"]\n")
        }),
    ];
    for (what, change) in changes {
        let place = place();
        findings(&place, &[]);
        forge(&place);
        change(&place);
        assert!(!is_forged(&findings(&place, &[])), "{what}");
    }
}

#[test]
fn reports_are_the_same_from_the_cache() {
    let place = place();
    let long = format!("{}print(nowhere)\n", "# comment\n".repeat(10_000));
    place.write("c.ipynb", &notebook(&[code("one", "# \u{e9}\nprint(later)"), code("two", "later = 1"), code("three", &long)]));
    let formats = ["full", "concise", "json", "json-lines", "sarif", "junit", "github", "gitlab", "rdjson"];
    let report = |format, more: &[&str]| place.check(&[&["--output-format", format], more].concat()).out;
    let cold: Vec<String> = formats.iter().map(|format| report(format, &["--no-cache"])).collect();
    assert!(cold[0].contains("nowhere") && cold[0].contains("later"), "{}", cold[0]);
    findings(&place, &[]);
    let warm = || formats.iter().map(|format| report(format, &[])).collect::<Vec<_>>();
    assert_eq!(warm(), cold);
    settle();
    findings(&place, &[]);
    assert_eq!(warm(), cold);
    let baseline = |more: &[&str]| {
        place.check(&[&["--write-baseline"], more].concat());
        place.read("nbhoist-baseline.json")
    };
    assert_eq!(baseline(&[]), baseline(&["--no-cache"]));
    assert_eq!(findings(&place, &["--baseline", "nbhoist-baseline.json"]).as_array().map(Vec::len), Some(0));
}

/// Waits until what was written shows in the stamp of a file whenever it is written again.
fn settle() {
    std::thread::sleep(std::time::Duration::from_millis(2100));
}

/// Writes a file again that keeps its size and the time of its content.
#[cfg(unix)]
fn write_unseen(place: &Place, name: &str, text: &str) {
    let path = place.path().join(name);
    let (size, modified) = fs::metadata(&path).map(|known| (known.len(), known.modified().unwrap())).unwrap();
    assert_eq!(size, text.len() as u64);
    place.write(name, text);
    fs::File::options().write(true).open(&path).unwrap().set_modified(modified).unwrap();
}

/// A place whose cache has stamps, and only stamps speak for what it has.
#[cfg(unix)]
fn stamped() -> Place {
    let place = place();
    place.write("own.py", "x = 1\n");
    settle();
    findings(&place, &[]);
    forge(&place);
    edit(&place, |entries| {
        let mut parts = entries.split("\"content\":\"");
        let first = parts.next().unwrap().to_owned();
        parts.fold(first, |text, part| format!("{text}\"content\":\"{:032}{}", 0, &part[32..]))
    });
    place
}

#[cfg(unix)]
#[test]
fn what_has_its_stamp_is_not_read() {
    let place = stamped();
    assert!(is_forged(&findings(&place, &[])));
    write_unseen(&place, "a.py", "# %%\nimport own\nprint(mossing)\n");
    assert_eq!(findings(&place, &[]), findings(&place, &["--no-cache"]));
}

#[cfg(unix)]
#[test]
fn another_file_of_the_same_name_has_another_stamp() {
    let place = stamped();
    place.write("other", "# %%\nimport own\nprint(missing)\n");
    write_unseen(&place, "other", "# %%\nimport own\nprint(mossing)\n");
    let modified = fs::metadata(place.path().join("a.py")).unwrap().modified().unwrap();
    let other = fs::File::options().write(true).open(place.path().join("other")).unwrap();
    other.set_modified(modified).unwrap();
    fs::rename(place.path().join("other"), place.path().join("a.py")).unwrap();
    assert_eq!(findings(&place, &[]), findings(&place, &["--no-cache"]));
    // The same for the file that a link leads to.
    let place = stamped();
    let path = |name: &str| place.path().join(name);
    fs::rename(path("a.py"), path("target")).unwrap();
    place.write("other", "# %%\nimport own\nprint(mossing)\n");
    std::os::unix::fs::symlink("target", path("a.py")).unwrap();
    assert_eq!(findings(&place, &["a.py"]), findings(&place, &["a.py", "--no-cache"]));
    settle();
    findings(&place, &["a.py"]);
    fs::remove_file(path("a.py")).unwrap();
    std::os::unix::fs::symlink("other", path("a.py")).unwrap();
    assert_eq!(findings(&place, &["a.py"]), findings(&place, &["a.py", "--no-cache"]));
}

#[cfg(unix)]
#[test]
fn what_was_touched_is_read_and_gets_its_new_stamp() {
    let place = place();
    settle();
    findings(&place, &[]);
    forge(&place);
    let before = place.read(CACHE);
    place.write("a.py", &place.read("a.py"));
    assert!(is_forged(&findings(&place, &[])));
    assert_eq!(place.read(CACHE), before, "it may change again unseen");
    settle();
    assert!(is_forged(&findings(&place, &[])));
    let renewed = place.read(CACHE);
    assert_ne!(renewed, before);
    assert!(is_forged(&findings(&place, &[])));
    assert_eq!(place.read(CACHE), renewed);
}

#[test]
fn what_changed_just_now_has_no_stamp() {
    let place = place();
    findings(&place, &[]);
    assert_eq!(place.read(CACHE).matches("\"stamp\":null").count(), 2);
}

/// Changes a module that the notebook imports.
#[cfg(unix)]
type Step<'a> = &'a dyn Fn(&Place);

#[cfg(unix)]
#[test]
fn local_modules_count_as_they_are() {
    let remove = |place: &Place, name: &str| fs::remove_file(place.path().join(name)).unwrap();
    let steps: [(&str, Step); 6] = [
        ("appears", &|place| drop(place.write("own.py", "x = 1\n"))),
        ("changes unseen", &|place| write_unseen(place, "own.py", "x = 2\n")),
        ("grows", &|place| drop(place.write("own.py", "x = 100\n"))),
        ("disappears", &|place| remove(place, "own.py")),
        ("is a package", &|place| drop(place.write("own/__init__.py", "x = 1\n"))),
        ("is a package without a file", &|place| remove(place, "own/__init__.py")),
    ];
    let place = place();
    for (at, (what, step)) in steps.into_iter().enumerate() {
        if at < 2 {
            settle();
        }
        findings(&place, &[]);
        forge(&place);
        assert!(is_forged(&findings(&place, &[])), "{what}");
        step(&place);
        assert!(!is_forged(&findings(&place, &[])), "{what}");
    }
}

#[cfg(unix)]
#[test]
fn a_pipe_is_read_each_time() {
    let place = place();
    let pipe = place.path().join("pipe.py");
    assert!(std::process::Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    for name in ["one", "two"] {
        let text = format!("# %%\nprint({name})\n");
        std::thread::scope(|scope| {
            scope.spawn(|| fs::write(&pipe, &text).unwrap());
            assert!(findings(&place, &["pipe.py"]).to_string().contains(name));
        });
    }
    // One in the place of the cache is not.
    fs::rename(&pipe, place.path().join(CACHE)).unwrap();
    assert_eq!(findings(&place, &[]), findings(&place, &["--no-cache"]));
}

#[test]
fn what_is_damaged_counts_for_nothing() {
    for damage in ["", "{", "no sum\n{}", "\u{0}\n\n"] {
        let place = place();
        let cold = findings(&place, &[]);
        place.write(CACHE, damage);
        assert_eq!(findings(&place, &[]), cold, "{damage:?}");
    }
    let place = place();
    let cold = findings(&place, &[]);
    let text = place.read(CACHE);
    place.write(CACHE, &text[..text.len() / 2]);
    assert_eq!(findings(&place, &[]), cold);
    place.write(CACHE, &text.replace("missing", "changed"));
    assert_eq!(findings(&place, &[]), cold);
}

#[test]
fn a_cache_that_cannot_be_written_stops_nothing() {
    let place = place();
    let blocker = place.write("file", "");
    let folder = blocker.join("cache").display().to_string();
    assert_eq!(findings(&place, &["--cache-dir", &folder]), findings(&place, &["--no-cache"]));
    assert!(!place.path().join(".nbhoist_cache").exists());
}

#[cfg(unix)]
#[test]
fn only_its_owner_reads_the_cache() {
    use std::os::unix::fs::PermissionsExt as _;
    let place = place();
    findings(&place, &[]);
    let text = place.read(CACHE);
    assert!(text.contains("print(missing)"), "cells that findings speak of stand in it: {text}");
    assert_eq!(fs::metadata(place.path().join(CACHE)).unwrap().permissions().mode() & 0o777, 0o600);
}

#[test]
fn writers_at_once_leave_a_whole_file() {
    let place = place();
    let cold = findings(&place, &["--no-cache"]);
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| assert_eq!(findings(&place, &[]), cold));
        }
    });
    forge(&place);
    assert!(is_forged(&findings(&place, &[])));
    let left: Vec<_> = fs::read_dir(place.path().join(".nbhoist_cache")).unwrap().flatten().map(|entry| entry.file_name()).collect();
    assert_eq!(left.len(), 3, "{left:?}");
}
