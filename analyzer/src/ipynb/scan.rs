//! JSON gone through without building values: what it takes for valid is valid, and what it does not is left to `serde_json`, which says what
//! is wrong and where. Strings, which are nearly all of a notebook, are passed over many bytes at a time.

/// A place in a text.
pub(super) struct Cursor<'a> {
    text: &'a str,
    at: usize,
    /// Whether ends of lines are the only control characters, as in files that programs write.
    is_plain: bool,
}

/// Nothing where the text is not valid, or holds what is not followed here.
type Valid<T> = Option<T>;

impl<'a> Cursor<'a> {
    pub(super) fn new(text: &'a str) -> Self {
        // Without an early end it takes many bytes at a time.
        let others = text.bytes().fold(0, |found, byte| found | u8::from(byte < 0x20 && byte != b'\n'));
        Self { text, at: 0, is_plain: others == 0 }
    }

    /// The next byte that is no white space.
    pub(super) fn peek(&mut self) -> Valid<u8> {
        let bytes = self.text.as_bytes();
        while matches!(bytes.get(self.at), Some(b' ' | b'\n' | b'\r' | b'\t')) {
            self.at += 1;
        }
        bytes.get(self.at).copied()
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
            let key = self.string()?;
            let key = &key[1..key.len() - 1];
            if key.contains('\\') {
                return None;
            }
            self.take(b':')?;
            each(self, key)?;
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
        self.string()?;
        self.take(b':')
    }

    fn scalar(&mut self) -> Valid<()> {
        let rest = &self.text.as_bytes()[self.at..];
        let length = match rest.first()? {
            b'"' => return self.string().map(|_| ()),
            b't' => rest.starts_with(b"true").then_some(4)?,
            b'f' => rest.starts_with(b"false").then_some(5)?,
            b'n' => rest.starts_with(b"null").then_some(4)?,
            _ => number_length(rest)?,
        };
        self.at += length;
        Some(())
    }

    /// The string that starts here, quotes included.
    fn string(&mut self) -> Valid<&'a str> {
        let bytes = self.text.as_bytes();
        let start = self.at;
        if bytes.get(start) != Some(&b'"') {
            return None;
        }
        let mut at = start + 1;
        loop {
            let rest = bytes.get(at..)?;
            // No string holds the end of a line, or another control character, as it is.
            let plain = memchr::memchr3(b'"', b'\\', b'\n', rest)?;
            if !self.is_plain && rest[..plain].iter().any(|byte| *byte < 0x20) {
                return None;
            }
            at += plain;
            match bytes[at] {
                b'"' => {
                    self.at = at + 1;
                    return self.text.get(start..self.at);
                }
                b'\n' => return None,
                _ => {}
            }
            at += match bytes.get(at + 1)? {
                b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't' => 2,
                b'u' if bytes.get(at + 2..at + 6)?.iter().all(u8::is_ascii_hexdigit) => 6,
                _ => return None,
            };
        }
    }
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
