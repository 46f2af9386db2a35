//! Positions as editors count them and byte offsets as the analysis counts them.

use nbhoist_analyzer::text_index::TextIndex;

/// In what units an editor counts the characters of a line.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Encoding {
    /// Bytes.
    Utf8,
    /// UTF-16 code units; what every client understands.
    #[default]
    Utf16,
    /// Characters.
    Utf32,
}

impl Encoding {
    /// The cheapest of those that a client offers, by the words of the protocol.
    pub(crate) fn choose<'a>(offered: impl Iterator<Item = &'a str>) -> Self {
        let known = offered.filter_map(|word| match word {
            "utf-8" => Some(Self::Utf8),
            "utf-16" => Some(Self::Utf16),
            "utf-32" => Some(Self::Utf32),
            _ => None,
        });
        known.min_by_key(|encoding| *encoding as u8).unwrap_or_default()
    }

    /// The word of the protocol.
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Utf8 => "utf-8",
            Self::Utf16 => "utf-16",
            Self::Utf32 => "utf-32",
        }
    }

    fn width(self, character: char) -> usize {
        match self {
            Self::Utf8 => character.len_utf8(),
            Self::Utf16 => character.len_utf16(),
            Self::Utf32 => 1,
        }
    }
}

/// A place between two characters of a text.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Position {
    /// Line, from 0.
    pub(crate) line: u32,
    /// Units of the encoding before it on its line.
    pub(crate) column: u32,
}

/// From a position up to another one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) struct Span {
    /// First.
    pub(crate) start: Position,
    /// Behind the last.
    pub(crate) end: Position,
}

/// The byte offset of a position. One that is outside the text counts as the nearest one inside, as the protocol wants it.
pub(crate) fn offset(text: &str, position: Position, encoding: Encoding) -> usize {
    let Some((start, line)) = lines(text).nth(position.line as usize) else { return text.len() };
    let mut units = position.column as usize;
    for (index, character) in line.char_indices() {
        let width = encoding.width(character);
        // A position inside a character counts as its start.
        if units < width {
            return start + index;
        }
        units -= width;
    }
    start + line.len()
}

/// The position of a byte offset.
pub(crate) fn position(text: &str, offset: usize, encoding: Encoding) -> Position {
    let offset = floor(text, offset);
    let mut place = Position::default();
    for (number, (start, line)) in lines(text).enumerate() {
        if start > offset {
            break;
        }
        let inside = line.get(..offset - start).unwrap_or(line);
        let column: usize = inside.chars().map(|character| encoding.width(character)).sum();
        place = Position { line: number as u32, column: column as u32 };
    }
    place
}

/// The index of a text for many positions; it gives what [`position`] gives.
pub(crate) fn index(text: &str, encoding: Encoding) -> TextIndex<'_> {
    let width = match encoding {
        Encoding::Utf8 => |character: char| Encoding::Utf8.width(character),
        Encoding::Utf16 => |character: char| Encoding::Utf16.width(character),
        Encoding::Utf32 => |character: char| Encoding::Utf32.width(character),
    };
    TextIndex::new(text, lines(text).map(|(start, line)| (start, start + line.len())), width)
}

/// The positions of a byte range.
pub(crate) fn span(text: &str, start: usize, end: usize, encoding: Encoding) -> Span {
    Span { start: position(text, start, encoding), end: position(text, end.max(start), encoding) }
}

/// The nearest boundary between characters that is not behind `offset`.
pub(crate) fn floor(text: &str, offset: usize) -> usize {
    let mut offset = offset.min(text.len());
    while !text.is_char_boundary(offset) {
        offset -= 1;
    }
    offset
}

/// Lines without their ends, with the offset at which each starts. Ends are `\n`, `\r\n` and `\r`; there is a line
/// behind the last end.
pub(crate) fn lines(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let mut start = Some(0);
    std::iter::from_fn(move || {
        let from = start?;
        let rest = &text[from..];
        let Some(end) = rest.find(['\n', '\r']) else {
            start = None;
            return Some((from, rest));
        };
        let length = if rest[end..].starts_with("\r\n") { 2 } else { 1 };
        start = Some(from + end + length);
        Some((from, &rest[..end]))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "a\r\nb\u{e9}\u{1f600}c\rd\n";

    #[test]
    fn an_index_gives_the_same_positions() {
        for encoding in [Encoding::Utf8, Encoding::Utf16, Encoding::Utf32] {
            for text in [TEXT, "", "a", "\n", "\u{e9}\r\n"] {
                let index = index(text, encoding);
                for offset in 0..=text.len() + 1 {
                    let (line, column) = index.position(offset);
                    let found = Position { line: line as u32, column: column as u32 };
                    assert_eq!(found, position(text, offset, encoding), "{text:?} {offset}");
                }
            }
        }
    }

    #[test]
    fn offsets_and_positions_are_inverse() {
        for encoding in [Encoding::Utf8, Encoding::Utf16, Encoding::Utf32] {
            for (index, character) in TEXT.char_indices() {
                if !matches!(character, '\n' | '\r') {
                    assert_eq!(offset(TEXT, position(TEXT, index, encoding), encoding), index, "{encoding:?} {index}");
                }
            }
            assert_eq!(offset(TEXT, position(TEXT, TEXT.len(), encoding), encoding), TEXT.len());
        }
    }

    #[test]
    fn columns_count_in_units() {
        let c = TEXT.find('c').unwrap();
        let column = |encoding| position(TEXT, c, encoding).column;
        assert_eq!([column(Encoding::Utf8), column(Encoding::Utf16), column(Encoding::Utf32)], [7, 4, 3]);
        assert_eq!(position(TEXT, TEXT.len(), Encoding::Utf16), Position { line: 3, column: 0 });
    }

    #[test]
    fn what_is_outside_is_clamped() {
        let at = |line, column| offset(TEXT, Position { line, column }, Encoding::Utf16);
        assert_eq!((at(0, 99), at(9, 0), at(1, 3)), (1, TEXT.len(), TEXT.find('\u{1f600}').unwrap()));
    }

    #[test]
    fn the_cheapest_offer_is_taken() {
        let chosen = |offers: &[&str]| Encoding::choose(offers.iter().copied()).as_str();
        assert_eq!(
            (chosen(&["utf-16", "utf-8"]), chosen(&["utf-32"]), chosen(&["x"]), chosen(&[])),
            ("utf-8", "utf-32", "utf-16", "utf-16")
        );
    }
}
