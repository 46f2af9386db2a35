//! The comments of a cell that speak to nbhoist, and the lines on which none can stand.

use std::collections::BTreeSet;

use ruff_python_ast::token::TokenKind;
use ruff_text_size::{TextRange, TextSize};

use crate::syntax;

/// What separates one note in a comment from the next.
const SIGN: char = '#';

/// A comment `# nbhoist: ignore[...]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Note {
    /// From the sign to the closing bracket, in bytes of the cell.
    pub(super) start: usize,
    /// Behind the closing bracket, or behind `ignore`.
    pub(super) end: usize,
    /// Its line, from 0.
    pub(super) line: usize,
    /// Whether nothing but comments stands on its line.
    pub(super) alone: bool,
    /// What stands in the brackets, each with its range; without brackets nothing, which means everything.
    pub(super) words: Vec<(String, usize, usize)>,
}

/// What a cell's text says about comments.
#[derive(Clone, Debug, Default)]
pub(super) struct Comments {
    pub(super) notes: Vec<Note>,
    /// Comments that begin like a note and are none, from the sign to the end.
    pub(super) unclear: Vec<(usize, usize)>,
    /// Lines whose end lies in a string or a continued line; no comment fits there.
    pub(super) open: BTreeSet<usize>,
    /// Lines of magics and shell commands, to which a comment would be an argument.
    pub(super) escapes: BTreeSet<usize>,
    /// First line of code; what stands above it is the top of the cell.
    pub(super) top: usize,
    /// Byte at which each line starts.
    pub(super) lines: Vec<usize>,
}

impl Comments {
    pub(super) fn of(source: &str) -> Self {
        let mut comments =
            Self { lines: std::iter::once(0).chain(source.match_indices('\n').map(|(at, _)| at + 1)).collect(), ..Self::default() };
        let (body, python) = syntax::body(source);
        if python {
            comments.read_tokens(source, body);
        } else {
            comments.read_lines(source, body);
        }
        let is_top = |line: &str| line.is_empty() || line.starts_with(SIGN) || line.starts_with("%%");
        let lines = source.lines().map(str::trim_start);
        comments.top = lines.take_while(|line| is_top(line)).count();
        comments
    }

    /// The line (from 0) on which a byte stands.
    pub(super) fn line_of(&self, at: usize) -> usize {
        self.lines.partition_point(|&start| start <= at).saturating_sub(1)
    }

    /// The last line of the string or continued line in which this line ends.
    pub(super) fn closed_by(&self, line: usize) -> usize {
        (line..self.lines.len()).find(|line| !self.open.contains(line)).unwrap_or(line)
    }

    fn read_tokens(&mut self, source: &str, body: usize) {
        let range = TextRange::new(TextSize::try_from(body).unwrap_or_default(), TextSize::of(source));
        let parsed = syntax::parse_for_tokens(source, range);
        // Inside an interpolated string the line breaks are tokens of their own.
        let mut interpolated: Vec<usize> = Vec::new();
        for token in parsed.tokens() {
            let (kind, range) = token.as_tuple();
            let (start, end) = (range.start().to_usize(), range.end().to_usize());
            let Some(text) = source.get(start..end) else { continue };
            match kind {
                TokenKind::FStringStart | TokenKind::TStringStart => interpolated.push(self.line_of(start)),
                TokenKind::FStringEnd | TokenKind::TStringEnd => {
                    let first = interpolated.pop().unwrap_or_default();
                    let last = self.line_of(start);
                    self.open.extend(first..last);
                }
                TokenKind::Comment => self.read_comment(source, start, text),
                TokenKind::Newline | TokenKind::NonLogicalNewline | TokenKind::Indent | TokenKind::Dedent => {}
                _ => {
                    let (first, last) = (self.line_of(start), self.line_of(end.max(start + 1) - 1));
                    self.open.extend(first..last);
                    if kind == TokenKind::IpyEscapeCommand {
                        self.escapes.extend(first..=last);
                    }
                }
            }
        }
        let commented: BTreeSet<usize> = self.notes.iter().map(|note| note.line).collect();
        let continued = source.lines().enumerate().filter(|(line, text)| text.ends_with('\\') && !commented.contains(line));
        self.open.extend(continued.map(|(line, _)| line));
    }

    /// In other languages a line that starts with the sign is taken for a comment.
    fn read_lines(&mut self, source: &str, body: usize) {
        let first = self.line_of(body);
        self.escapes.extend(first..self.lines.len());
        for (line, text) in source.lines().enumerate().skip(first) {
            if text.trim_start().starts_with(SIGN) {
                self.read_comment(source, self.lines[line] + text.len() - text.trim_start().len(), text.trim_start());
            }
        }
    }

    fn read_comment(&mut self, source: &str, start: usize, comment: &str) {
        let line = self.line_of(start);
        let alone = source[self.lines[line]..start].trim().is_empty();
        let signs = comment.match_indices(SIGN);
        for (at, _) in signs {
            match note(comment, at, start, line, alone) {
                Some(note) => self.notes.push(note),
                None if begins_like_a_note(&comment[at..]) => self.unclear.push((start + at, start + comment.trim_end().len())),
                None => {}
            }
        }
    }
}

