//! What is known of the session: the cells that ran, the notebook they stand in, what they took.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use nbhoist_analyzer::measurements::{Run, Signature};
use nbhoist_analyzer::notebook::{Cell, CellKind, Format, Notebook};
use nbhoist_analyzer::placement::live::{self, Ran};
use nbhoist_analyzer::{Analysis, ipynb, percent};
use nbhoist_executor::frames::Frame;
use nbhoist_settings::Settings;

use super::frames::{names, number, optional, sizes, text};
use crate::analysis::{self, Asked};
use crate::error::Failure;
use crate::input::Input;
use crate::remember;
use crate::run::session::{CellRun, Ended, Outcome};

/// A cell as it ran, or is about to.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Entry {
    /// Its id in the notebook, where the front end tells it.
    pub(super) id: Option<String>,
    pub(super) source: String,
}

impl Entry {
    pub(super) fn of(frame: &Frame) -> Self {
        Self { id: optional(frame, "cell").map(str::to_owned), source: text(frame, "source").to_owned() }
    }
}

/// The session of one kernel.
#[derive(Debug)]
pub(super) struct Session {
    folder: PathBuf,
    /// The notebook's file, where it is known.
    file: Option<PathBuf>,
    entries: Vec<Entry>,
    /// What ran where; decides about the next cell.
    pub(super) live: live::Session,
    runs: Vec<Run>,
    sizes: BTreeMap<String, u64>,
    /// What the cell that is noted next has left where it ran.
    stayed: Vec<String>,
}

/// The session as a notebook.
pub(super) struct Document {
    pub(super) input: Input,
    pub(super) settings: Settings,
    pub(super) analysis: Analysis,
    /// Number of the cell that is asked about; 0 where none is.
    pub(super) cell: u32,
}

impl Session {
    pub(super) fn new(hello: &Frame) -> Self {
        let folder = PathBuf::from(optional(hello, "folder").unwrap_or("."));
        let file = optional(hello, "notebook").map(|file| folder.join(file));
        Self {
            folder,
            file,
            entries: Vec::new(),
            live: live::Session::default(),
            runs: Vec::new(),
            sizes: BTreeMap::new(),
            stayed: Vec::new(),
        }
    }

    /// The settings that hold here; read each time, since the user may have changed them because of an answer.
    pub(super) fn settings(&self) -> Result<Settings, Failure> {
        analysis::settings(&self.folder, true)
    }

    /// What is known when this cell is to run on `on`, or without one when the session as a whole is asked about.
    pub(super) fn document(&self, next: Option<&Entry>, on: &str) -> Result<Document, Failure> {
        let settings = self.settings()?;
        let mut entries = self.entries.clone();
        entries.extend(next.cloned());
        let (notebook, cell) = notebook(self.file.as_deref(), &entries);
        let path = self.file.clone().unwrap_or_else(|| self.folder.join("<kernel>"));
        let input = Input { path, bytes: Vec::new(), notebook };
        let mut measurements = remember::measurements(&input, &settings);
        if !settings.history {
            measurements.runs.extend(self.runs.iter().cloned());
        }
        measurements.sizes.extend(self.sizes.clone());
        let analysis = analysis::analyze_for(&input, &settings, Asked { on: Some(on), measurements, ..Asked::default() });
        Ok(Document { input, settings, analysis, cell: if next.is_some() { cell } else { 0 } })
    }

    /// A cell was changed before it ran again.
    fn was_edited(&self, entry: &Entry) -> bool {
        entry.id.is_some() && self.entries.iter().any(|known| known.id == entry.id && known.source != entry.source)
    }

    /// A cell is about to run.
    pub(super) fn edited_if_changed(&mut self, entry: &Entry) {
        if self.was_edited(entry)
            && let Some(id) = &entry.id
        {
            self.live.edited(id);
        }
    }

    /// A cell ran here. `seconds` and `sizes` are those of the frame.
    pub(super) fn ran(&mut self, frame: &Frame) -> Result<(), Failure> {
        let entry = Entry::of(frame);
        self.edited_if_changed(&entry);
        let seconds = number(frame, "seconds");
        let ok = frame.header.get("ok").and_then(serde_json::Value::as_bool).unwrap_or(true);
        self.sizes.extend(sizes(frame));
        // Cells that ran before the extension was loaded have no time.
        if seconds <= 0.0 {
            self.entries.push(entry);
            return Ok(());
        }
        let document = self.document(Some(&entry), "here")?;
        self.entries.push(entry);
        self.live.came_home(&names(frame, "came"));
        self.note(&document, None, seconds, seconds, ok);
        Ok(())
    }

    /// Values came home with other ones, and a cell left some where it ran.
    pub(super) fn moved(&mut self, returned: impl Iterator<Item = String>, stayed: Vec<String>) {
        self.live.came_home(&returned.collect::<Vec<_>>());
        self.stayed = stayed;
    }

