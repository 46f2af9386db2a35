//! Findings that are known and not to be reported: read, applied, written.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use nbhoist_analyzer::finding::Finding;
use nbhoist_analyzer::notebook::Notebook;
use nbhoist_settings::Settings;
use serde::{Deserialize, Serialize};

use super::args::CheckArgs;
use super::known::{Key, Known};
use super::report::Report;
use crate::error::{Exit, Failure, GOOD};
use crate::input::folder_of;
use crate::json::SCHEMA;
use crate::save;
use crate::terminal::{Terminal, count};

const DEFAULT_NAME: &str = "nbhoist-baseline.json";

/// The file.
#[derive(Debug, Default, Serialize, Deserialize)]
struct File {
    schema: u32,
    /// By path relative to the folder of the baseline, with slashes.
    notebooks: BTreeMap<String, Vec<Entry>>,
}

#[derive(Debug, Serialize, Deserialize)]
struct Entry {
    rule: String,
    cell: Option<String>,
    text: String,
    count: usize,
}

/// A baseline, with the folder its paths start from.
#[derive(Debug)]
pub(crate) struct Baseline {
    folder: PathBuf,
    notebooks: BTreeMap<String, Known>,
}

/// The baseline to apply, where one was named.
pub(crate) fn path(args: &CheckArgs, settings: &Settings) -> Option<PathBuf> {
    args.baseline.clone().or_else(|| settings.baseline.clone())
}

/// The baseline to write.
pub(crate) fn target(args: &CheckArgs, settings: &Settings) -> PathBuf {
    path(args, settings).unwrap_or_else(|| PathBuf::from(DEFAULT_NAME))
}

impl Baseline {
    pub(crate) fn read(path: &Path) -> Result<Self, Failure> {
        let again = "write it with `nbhoist check --write-baseline`";
        let text = std::fs::read_to_string(path)
            .map_err(|error| Failure::new(format!("cannot read the baseline: {error}")).at(path.display()).help(again))?;
        let file: File = serde_json::from_str(&text)
            .map_err(|error| Failure::new(format!("this is no baseline: {error}")).at(path.display()).help(again))?;
        if file.schema != SCHEMA {
            let failure = Failure::new(format!("the baseline is of version {}, this is version {SCHEMA}", file.schema));
            return Err(failure.at(path.display()).help(again));
        }
        let known = |entries: Vec<Entry>| {
            Known(entries.into_iter().map(|entry| (Key { rule: entry.rule, cell: entry.cell, text: entry.text }, entry.count)).collect())
        };
        let notebooks = file.notebooks.into_iter().map(|(name, entries)| (name, known(entries))).collect();
        Ok(Self { folder: folder(path), notebooks })
    }

    /// Takes the known ones out of what was found.
    pub(crate) fn leave_out(&self, file: &Path, notebook: &Notebook, findings: &mut Vec<Finding>) {
        if let Some(known) = self.notebooks.get(&relative(file, &self.folder)) {
            let mut known = known.clone();
            findings.retain(|finding| !known.take(&Key::of(notebook, finding)));
        }
    }
}

/// Writes what was found. Notebooks that were not looked at keep their entries.
pub(crate) fn write(path: &Path, old: Option<Baseline>, report: &Report, terminal: &Terminal) -> Result<Exit, Failure> {
    report.failures().for_each(|(_, failure)| failure.print());
    let folder = folder(path);
    let mut notebooks = old.map(|old| old.notebooks).unwrap_or_default();
    let mut total = 0;
    for checked in report.checked() {
        let name = relative(Path::new(&checked.name), &folder);
        total += checked.findings.len();
        notebooks.insert(name, Known::of(&checked.notebook, &checked.findings));
    }
    notebooks.retain(|_, known| !known.0.is_empty());
    let entries = |known: Known| -> Vec<Entry> {
        let entry = |(key, count): (Key, usize)| Entry { rule: key.rule, cell: key.cell, text: key.text, count };
        known.0.into_iter().map(entry).collect()
    };
    let file = File { schema: SCHEMA, notebooks: notebooks.into_iter().map(|(name, known)| (name, entries(known))).collect() };
    let mut text = serde_json::to_string_pretty(&file).unwrap_or_default();
    text.push('\n');
    save::write(path, text.as_bytes(), "the baseline")?;
    if !terminal.quiet {
        terminal.print(&format!("{GOOD}Wrote{GOOD:#} {} to {}.\n", count(total, "finding"), path.display()))?;
    }
    Ok(if report.failures().next().is_some() { Exit::CouldNotRun } else { Exit::Success })
}

fn folder(path: &Path) -> PathBuf {
    let folder = folder_of(path);
    folder.canonicalize().unwrap_or(folder)
}

/// A path as a baseline in `folder` has it.
fn relative(path: &Path, folder: &Path) -> String {
    let absolute = folder_of(path).canonicalize().unwrap_or_else(|_| folder_of(path));
    let absolute = path.file_name().map_or_else(|| absolute.clone(), |name| absolute.join(name));
    let parts = |path: &Path| path.components().map(|part| part.as_os_str().to_string_lossy().into_owned()).collect::<Vec<_>>();
    let (path, folder) = (parts(&absolute), parts(folder));
    let shared = path.iter().zip(&folder).take_while(|(one, other)| one == other).count();
    let up = std::iter::repeat_n("..".to_owned(), folder.len() - shared);
    up.chain(path[shared..].iter().cloned()).collect::<Vec<_>>().join("/")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_relative_to_the_baseline() {
        assert_eq!(relative(Path::new("/nowhere/a/b.ipynb"), Path::new("/nowhere")), "a/b.ipynb");
        assert_eq!(relative(Path::new("/nowhere/a/b.ipynb"), Path::new("/nowhere/c/d")), "../../a/b.ipynb");
    }
}
