//! Standard output and the choices that hold for every command.

use std::io::{IsTerminal, Write};

use crate::args::{Color, Global, OutputFormat};
use crate::error::Failure;

/// The widest a line of prose gets, in columns.
pub(crate) const WIDTH: usize = 80;

/// Where results go and how much is said.
#[derive(Clone, Debug)]
pub(crate) struct Terminal {
    pub(crate) format: OutputFormat,
    pub(crate) quiet: bool,
    pub(crate) verbose: u8,
}

impl Terminal {
    pub(crate) fn new(global: &Global) -> Self {
        let choice = match global.color {
            Color::Auto => anstream::ColorChoice::Auto,
            Color::Always => anstream::ColorChoice::Always,
            Color::Never => anstream::ColorChoice::Never,
        };
        choice.write_global();
        Self { format: global.output_format, quiet: global.quiet, verbose: global.verbose }
    }

    /// Writes results.
    #[expect(clippy::unused_self, reason = "results go where the terminal is")]
    pub(crate) fn print(&self, text: &str) -> Result<(), Failure> {
        let mut out = anstream::stdout();
        out.write_all(text.as_bytes()).and_then(|()| out.flush()).map_err(|error| Failure::output(&error))
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

/// The start of a text, with `...` where something is left out.
pub(crate) fn shorten(text: &str, width: usize) -> String {
    if text.chars().count() <= width {
        return text.to_owned();
    }
    let kept: String = text.chars().take(width.saturating_sub(3)).collect();
    format!("{}...", kept.trim_end())
}

/// A size a person reads: `812 B`, `3.4 kB`, `120 MB`.
pub(crate) fn bytes(bytes: u64) -> String {
    let mut value = bytes as f64;
    if bytes < 1000 {
        return format!("{bytes} B");
    }
    for unit in ["kB", "MB", "GB"] {
        value /= 1000.0;
        if value < 999.5 {
            return if value < 10.0 { format!("{value:.1} {unit}") } else { format!("{value:.0} {unit}") };
        }
    }
    format!("{:.1} TB", value / 1000.0)
}

/// A time a person reads: `3 ms`, `1.4 s`, `2 min 5 s`, `3 h 20 min`.
pub(crate) fn seconds(seconds: f64) -> String {
    if seconds < 0.0005 {
        return "0 ms".to_owned();
    }
    if seconds < 0.9995 {
        return format!("{:.0} ms", seconds * 1000.0);
    }
    if seconds < 9.95 {
        return format!("{seconds:.1} s");
    }
    if seconds < 119.5 {
        return format!("{seconds:.0} s");
    }
    #[expect(clippy::cast_sign_loss, reason = "negative times were answered above")]
    let whole = seconds.round() as u64;
    if whole < 2 * 3600 {
        return format!("{} min {} s", whole / 60, whole % 60);
    }
    format!("{} h {} min", whole / 3600, whole % 3600 / 60)
}

/// `1 cell`, `2 cells`.
pub(crate) fn count(number: usize, word: &str) -> String {
    if number == 1 { format!("1 {word}") } else { format!("{number} {word}s") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_and_times_read_well() {
        let sizes = [0, 999, 1000, 9_940, 10_400, 999_600, 4_200_000_000, 2_500_000_000_000];
        assert_eq!(sizes.map(bytes), ["0 B", "999 B", "1.0 kB", "9.9 kB", "10 kB", "1.0 MB", "4.2 GB", "2.5 TB"]);
        let times = [0.0, 0.0034, 0.9996, 9.94, 9.96, 119.0, 125.2, 7199.9, 12_000.0];
        let read = ["0 ms", "3 ms", "1.0 s", "9.9 s", "10 s", "119 s", "2 min 5 s", "2 h 0 min", "3 h 20 min"];
        assert_eq!(times.map(seconds), read);
    }

    #[test]
    fn prose_is_wrapped_at_words() {
        assert_eq!(wrap("one two  three four", "- ", "  ", 9), "- one two\n  three\n  four\n");
        assert_eq!(wrap("averyverylongword x", "", "", 5), "averyverylongword\nx\n");
        assert_eq!((shorten("abcdef", 6), shorten("abcdefg", 6)), ("abcdef".to_owned(), "abc...".to_owned()));
    }
}
