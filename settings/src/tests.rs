use std::collections::BTreeMap;
use std::fs;

use super::*;

fn user(text: &str) -> Result<Settings, Error> {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("nbhoist.toml");
    fs::write(&file, text).unwrap();
    Settings::load_from(Some(&file), None)
}

fn project(text: &str) -> Settings {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("nbhoist.toml");
    fs::write(&file, text).unwrap();
    Settings::load_from(None, Some(&file)).unwrap()
}

/// Line, column, text and help of each warning.
fn warnings(settings: &Settings) -> Vec<String> {
    let shown = |warning: &Warning| {
        let help = warning.help.as_deref().unwrap_or_default();
        format!("{}:{} {}; {help}", warning.place.line, warning.place.column, warning.text)
    };
    settings.warnings.iter().map(shown).collect()
}

fn refused(text: &str) -> String {
    let error = user(text).unwrap_err();
    let place = error.place();
    let (_, place) = place.rsplit_once("nbhoist.toml:").unwrap();
    format!("{place} {error}")
}

#[test]
fn the_project_wins_key_by_key_and_executors_are_the_users() {
    let folder = tempfile::tempdir().unwrap();
    let own = folder.path().join("own.toml");
    fs::write(
        &own,
        "heavy-seconds = 3\nignore = [\"NBH1\"]\n[executors.gpu]\nhost = \"gpu.example\"\npython = \"/opt/python\"\n\
         [executors.slurm]\ncommand = [\"srun\", \"{python}\", \"-u\", \"{worker}\"]\n",
    )
    .unwrap();
    let project = folder.path().join("pyproject.toml");
    fs::write(
        &project,
        "[project]\nname = \"x\"\n[tool.nbhoist]\nheavy-seconds = 2.5\nexclude = [\"old/\"]\n\
         [tool.nbhoist.executors.evil]\ncommand = [\"sh\"]\n",
    )
    .unwrap();
    let settings = Settings::load_from(Some(&own), Some(&project)).unwrap();
    assert!((settings.heavy_seconds - 2.5).abs() < 1e-9);
    assert_eq!(settings.ignore, ["NBH1"]);
    assert_eq!(settings.exclude, [Pattern::new("old/", folder.path()).unwrap()]);
    let executors: Vec<_> = settings.executors.values().map(|place| (place.name.as_str(), place.backend.as_str())).collect();
    assert_eq!(executors, [("gpu", "ssh"), ("local", "local"), ("slurm", "command")]);
    let warnings = warnings(&settings);
    assert_eq!(warnings.len(), 1);
    assert!(warnings[0].starts_with("6:15 executors in a project's file do not count"), "{warnings:?}");
}

#[test]
fn nothing_configured_gives_the_defaults() {
    assert_eq!(Settings::load_from(Some(Path::new("/nowhere/nbhoist.toml")), None).unwrap(), Settings::default());
    assert!(Settings::default().executors.contains_key("local"));
}

#[test]
fn unknown_keys_name_the_nearest() {
    let settings = project("heavy_second = 1\n\n  colour = \"red\"\n");
    assert_eq!(
        warnings(&settings),
        [
            "3:3 unknown key `colour`; known keys are select, extend-select, ignore, per-file-ignores, severity, baseline, exclude, \
             heavy-seconds, large-output-bytes, hints, library-effects, history, stay, risk, price-of-waiting, executors",
            "1:1 unknown key `heavy_second`; did you mean `heavy-seconds`?",
        ]
    );
    let settings = user("[executors.a]\nhots = \"x\"\n").unwrap();
    assert_eq!(warnings(&settings), ["2:1 unknown key `hots`; did you mean `host`?"]);
}

