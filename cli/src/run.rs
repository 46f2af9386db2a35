//! `nbhoist run`.

pub(crate) mod display;

pub(crate) mod live;
pub(crate) mod session;
pub(crate) mod signals;
pub(crate) mod summary;
pub(crate) mod write;

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::time::Duration;

use nbhoist_analyzer::After;
use nbhoist_analyzer::report::Plan;
pub(crate) use nbhoist_executor::outputs;
use nbhoist_settings::Settings;

use crate::analysis::Asked;
use crate::args::{OutputFormat, RunArgs};
use crate::error::{Exit, Failure, GOOD};
use crate::executors;
use crate::input::{self, Input};
use crate::scrub::scrub_output;
use crate::terminal::{Terminal, WIDTH, seconds, wrap};
use crate::{analysis, cells, remember, save};
use display::{Display, Show};
use nbhoist_analyzer::Analysis;
use session::{Ended, Job, Move, Outcome};
use signals::Signals;

/// The kernel's own place.
pub(crate) use nbhoist_analyzer::placement::HERE;

pub(crate) fn run(args: &RunArgs, terminal: &Terminal) -> Result<Exit, Failure> {
    let input = input::read(&args.notebook)?;
    if let Some(output) = &args.output {
        write::check_target(output)?;
    }
    let settings = analysis::settings(&input.folder(), terminal.quiet)?;
    let before = remember::measurements(&input, &settings);
    let analysis = analysis::analyze_for(&input, &settings, Asked { on: Some(&args.on), measurements: before.clone(), ..Asked::default() });
    let moves = moves(args, &input, &settings, &analysis).map_err(|failure| failure.or_at(input.name()))?;
    // Without a block that was named, each cell is decided about when it is its turn.
    let by_itself = args.on == "auto" && args.block.cells.is_none() && args.block.block.is_none();
    let places = if by_itself { settings.placement("auto", &remember::places(&settings)).places } else { Vec::new() };
    let auto = by_itself.then_some(live::Auto { analysis: &analysis, settings: &settings, places: &places });
    let show = match (terminal.quiet || terminal.is_json(), terminal.verbose) {
        (true, _) => Show::Nothing,
        (false, 0) => Show::Ended,
        (false, _) => Show::Live,
    };
    let runtime = executors::runtime()?;
    let (outcome, display) = runtime.block_on(async {
        let signals = Signals::listen();
        let job = Job {
            notebook: &input.notebook,
            name: input.name(),
            folder: input.folder(),
            python: session::find_python(args.python.as_deref()).await?,
            moves,
            auto,
            timeout: args.timeout.map(Duration::from_secs_f64),
            weighed: if settings.history || by_itself { remember::weighed(&analysis) } else { BTreeMap::new() },
        };
        let mut display = Display::new(&input.notebook, show, job.places(), terminal);
        display.expect(&analysis, |number| input.notebook.cell(number).is_some_and(session::runs));
        job.moves.iter().for_each(|block| display.expect_at(&block.plan, &block.executor.name));
        display.say("starting the kernel");
        let outcome = session::run(&job, &signals, &mut |event| display.event(event)).await;
        outcome.map(|outcome| (outcome, display)).map_err(|failure| failure.or_at(input.name()))
    })?;
    remember::record(&input, &settings, &analysis, &before, &outcome);
    finish(args, &input, &outcome, display, terminal)
}

impl Job<'_> {
    /// The cells of each block that runs elsewhere, with the name of the place.
    pub(crate) fn places(&self) -> Vec<(Vec<u32>, String)> {
        self.moves.iter().map(|block| (block.plan.cells.clone(), block.executor.name.clone())).collect()
    }
}

