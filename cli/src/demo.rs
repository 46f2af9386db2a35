//! `nbhoist demo`: the whole story on a notebook that is part of the program.

mod compare;

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use nbhoist_analyzer::notebook::marked_blocks;
use nbhoist_analyzer::report::{Because, Decision, Plan};
use nbhoist_analyzer::{After, Analysis};
use nbhoist_executor::environment::{self, Step};
use nbhoist_executor::executors::Executor;
use nbhoist_executor::python;
use nbhoist_settings::Settings;

use crate::analysis;
use crate::args::DemoArgs;
use crate::cells;
use crate::error::{ERROR, Exit, Failure, GOOD, HELP, STRONG};
use crate::executors;
use crate::frame;
use crate::input::{self, Input};
use crate::plan;
use crate::run::display::{Display, Show, spinner};
use crate::run::outputs::Outputs;
use crate::run::session::{self, Ended, Job, Move, Outcome};
use crate::run::signals::Signals;
use crate::run::{summary, write};
use crate::save;
use crate::scrub::scrub_output;
use crate::terminal::{Terminal, WIDTH, count, seconds, shorten, wrap};

const NOTEBOOK: &[u8] = include_bytes!("../../corpus/digits.ipynb");
const REQUIREMENTS: &str = include_str!("../../corpus/requirements.txt");
const NAME: &str = "digits.ipynb";

pub(crate) fn demo(args: &DemoArgs, terminal: &Terminal) -> Result<Exit, Failure> {
    if let Some(output) = &args.output {
        write::check_target(output)?;
    }
    let runtime = executors::runtime()?;
    let folder = tempfile::tempdir().map_err(|error| {
        Failure::new(format!("cannot make a temporary folder: {error}")).help("set TMPDIR to a folder where there is space")
    })?;
    let input = input::parse(folder.path().join(NAME), NOTEBOOK.to_vec())?;
    let story = Story { input: &input, terminal, folder: folder.path() };
    story.begin()?;
    let (analysis, block) = story.plan()?;
    runtime.block_on(async {
        let signals = Signals::listen();
        let python = tokio::select! {
            python = story.environment(args) => python?,
            () = signals.first.cancelled() => return Err(Failure::new("interrupted").ends(Exit::Interrupted)),
        };
        story.heading("All cells here")?;
        let here = story.run(&python, Vec::new(), &signals).await?;
        story.heading(&format!("Once more, with {} in another process", cells::named(&block.cells)))?;
        let moves = session::segments(&input.notebook, &block.cells).into_iter().map(|cells| Move {
            plan: analysis.plan(&cells, After::FollowingCells),
            executor: Executor::local(),
            because: String::new(),
            everything: false,
            force: false,
            stay: None,
            again: None,
        });
        let moved = story.run(&python, moves.collect(), &signals).await?;
        if let Some(output) = &args.output {
            save::write(output, &write::render(&input, &moved.1, None)?, "the notebook")?;
        }
        story.compare(&here, &moved)
    })
}

/// What the demo works on.
struct Story<'a> {
    input: &'a Input,
    terminal: &'a Terminal,
    folder: &'a Path,
}

