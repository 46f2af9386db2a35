//! JSON gone through without building values: what it takes for valid is valid, and what it does not is left to `serde_json`, which says what
//! is wrong and where. Strings, which are nearly all of a notebook, are passed over many bytes at a time.

/// A place in a text.
pub(super) struct Cursor<'a> {
    text: &'a str,
    at: usize,
    /// The line of this place, from 1. Strings of valid JSON hold no end of a line, so that those between values are all there are.
    line: u32,
}

/// Nothing where the text is not valid, or holds what is not followed here.
type Valid<T> = Option<T>;

/// The same byte eight times.
const fn eight(byte: u8) -> u64 {
    u64::from_ne_bytes([byte; 8])
}

/// The place of the first of eight bytes that is a quote, a backslash or a control character; 8 without one.
fn first_special(bytes: [u8; 8]) -> usize {
    let bytes = u64::from_le_bytes(bytes);
    let (quote, backslash) = (bytes ^ eight(b'"'), bytes ^ eight(b'\\'));
    // What is less than is taken from it borrows, and so has its first bit set then. Bytes above the first of them may have it by mistake; those
    // that are no ASCII had it before.
    let found = quote.wrapping_sub(eight(1)) | backslash.wrapping_sub(eight(1)) | bytes.wrapping_sub(eight(0x20));
    ((found & !bytes & eight(0x80)).trailing_zeros() / 8) as usize
}

/// So many bytes of a string are looked at before it counts as a long one, which pays for a search that takes longer to begin.
const SHORT: usize = 32;

impl<'a> Cursor<'a> {
    pub(super) const fn new(text: &'a str) -> Self {
        Self::at_line(text, 1)
    }

    /// The start of a text that begins on this line of a longer one.
    pub(super) const fn at_line(text: &'a str, line: u32) -> Self {
        Self { text, at: 0, line }
    }

    /// The line of this place, from 1.
    pub(super) const fn line(&self) -> u32 {
        self.line
    }

    /// The next byte that is no white space.
    #[inline]
    pub(super) fn peek(&mut self) -> Valid<u8> {
        let bytes = self.text.as_bytes();
        let mut byte = *bytes.get(self.at)?;
        if byte == b' ' {
            self.at += 1;
            byte = *bytes.get(self.at)?;
        }
        if byte > b' ' { Some(byte) } else { self.behind_white_space() }
    }

    #[inline(never)]
    fn behind_white_space(&mut self) -> Valid<u8> {
        let bytes = self.text.as_bytes();
        let mut at = self.at;
        let found = loop {
            match *bytes.get(at)? {
                b'\n' => {
                    at += 1;
                    self.line = self.line.saturating_add(1);
                    // Most lines are indented.
                    while let Some(next) = bytes.get(at..).and_then(<[u8]>::first_chunk) {
                        let others = u64::from_le_bytes(*next) ^ eight(b' ');
                        at += (others.trailing_zeros() / 8) as usize;
                        if others != 0 {
                            break;
                        }
                    }
                }
                b' ' | b'\r' | b'\t' => at += 1,
                byte => break byte,
            }
        };
        self.at = at;
        Some(found)
    }

    /// Whether nothing but white space is left.
    pub(super) fn is_at_end(&mut self) -> bool {
        self.peek().is_none()
    }

    fn take(&mut self, byte: u8) -> Valid<()> {
        (self.peek()? == byte).then(|| self.at += 1)
    }

