//! Every output format of `check`: where a finding is, in the cell and in the file. The schemas of SARIF and `JUnit` are checked by `tests/lint`.

mod common;

use common::{Place, code, notebook};
use serde_json::{Value, json};

/// Two cells; the finding is on the second line of the second, which is line 25 of the file.
fn place() -> Place {
    let place = Place::new();
    place.write("sub/a, b.ipynb", &notebook(&[code("first", "x = 1"), code("second", "y = x\nprint(\"é\", missing)")]));
    place
}

fn file_line(place: &Place) -> u64 {
    let text = place.read("sub/a, b.ipynb");
    text.lines().position(|line| line.contains("missing")).unwrap() as u64 + 1
}

fn format(place: &Place, name: &str) -> String {
    let said = place.check(&["--output-format", name]);
    assert_eq!(said.code, Some(1), "{}", said.errors);
    said.out
}

#[test]
fn text_formats_name_cell_id_and_file_line() {
    let place = place();
    let line = file_line(&place);
    let full = format(&place, "full");
    assert!(full.contains("--> sub/a, b.ipynb:cell 2:2:12\n"), "{full}");
    assert!(full.contains(&format!("= note: line {line} of the file, cell id:second\n")), "{full}");
    let concise = format(&place, "concise");
    let wanted = format!(
        "sub/a, b.ipynb:cell 2:2:12: error[NBH202] `missing` is read, but nothing in the notebook defines it (line {line} of the file, cell id:second)\n\
         Found 1 error in 1 of 1 notebook.\n"
    );
    assert_eq!(concise, wanted);
}

#[test]
fn json_has_every_place() {
    let place = place();
    let line = file_line(&place);
    let value: Value = serde_json::from_str(&format(&place, "json")).unwrap();
    let finding = &value["findings"][0];
    let keys = ["notebook", "cell", "id", "line", "column", "end_line", "end_column", "file_line", "file_end_line", "fix"];
    let wanted = json!(["sub/a, b.ipynb", 2, "second", 2, 12, 2, 19, line, line, null]);
    assert_eq!(Value::from(keys.map(|key| finding[key].clone()).to_vec()), wanted);
    assert!(finding["url"].as_str().unwrap().ends_with("/docs/rules/defined-nowhere.md"));
    let lines = format(&place, "json-lines");
    assert_eq!(serde_json::from_str::<Value>(lines.trim()).unwrap(), *finding);
}

#[test]
fn sarif_points_into_the_file_and_says_the_cell() {
    let place = place();
    let value: Value = serde_json::from_str(&format(&place, "sarif")).unwrap();
    let run = &value["runs"][0];
    let result = &run["results"][0];
    let location = &result["locations"][0];
    assert_eq!(location["physicalLocation"]["artifactLocation"]["uri"], "sub/a,%20b.ipynb");
    assert_eq!(location["physicalLocation"]["region"]["startLine"], file_line(&place));
    assert_eq!(location["logicalLocations"][0]["fullyQualifiedName"], "sub/a, b.ipynb#cell 2 (id:second)");
    assert_eq!((&result["properties"]["line"], &result["properties"]["cellId"]), (&json!(2), &json!("second")));
    assert_eq!(run["tool"]["driver"]["rules"][0]["id"], "NBH202");
    assert_eq!(result["ruleIndex"], 0);
}

#[test]
fn github_annotates_the_line_of_the_file() {
    let place = place();
    let line = file_line(&place);
    let text = format(&place, "github");
    let start = format!(
        "::error title=nbhoist NBH202 defined-nowhere,file=sub/a%2C b.ipynb,line={line},endLine={line}::sub/a, b.ipynb:cell 2 (id:second), line 2, column 12: `missing`"
    );
    assert!(text.starts_with(&start), "{text}");
    assert_eq!(text.lines().count(), 1);
}

#[test]
fn gitlab_has_the_fields_that_are_required() {
    let place = place();
    let line = file_line(&place);
    let issues: Value = serde_json::from_str(&format(&place, "gitlab")).unwrap();
    let issue = &issues[0];
    assert_eq!(issue["location"], json!({"path": "sub/a, b.ipynb", "lines": {"begin": line, "end": line}}));
    assert_eq!((&issue["check_name"], &issue["severity"]), (&json!("NBH202"), &json!("major")));
    assert!(issue["description"].as_str().unwrap().contains("cell 2 (id:second), line 2, column 12"));
    assert_eq!(issue["cell"], json!({"number": 2, "id": "second", "line": 2, "column": 12}));
}