/// Writes and tells what came out.
fn finish(args: &RunArgs, input: &Input, outcome: &Outcome, mut display: Display<'_>, terminal: &Terminal) -> Result<Exit, Failure> {
    let notes = display.finish();
    let interrupted = matches!(outcome.ended, Ended::Interrupted { .. });
    let output = args.output.as_ref().filter(|_| !interrupted);
    if let Some(output) = output {
        let moved = args.annotate.then_some(outcome.moved.as_slice());
        save::write(output, &write::render(input, &display.outputs, moved)?, "the notebook")?;
    }
    let written = output.map(|output| output.display().to_string());
    if terminal.format == OutputFormat::Json || terminal.format == OutputFormat::JsonLines {
        terminal.print_json(&summary::json(&input.name(), outcome, written.as_deref()))?;
    } else if !terminal.quiet {
        let mut text = summary::summary(outcome);
        for note in notes {
            text.push_str(&wrap(&note, "note: ", "      ", WIDTH));
        }
        if let Some(written) = &written {
            let _ = writeln!(text, "\n{GOOD}Written{GOOD:#} to {written}");
        }
        terminal.print(&text)?;
    }
    report_end(&outcome.ended, input, args)
}

/// The exit code, or what stopped the run.
fn report_end(ended: &Ended, input: &Input, args: &RunArgs) -> Result<Exit, Failure> {
    let name = input.name();
    match ended {
        Ended::Done => Ok(Exit::Success),
        Ended::Failed { cell, exception } => {
            if !exception.traceback.is_empty() {
                anstream::eprintln!("\n{}\n", scrub_output(&exception.traceback.join("\n")));
            }
            let evalue = exception.evalue.lines().next().unwrap_or_default();
            let failure = Failure::new(format!("cell {cell} raised {}: {evalue}", exception.ename));
            Err(failure.at(format!("{name}:cell {cell}")).ends(Exit::Findings))
        }
        Ended::TimedOut { cell } => {
            let limit = args.timeout.map(seconds).unwrap_or_default();
            let failure = Failure::new(format!("cell {cell} took longer than {limit} and was interrupted"));
            let failure = failure.at(format!("{name}:cell {cell}")).help("give it more time with --timeout");
            Err(failure.ends(Exit::Findings))
        }
        Ended::Interrupted { cell } => {
            let what = cell.map_or_else(|| "interrupted".to_owned(), |cell| format!("interrupted in cell {cell}"));
            let failure = Failure::new(what).at(name);
            let failure = if args.output.is_some() { failure.help("nothing was written") } else { failure };
            Err(failure.ends(Exit::Interrupted))
        }
    }
}

/// What runs elsewhere, by the command line and the plan.
fn moves(args: &RunArgs, input: &Input, settings: &Settings, analysis: &Analysis) -> Result<Vec<Move>, Failure> {
    let block = cells::block(&args.block, &input.notebook)?;
    if args.on == "here" {
        return Ok(Vec::new());
    }
    let blocks = match block {
        Some(block) => vec![block],
        None if args.on == "auto" => return Ok(Vec::new()),
        None => {
            let marked = nbhoist_analyzer::notebook::marked_blocks(&input.notebook);
            if marked.is_empty() {
                let failure = Failure::new(format!("it is not said which cells run on `{}`", args.on));
                return Err(failure.help("name them with --cells, or mark a block with the tag `nbhoist:NAME`"));
            }
            marked.into_iter().map(|(_, cells)| cells).collect()
        }
    };
    let mut moves = Vec::new();
    for cells in blocks.iter().flat_map(|block| session::segments(&input.notebook, block)) {
        let plan = analysis.plan(&cells, After::FollowingCells);
        let place = if args.on == "auto" { plan.decision.executor.clone() } else { args.on.clone() };
        if place == "here" {
            continue;
        }
        refuse(&plan)?;
        let because = plan.decision.because.first().map(|because| because.text.clone()).unwrap_or_default();
        moves.push(Move {
            executor: executors::named(&place, settings)?,
            plan,
            because,
            everything: false,
            force: false,
            stay: None,
            again: None,
        });
    }
    Ok(moves)
}

/// Stops before anything runs when a block must stay.
pub(crate) fn refuse(plan: &Plan) -> Result<(), Failure> {
    let Some(refusal) = &plan.refusal else { return Ok(()) };
    let place = refusal.because.first().map(|because| format!("cell {}: {}", because.cell, because.text));
    let failure = Failure::new(format!("{} must not move: {}", cells::named(&plan.cells), refusal.text));
    let failure = failure.help("run the block here with --on here, or choose other cells");
    Err(match place {
        Some(place) => failure.at(place),
        None => failure,
    })
}