    /// Goes through an object: `each` is given every key, without its quotes, and passes over the value behind it. A key with an escape is not
    /// followed.
    pub(super) fn members(&mut self, mut each: impl FnMut(&mut Self, &'a str) -> Valid<()>) -> Valid<()> {
        self.take(b'{')?;
        if self.peek()? == b'}' {
            return self.take(b'}');
        }
        loop {
            self.peek()?;
            let mut escaped = false;
            let key = self.string(|_, _, escape| escaped |= escape.is_some())?;
            if escaped {
                return None;
            }
            self.take(b':')?;
            each(self, &key[1..key.len() - 1])?;
            match self.peek()? {
                b',' => self.at += 1,
                _ => return self.take(b'}'),
            }
        }
    }

    /// Goes through a list: `each` passes over every element.
    pub(super) fn elements(&mut self, mut each: impl FnMut(&mut Self) -> Valid<()>) -> Valid<()> {
        self.take(b'[')?;
        if self.peek()? == b']' {
            return self.take(b']');
        }
        loop {
            each(self)?;
            match self.peek()? {
                b',' => self.at += 1,
                _ => return self.take(b']'),
            }
        }
    }

    /// The text that `inside` passes over, from the next value on.
    pub(super) fn spanned(&mut self, inside: impl FnOnce(&mut Self) -> Valid<()>) -> Valid<&'a str> {
        self.peek()?;
        let start = self.at;
        inside(self)?;
        self.text.get(start..self.at)
    }

    /// The text of a value, whatever it is.
    pub(super) fn value(&mut self) -> Valid<&'a str> {
        self.spanned(Self::skip)
    }

    /// Passes over a value. What is open stands on a stack of its own: nesting may be as deep as the text is long.
    fn skip(&mut self) -> Valid<()> {
        let mut open: Vec<u8> = Vec::new();
        loop {
            match self.peek()? {
                b'{' => {
                    self.at += 1;
                    if self.peek()? != b'}' {
                        open.push(b'}');
                        self.key()?;
                        continue;
                    }
                    self.at += 1;
                }
                b'[' => {
                    self.at += 1;
                    if self.peek()? != b']' {
                        open.push(b']');
                        continue;
                    }
                    self.at += 1;
                }
                _ => self.scalar()?,
            }
            loop {
                let Some(&close) = open.last() else { return Some(()) };
                match self.peek()? {
                    b',' => {
                        self.at += 1;
                        if close == b'}' {
                            self.key()?;
                        }
                        break;
                    }
                    byte if byte == close => {
                        self.at += 1;
                        open.pop();
                    }
                    _ => return None,
                }
            }
        }
    }

    fn key(&mut self) -> Valid<()> {
        self.peek()?;
        self.string(|_, _, _| ())?;
        self.take(b':')
    }

    fn scalar(&mut self) -> Valid<()> {
        let rest = &self.text.as_bytes()[self.at..];
        let length = match rest.first()? {
            b'"' => return self.string(|_, _, _| ()).map(|_| ()),
            b't' => rest.starts_with(b"true").then_some(4)?,
            b'f' => rest.starts_with(b"false").then_some(5)?,
            b'n' => rest.starts_with(b"null").then_some(4)?,
            _ => number_length(rest)?,
        };
        self.at += length;
        Some(())
    }

    /// Passes over the string that starts here and gives its text, quotes included. `each` is given where every piece of it without an escape
    /// begins and ends, and the letter of the escape behind that.
    #[inline]
    fn string(&mut self, mut each: impl FnMut(usize, usize, Option<u8>)) -> Valid<&'a str> {
        let bytes = self.text.as_bytes();
        let start = self.at;
        if bytes.get(start) != Some(&b'"') {
            return None;
        }
        let mut from = start + 1;
        loop {
            let at = special(bytes, from)?;
            match bytes[at] {
                b'"' => {
                    each(from, at, None);
                    self.at = at + 1;
                    return self.text.get(start..self.at);
                }
                b'\\' => {}
                // No string holds a control character as it is.
                _ => return None,
            }
            let letter = *bytes.get(at + 1)?;
            each(from, at, Some(letter));
            from = at
                + match letter {
                    b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't' => 2,
                    b'u' if bytes.get(at + 2..at + 6)?.iter().all(u8::is_ascii_hexdigit) => 6,
                    _ => return None,
                };
        }
    }

    /// Passes over the string that starts here, adds its value to a text and gives the number of newlines in it. A string with half a surrogate pair
    /// has no value.
    pub(super) fn read_string(&mut self, into: &mut String) -> Valid<Option<usize>> {
        let (text, before, mut has_number, mut newlines) = (self.text, into.len(), false, 0);
        let json = self.string(|from, to, escape| {
            into.push_str(&text[from..to]);
            match escape {
                Some(b'n') => {
                    into.push('\n');
                    newlines += 1;
                }
                Some(b't') => into.push('\t'),
                Some(b'r') => into.push('\r'),
                Some(b'b') => into.push('\u{8}'),
                Some(b'f') => into.push('\u{c}'),
                Some(b'u') => has_number = true,
                Some(byte) => into.push(char::from(byte)),
                None => {}
            }
        })?;
        if has_number {
            into.truncate(before);
            let Ok(value) = serde_json::from_str::<String>(json) else { return Some(None) };
            into.push_str(&value);
            newlines = memchr::memchr_iter(b'\n', value.as_bytes()).count();
        }
        Some(Some(newlines))
    }
}

