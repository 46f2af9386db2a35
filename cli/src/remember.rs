//! What runs took, remembered for the next estimate. A history that cannot be used costs a warning and nothing else.

use std::collections::BTreeMap;

use nbhoist_analyzer::Analysis;
use nbhoist_analyzer::measurements::{Measurements, Signature};
use nbhoist_analyzer::report::CellReport;
use nbhoist_executor::executors::Known;
use nbhoist_executor::history::{History, HistoryError, Record, notebook_key};
use nbhoist_settings::Settings;

use crate::error::warn;
use crate::input::Input;
use crate::run::session::{CellRun, Outcome};

/// What is known from earlier runs.
pub(crate) fn measurements(input: &Input, settings: &Settings) -> Measurements {
    let known = with_history(settings, |history| history.measurements(&notebook_key(&input.path), &input.notebook));
    known.unwrap_or_default()
}

/// What the last probes of executors found.
pub(crate) fn places(settings: &Settings) -> BTreeMap<String, Known> {
    with_history(settings, |history| history.places()).unwrap_or_default()
}

/// Notes what a probe of a place found.
pub(crate) fn probed(settings: &Settings, place: &nbhoist_settings::Executor, found: &Known) {
    let name = (place.backend != nbhoist_settings::Backend::Local).then_some(place.name.as_str());
    with_history(settings, |history| history.know(name, found));
}

/// Notes what a run took, and what weighed what on its way.
pub(crate) fn record(input: &Input, settings: &Settings, analysis: &Analysis, before: &Measurements, outcome: &Outcome) {
    let mut sizes = outcome.sizes.clone();
    for moved in &outcome.moved {
        sizes.extend(moved.report.sizes());
    }
    let mut known = before.clone();
    known.sizes.extend(sizes.clone());
    let runs: Vec<Record> = outcome.cells.iter().filter_map(|run| record_of(input, analysis, &known, run)).collect();
    with_history(settings, |history| history.record(&notebook_key(&input.path), &runs, &sizes));
}

/// The names that each cell binds or changes.
pub(crate) fn weighed(analysis: &Analysis) -> BTreeMap<u32, Vec<String>> {
    let names = |report: &CellReport| report.defines.iter().chain(&report.mutates).map(|fact| fact.name.clone()).collect();
    analysis.cells.iter().map(|report| (report.cell, names(report))).collect()
}

fn record_of(input: &Input, analysis: &Analysis, known: &Measurements, run: &CellRun) -> Option<Record> {
    let cell = input.notebook.cell(run.number)?;
    let index = run.number.checked_sub(1)? as usize;
    Some(Record {
        cell: cell.key(),
        signature: Signature::of(&cell.source),
        seconds: run.seconds,
        ok: run.ok,
        executor: (run.executor != "here").then(|| run.executor.clone()),
        cold: analysis.cold.get(index).copied().flatten(),
        input_bytes: analysis.cells.get(index).and_then(|report| known.input_bytes(report)),
    })
}

fn with_history<T>(settings: &Settings, work: impl FnOnce(&mut History) -> Result<T, HistoryError>) -> Option<T> {
    if !settings.history {
        return None;
    }
    let done = History::open().and_then(|mut history| {
        if let Some(note) = &history.note {
            warn(note, None, None);
        }
        work(&mut history)
    });
    done.map_err(|error| warn(&error.to_string(), None, None)).ok()
}