#[test]
fn fingerprints_are_unique_and_stay_when_lines_move() {
    let prints = |cells: &[Value]| -> Vec<String> {
        let place = Place::new();
        place.write("a.ipynb", &notebook(cells));
        let issues: Value = serde_json::from_str(&format(&place, "gitlab")).unwrap();
        issues.as_array().unwrap().iter().map(|issue| issue["fingerprint"].as_str().unwrap().to_owned()).collect()
    };
    let before = prints(&[code("a", "print(one, two)")]);
    let after = prints(&[code("new", "x = 1"), code("a", "y = 2\n\nprint(one, two)\nprint(three)")]);
    assert_eq!(before.len(), 2);
    assert_ne!(before[0], before[1]);
    assert_eq!(after[..2], before);
}

#[test]
fn junit_has_a_suite_for_each_notebook() {
    let place = place();
    place.write("good.py", "# %%\nx = 1\n");
    place.write("bad.ipynb", "{ <&\"");
    let said = place.check(&["--output-format", "junit"]);
    assert_eq!(said.code, Some(2));
    assert!(said.out.contains("<testsuites name=\"nbhoist\" tests=\"3\" failures=\"1\" errors=\"1\""), "{}", said.out);
    let line = file_line(&place);
    assert!(said.out.contains(&format!("message=\"sub/a, b.ipynb:{line}: `missing` is read")), "{}", said.out);
    assert!(said.out.contains("cell 2, line 2, column 12") && said.out.contains("cell id: second"), "{}", said.out);
    assert!(said.out.contains("<testcase classname=\"good.py\" name=\"nbhoist\" time=\"0\"/>"), "{}", said.out);
}

#[test]
fn rdjson_is_what_reviewdog_reads() {
    let place = place();
    let value: Value = serde_json::from_str(&format(&place, "rdjson")).unwrap();
    let found = &value["diagnostics"][0];
    assert_eq!(found["location"]["path"], "sub/a, b.ipynb");
    assert_eq!(found["location"]["range"]["start"]["line"], file_line(&place));
    assert_eq!((&found["severity"], &found["code"]["value"]), (&json!("ERROR"), &json!("NBH202")));
    assert!(found["message"].as_str().unwrap().starts_with("cell 2 (id:second), line 2, column 12: "));
}

#[test]
fn files_that_cannot_be_read_are_in_every_report() {
    let place = Place::new();
    place.write("bad.ipynb", "{");
    for name in ["json", "json-lines", "sarif", "github", "gitlab", "junit", "rdjson"] {
        let said = place.check(&["--output-format", name, "--exit-zero"]);
        assert_eq!(said.code, Some(2), "{name}");
        assert!(said.out.contains("not valid JSON") && said.out.contains("bad.ipynb"), "{name}: {}", said.out);
    }
}

#[test]
fn other_commands_refuse_the_formats_of_reports() {
    let place = place();
    let said = place.nbhoist(&["analyze", "sub/a, b.ipynb", "--output-format", "sarif"]);
    assert_eq!(said.code, Some(2));
    assert!(said.errors.contains("only `nbhoist check` writes this format"), "{}", said.errors);
}

#[test]
fn results_can_go_to_a_file_without_colours() {
    let place = place();
    let said = place.check(&["--output-file", "out.txt", "--output-format", "concise", "--color", "always"]);
    assert_eq!((said.code, said.out.as_str()), (Some(1), ""));
    assert!(place.read("out.txt").starts_with("sub/a, b.ipynb:cell 2:2:12: error[NBH202]"));
    let said = place.check(&["--output-file", "no/out.txt"]);
    assert_eq!(said.code, Some(2));
    assert!(said.errors.contains("cannot write the results"), "{}", said.errors);
}

#[test]
fn colours_and_links_are_where_they_are_wanted() {
    let place = place();
    let out = |variables: &[(&str, &str)], arguments: &[&str]| {
        let mut command = place.command(&[&["check", "--output-format", "concise"], arguments].concat());
        String::from_utf8(command.envs(variables.iter().copied()).output().unwrap().stdout).unwrap()
    };
    let coloured = |variables: &[(&str, &str)], arguments: &[&str]| out(variables, arguments).contains("\u{1b}[");
    assert!(!coloured(&[], &[]), "a pipe has no colours");
    assert!(coloured(&[("FORCE_COLOR", "1")], &[]));
    assert!(!coloured(&[("FORCE_COLOR", "0")], &[]));
    assert!(!coloured(&[("FORCE_COLOR", "1"), ("NO_COLOR", "1")], &[]));
    assert!(coloured(&[("NO_COLOR", "1")], &["--color", "always"]));
    assert!(!coloured(&[("FORCE_COLOR", "1")], &["--color", "never"]));
    let link = "\u{1b}]8;;https://github.com/nbhoist/nbhoist/blob/main/docs/rules/defined-nowhere.md\u{1b}\\NBH202\u{1b}]8;;\u{1b}\\";
    assert!(out(&[("FORCE_COLOR", "1"), ("FORCE_HYPERLINK", "1")], &[]).contains(link));
    assert!(!out(&[("FORCE_COLOR", "1"), ("FORCE_HYPERLINK", "0")], &[]).contains("\u{1b}]8"));
}
