//! Standard output and the choices that hold for every command.

use std::io::{IsTerminal, Write};

pub(crate) use nbhoist_analyzer::words::{bytes, count, seconds, shorten};

use crate::args::{Color, Global, OutputFormat};
use crate::error::Failure;
use crate::scrub::scrub;

/// The widest a line of prose gets, in columns.
pub(crate) const WIDTH: usize = 80;

/// Where results go and how much is said.
#[derive(Clone, Debug)]
pub(crate) struct Terminal {
    pub(crate) format: OutputFormat,
    pub(crate) quiet: bool,
    pub(crate) verbose: u8,
    /// Whether text on standard output can be a link.
    pub(crate) links: bool,
}

/// Whether a variable of the environment says yes.
fn is_set(variable: &str) -> bool {
    std::env::var_os(variable).is_some_and(|value| !value.is_empty() && value != "0")
}

impl Terminal {
    pub(crate) fn new(global: &Global) -> Self {
        let choice = match global.color {
            // Of two wishes that contradict each other, the one for no colours counts, as in Python.
            Color::Auto if is_set("FORCE_COLOR") && !is_set("NO_COLOR") => anstream::ColorChoice::Always,
            Color::Auto => anstream::ColorChoice::Auto,
            Color::Always => anstream::ColorChoice::Always,
            Color::Never => anstream::ColorChoice::Never,
        };
        choice.write_global();
        let coloured = anstream::stdout().current_choice() != anstream::ColorChoice::Never;
        let links = coloured && supports_hyperlinks::on(supports_hyperlinks::Stream::Stdout);
        Self { format: global.output_format, quiet: global.quiet, verbose: global.verbose, links }
    }

    /// Text that leads to a page where the terminal can do that.
    pub(crate) fn link(&self, text: &str, page: &str) -> String {
        if self.links { format!("\u{1b}]8;;{page}\u{1b}\\{text}\u{1b}]8;;\u{1b}\\") } else { text.to_owned() }
    }

    /// Writes results; text of a notebook among them cannot steer the terminal.
    #[expect(clippy::unused_self, reason = "results go where the terminal is")]
    pub(crate) fn print(&self, text: &str) -> Result<(), Failure> {
        let mut out = anstream::stdout();
        let result = if out.current_choice() == anstream::ColorChoice::Never {
            // A program or a file gets every character but escape sequences. The stream would write each piece between two of them by itself.
            let text = anstream::adapter::strip_str(text).to_string();
            let mut out = std::io::stdout().lock();
            out.write_all(text.as_bytes()).and_then(|()| out.flush())
        } else {
            out.write_all(scrub(text).as_bytes()).and_then(|()| out.flush())
        };
        result.map_err(|error| Failure::output(&error))
    }

    /// Empties the screen, and what was scrolled out of it.
    #[expect(clippy::unused_self, reason = "results go where the terminal is")]
    pub(crate) fn clear(&self) -> Result<(), Failure> {
        let mut out = anstream::stdout();
        out.write_all(b"\x1b[2J\x1b[3J\x1b[H").and_then(|()| out.flush()).map_err(|error| Failure::output(&error))
    }

    /// Whether results are read by a program.
    pub(crate) const fn is_json(&self) -> bool {
        matches!(self.format, OutputFormat::Json | OutputFormat::JsonLines)
    }

    /// Whether moving progress bars make sense.
    pub(crate) fn draws_progress(&self) -> bool {
        !self.quiet && std::io::stderr().is_terminal()
    }

    /// One JSON value, on one line in `json-lines`.
    pub(crate) fn print_json(&self, value: &serde_json::Value) -> Result<(), Failure> {
        let text = if self.format == OutputFormat::JsonLines {
            value.to_string()
        } else {
            serde_json::to_string_pretty(value).unwrap_or_else(|_| value.to_string())
        };
        self.print(&format!("{text}\n"))
    }
}

/// Breaks prose into lines of at most `width` columns; the first line is preceded by `first`, the others by `rest`.
pub(crate) fn wrap(text: &str, first: &str, rest: &str, width: usize) -> String {
    let mut result = String::from(first);
    let mut column = first.chars().count();
    let mut fresh = true;
    for word in text.split_whitespace() {
        let length = word.chars().count();
        if !fresh && column + 1 + length > width {
            result.push('\n');
            result.push_str(rest);
            column = rest.chars().count();
            fresh = true;
        }
        if !fresh {
            result.push(' ');
            column += 1;
        }
        result.push_str(word);
        column += length;
        fresh = false;
    }
    result.push('\n');
    result
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prose_is_wrapped_at_words() {
        assert_eq!(wrap("one two  three four", "- ", "  ", 9), "- one two\n  three\n  four\n");
        assert_eq!(wrap("averyverylongword x", "", "", 5), "averyverylongword\nx\n");
    }
}
