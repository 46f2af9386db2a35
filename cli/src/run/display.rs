//! What a run shows while it goes on.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::Write as _;
use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use nbhoist_analyzer::notebook::Notebook;
use nbhoist_analyzer::report::{Cost, Estimate, Plan};
use nbhoist_analyzer::{Analysis, words};
use nbhoist_executor::event::{Event, Phase};
use serde_json::Value;

use super::outputs::{Output, Outputs};
use crate::analyze::headline;
use crate::error::{FAINT, GOOD, STRONG, WARNING};
use crate::scrub::scrub_output;
use crate::terminal::{Terminal, bytes, count, seconds, shorten};

/// Lines of a cell's output that are shown unless `-v` asks for all.
const SHOWN_LINES: usize = 12;
/// How often the time beside a progress bar moves.
const TICK: Duration = Duration::from_millis(100);

/// How much of the cells' output is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Show {
    /// Nothing.
    Nothing,
    /// The beginning of each cell's output, when the cell has ended.
    Ended,
    /// Everything, as it comes.
    Live,
}

/// Shows a run and gathers its outputs.
pub(crate) struct Display<'a> {
    notebook: &'a Notebook,
    show: Show,
    bar: ProgressBar,
    pub(crate) outputs: Outputs,
    /// Where the cells run at the moment.
    executor: String,
    /// Where the cells of blocks run.
    moved: Vec<(Vec<u32>, String)>,
    /// What the cells that run are expected to take.
    costs: BTreeMap<u32, Cost>,
    /// Live output stands in the middle of a line.
    mid_line: bool,
    notes: Vec<String>,
}

impl<'a> Display<'a> {
    pub(crate) fn new(notebook: &'a Notebook, show: Show, moved: Vec<(Vec<u32>, String)>, terminal: &Terminal) -> Self {
        let cells = notebook.code_cells().count() as u64;
        Self {
            notebook,
            show,
            bar: progress(cells, terminal),
            outputs: Outputs::default(),
            executor: "here".to_owned(),
            moved,
            costs: BTreeMap::new(),
            mid_line: false,
            notes: Vec::new(),
        }
    }

    /// Lets it say how much is left to run.
    pub(crate) fn expect(&mut self, analysis: &Analysis, runs: impl Fn(u32) -> bool) {
        self.costs = analysis.cells.iter().filter(|report| runs(report.cell)).map(|report| (report.cell, report.cost.clone())).collect();
    }

    /// Counts the cells of a block with what they take where it runs.
    pub(crate) fn expect_at(&mut self, plan: &Plan, place: &str) {
        take_at(&mut self.costs, &plan.cells, &plan.estimates, place);
    }

    /// Says what is going on beside the bar.
    pub(crate) fn say(&self, message: impl Into<String>) {
        self.bar.set_message(message.into());
    }

    /// Takes the bar away. Gives what the user may want to know.
    pub(crate) fn finish(&mut self) -> Vec<String> {
        self.bar.finish_and_clear();
        std::mem::take(&mut self.notes)
    }

    /// Takes an event.
    pub(crate) fn event(&mut self, event: Event) {
        self.outputs.take(&event);
        match event {
            Event::CellStarted { cell } => self.started(cell.number),
            Event::CellDone { cell, ok, seconds, .. } => self.done(cell.number, ok, seconds),
            Event::Phase(phase) => self.say(phase_words(phase)),
            Event::Progress { phase, done, total } => {
                let of = total.map_or_else(String::new, |total| format!(" of {}", bytes(total)));
                self.say(format!("{}: {}{of}", phase_words(phase), bytes(done)));
            }
            Event::Stream { text, .. } => self.live(&text),
            Event::DisplayData { data, .. } | Event::ExecuteResult { data, .. } => self.live(&(shown(&data) + "\n")),
            Event::Error { traceback, .. } => self.live(&(traceback.join("\n") + "\n")),
            Event::Fault { name, supplied, .. } => {
                let what = if supplied { "was fetched while the block ran" } else { "was asked for and is not there" };
                self.notes.push(format!("`{name}` {what}: the analysis had not listed it"));
            }
            Event::Moves { cells, executor, because } => {
                if !because.is_empty() {
                    self.notes.push(format!("{} on {executor}: {because}", words::named(&cells)));
                }
                self.moved.push((cells, executor));
            }
            Event::Note { text } => self.notes.push(text),
            Event::UpdateDisplayData { .. } | Event::ClearOutput { .. } => {}
        }
    }

