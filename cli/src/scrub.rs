//! Text of notebooks, repositories and executors, without what would steer a terminal.
//!
//! Colours and links are ours and stay. Everything else that a terminal obeys (its title, its clipboard, answers it would type, the
//! cursor, the screen) becomes U+FFFD, and so do the other control characters.

use std::borrow::Cow;

/// What may be shown of results.
pub(crate) fn scrub(text: &str) -> Cow<'_, str> {
    cleaned(text, "m", &['\n', '\t'])
}

/// What may be shown of a cell's output, in which progress bars go back in their line and up.
pub(crate) fn scrub_output(text: &str) -> Cow<'_, str> {
    cleaned(text, "mAK", &['\n', '\t', '\r', '\u{8}'])
}

fn cleaned<'t>(text: &'t str, finals: &str, controls: &[char]) -> Cow<'t, str> {
    if !text.chars().any(|c| c.is_control() && c != '\n') {
        return Cow::Borrowed(text);
    }
    let mut clean = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(c) = rest.chars().next() {
        let length = if c == '\u{1b}' { sequence(rest, finals) } else { 0 };
        let (kept, after) = rest.split_at(if length > 0 { length } else { c.len_utf8() });
        let line_end = c == '\r' && after.starts_with('\n');
        if length > 0 || !c.is_control() || controls.contains(&c) || line_end {
            clean.push_str(kept);
        } else {
            clean.push('\u{fffd}');
        }
        rest = after;
    }
    Cow::Owned(clean)
}

/// How many bytes of `text`, which starts with an escape character, are a sequence that may stay; 0 when none.
fn sequence(text: &str, finals: &str) -> usize {
    if let Some(rest) = text.strip_prefix("\u{1b}[") {
        let parameters = rest.len() - rest.trim_start_matches(|c: char| c.is_ascii_digit() || c == ';').len();
        let last = rest[parameters..].chars().next();
        return if last.is_some_and(|last| finals.contains(last)) { 2 + parameters + 1 } else { 0 };
    }
    // A link: it ends with the string terminator and holds nothing that a terminal obeys.
    let Some(rest) = text.strip_prefix("\u{1b}]8;") else {
        return 0;
    };
    match rest.find(char::is_control) {
        Some(end) if rest[end..].starts_with("\u{1b}\\") => 4 + end + 2,
        _ => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn colours_and_links_stay() {
        for text in ["plain\n", "\u{1b}[1;31mred\u{1b}[0m\tx\r\n", "\u{1b}]8;;https://a.b\u{1b}\\rule\u{1b}]8;;\u{1b}\\"] {
            assert_eq!(scrub(text), text);
        }
    }

    #[test]
    fn what_steers_a_terminal_goes() {
        for (text, clean) in [
            ("\u{1b}]0;title\u{7}", "\u{fffd}]0;title\u{fffd}"),
            ("\u{1b}]52;c;aGk=\u{1b}\\", "\u{fffd}]52;c;aGk=\u{fffd}\\"),
            ("\u{1b}[2J\u{1b}c\u{1b}[6n", "\u{fffd}[2J\u{fffd}c\u{fffd}[6n"),
            ("seen\rgone\u{8}\u{9b}2J", "seen\u{fffd}gone\u{fffd}\u{fffd}2J"),
            ("\u{1b}[12", "\u{fffd}[12"),
        ] {
            assert_eq!(scrub(text), clean);
        }
    }

    #[test]
    fn progress_bars_of_a_cell_stay() {
        assert_eq!(scrub_output("\u{1b}[A\r50%\u{8}\u{1b}[K"), "\u{1b}[A\r50%\u{8}\u{1b}[K");
        assert_eq!(scrub_output("\u{1b}[2J\u{1b}]52;c;aGk=\u{7}"), "\u{fffd}[2J\u{fffd}]52;c;aGk=\u{fffd}");
    }
}
