//! Results of `check` that are kept on disk: used when nothing has changed, and never otherwise.

mod common;

use std::fs;
use std::path::PathBuf;

use common::Place;
use serde_json::Value;

const CACHE: &str = ".nbhoist_cache/check-1.json";

fn place() -> Place {
    let place = Place::new();
    place.write("a.py", "# %%\nimport own\nprint(missing)\n");
    place.write("b.py", "# %%\nx = 1\nprint(x)\n");
    place
}

fn findings(place: &Place, arguments: &[&str]) -> Value {
    place.check(&[&["--output-format", "json"], arguments].concat()).json()["findings"].clone()
}

/// Puts another message into the cache, with a sum that fits: a finding that shows it was not looked for again.
fn forge(place: &Place) {
    let text = place.read(CACHE);
    let entries = text.split_once('\n').unwrap().1.replace("missing", "forged");
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
    let changes: [(&str, Change); 4] = [
        ("content", &|place| place.write("a.py", "# %%\nimport own\n\nprint(missing)\n")),
        ("settings", &|place| place.write("nbhoist.toml", "heavy-seconds = 3\n")),
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