#[test]
fn errors_say_where_and_what_is_allowed() {
    assert_eq!(
        refused("select = [\"A\"]\nheavy-seconds = \"ten\""),
        "2:17 `heavy-seconds` must be a number of seconds, zero or more, not a string"
    );
    assert_eq!(refused("heavy-seconds = -1"), "1:17 `heavy-seconds` must be a number of seconds, zero or more, not -1");
    assert_eq!(refused("select = [\"A\", 2]"), "1:10 `select` must be a list of strings, not a list with something else in it");
    assert_eq!(refused("hints = \"some\""), "1:9 `hints` must be `heavy`, `all` or `off`, not `some`");
    assert_eq!(refused("severity = {NBH1 = \"bad\"}"), "1:20 `severity.NBH1` must be `error`, `warning` or `info`, not `bad`");
    assert_eq!(refused("large-output-bytes = 1.5"), "1:22 `large-output-bytes` must be a whole number of bytes, zero or more, not 1.5");
    assert!(refused("exclude = [\"a{b\"]").starts_with("1:12 the pattern `a{b` cannot be read"), "{}", refused("exclude = [\"a{b\"]"));
    assert_eq!(refused("executors = 3"), "1:13 `executors` must be a table, not 3");
    assert!(refused("a = \n").starts_with("1:5 the configuration file is not valid TOML"), "{}", refused("a = \n"));
    assert_eq!(refused("[executors.x]\nbackend = \"ssh\""), "1:12 the executor `x` needs a `host`");
    assert!(refused("[executors.here]").contains("stands for something else"));
    assert!(refused("[executors.local]\nhost = \"a\"").contains("must keep the backend `local`"));
}

#[test]
fn the_nearest_file_counts() {
    let folder = tempfile::tempdir().unwrap();
    let deep = folder.path().join("a/b");
    fs::create_dir_all(&deep).unwrap();
    fs::write(folder.path().join("nbhoist.toml"), "").unwrap();
    fs::write(folder.path().join("a/pyproject.toml"), "broken = ").unwrap();
    assert_eq!(project_file(&deep).unwrap(), Some(folder.path().join("nbhoist.toml")));
    fs::write(folder.path().join("a/pyproject.toml"), "[tool.nbhoist]\n").unwrap();
    assert_eq!(project_file(&deep).unwrap(), Some(folder.path().join("a/pyproject.toml")));
    fs::write(deep.join("nbhoist.toml"), "").unwrap();
    assert_eq!(project_file(&deep).unwrap(), Some(deep.join("nbhoist.toml")));
}

#[test]
fn rules_reach_the_analysis_the_same_way_for_everyone() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("nbhoist.toml");
    let text = "select = [\"NBH2\"]\nextend-select = [\"NBH101\"]\nignore = [\"NBH201\"]\nlarge-output-bytes = 7\nbaseline = \"known.json\"\n\
                [per-file-ignores]\n\"old/*.ipynb\" = [\"NBH202\"]\n[severity]\nNBH1 = \"info\"\n";
    fs::write(&file, text).unwrap();
    let settings = Settings::load_from(None, Some(&file)).unwrap();
    assert_eq!(warnings(&settings), [""; 0]);
    assert_eq!(settings.baseline, Some(folder.path().join("known.json")));
    let applied = |name: &str| {
        let config = settings.config(Some(&folder.path().join(name)));
        assert_eq!(config.large_output_bytes, 7);
        let severity = |code: &str| config.severity_of(rules::find(code).unwrap());
        ["NBH101", "NBH201", "NBH202"].map(severity)
    };
    assert_eq!(applied("a.ipynb"), [Some(Severity::Info), None, Some(Severity::Error)]);
    assert_eq!(applied("old/a.ipynb"), [Some(Severity::Info), None, None]);
    let nothing = project("select = []").config(None);
    assert!(rules::all().iter().all(|rule| nothing.severity_of(rule).is_none()));
}

