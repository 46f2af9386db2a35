//! The reference of the command line: what `--help` says, for every command.

use std::fmt::Write as _;

use clap::CommandFactory as _;

use super::NOTE;
use crate::args::Args;

/// Columns of the help texts.
const WIDTH: usize = 100;

pub(super) fn page() -> String {
    let mut command = Args::command().term_width(WIDTH).max_term_width(WIDTH);
    command.build();
    let mut text = format!("{NOTE}# Command line\nWhat `nbhoist --help` and `nbhoist COMMAND --help` say.\n");
    section(&mut text, "nbhoist", &mut command);
    text.push_str("\nEvery command takes the global options, too.\n");
    for command in command.get_subcommands_mut().filter(|command| !command.is_hide_set() && command.get_name() != "help") {
        let name = format!("nbhoist {}", command.get_name());
        let mut command = command.clone().mut_args(|argument| if argument.is_global_set() { argument.hide(true) } else { argument });
        section(&mut text, &name, &mut command);
    }
    text
}

fn section(text: &mut String, name: &str, command: &mut clap::Command) {
    let help = command.render_long_help().to_string();
    let _ = write!(text, "\n## {name}\n```text\n");
    for line in help.trim_end().lines() {
        let _ = writeln!(text, "{}", line.trim_end());
    }
    text.push_str("```\n");
}
