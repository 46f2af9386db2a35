//! Turns the library effects files into one sorted text, so that the program need not read TOML when it starts.
//!
//! Every line holds a path, a tab, and its entry as JSON. An entry is parsed when something asks for it first.

use std::collections::BTreeMap;
use std::error::Error;
use std::fmt::Write as _;
use std::path::Path;

const FOLDER: &str = "src/library_effects";

fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo:rerun-if-changed={FOLDER}");
    let mut entries = BTreeMap::new();
    let mut libraries = BTreeMap::new();
    for file in std::fs::read_dir(FOLDER)? {
        let path = file?.path();
        if path.extension().is_some_and(|ending| ending == "toml") {
            read(&path, &mut entries, &mut libraries).map_err(|error| format!("{}: {error}", path.display()))?;
        }
    }
    let out = std::env::var_os("OUT_DIR").ok_or("OUT_DIR is not set")?;
    write(Path::new(&out), &entries, &libraries)
}

/// Reads a file; a path that another file has as well is an error.
fn read(path: &Path, entries: &mut BTreeMap<String, String>, libraries: &mut BTreeMap<String, bool>) -> Result<(), Box<dyn Error>> {
    let mut table: toml::Table = toml::from_str(&std::fs::read_to_string(path)?)?;
    let library = table.remove("library").ok_or("it has no `library`")?;
    let pure = library.get("default").and_then(toml::Value::as_str) == Some("pure");
    let modules = library.get("import").and_then(toml::Value::as_array).ok_or("`library` has no list `import`")?;
    for module in modules.iter().filter_map(toml::Value::as_str) {
        libraries.insert(module.to_owned(), pure);
    }
    for (key, mut entry) in table {
        // Only the conformance run needs these.
        if let Some(entry) = entry.as_table_mut() {
            entry.remove("example");
        }
        if !modules.iter().any(|module| module.as_str() == key.split('.').next()) {
            return Err(format!("`{key}` belongs to none of the modules in `import`").into());
        }
        if entries.insert(key.clone(), serde_json::to_string(&entry)?).is_some() {
            return Err(format!("`{key}` is there twice").into());
        }
    }
    Ok(())
}

fn write(out: &Path, entries: &BTreeMap<String, String>, libraries: &BTreeMap<String, bool>) -> Result<(), Box<dyn Error>> {
    let (mut text, mut starts) = (String::new(), String::new());
    for (path, entry) in entries {
        write!(starts, "({},{}),", text.len(), path.len())?;
        writeln!(text, "{path}\t{entry}")?;
    }
    let mut patterns: Vec<(usize, Vec<&str>)> = entries
        .keys()
        .enumerate()
        .map(|(index, path)| (index, path.split('.').collect()))
        .filter(|(_, parts): &(_, Vec<_>)| parts.contains(&"*"))
        .collect();
    patterns.sort_by(|(_, a), (_, b)| a[0].cmp(b[0]).then(b.len().cmp(&a.len())).then_with(|| a.cmp(b)));
    let mut code = format!(
        "/// Where each line of the text starts, and how long its path is.\npub(super) static STARTS: [(u32, u8); {}] = [{starts}];\n",
        entries.len()
    );
    let patterns: Vec<usize> = patterns.into_iter().map(|(index, _)| index).collect();
    writeln!(
        code,
        "/// Lines whose path holds a `*`, by top-level module, most specific first.\npub(super) static PATTERNS: [u32; {}] = {patterns:?};",
        patterns.len()
    )?;
    let libraries: Vec<_> = libraries.iter().collect();
    writeln!(code, "/// Top-level modules that a file speaks for, sorted, and whether unlisted paths of them are pure.")?;
    writeln!(code, "pub(super) static LIBRARIES: [(&str, bool); {}] = {libraries:?};", libraries.len())?;
    std::fs::write(out.join("effects.txt"), text)?;
    std::fs::write(out.join("effects.rs"), code)?;
    Ok(())
}
