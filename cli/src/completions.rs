//! `nbhoist completions`.

use clap::CommandFactory;

use crate::args::{Args, CompletionsArgs};
use crate::error::{Exit, Failure};
use crate::terminal::Terminal;

pub(crate) fn completions(args: &CompletionsArgs, terminal: &Terminal) -> Result<Exit, Failure> {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut Args::command(), "nbhoist", &mut script);
    terminal.print(&String::from_utf8_lossy(&script))?;
    Ok(Exit::Success)
}