    fn started(&mut self, number: u32) {
        let elsewhere = self.moved.iter().find(|(cells, _)| cells.contains(&number));
        self.executor = elsewhere.map_or_else(|| "here".to_owned(), |(_, executor)| executor.clone());
        let source = self.notebook.cell(number).map(|cell| headline(&cell.source)).unwrap_or_default();
        let left = words::left(self.costs.range(number..).map(|(_, cost)| cost)).map(|left| format!(", {left}")).unwrap_or_default();
        self.say(format!("cell {number} {}{left}  {}", self.executor, shorten(source, 40)));
        if self.show == Show::Live {
            self.print(&format!("{}\n", self.title(number, None)));
        }
    }

    fn done(&mut self, number: u32, ok: bool, time: f64) {
        self.bar.inc(1);
        match self.show {
            Show::Nothing => {}
            Show::Live => {
                let end = if std::mem::take(&mut self.mid_line) { "\n" } else { "" };
                self.print(&format!("{end}{FAINT}cell {number} took {}{FAINT:#}\n", seconds(time)));
            }
            Show::Ended => {
                let mut text = format!("{}\n", self.title(number, Some((ok, time))));
                let output = self.outputs.of(number).map(|cell| plain(&cell.outputs)).unwrap_or_default();
                text.push_str(&beginning(&output));
                self.print(&text);
            }
        }
    }

    /// `cell 3  here  0.4 s  x = load()`.
    fn title(&self, number: u32, outcome: Option<(bool, f64)>) -> String {
        let source = self.notebook.cell(number).map(|cell| headline(&cell.source)).unwrap_or_default();
        let style = match outcome {
            Some((true, _)) => GOOD,
            Some((false, _)) => WARNING,
            None => STRONG,
        };
        let time = outcome.map(|(_, time)| seconds(time)).unwrap_or_default();
        let elsewhere = if self.executor == "here" { String::new() } else { format!(" on {}", self.executor) };
        let start = format!("cell {number}{elsewhere}");
        format!("{style}{start:<18}{style:#} {time:>11}  {FAINT}{}{FAINT:#}", shorten(source, 47))
    }

    fn live(&mut self, text: &str) {
        if self.show == Show::Live && !text.is_empty() {
            self.mid_line = !text.ends_with('\n');
            self.print(text);
        }
    }

    fn print(&self, text: &str) {
        self.bar.suspend(|| {
            let mut out = anstream::stdout();
            // A reader that has gone must not end a run that others wait for.
            let _ = out.write_all(scrub_output(text).as_bytes()).and_then(|()| out.flush());
        });
    }
}

/// Makes the costs of these cells those of the place, by what the estimates say of the block here and there; both have to be known.
fn take_at(costs: &mut BTreeMap<u32, Cost>, cells: &[u32], estimates: &[Estimate], place: &str) {
    let at = |name: &str| estimates.iter().find(|estimate| estimate.executor == name)?.seconds.filter(|seconds| *seconds > 0.0);
    let (Some(here), Some(there)) = (at("here"), at(place)) else { return };
    for cell in cells {
        if let Some(cost) = costs.get_mut(cell) {
            cost.seconds = cost.seconds.map(|seconds| seconds * there / here);
        }
    }
}

/// A bar over the cells; drawn only where someone can see it.
fn progress(cells: u64, terminal: &Terminal) -> ProgressBar {
    let bar = ProgressBar::with_draw_target(Some(cells), ProgressDrawTarget::stderr());
    if !terminal.draws_progress() {
        bar.set_draw_target(ProgressDrawTarget::hidden());
        return bar;
    }
    let style = ProgressStyle::with_template("{spinner} {bar:20.cyan} {pos}/{len} {elapsed:>4} {wide_msg}");
    bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
    bar.enable_steady_tick(TICK);
    bar
}

/// A spinner for one step.
pub(crate) fn spinner(message: &str, terminal: &Terminal) -> ProgressBar {
    let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr());
    if !terminal.draws_progress() {
        bar.set_draw_target(ProgressDrawTarget::hidden());
        return bar;
    }
    let style = ProgressStyle::with_template("{spinner} {elapsed:>4} {wide_msg}");
    bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_spinner()));
    bar.set_message(message.to_owned());
    bar.enable_steady_tick(TICK);
    bar
}