impl Story<'_> {
    fn heading(&self, title: &str) -> Result<(), Failure> {
        self.terminal.print(&format!("\n{HELP}--- {title} {}{HELP:#}\n", "-".repeat(WIDTH.saturating_sub(title.len() + 5))))
    }

    fn prose(&self, text: &str) -> Result<(), Failure> {
        self.terminal.print(&wrap(text, "", "", WIDTH))
    }

    fn begin(&self) -> Result<(), Failure> {
        self.terminal.print(&format!("{STRONG}nbhoist demo{STRONG:#}\n"))?;
        let code = self.input.notebook.code_cells().count();
        self.prose(&format!(
            "A notebook that reads handwritten digits: {code} code cells, a few of which take nearly all of the time. These \
             will run in another process, with only the state they need, and their results will come back."
        ))
    }

    /// Findings and plan, both before anything runs.
    fn plan(&self) -> Result<(Analysis, Plan), Failure> {
        let analysis = analysis::analyze(self.input, &Settings::default());
        self.heading("Findings")?;
        if analysis.findings.is_empty() {
            self.prose("Nothing wrong in this notebook.")?;
        }
        for finding in &analysis.findings {
            let line = self.input.notebook.cell(finding.cell).map_or(1, |cell| frame::position(&cell.source, finding.start).0);
            self.terminal.print(&frame::finding(NAME, &self.input.notebook, (finding, line), None, None))?;
        }
        let marked = marked_blocks(&self.input.notebook).into_iter().next();
        let Some((_, cells)) = marked else {
            return Err(Failure::new("the built-in notebook marks no block"));
        };
        let mut block = analysis.plan(&cells, After::FollowingCells);
        // On one machine nothing is gained by moving; that it works is what is shown.
        let text = "the demo moves this block to show how; a real gain needs a faster machine".to_owned();
        let because = vec![Because { text, cell: cells[0], start: 0, end: 0 }];
        block.decision = Decision { executor: "local".to_owned(), gain: None, because };
        self.heading("Plan")?;
        self.terminal.print(&plan::view(NAME, &self.input.notebook, &block, self.terminal.verbose > 0))?;
        Ok((analysis, block))
    }

    /// The interpreter of the demo's environment, made when it is not there yet.
    async fn environment(&self, args: &DemoArgs) -> Result<PathBuf, Failure> {
        self.heading("Python")?;
        if let Some(ready) = &args.environment {
            let python = session::find_python(Some(ready)).await?;
            self.prose(&format!("Using {} as it is.", python.display()))?;
            return Ok(python);
        }
        let failed = |text: String| Failure::from_text(&text);
        let base = python::find_base(args.python.as_deref()).await.map_err(|error| failed(error.to_string()))?;
        let bar = spinner("looking for the environment", self.terminal);
        let mut created = false;
        let terminal = self.terminal;
        let mut on_step = |step: Step| match step {
            Step::Waiting => bar.set_message("another nbhoist prepares the same environment"),
            Step::Creating { path } => {
                created = true;
                let text = format!("Preparing an environment, once, in {}", path.display());
                bar.suspend(|| {
                    let _ = terminal.print(&wrap(&text, "", "", WIDTH));
                });
                bar.set_message("creating the environment");
            }
            Step::Installing { line } => bar.set_message(shorten(line.trim(), 60)),
            Step::Ready => bar.set_message("ready"),
        };
        let python = environment::ensure(REQUIREMENTS, &base.path, &mut on_step).await;
        bar.finish_and_clear();
        let python = python.map_err(|error| failed(error.to_string()))?;
        let word = if created { "Created" } else { "Ready" };
        self.prose(&format!("{word}: Python {} with pinned packages, {}", base.version, python.display()))?;
        Ok(python)
    }

    /// One run of the notebook.
    async fn run(&self, python: &Path, moves: Vec<Move>, signals: &Signals) -> Result<(Outcome, Outputs), Failure> {
        let job = Job {
            notebook: &self.input.notebook,
            name: NAME.to_owned(),
            folder: self.folder.to_path_buf(),
            python: python.to_path_buf(),
            moves,
            auto: None,
            timeout: None,
            weighed: std::collections::BTreeMap::new(),
        };
        let show = match (self.terminal.quiet, self.terminal.verbose) {
            (true, _) | (false, 0) => Show::Nothing,
            (false, 1) => Show::Ended,
            _ => Show::Live,
        };
        let mut display = Display::new(&self.input.notebook, show, job.places(), self.terminal);
        display.say("starting the kernel");
        let outcome = session::run(&job, signals, &mut |event| display.event(event)).await?;
        let notes = display.finish();
        match &outcome.ended {
            Ended::Done => {}
            Ended::Failed { cell, exception } => {
                anstream::eprintln!("\n{}\n", scrub_output(&exception.traceback.join("\n")));
                let failure = Failure::new(format!("cell {cell} raised {}: {}", exception.ename, exception.evalue));
                return Err(failure.at(format!("{NAME}:cell {cell}")).ends(Exit::Findings));
            }
            Ended::TimedOut { .. } | Ended::Interrupted { .. } => {
                return Err(Failure::new("interrupted").ends(Exit::Interrupted));
            }
        }
        let time: f64 = outcome.cells.iter().map(|cell| cell.seconds).sum();
        self.prose(&format!("{} in {}.", capital(&count(outcome.cells.len(), "cell")), seconds(time)))?;
        for note in notes {
            self.prose(&format!("note: {note}"))?;
        }
        Ok((outcome, display.outputs))
    }

    /// Cell by cell, then the numbers.
    fn compare(&self, here: &(Outcome, Outputs), moved: &(Outcome, Outputs)) -> Result<Exit, Failure> {
        self.heading("Results, cell by cell")?;
        let rows = compare::rows(here, moved);
        self.terminal.print(&compare::table(&rows))?;
        let mut text = String::new();
        for block in &moved.0.moved {
            let _ = writeln!(text, "\n{STRONG}{} on {}{STRONG:#}", capital(&cells::named(&block.cells)), block.executor);
            text.push_str(&summary::state(&block.report));
            text.push_str(&summary::times(block));
        }
        let different: Vec<u32> = rows.iter().filter(|row| !row.equal).map(|row| row.cell).collect();
        let exit = if different.is_empty() {
            let _ = writeln!(text, "\n{GOOD}Equal{GOOD:#}: all {} cells gave the same outputs both times.", rows.len());
            Exit::Success
        } else {
            let _ = writeln!(text, "\n{ERROR}Different{ERROR:#} outputs in {}.", cells::named(&different));
            Exit::Findings
        };
        if exit == Exit::Success && !self.terminal.quiet {
            text.push_str("\nNext:  nbhoist check .\n       nbhoist plan YOUR.ipynb --cells 3-5\n       nbhoist run YOUR.ipynb --cells 3-5 --on local -o OUT.ipynb\n");
        }
        self.terminal.print(&text)?;
        Ok(exit)
    }
}

fn capital(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
}
