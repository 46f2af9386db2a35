//! What a user's own library effects change, from the configuration to the report.

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use serde_json::Value;

const SCRIPT: &str = "\
# %%
import mylib
rows = [1, 2]
# %%
model = mylib.scale(rows)
# %%
print(rows, model)
";

fn nbhoist(folder: &Path, arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_nbhoist"));
    command
        .args(arguments)
        .current_dir(folder)
        .env("NBHOIST_HISTORY", "off")
        .env("XDG_CONFIG_HOME", folder.join("config"))
        .output()
        .unwrap()
}

fn project(effects: &str) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("a.py"), SCRIPT).unwrap();
    if !effects.is_empty() {
        fs::write(folder.path().join("nbhoist.toml"), "library-effects = [\"effects/mylib.toml\"]").unwrap();
        fs::create_dir(folder.path().join("effects")).unwrap();
        fs::write(folder.path().join("effects/mylib.toml"), effects).unwrap();
    }
    folder
}

/// How sure it is that the second cell changes `rows`; `None` when it does not say so.
fn change_of_rows(effects: &str) -> Option<String> {
    let folder = project(effects);
    let output = nbhoist(folder.path(), &["analyze", "a.py", "--output-format", "json"]);
    let analysis: Value = serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{error}: {output:?}"));
    let facts = analysis["cells"][1]["facts"].as_array().unwrap();
    let fact = facts.iter().find(|fact| fact["name"] == "rows" && fact["role"] == "mutates")?;
    fact["certainty"].as_str().map(str::to_owned)
}

#[test]
fn a_users_entry_turns_what_was_assumed_into_what_is_known() {
    assert_eq!(change_of_rows("").as_deref(), Some("assumed"));
    assert_eq!(change_of_rows("\"mylib.scale\" = { mutates = [\"data@0\"] }").as_deref(), Some("proved"));
    assert_eq!(change_of_rows("\"mylib.scale\" = { gives = \"scalar\" }"), None);
    assert_eq!(change_of_rows("library = { import = [\"mylib\"], default = \"pure\" }"), None);
}

#[test]
fn plans_follow_a_users_entry() {
    let folder = project(
        "\"mylib.scale\" = { gives = \"mylib.Session\" }\n\"mylib.Session\" = { travels = false, why = \"a session cannot move; open it inside the block\" }",
    );
    let output = nbhoist(folder.path(), &["plan", "a.py", "--cells", "2"]);
    assert!(String::from_utf8_lossy(&output.stdout).contains("open it inside the block"), "{output:?}");
    let without = project("");
    let output = nbhoist(without.path(), &["plan", "a.py", "--cells", "2"]);
    assert!(!String::from_utf8_lossy(&output.stdout).contains("open it inside the block"), "{output:?}");
}

#[test]
fn errors_in_it_say_what_where_and_what_to_do() {
    let folder = project("\"mylib.scale\" = { mutate = [\"data@0\"] }");
    let output = nbhoist(folder.path(), &["check", "a.py"]);
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(2), "{said}");
    assert!(said.contains("in the library effects: unknown key `mutate`"), "{said}");
    assert!(said.contains("mylib.toml:1:19") && said.contains("did you mean `mutates`?"), "{said}");
}
