//! `nbhoist migrate`.

use std::collections::BTreeMap;
use std::path::PathBuf;

use nbhoist_analyzer::After;
use nbhoist_analyzer::notebook::Cell;
use nbhoist_executor::kernel::Kernel;

use crate::analysis::Asked;
use crate::args::MigrateArgs;
use crate::error::{Exit, Failure};
use crate::input::Input;
use crate::run::display::{Display, Show};
use crate::run::session::{Ended, Job, Move, Outcome, move_block, runs};
use crate::run::signals::Signals;
use crate::run::{refuse, summary};
use crate::scrub::scrub_output;
use crate::terminal::{Terminal, WIDTH, wrap};
use crate::{analysis, cells, executors, input, remember};

pub(crate) fn migrate(args: &MigrateArgs, terminal: &Terminal) -> Result<Exit, Failure> {
    let input = input::read(&args.notebook)?;
    let settings = analysis::settings(&input.folder(), terminal.quiet)?;
    let executor = executors::named(&args.on, &settings)?;
    let block = cells::block(&args.block, &input.notebook).map_err(|failure| failure.at(input.name()))?;
    let block = block.ok_or_else(|| {
        Failure::new("it is not said which cells to move").help("name them with --cells, for example --cells 8-10, or with --block")
    })?;
    let members: Vec<&Cell> = input.notebook.code_cells().filter(|cell| block.contains(&cell.number) && runs(cell)).collect();
    let numbers: Vec<u32> = members.iter().map(|cell| cell.number).collect();
    if numbers.is_empty() {
        return Err(Failure::new(format!("{} hold nothing to run", cells::named(&block))).at(input.name()));
    }
    // A person is at the keyboard: any cell may run next.
    let before = remember::measurements(&input, &settings);
    let analysis = analysis::analyze_for(&input, &settings, Asked { on: Some(&args.on), measurements: before.clone(), ..Asked::default() });
    let plan = analysis.plan(&numbers, After::Anything);
    refuse(&plan)?;
    let moved = Move { plan, executor, because: String::new(), everything: true, force: args.force, stay: None, again: None };
    let job = Job {
        notebook: &input.notebook,
        name: input.name(),
        folder: input.folder(),
        python: PathBuf::new(),
        moves: vec![moved],
        auto: None,
        timeout: None,
        weighed: BTreeMap::new(),
    };
    let show = match (terminal.quiet || terminal.is_json(), terminal.verbose) {
        (true, _) => Show::Nothing,
        (false, 0) => Show::Ended,
        (false, _) => Show::Live,
    };
    let runtime = executors::runtime()?;
    let mut display = Display::new(&input.notebook, show, job.places(), terminal);
    display.expect(&analysis, |number| numbers.contains(&number));
    job.moves.iter().for_each(|block| display.expect_at(&block.plan, &block.executor.name));
    let outcome = runtime.block_on(work(args, &job, &members, &mut display))?;
    remember::record(&input, &settings, &analysis, &before, &outcome);
    let notes = display.finish();
    if terminal.is_json() {
        terminal.print_json(&summary::json(&input.name(), &outcome, None))?;
    } else if !terminal.quiet {
        let mut text = summary::summary(&outcome);
        notes.iter().for_each(|note| text.push_str(&wrap(note, "note: ", "      ", WIDTH)));
        terminal.print(&text)?;
    }
    end(&outcome.ended, &input)
}

async fn work(args: &MigrateArgs, job: &Job<'_>, members: &[&Cell], display: &mut Display<'_>) -> Result<Outcome, Failure> {
    let signals = Signals::listen();
    display.say("attaching to the kernel");
    let attached = Kernel::attach(&args.kernel).await;
    let mut kernel = attached.map_err(|error| Failure::from_text(&error.to_string()).or_at(args.kernel.display()))?;
    let mut outcome = Outcome::nothing();
    let mut on_event = |event| display.event(event);
    let ended = move_block(job, &job.moves[0], members, &mut kernel, &signals, &mut on_event, &mut outcome).await?;
    outcome.ended = ended;
    kernel.shutdown().await;
    Ok(outcome)
}

fn end(ended: &Ended, input: &Input) -> Result<Exit, Failure> {
    match ended {
        Ended::Done => Ok(Exit::Success),
        Ended::Failed { cell, exception } => {
            if !exception.traceback.is_empty() {
                anstream::eprintln!("\n{}\n", scrub_output(&exception.traceback.join("\n")));
            }
            let evalue = exception.evalue.lines().next().unwrap_or_default();
            let failure = Failure::new(format!("cell {cell} raised {}: {evalue}", exception.ename));
            let failure = failure.help("what was changed until then is in the kernel, as if the cells had run there");
            Err(failure.at(format!("{}:cell {cell}", input.name())).ends(Exit::Findings))
        }
        Ended::TimedOut { .. } | Ended::Interrupted { .. } => {
            Err(Failure::new("interrupted").at(input.name()).help("the kernel is as it was").ends(Exit::Interrupted))
        }
    }
}
