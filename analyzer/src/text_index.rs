//! Lines and columns of many places in one text, each in logarithmic time.

/// A count of units is kept for every so many bytes.
const STEP: usize = 256;

/// The lines of a text, and how many units of an encoding stand before its parts.
#[derive(Clone, Debug)]
pub struct TextIndex<'t> {
    text: &'t str,
    /// Where each line begins and, without its end, ends; bytes.
    lines: Vec<(usize, usize)>,
    /// Units of the characters that begin before byte `STEP * index`. Empty for ASCII, where a unit is a byte.
    units: Vec<usize>,
    width: fn(char) -> usize,
}

impl<'t> TextIndex<'t> {
    /// The index of a text whose lines have these places (first byte, and the byte behind the last without the line's end). `width` gives the units
    /// that a character takes; those of ASCII take 1.
    pub fn new(text: &'t str, lines: impl IntoIterator<Item = (usize, usize)>, width: fn(char) -> usize) -> Self {
        let mut units = Vec::new();
        if !text.is_ascii() {
            let mut before = 0;
            for (at, character) in text.char_indices() {
                while units.len() * STEP <= at {
                    units.push(before);
                }
                before += width(character);
            }
            while units.len() * STEP <= text.len() {
                units.push(before);
            }
        }
        Self { text, lines: lines.into_iter().collect(), units, width }
    }

    /// The index of a text whose lines end with `\n`, in characters.
    pub fn of_characters(text: &'t str) -> Self {
        let mut start = 0;
        let lines = text.split('\n').map(move |line| {
            let from = start;
            start += line.len() + 1;
            (from, from + line.len())
        });
        Self::new(text, lines, |_| 1)
    }

    /// Line and column, both from 0, of a byte offset. Offsets inside a character, inside a line's end or behind the text count as the place before.
    pub fn position(&self, offset: usize) -> (usize, usize) {
        let offset = self.text.floor_char_boundary(offset);
        let line = self.lines.partition_point(|(start, _)| *start <= offset).saturating_sub(1);
        let Some(&(start, end)) = self.lines.get(line) else { return (0, 0) };
        (line, self.before(offset.min(end)).saturating_sub(self.before(start)))
    }

    /// Where the line of a byte offset begins and ends, bytes.
    pub fn line(&self, offset: usize) -> (usize, usize) {
        let (line, _) = self.position(offset);
        self.lines.get(line).copied().unwrap_or_default()
    }

    fn before(&self, offset: usize) -> usize {
        let Some(units) = self.units.get(offset / STEP) else { return offset };
        let from = self.text.ceil_char_boundary(offset / STEP * STEP).min(offset);
        units + self.text[from..offset].chars().map(self.width).sum::<usize>()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What the index gives is what counting from the start gives, around every multiple of the step.
    #[test]
    fn positions_are_those_of_counting() {
        let line = "ab\u{e9}\u{1f600}\u{4e2d}, ";
        for text in [line.repeat(300), format!("{}\n\n{}\nend", line.repeat(61), "x".repeat(700)), String::new(), "a\n".repeat(600)] {
            let lines = TextIndex::of_characters(&text).lines;
            for width in [char::len_utf8, char::len_utf16, |_| 1] {
                let index = TextIndex::new(&text, lines.clone(), width);
                for offset in 0..=text.len() + 2 {
                    let before = &text[..text.floor_char_boundary(offset)];
                    let start = before.rfind('\n').map_or(0, |newline| newline + 1);
                    let expected = (before.matches('\n').count(), before[start..].chars().map(width).sum());
                    assert_eq!(index.position(offset), expected, "{offset}");
                }
            }
        }
    }
}
