//! What the extension asks for: to move a cell, to say where one should run, to explain.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::time::Instant;

use nbhoist_analyzer::placement::Work as Kind;
use nbhoist_analyzer::placement::live::{Future, Verdict, makers};
use nbhoist_analyzer::report::Plan;
use nbhoist_analyzer::{After, Analysis};
use nbhoist_executor::cancel::Cancel;
use nbhoist_executor::event::{CellRef, Event};
use nbhoist_executor::executors::Executor;
use nbhoist_executor::frames::Frame;
use nbhoist_executor::kernel::{Inside, Origin as _};
use nbhoist_executor::migrate::{BlockCell, MigrateError, Migration, Report, Stay, migrate};
use nbhoist_settings::{Backend, Settings};
use serde_json::{Value, json};
use tokio::sync::mpsc;

use super::Asked;
use super::frames::{self, optional};
use super::session::{Document, Entry, Session};
use crate::error::Failure;
use crate::executors;
use crate::run::{refuse, session};
use crate::terminal::{bytes, seconds, shorten};

/// A cell that takes less is not explained unless it is asked about, seconds.
const SHORT: f64 = 0.5;

/// So many cells are explained at once.
const MOST: usize = 5;

/// Works through requests, one after the other.
pub(super) struct Work {
    kernel: Inside,
    session: Session,
    out: mpsc::UnboundedSender<Frame>,
    moved: Vec<String>,
}

/// A request that came to nothing.
enum Stopped {
    /// Because the user interrupted it.
    Cancelled,
    /// For this reason; whether the request itself was wrong.
    Failed(Failure, bool),
}

impl From<Failure> for Stopped {
    fn from(failure: Failure) -> Self {
        Self::Failed(failure, true)
    }
}

impl Work {
    pub(super) const fn new(kernel: Inside, session: Session, out: mpsc::UnboundedSender<Frame>) -> Self {
        Self { kernel, session, out, moved: Vec::new() }
    }

    /// Until the kernel has gone.
    pub(super) async fn serve(mut self, mut asked: mpsc::UnboundedReceiver<Asked>) {
        while let Some((frame, cancel)) = asked.recv().await {
            let done = match frame.op() {
                "ran" => {
                    // A notebook whose settings are broken says so when something is asked.
                    let _ = self.session.ran(&frame);
                    continue;
                }
                "hoist" => self.hoist(&frame, &cancel).await,
                "decide" => self.decide(&frame).map_err(Stopped::from),
                "plan" => self.plan(&frame).map_err(Stopped::from),
                "status" => self.status().map_err(Stopped::from),
                other => Err(Failure::new(format!("nbhoist does not know what `{other}` is")).into()),
            };
            let id = frame.header.get("id").cloned().unwrap_or(Value::Null);
            let answer = match done {
                Ok(answer) => answer,
                Err(Stopped::Cancelled) => Frame::new("failed").with("cancelled", true),
                Err(Stopped::Failed(failure, usage)) => {
                    let help = failure.advice().unwrap_or_default().to_owned();
                    Frame::new("failed").with("text", failure.message()).with("help", help).with("usage", usage)
                }
            };
            if self.out.send(answer.with("id", id)).is_err() {
                return;
            }
        }
    }