    /// Notes a run of the document's cell: where, the seconds that it took there, and all that went by.
    pub(super) fn note(&mut self, document: &Document, place: Option<(&str, f64)>, seconds: f64, spent: f64, ok: bool) {
        let Document { input, settings, analysis, cell } = document;
        let Some(known) = input.notebook.cell(*cell) else { return };
        let speed = place.map_or(1.0, |(_, speed)| speed);
        let ran = Ran {
            cell: known.key(),
            place: place.map(|(name, _)| name.to_owned()),
            here: seconds * speed,
            spent,
            reads: live::reads(analysis, *cell),
            makes: live::makes(analysis, *cell),
            stayed: std::mem::take(&mut self.stayed),
            sizes: self.sizes.clone(),
            blocks: std::collections::BTreeSet::new(),
        };
        self.live.ran(&ran);
        if ok {
            let signature = Signature::of(&known.source);
            let cold = analysis.cold.get(*cell as usize - 1).copied().flatten();
            self.runs.push(Run { signature, cell: Some(known.key()), seconds, speed, cold, input_bytes: None });
        }
        let executor = place.map_or("here", |(name, _)| name).to_owned();
        let run = CellRun { number: *cell, executor, ok, seconds };
        let outcome = Outcome { cells: vec![run], ended: Ended::Done, sizes: self.sizes.clone(), ..Outcome::nothing() };
        let before = remember::measurements(input, settings);
        remember::record(input, settings, analysis, &before, &outcome);
    }

    /// Sizes that a move has shown.
    pub(super) fn weighed(&mut self, sizes: impl Iterator<Item = (String, u64)>) {
        self.sizes.extend(sizes);
    }

    /// The cell is part of the session from now on.
    pub(super) fn push(&mut self, entry: Entry) {
        self.entries.push(entry);
    }
}

/// The notebook's file with the texts that ran in the places of older ones; without a file, the cells in the order in which they first ran.
/// Gives the number of the last entry's cell, too.
fn notebook(file: Option<&Path>, entries: &[Entry]) -> (Notebook, u32) {
    let saved = file.and_then(read).unwrap_or_default();
    let mut cells: Vec<Entry> = saved;
    let mut at = 0;
    for entry in entries {
        let by_id = entry.id.is_some().then(|| cells.iter().position(|known| known.id == entry.id)).flatten();
        let found = by_id.or_else(|| cells.iter().position(|known| known.source.trim() == entry.source.trim()));
        match found {
            // A front end that tells no ids shows a cell that runs again as the last one.
            Some(index) if entry.id.is_none() && file.is_none() => {
                cells.remove(index);
                cells.push(entry.clone());
                at = cells.len();
            }
            Some(index) => {
                cells[index].source.clone_from(&entry.source);
                at = index + 1;
            }
            None => {
                let index = at.min(cells.len());
                cells.insert(index, entry.clone());
                at = index + 1;
            }
        }
    }
    let numbered = (1..).zip(cells).map(|(number, entry)| Cell { id: entry.id, ..Cell::code(number, entry.source) });
    let notebook = Notebook::of(numbered.collect(), Format::Percent);
    (notebook, u32::try_from(at).unwrap_or(u32::MAX))
}

/// Code cells of a file; a file that cannot be read is as good as none.
fn read(file: &Path) -> Option<Vec<Entry>> {
    let bytes = std::fs::read(file).ok()?;
    let notebook = if file.extension().is_some_and(|ending| ending == "py") {
        percent::read(std::str::from_utf8(&bytes).ok()?)
    } else {
        ipynb::read(&bytes).ok()?
    };
    let code = notebook.cells.into_iter().filter(|cell| cell.kind == CellKind::Code && !cell.source.trim().is_empty());
    Some(code.map(|cell| Entry { id: cell.id, source: cell.source }).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(id: Option<&str>, source: &str) -> Entry {
        Entry { id: id.map(str::to_owned), source: source.to_owned() }
    }

    fn sources(notebook: &Notebook) -> Vec<&str> {
        notebook.cells.iter().map(|cell| cell.source.as_str()).collect()
    }

    #[test]
    fn without_a_file_a_cell_that_runs_again_keeps_its_place_when_it_is_known() {
        let (found, at) = notebook(None, &[entry(Some("a"), "x = 1"), entry(Some("b"), "y = x"), entry(Some("a"), "x = 2")]);
        assert_eq!((sources(&found), at), (vec!["x = 2", "y = x"], 1));
        let (found, at) = notebook(None, &[entry(None, "x = 1"), entry(None, "y = x"), entry(None, "x = 1")]);
        assert_eq!((sources(&found), at), (vec!["y = x", "x = 1"], 2));
    }

    #[test]
    fn the_file_says_what_follows() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("a.py");
        std::fs::write(&file, "# %%\nx = 1\n# %%\ny = x\n# %%\nz = y\n").unwrap();
        let (found, at) = notebook(Some(&file), &[entry(Some("q"), "x = 1"), entry(None, "w = 0"), entry(None, "y = x")]);
        assert_eq!((sources(&found), at), (vec!["x = 1", "w = 0", "y = x", "z = y"], 3));
    }
}