/// Where the first quote, backslash or control character stands from here on.
#[inline(always)]
#[expect(clippy::inline_always, reason = "most strings are a few bytes long, and there is one on every line")]
fn special(bytes: &[u8], at: usize) -> Valid<usize> {
    // Most strings end with an escape, the end of a line.
    if *bytes.get(at)? == b'"' {
        return Some(at);
    }
    let Some(next) = bytes[at..].first_chunk::<SHORT>() else { return special_near_end(bytes, at) };
    for (index, eight) in next.as_chunks::<8>().0.iter().enumerate() {
        let found = first_special(*eight);
        if found < 8 {
            return Some(at + index * 8 + found);
        }
    }
    special_far_off(bytes, at + SHORT)
}

#[cold]
fn special_near_end(bytes: &[u8], at: usize) -> Valid<usize> {
    Some(at + bytes[at..].iter().position(|byte| matches!(byte, b'"' | b'\\') || *byte < 0x20)?)
}

#[inline(never)]
fn special_far_off(bytes: &[u8], at: usize) -> Valid<usize> {
    let length = memchr::memchr2(b'"', b'\\', bytes.get(at..)?)?;
    // Without an early end, and in whole blocks, it takes many bytes at a time; what the blocks hold more of was looked at before.
    let from = (at + length).checked_sub(length.next_multiple_of(SHORT))?;
    let blocks = bytes[from..at + length].as_chunks::<SHORT>().0.as_flattened();
    let least = blocks.iter().fold(u8::MAX, |least, byte| least.min(*byte));
    (least >= 0x20).then_some(at + length)
}

/// The length of the number that a text starts with.
fn number_length(bytes: &[u8]) -> Valid<usize> {
    let digits = |from: usize| bytes.get(from..).unwrap_or_default().iter().take_while(|byte| byte.is_ascii_digit()).count();
    let some_digits = |from: usize| Some(digits(from)).filter(|count| *count > 0);
    let start = usize::from(bytes.first() == Some(&b'-'));
    let mut at = start + some_digits(start)?;
    if bytes[start] == b'0' && at > start + 1 {
        return None;
    }
    if bytes.get(at) == Some(&b'.') {
        at += 1 + some_digits(at + 1)?;
    }
    if matches!(bytes.get(at), Some(b'e' | b'E')) {
        at += 1 + usize::from(matches!(bytes.get(at + 1), Some(b'+' | b'-')));
        at += some_digits(at)?;
    }
    Some(at)
}

#[cfg(test)]
mod tests {
    use serde::de::IgnoredAny;

    use super::Cursor;

    fn is_valid(text: &str) -> bool {
        let mut cursor = Cursor::new(text);
        cursor.value().is_some() && cursor.is_at_end()
    }

    fn agrees(text: &str) {
        assert_eq!(is_valid(text), serde_json::from_str::<IgnoredAny>(text).is_ok(), "{text:?}");
    }

