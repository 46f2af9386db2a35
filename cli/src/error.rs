//! What went wrong: what, where, and what to do.

use std::fmt::Write as _;
use std::process::ExitCode;

use anstyle::{AnsiColor, Style};

pub(crate) const ERROR: Style = AnsiColor::Red.on_default().bold();
pub(crate) const WARNING: Style = AnsiColor::Yellow.on_default().bold();
pub(crate) const HELP: Style = AnsiColor::Cyan.on_default().bold();
pub(crate) const STRONG: Style = Style::new().bold();
pub(crate) const FAINT: Style = Style::new().dimmed();
pub(crate) const GOOD: Style = AnsiColor::Green.on_default().bold();

/// How the command ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Exit {
    /// Everything as it should be.
    Success,
    /// Findings, a failing cell, results that differ.
    Findings,
    /// The command could not do its work.
    CouldNotRun,
    /// Ctrl-C.
    Interrupted,
}

impl Exit {
    pub(crate) fn code(self) -> ExitCode {
        ExitCode::from(match self {
            Self::Success => 0,
            Self::Findings => 1,
            Self::CouldNotRun => 2,
            Self::Interrupted => 130,
        })
    }
}

/// A failure, ready to be shown.
#[derive(Debug)]
pub(crate) struct Failure {
    /// One sentence without a full stop.
    what: String,
    /// File, line, cell; as much as is known.
    place: Option<String>,
    help: Option<String>,
    other_language: bool,
    /// How the command ends with it.
    pub(crate) exit: Exit,
}

impl Failure {
    pub(crate) fn new(what: impl Into<String>) -> Self {
        Self { what: what.into(), place: None, help: None, other_language: false, exit: Exit::CouldNotRun }
    }

    /// The notebook is fine, only not in Python.
    pub(crate) fn other_language(language: &str) -> Self {
        let failure = Self::new(format!("the notebook's language is {language}, nbhoist understands Python"));
        let help = "if its cells are Python, correct `language_info` and `kernelspec` in its metadata";
        Self { other_language: true, ..failure.help(help) }
    }

    pub(crate) const fn is_other_language(&self) -> bool {
        self.other_language
    }

    pub(crate) fn at(mut self, place: impl std::fmt::Display) -> Self {
        self.place = Some(place.to_string());
        self
    }

    /// Another way to end than "could not run".
    pub(crate) fn ends(mut self, exit: Exit) -> Self {
        self.exit = exit;
        self
    }

    /// A place for a failure that has none yet.
    pub(crate) fn or_at(self, place: impl std::fmt::Display) -> Self {
        if self.place.is_some() { self } else { self.at(place) }
    }

    pub(crate) fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }

    /// The reader of the output has gone: end without a word, as other tools do.
    pub(crate) fn output(error: &std::io::Error) -> Self {
        let exit = if error.kind() == std::io::ErrorKind::BrokenPipe { Exit::Success } else { Exit::CouldNotRun };
        let failure = Self::new(format!("cannot write the output: {error}"));
        Self { exit, ..failure }
    }

    /// Prints it on standard error.
    pub(crate) fn print(&self) {
        if self.exit != Exit::Success {
            terminal_message("error", ERROR, &self.what, self.place.as_deref(), self.help.as_deref());
        }
    }

    /// As JSON.
    pub(crate) fn json(&self) -> serde_json::Value {
        serde_json::json!({"message": self.what, "place": self.place, "help": self.help})
    }
}

/// A warning on standard error, in the shape of the errors.
pub(crate) fn warn(what: &str, place: Option<&str>, help: Option<&str>) {
    terminal_message("warning", WARNING, what, place, help);
}

fn terminal_message(word: &str, style: Style, what: &str, place: Option<&str>, help: Option<&str>) {
    let mut text = format!("{style}{word}{style:#}: {what}\n");
    if let Some(place) = place {
        let _ = writeln!(text, "  {place}");
    }
    if let Some(help) = help {
        let _ = writeln!(text, "  {HELP}help{HELP:#}: {help}");
    }
    anstream::eprint!("{}", crate::scrub::scrub(&text));
}

impl Failure {
    /// A failure of a library whose text says what, and after a semicolon or on further lines what to do.
    pub(crate) fn from_text(text: &str) -> Self {
        let text = text.trim();
        let Some(cut) = end_of_first_part(text) else { return Self::new(text) };
        let help = text[cut..].trim_start_matches([';', ' ', '\n']).replace('\n', "\n        ");
        Self::new(&text[..cut]).help(help)
    }

    /// What to do about it.
    pub(crate) fn advice(&self) -> Option<&str> {
        self.help.as_deref()
    }

    /// What went wrong, in one sentence.
    pub(crate) fn message(&self) -> &str {
        &self.what
    }
}

/// Where the first line or the first part before a semicolon ends. What stands in brackets belongs together.
fn end_of_first_part(text: &str) -> Option<usize> {
    let mut depth = 0_u32;
    for (index, c) in text.char_indices() {
        match c {
            '(' => depth += 1,
            ')' => depth = depth.saturating_sub(1),
            '\n' => return Some(index),
            ';' if depth == 0 && text[index..].starts_with("; ") => return Some(index),
            _ => {}
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_of_libraries_are_cut_into_what_and_help() {
        let parts = |text: &str| {
            let failure = Failure::from_text(text);
            (failure.what, failure.help)
        };
        assert_eq!(parts("no Python; install it"), ("no Python".to_owned(), Some("install it".to_owned())));
        assert_eq!(parts("it died (code 1; words)"), ("it died (code 1; words)".to_owned(), None));
        assert_eq!(parts("a\nb\nc"), ("a".to_owned(), Some("b\n        c".to_owned())));
    }
}