#[test]
fn unknown_rules_are_warned_about_with_the_nearest() {
    let settings = project(
        "select = [\"NBH2\", \"defined-nowere\"]\nignore = [\"E501\"]\n[severity]\nNBH20X = \"info\"\n[per-file-ignores]\n\"*.py\" = [\"all\", \"X\"]",
    );
    let mut found = warnings(&settings);
    found.sort();
    assert_eq!(
        found,
        [
            "1:19 there is no rule `defined-nowere`; did you mean `defined-nowhere`?",
            "2:11 there is no rule `E501`; `nbhoist explain --all` lists all rules",
            "4:1 there is no rule `NBH20X`; did you mean `NBH201`?",
            "6:18 there is no rule `X`; `nbhoist explain --all` lists all rules",
        ]
    );
}

#[test]
fn every_example_of_the_reference_can_be_read() {
    for key in keys::KEYS {
        let settings = user(key.example).unwrap();
        assert_eq!(warnings(&settings), [""; 0], "{}", key.name);
        assert!(key.example.contains(key.name), "{}", key.name);
        let unlike = key.example.replace(key.name, "nothing");
        assert!(user(&unlike).unwrap() != settings || key.name == "library-effects", "the example of {} does nothing", key.name);
    }
}

/// Settings of a project whose configuration names `effects.toml` with this text.
fn with_effects(text: &str) -> Result<Settings, Error> {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("effects.toml"), text).unwrap();
    let file = folder.path().join("nbhoist.toml");
    fs::write(&file, "library-effects = [\"effects.toml\"]").unwrap();
    Settings::load_from(None, Some(&file))
}

#[test]
fn library_effects_are_added_to_the_built_in_table() {
    let settings = with_effects("\"mylib.fit\" = { mutates = [\"model@0\"] }").unwrap();
    assert!(settings.library_effects.exact("mylib.fit").is_some() && settings.library_effects.exact("pandas.read_csv").is_some());
    assert!(Settings::default().library_effects.exact("mylib.fit").is_none());
}

#[test]
fn what_is_wrong_with_library_effects_is_said_with_its_place() {
    for (text, says) in [
        ("[\"a.b\"]\nmutate = []", "2:1 in the library effects: unknown key `mutate`; did you mean `mutates`?"),
        (
            "\"a.b\" = { plot = 3, clock = 3 }",
            "1:18 in the library effects: `plot` must be one of `read`, `write`, `both`, not an integer (and 1 more in this file)",
        ),
        ("a =", "1:4 in the library effects: not valid TOML: string values must be quoted, expected literal string"),
    ] {
        let error = with_effects(text).unwrap_err();
        let place = error.place();
        assert_eq!(format!("{} {error}", place.rsplit_once("effects.toml:").unwrap().1), says);
    }
}

#[test]
fn library_effects_that_are_not_there_are_an_error_where_they_are_named() {
    let error = refused("library-effects = [\"nowhere.toml\"]");
    assert!(error.starts_with("1:20 cannot read the library effects file ") && error.contains("nowhere.toml: No such file"), "{error}");
}

#[cfg(unix)]
#[test]
fn library_effects_of_a_project_stay_in_its_folder() {
    let outside = tempfile::tempdir().unwrap();
    let effects = outside.path().join("effects.toml");
    fs::write(&effects, "\"mylib.fit\" = { mutates = [\"model@0\"] }").unwrap();
    let folder = outside.path().join("project");
    fs::create_dir(&folder).unwrap();
    std::os::unix::fs::symlink("../effects.toml", folder.join("link.toml")).unwrap();
    let file = folder.join("nbhoist.toml");
    for path in ["../effects.toml", "link.toml", &effects.to_string_lossy(), "/dev/zero", "/etc/passwd"] {
        fs::write(&file, format!("library-effects = [{path:?}]")).unwrap();
        let error = Settings::load_from(None, Some(&file)).unwrap_err().to_string();
        assert!(error.contains("outside the folder of the project's configuration"), "{path}: {error}");
        let own = Settings::load_from(Some(&file), None);
        assert_eq!(own.is_ok(), path.ends_with("effects.toml") || path == "link.toml", "{path} in the user's own file: {own:?}");
    }
}