    /// Runs a cell elsewhere and puts its results back.
    async fn hoist(&mut self, frame: &Frame, cancel: &Cancel) -> Result<Frame, Stopped> {
        let entry = Entry::of(frame);
        self.session.edited_if_changed(&entry);
        let settings = self.session.settings()?;
        let place = match optional(frame, "place") {
            Some(place) => place.to_owned(),
            None => self.best(&entry, &settings)?,
        };
        let executor = executors::named(&place, &settings)?;
        let document = self.session.document(Some(&entry), &place)?;
        let plan = document.analysis.plan(&[document.cell], After::Anything);
        refuse(&plan)?;
        let stay = self.stay(&document, &place);
        self.session.push(entry.clone());
        let started = Instant::now();
        let report = self.migrate(&executor, &plan, &document, (&entry, stay), cancel).await?;
        let spent = started.elapsed().as_secs_f64();
        let run = report.seconds.run;
        let places = document.settings.placement(&place, &crate::remember::places(&document.settings)).places;
        let speed = places.first().map_or(1.0, |place| place.speed(Kind::Cpu));
        self.session.weighed(report.sizes());
        self.session.moved(report.returns.keys().cloned(), report.stayed.keys().cloned().collect());
        for (name, size) in &report.stayed {
            let text = format!("`{name}` ({}) stays on `{place}`, and is fetched when a cell names it", bytes(*size));
            let _ = self.out.send(Frame::new("note").with("text", text));
        }
        self.session.note(&document, Some((&place, speed)), run, spent, report.ok());
        self.moved.push(format!(
            "{} on `{place}`: ran for {}, {} in all; {} there, {} back",
            shorten(entry.source.trim().lines().next().unwrap_or_default(), 40),
            seconds(run),
            seconds(spent),
            bytes(report.shipped_bytes),
            bytes(report.returned_bytes)
        ));
        Ok(done(&report, &place, spent))
    }

    async fn migrate(
        &mut self,
        executor: &Executor,
        plan: &Plan,
        document: &Document,
        (entry, stay): (&Entry, Option<Stay>),
        cancel: &Cancel,
    ) -> Result<Report, Stopped> {
        let cell = CellRef { number: document.cell, id: entry.id.clone() };
        let request = Migration {
            cells: vec![BlockCell { cell, source: entry.source.clone() }],
            inputs: plan.inputs.iter().map(|input| input.name.clone()).collect(),
            returns: plan.returns.iter().map(|entry| entry.name.clone()).collect(),
            imports: plan.imports.clone(),
            everything: true,
            files: session::files(plan),
            stay,
            ..Migration::default()
        };
        let out = self.out.clone();
        let mut tell = |event: Event| {
            // When nobody hears it, the kernel is gone, which ends the migration.
            let _ = frames::of(event).map(|frame| out.send(frame));
        };
        match migrate(&mut self.kernel, executor, &request, &mut tell, cancel).await {
            Ok(report) => Ok(report),
            Err(MigrateError::Cancelled { .. }) => Err(Stopped::Cancelled),
            Err(error) => Err(Stopped::Failed(Failure::from_text(&error.to_string()), false)),
        }
    }

    /// The place for a cell that is to run elsewhere, wherever that is.
    fn best(&self, entry: &Entry, settings: &Settings) -> Result<String, Failure> {
        let places: Vec<&String> =
            settings.executors.values().filter(|place| place.backend != Backend::Local).map(|place| &place.name).collect();
        match places.as_slice() {
            [] => Err(Failure::new("no place to run cells at is configured").help(format!(
                "add one with `nbhoist executors add` in a terminal{}, or use another process of this machine with `%%hoist local`",
                nbhoist_settings::user_file().map(|file| format!(", or in {}", file.display())).unwrap_or_default()
            ))),
            [one] => Ok((*one).clone()),
            several => {
                let document = self.session.document(Some(entry), "auto")?;
                let plan = document.analysis.plan(&[document.cell], After::Anything);
                let total = |estimate: &nbhoist_analyzer::report::Estimate| {
                    [estimate.seconds, estimate.transfer_in, estimate.transfer_out, estimate.overhead].into_iter().sum::<Option<f64>>()
                };
                let offers = plan.estimates.iter().filter(|estimate| several.contains(&&estimate.executor));
                let offers = offers.filter_map(|estimate| Some((total(estimate)?, &estimate.executor)));
                let best = offers.min_by(|a, b| a.0.total_cmp(&b.0)).map(|(_, name)| name.clone());
                Ok(best.unwrap_or_else(|| several[0].clone()))
            }
        }
    }

    fn verdict(&mut self, document: &Document, cell: u32) -> Verdict {
        let warm: BTreeSet<String> = self.kernel.ahead().ready().into_iter().collect();
        self.session.live.decide(&document.analysis, cell, Future::Predicted, document.settings.comes_home(), &warm)
    }

