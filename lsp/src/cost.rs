//! What was measured: run times and sizes, in this session and before, and what ran elsewhere.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use nbhoist_analyzer::measurements::{Measurements, Run};
use nbhoist_executor::executors::Known;
use nbhoist_executor::history::{History, HistoryError, Record, notebook_key};

use crate::document::{Source, Uri};
use crate::snapshot;

/// How many runs of a notebook are kept in memory beside those that its history had.
const KEPT: usize = 2000;

/// That a cell last ran elsewhere.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Moved {
    /// What ran.
    pub(crate) text: Arc<str>,
    /// The job.
    pub(crate) job: String,
    /// Where.
    pub(crate) executor: String,
    /// Whether it ended without an exception.
    pub(crate) ok: bool,
    /// Seconds.
    pub(crate) seconds: f64,
    /// Bytes there, of the whole block.
    pub(crate) shipped_bytes: u64,
    /// Bytes back, of the whole block.
    pub(crate) returned_bytes: u64,
}

/// What was measured.
#[derive(Debug, Default)]
pub(crate) struct Measured {
    known: HashMap<Uri, Arc<Measurements>>,
    moved: HashMap<(Uri, String), Moved>,
}

impl Measured {
    /// What is known of the cells of a notebook; `None` before anybody has looked into its history.
    pub(crate) fn of(&self, notebook: &Uri) -> Option<Arc<Measurements>> {
        self.known.get(notebook).cloned()
    }

    /// Takes what the history knows of a notebook, unless runs of this session are known already.
    pub(crate) fn know(&mut self, notebook: &Uri, measurements: Measurements) -> Arc<Measurements> {
        Arc::clone(self.known.entry(Arc::clone(notebook)).or_insert_with(|| Arc::new(measurements)))
    }

    /// Notes an ordinary run of a cell.
    pub(crate) fn ran(&mut self, notebook: &Uri, record: &Record) {
        self.moved.remove(&(Arc::clone(notebook), record.cell.clone()));
        self.learn(notebook, record, 1.0);
    }

    /// Notes how long a run took on a machine of this speed. One that was cut short says nothing about the next one.
    pub(crate) fn learn(&mut self, notebook: &Uri, record: &Record, speed: f64) {
        if !record.ok || !record.seconds.is_finite() || record.seconds < 0.0 {
            return;
        }
        let known = Arc::make_mut(self.known.entry(Arc::clone(notebook)).or_default());
        if known.runs.len() > KEPT {
            known.runs.drain(..KEPT / 2);
        }
        known.runs.push(Run {
            signature: record.signature.clone(),
            cell: Some(record.cell.clone()),
            seconds: record.seconds,
            speed: if record.executor.is_none() { known.speed } else { speed },
            cold: record.cold,
            input_bytes: record.input_bytes,
        });
    }

    /// Notes that a cell ran elsewhere.
    pub(crate) fn moved(&mut self, notebook: &Uri, cell: &str, moved: Moved) {
        self.moved.insert((Arc::clone(notebook), cell.to_owned()), moved);
    }

    /// Where the cell last ran, when that was elsewhere and its text is still the same.
    pub(crate) fn last_moved(&self, notebook: &Uri, cell: &str, text: &str) -> Option<&Moved> {
        self.moved.get(&(Arc::clone(notebook), cell.to_owned())).filter(|moved| &*moved.text == text)
    }

    /// Notes what a name weighed, bytes.
    pub(crate) fn weighed(&mut self, notebook: &Uri, name: &str, bytes: u64) {
        Arc::make_mut(self.known.entry(Arc::clone(notebook)).or_default()).sizes.insert(name.to_owned(), bytes);
    }

    /// What a name weighed last, bytes.
    pub(crate) fn size(&self, notebook: &Uri, name: &str) -> Option<u64> {
        self.known.get(notebook)?.sizes.get(name).copied()
    }
}

