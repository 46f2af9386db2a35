//! The `nbhoist` command.

mod analysis;
mod analyze;
mod args;
mod cells;
mod check;
mod completions;
mod demo;
mod docs;
mod error;
mod executors;
mod explain;
mod fetch;
mod frame;
mod graph;
mod input;
mod magic;
mod migrate;
mod plan;
mod remember;
mod run;
mod save;
mod scrub;
mod server;
mod terminal;
mod walk;

use std::process::ExitCode;

use clap::Parser;
use nbhoist_lsp::json;

use crate::args::{Args, Command};
use crate::error::{Exit, Failure};
use crate::terminal::Terminal;

/// The analysis makes very many small values, which the system's allocator is slow at.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Python nests as deeply as its author likes and the analysis follows it down; this is room for every depth that the
/// parser accepts. Only what is touched is ever allocated.
const STACK_BYTES: usize = 256 * 1024 * 1024;

fn main() -> ExitCode {
    let args = Args::parse();
    let terminal = Terminal::new(&args.global);
    let work = std::thread::Builder::new().name("main".to_owned()).stack_size(STACK_BYTES);
    let outcome = match work.spawn(move || dispatch(args.command, &terminal)) {
        Ok(thread) => thread.join(),
        Err(error) => {
            Failure::new(format!("cannot start a thread: {error}")).help("free some memory").print();
            return Exit::CouldNotRun.code();
        }
    };
    match outcome {
        Ok(Ok(exit)) => exit.code(),
        Ok(Err(failure)) => {
            failure.print();
            failure.exit.code()
        }
        // The panic has printed its own message.
        Err(_) => Exit::CouldNotRun.code(),
    }
}

fn dispatch(command: Command, terminal: &Terminal) -> Result<Exit, Failure> {
    if terminal.format.is_report() && !matches!(command, Command::Check(_)) {
        return Err(Failure::new("only `nbhoist check` writes this format").help("use full, concise, json or json-lines"));
    }
    match command {
        Command::Check(args) => check::check(&args, terminal),
        Command::Analyze(args) => analyze::analyze(&args, terminal),
        Command::Plan(args) => plan::plan(&args, terminal),
        Command::Run(args) => run::run(&args, terminal),
        Command::Migrate(args) => migrate::migrate(&args, terminal),
        Command::Graph(args) => graph::graph(&args, terminal),
        Command::Demo(args) => demo::demo(&args, terminal),
        Command::Executors(args) => executors::executors(&args, terminal),
        Command::Server(args) => server::server(&args),
        Command::Magic => magic::magic(),
        Command::Fetch(args) => Ok(fetch::fetch(&args)),
        Command::Explain(args) => explain::explain(&args, terminal),
        Command::GenerateDocs(args) => docs::generate(&args, terminal),
        Command::Completions(args) => completions::completions(&args, terminal),
    }
}