    /// What need not come home, when that is wanted and the next cells are likely to use it only there.
    fn stay(&mut self, document: &Document, place: &str) -> Option<Stay> {
        let verdict = self.verdict(document, document.cell);
        let remain = if verdict.place.as_deref() == Some(place) { verdict.remain } else { Vec::new() };
        Stay::new(remain, |name| makers(&document.analysis, &[document.cell], name), true)
    }

    /// Says where a cell should run.
    fn decide(&mut self, frame: &Frame) -> Result<Frame, Failure> {
        let entry = Entry::of(frame);
        let document = self.session.document(Some(&entry), "auto")?;
        let verdict = self.verdict(&document, document.cell);
        Ok(Frame::new("done").with("place", verdict.place).with("text", verdict.because))
    }

    /// Explains: a cell that is given, else the last one that ran and the heavy ones.
    fn plan(&mut self, frame: &Frame) -> Result<Frame, Failure> {
        let entry = optional(frame, "source").map(|_| Entry::of(frame));
        let document = self.session.document(entry.as_ref(), "auto")?;
        if document.analysis.cells.is_empty() {
            return Ok(Frame::new("done").with("text", "no cell has run yet"));
        }
        let mut text = String::new();
        if !document.settings.executors.values().any(|place| place.backend != Backend::Local || place.speed.is_some()) {
            text.push_str("no place is configured that cells could move to by themselves; add one with `nbhoist executors add`\n");
        }
        let cells: Vec<u32> = if entry.is_some() { vec![document.cell] } else { worth_a_word(&document.analysis) };
        for cell in cells {
            let line = document.input.notebook.cell(cell).map(|cell| cell.source.trim()).unwrap_or_default();
            let line = line.lines().find(|line| !line.trim().is_empty()).unwrap_or_default();
            let plan = document.analysis.plan(&[cell], After::Anything);
            let verdict = self.verdict(&document, cell);
            let place = verdict.place.as_deref().unwrap_or("here");
            let why = plan.refusal.as_ref().map_or(verdict.because.as_str(), |refusal| refusal.text.as_str());
            let time = document.analysis.cells[cell as usize - 1].cost.seconds;
            let why = match (why.is_empty(), time) {
                (false, _) => why.to_owned(),
                (true, Some(time)) => format!("{} here", seconds(time)),
                (true, None) => "nothing is known of how long it takes".to_owned(),
            };
            let _ = writeln!(text, "{}  ->  {place}\n  {why}", shorten(line, 60));
        }
        Ok(Frame::new("done").with("text", text.trim_end()))
    }

    fn status(&self) -> Result<Frame, Failure> {
        let settings = self.session.settings()?;
        let places: Vec<String> = settings.executors.values().map(|place| format!("`{}` ({})", place.name, place.describe())).collect();
        let mut text = format!("places: {}\n", places.join(", "));
        if self.moved.is_empty() {
            text.push_str("nothing has moved in this session");
        }
        for moved in &self.moved {
            let _ = writeln!(text, "moved: {moved}");
        }
        Ok(Frame::new("done").with("text", text.trim_end()))
    }
}

/// The longest cells, in order, and the last one.
fn worth_a_word(analysis: &Analysis) -> Vec<u32> {
    let mut long: Vec<(u32, f64)> =
        analysis.cells.iter().filter_map(|report| Some((report.cell, report.cost.seconds.filter(|time| *time >= SHORT)?))).collect();
    long.sort_by(|a, b| b.1.total_cmp(&a.1));
    long.truncate(MOST);
    let last = analysis.cells.last().map(|report| report.cell);
    let cells: BTreeSet<u32> = long.into_iter().map(|(cell, _)| cell).chain(last).collect();
    cells.into_iter().collect()
}

fn done(report: &Report, place: &str, spent: f64) -> Frame {
    let error = report.cells.iter().find_map(|cell| cell.error.as_ref());
    let error = error.map(|error| json!({"ename": error.ename, "evalue": error.evalue, "traceback": error.traceback}));
    Frame::new("done").with("place", place).with("seconds", report.seconds.run).with("spent", spent).with("error", error)
}