const fn phase_words(phase: Phase) -> &'static str {
    match phase {
        Phase::Probe => "looking at the inputs",
        Phase::Connect => "starting the worker",
        Phase::Capture => "packing the inputs",
        Phase::Transfer => "sending the inputs",
        Phase::Run => "running the block",
        Phase::Return => "receiving the results",
        Phase::Restore => "putting the results into the kernel",
    }
}

/// A MIME bundle in a terminal: its text, or what it is.
fn shown(data: &nbhoist_executor::event::Bundle) -> String {
    let picture = data.iter().find(|(mime, _)| mime.starts_with("image/"));
    if let Some((mime, value)) = picture {
        let size = value.as_str().map_or(0, |text| if mime == "image/svg+xml" { text.len() } else { text.len() / 4 * 3 });
        return format!("[{mime}, {}]", bytes(size as u64));
    }
    match data.get("text/plain") {
        Some(Value::String(text)) => text.clone(),
        _ => format!("[{}]", data.keys().map(String::as_str).collect::<Vec<_>>().join(", ")),
    }
}

/// All output of a cell as text.
fn plain(outputs: &[Output]) -> String {
    let mut text = String::new();
    for output in outputs {
        let part = match output {
            Output::Stream { text, .. } => text.clone(),
            Output::Display { data, .. } | Output::Result { data, .. } => shown(data) + "\n",
            // The traceback comes at the end of the run.
            Output::Error { ename, evalue, .. } if evalue.is_empty() => format!("{ename}\n"),
            Output::Error { ename, evalue, .. } => format!("{ename}: {evalue}\n"),
        };
        if !text.is_empty() && !text.ends_with('\n') {
            text.push('\n');
        }
        text.push_str(&part);
    }
    text
}

/// The first lines, indented, each as a terminal shows it after its carriage returns.
fn beginning(text: &str) -> String {
    let lines: Vec<&str> = text.lines().collect();
    // Leaving out one line would take as much room as the line.
    let shown = if lines.len() > SHOWN_LINES + 1 { SHOWN_LINES } else { lines.len() };
    let mut result = String::new();
    for line in &lines[..shown] {
        let line = line.trim_end_matches('\r').rsplit('\r').next().unwrap_or_default();
        result.push_str("  ");
        result.push_str(line);
        result.push('\n');
    }
    if shown < lines.len() {
        let more = count(lines.len() - shown, "more line");
        let _ = writeln!(result, "  {FAINT}... {more}, -v shows them{FAINT:#}");
    }
    result
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_outputs_are_cut_and_carriage_returns_followed() {
        let strip = |text: &str| anstream::adapter::strip_str(&beginning(text)).to_string();
        assert_eq!(strip("10%\r20%\r\nend"), "  20%\n  end\n");
        let long: Vec<String> = (1..=14).map(|line| line.to_string()).collect();
        assert!(strip(&long.join("\n")).ends_with("  12\n  ... 2 more lines, -v shows them\n"));
        assert!(strip(&long[..13].join("\n")).ends_with("  12\n  13\n"));
    }

    #[test]
    fn pictures_are_named_not_shown() {
        let bundle = |value: Value| value.as_object().cloned().unwrap_or_default();
        let image = bundle(serde_json::json!({"text/plain": "<Figure>", "image/png": "aaaa"}));
        assert_eq!(shown(&image), "[image/png, 3 B]");
        assert_eq!(shown(&bundle(serde_json::json!({"a/b": 1}))), "[a/b]");
    }

    #[test]
    fn what_is_left_counts_the_speed_of_the_place() {
        let cost = |seconds| Cost { seconds: Some(seconds), ..Cost::unknown() };
        let mut costs: BTreeMap<u32, Cost> = [(1, cost(20.0)), (2, cost(60.0)), (3, cost(20.0))].into();
        let estimate = |executor: &str, seconds| Estimate {
            executor: executor.to_owned(),
            seconds,
            transfer_in: None,
            transfer_out: None,
            overhead: None,
        };
        let estimates = [estimate("here", Some(80.0)), estimate("big", Some(20.0)), estimate("unknown", None)];
        take_at(&mut costs, &[2, 3], &estimates, "unknown");
        assert_eq!(words::left(costs.values()).as_deref(), Some("about 2 min left"));
        take_at(&mut costs, &[2, 3], &estimates, "big");
        assert_eq!(words::left(costs.values()).as_deref(), Some("about 40 s left"));
    }
}