#[cfg(unix)]
#[test]
fn library_effects_that_are_a_pipe_are_refused_and_not_waited_for() {
    let folder = tempfile::tempdir().unwrap();
    assert!(std::process::Command::new("mkfifo").arg(folder.path().join("pipe.toml")).status().unwrap().success());
    let file = folder.path().join("nbhoist.toml");
    fs::write(&file, "library-effects = [\"pipe.toml\"]").unwrap();
    let error = Settings::load_from(None, Some(&file)).unwrap_err().to_string();
    assert!(error.contains("it is not a regular file"), "{error}");
}

#[test]
fn places_are_told_to_the_analysis() {
    use nbhoist_analyzer::placement::{Price, Sees, Work};
    let settings = user(
        "risk = 0.9\nprice-of-waiting = \"20 EUR\"\n[executors.box]\nhost = \"box\"\nspeed = 8\ngpu-speed = 40.5\nmemory = \"64G\"\n\
         bandwidth = \"80 MB/s\"\nlatency = 0.01\nstartup = 2\nprice = \"2.40 eur\"\npaths = { \"/data\" = \"/mnt/data\" }\n\
         [executors.cluster]\nbackend = \"slurm\"\nmemory = \"8G\"\n",
    )
    .unwrap();
    assert!(settings.warnings.is_empty(), "{:?}", settings.warnings);
    let options = settings.placement("auto", &BTreeMap::new());
    let [place, cluster] = &options.places[..] else { panic!("{:?}", options.places) };
    assert_eq!((place.name.as_str(), place.memory, place.up, place.down), ("box", Some(64 << 30), Some(80e6), Some(80e6)));
    assert_eq!((place.speed(Work::Cpu), place.speed(Work::Gpu), place.latency, place.start_up), (8.0, 40.5, 0.01, 2.0));
    assert_eq!(place.price, Some(Price { amount: 2.4, currency: "EUR".to_owned() }));
    assert_eq!(place.sees, Sees::Folders(vec!["/data".to_owned()]));
    assert_eq!((options.preferences.risk, options.preferences.waiting.unwrap().amount), (0.9, 20.0));
    // A Slurm job asks for its memory; a machine that is there already is not asked.
    assert_eq!(cluster.memory, Some(8 << 30));
    assert_eq!(settings.executors["cluster"].arguments, ["--mem=8G"]);
    assert!(settings.executors["box"].arguments.is_empty());
    // Who names a place has thought of its price.
    let named = settings.placement("box", &BTreeMap::new());
    assert_eq!((named.places.len(), named.places[0].price.clone()), (1, None));
    assert_eq!(settings.placement("here", &BTreeMap::new()).places, []);
    assert_eq!(settings.placement("local", &BTreeMap::new()).places.len(), 1);
}

#[test]
fn amounts_that_cannot_be_read_are_refused() {
    let place = |line: &str| refused(&format!("[executors.box]\nhost = \"box\"\n{line}\n"));
    assert_eq!(place("speed = 0"), "3:9 `executors.box.speed` must be a number above zero, not 0");
    assert_eq!(place("memory = \"much\""), "3:10 `executors.box.memory` must be `64G`, or a number of megabytes, not `much`");
    let bandwidth = "`80 MB/s`, `1 Gbit/s` or a number of bytes a second";
    assert_eq!(place("bandwidth = \"80 mph\""), format!("3:13 `executors.box.bandwidth` must be {bandwidth}, not `80 mph`"));
    assert_eq!(place("price = 3"), "3:9 `executors.box.price` must be `2.40 EUR`: an amount and a currency, by the hour, not 3");
    assert_eq!(refused("risk = 1"), "1:8 `risk` must be a probability above 0 and below 1, not 1");
    let told = warnings(&project("price-of-waiting = \"100 EUR\"\n"));
    assert!(told[0].contains("a project must not spend your money"), "{told:?}");
}