    #[test]
    fn valid_json_is_what_serde_takes_for_it() {
        let texts = [
            "",
            " ",
            "1",
            "-0",
            "01",
            "1.",
            ".5",
            "1e5",
            "1e",
            "1E+3",
            "-",
            "1.5e-7",
            "+1",
            "1x",
            "NaN",
            "true",
            "tru",
            "trueish",
            "null",
            "{}",
            "[]",
            "[1,2]",
            "[1,]",
            "[,1]",
            "[1 2]",
            "{\"a\":1}",
            "{\"a\" : [ {} , [ ] ] }",
            "{\"a\":}",
            "{\"a\"}",
            "{a:1}",
            "{\"a\":1,}",
            "[}",
            "{]",
            "[[[[]]]",
            "\"\\n\\u00e9\"",
            "\"\\u12g4\"",
            "\"\\u12\"",
            "\"\\x\"",
            "\"a\nb\"",
            "\"a\tb\"",
            "\t\"a\nb\"",
            "\r\n[1,\t2]",
            "\"\u{7f}\u{e9}\"",
            "\"",
            "\"\\\"",
            "\"\\\\\"",
            "1 2",
            "{} x",
            "\u{b}1",
        ];
        texts.into_iter().for_each(agrees);
    }

    #[test]
    fn every_short_text_is_judged_alike() {
        let parts = ["{", "}", "[", "]", ":", ",", "\"a\"", "\"\\", "\"", "-", "0", "1", ".", "e", "null", " "];
        let mut texts = vec![String::new()];
        for _ in 0..4 {
            texts = texts.iter().flat_map(|text| parts.iter().map(move |part| format!("{text}{part}"))).collect();
            texts.iter().for_each(|text| agrees(text));
        }
    }

    /// Strings are looked at in words, in blocks, and at the end of the text byte by byte.
    #[test]
    fn strings_of_every_length_are_judged_and_read_alike() {
        for length in 0..110 {
            for at in 0..=length {
                for piece in [
                    "\"",
                    "\\",
                    "\\n",
                    "\\u00e9",
                    "\\ud83d\\ude00",
                    "\\ud83d",
                    "\n",
                    "\t",
                    "\u{1f}",
                    "\0",
                    "\u{7f}",
                    "\u{a2}\u{dc}",
                    " ",
                    "x",
                ] {
                    let json = format!("\"{}{piece}{}\"", "a".repeat(at), "b".repeat(length - at));
                    agrees(&json);
                    let (mut cursor, mut text) = (Cursor::new(&json), "before".to_owned());
                    let newlines = cursor.read_string(&mut text).filter(|_| cursor.is_at_end()).flatten();
                    let value = serde_json::from_str::<String>(&json).ok();
                    assert_eq!(newlines, value.as_ref().map(|value| value.matches('\n').count()), "{json:?}");
                    assert!(value.is_none_or(|value| text == format!("before{value}")), "{json:?}");
                }
            }
        }
    }

    #[test]
    fn lines_are_those_of_the_text() {
        let text = "\n\n {\r\n \"a\"\n:\n         [ 1,\n\n\"b\\n\"\n ]\n}";
        let (mut cursor, mut lines) = (Cursor::new(text), Vec::new());
        cursor.members(|cursor, _| {
            cursor.elements(|cursor| {
                cursor.peek()?;
                lines.push(cursor.line());
                cursor.value().map(|_| ())
            })
        });
        assert_eq!((lines, cursor.is_at_end(), cursor.line()), (vec![6, 8], true, 10));
    }

    #[test]
    fn a_value_that_is_broken_anywhere_is_judged_alike() {
        let text = r#"{"a": [1, -2.5e3, "x\u00e9\\", {"b": null}], "c": {"d": [[], {}, true]}}"#;
        for cut in 0..text.len() {
            agrees(&text[..cut]);
            agrees(&format!("{}{}", &text[..cut], &text[cut + 1..]));
            for byte in "{}[]:,\"\\ 0a\n".chars() {
                agrees(&format!("{}{byte}{}", &text[..cut], &text[cut..]));
            }
        }
    }
}