/// The history on disk, opened when it is first needed. One that cannot be used is told once and then left alone.
#[derive(Debug, Default)]
pub(crate) struct Remembered {
    history: OnceLock<Option<Mutex<History>>>,
    /// What probes found; every analysis asks for it.
    places: Mutex<Option<Arc<BTreeMap<String, Known>>>>,
}

impl Remembered {
    /// What is known of a notebook's cells.
    pub(crate) fn measurements(&self, source: &Source) -> Measurements {
        let known = key(&source.uri).and_then(|key| self.with(|history| history.measurements(&key, &source.notebook)));
        known.unwrap_or_default()
    }

    /// Remembers runs and sizes.
    pub(crate) fn record(&self, notebook: &str, runs: &[Record], sizes: &BTreeMap<String, u64>) {
        if let Some(key) = key(notebook) {
            self.with(|history| history.record(&key, runs, sizes));
        }
    }

    /// How fast an executor is, where that was measured.
    pub(crate) fn speed(&self, executor: &str) -> Option<f64> {
        self.with(|history| history.known(Some(executor))).flatten()?.speed
    }

    /// What the last probes of executors found.
    pub(crate) fn places(&self) -> Arc<BTreeMap<String, Known>> {
        let mut places = self.places.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(places.get_or_insert_with(|| Arc::new(self.with(|history| history.places()).unwrap_or_default())))
    }

    /// Remembers what a probe found; `None` for this machine.
    pub(crate) fn know(&self, executor: Option<&str>, known: &Known) {
        self.with(|history| history.know(executor, known));
        *self.places.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }

    fn with<T>(&self, work: impl FnOnce(&mut History) -> Result<T, HistoryError>) -> Option<T> {
        let history = self.history.get_or_init(|| match History::open() {
            Ok(history) => {
                history.note.iter().for_each(|note| crate::log::line(note));
                Some(Mutex::new(history))
            }
            Err(error) => {
                crate::log::line(&error.to_string());
                None
            }
        });
        let done = work(&mut history.as_ref()?.lock().unwrap_or_else(PoisonError::into_inner));
        done.map_err(|error| crate::log::line(&error.to_string())).ok()
    }
}

/// By what the history knows a notebook. One that was never saved shares its name with others.
fn key(uri: &str) -> Option<String> {
    snapshot::path(uri).map(|path| notebook_key(&path))
}

#[cfg(test)]
mod tests {
    use nbhoist_analyzer::measurements::Signature;

    use super::*;

    fn record(source: &str, seconds: f64, ok: bool) -> Record {
        Record { cell: "a".to_owned(), signature: Signature::of(source), seconds, ok, executor: None, cold: None, input_bytes: None }
    }

    #[test]
    fn what_was_cut_short_says_nothing() {
        let notebook: Uri = Arc::from("n");
        let mut measured = Measured::default();
        measured.ran(&notebook, &record("f()", 60.0, false));
        assert_eq!(measured.of(&notebook), None);
        measured.ran(&notebook, &record("f()", 60.0, true));
        assert_eq!(measured.of(&notebook).unwrap().runs.len(), 1);
    }

    #[test]
    fn an_ordinary_run_takes_the_mark_away() {
        let (notebook, text): (Uri, Arc<str>) = (Arc::from("n"), Arc::from("f()"));
        let mut measured = Measured::default();
        let moved = Moved {
            text: Arc::clone(&text),
            job: "j".to_owned(),
            executor: "gpu".to_owned(),
            ok: true,
            seconds: 1.0,
            shipped_bytes: 1,
            returned_bytes: 2,
        };
        measured.moved(&notebook, "a", moved.clone());
        assert_eq!(measured.last_moved(&notebook, "a", "f()"), Some(&moved));
        assert_eq!(measured.last_moved(&notebook, "a", "f(2)"), None);
        measured.ran(&notebook, &record("f()", 1.0, false));
        assert_eq!(measured.last_moved(&notebook, "a", "f()"), None);
    }
}