/// Whether somebody meant a note: `# nbhoist: ignore NBH202`, brackets that are empty or left open.
fn begins_like_a_note(comment: &str) -> bool {
    let own = comment[SIGN.len_utf8()..].trim_start().strip_prefix("nbhoist:");
    let rest = own.and_then(|own| own.trim_start().strip_prefix("ignore"));
    rest.is_some_and(|rest| rest.starts_with([' ', '\t', '[', '(', ':', '=']))
}

/// The note that begins with the sign at byte `at` of a comment.
fn note(comment: &str, at: usize, shift: usize, line: usize, alone: bool) -> Option<Note> {
    let rest = comment[at + SIGN.len_utf8()..].trim_start().strip_prefix("nbhoist:")?.trim_start().strip_prefix("ignore")?;
    let end = comment.len() - rest.len();
    let place = |end: usize, words| Some(Note { start: shift + at, end: shift + end, line, alone, words });
    let list = rest.trim_start();
    if list.is_empty() || list.starts_with(SIGN) {
        return place(end, Vec::new());
    }
    let list = list.strip_prefix('[')?;
    let mut from = comment.len() - list.len();
    let (list, _) = list.split_once(']')?;
    let close = from + list.len() + 1;
    let mut words = Vec::new();
    for item in list.split(',') {
        let word = item.trim();
        let start = shift + from + (item.len() - item.trim_start().len());
        if !word.is_empty() {
            words.push((word.to_owned(), start, start + word.len()));
        }
        from += item.len() + 1;
    }
    // An empty list names nothing; taken for everything it would hide more than was meant.
    if words.is_empty() { None } else { place(close, words) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(source: &str) -> Vec<String> {
        let shown = |note: &Note| {
            let words: Vec<_> = note.words.iter().map(|(word, start, end)| format!("{word}={}", &source[*start..*end])).collect();
            format!("{} {} {} {}", note.line, note.alone, &source[note.start..note.end], words.join(" "))
        };
        Comments::of(source).notes.iter().map(shown).collect()
    }

    #[test]
    fn notes_are_found_in_comments_only() {
        assert_eq!(words("f(x)  # nbhoist: ignore[A, b-c]  # why"), ["0 false # nbhoist: ignore[A, b-c] A=A b-c=b-c"]);
        assert_eq!(words("  #nbhoist:ignore"), ["0 true #nbhoist:ignore "]);
        assert_eq!(words("# x # nbhoist: ignore # y"), ["0 true # nbhoist: ignore "]);
        for none in ["s = '# nbhoist: ignore'", "'''\n# nbhoist: ignore\n'''", "# nbhoist: ignored", "# nbhoist: ignore []", "# ignore"] {
            assert_eq!(words(none), [""; 0], "{none}");
        }
    }

    #[test]
    fn what_begins_like_a_note_is_unclear() {
        let unclear = |source: &str| Comments::of(source).unclear;
        assert_eq!(unclear("x  # nbhoist: ignore NBH202 "), [(3, 27)]);
        for source in ["# nbhoist: ignore[]", "# nbhoist: ignore[A", "# nbhoist: ignore: A", "#nbhoist:ignore(A)"] {
            assert_eq!(unclear(source), [(0, source.len())]);
        }
        for source in ["# nbhoist: ignore", "# nbhoist: ignored", "# nbhoist: ignore[A]", "# nbhoist: block A", "# nbhoist: ignore # why"] {
            assert_eq!(unclear(source), [], "{source}");
        }
    }

    #[test]
    fn cells_of_other_languages_and_broken_ones_have_comments() {
        assert_eq!(words("%%bash\n# nbhoist: ignore[A]\npip install x"), ["1 true # nbhoist: ignore[A] A=A"]);
        assert_eq!(words("%%time\nx = 1 # nbhoist: ignore[A]"), ["1 false # nbhoist: ignore[A] A=A"]);
        assert_eq!(words("x = = 1 # nbhoist: ignore[A]"), ["0 false # nbhoist: ignore[A] A=A"]);
    }

    #[test]
    fn lines_that_take_no_comment() {
        let comments = Comments::of("a = '''\nb\n'''\nc = 1 + \\\n  2\nd = f\"\"\"{a}\n\"\"\"\n%time x\n# end");
        assert_eq!(comments.open, BTreeSet::from([0, 1, 3, 5]));
        assert_eq!(comments.escapes, BTreeSet::from([7]));
        assert_eq!([0, 2, 3, 4].map(|line| comments.closed_by(line)), [2, 2, 4, 4]);
    }

    #[test]
    fn the_top_ends_with_the_first_line_of_code() {
        for (source, top) in [("x", 0), ("# a\n\n# b\nx\n# c", 3), ("%%time\n# a\nx", 2), ("", 0)] {
            assert_eq!(Comments::of(source).top, top, "{source}");
        }
    }
}
