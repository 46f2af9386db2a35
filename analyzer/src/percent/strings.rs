//! Triple-quoted strings, followed line by line so that a marker inside one is not taken for a cell.

/// Whether the end of the lines seen so far stands inside a triple-quoted string.
#[derive(Default)]
pub(super) struct TripleQuotes {
    open: Option<&'static str>,
}

impl TripleQuotes {
    /// Whether the next line starts inside a string.
    pub(super) const fn inside(&self) -> bool {
        self.open.is_some()
    }

    /// Takes the next line.
    pub(super) fn feed(&mut self, line: &str) {
        let mut rest = line;
        loop {
            if let Some(quote) = self.open {
                let Some(end) = find_unescaped(rest, quote) else {
                    return;
                };
                rest = &rest[end + quote.len()..];
                self.open = None;
            }
            let Some(start) = rest.find(['#', '\'', '"']) else {
                return;
            };
            rest = &rest[start..];
            if rest.starts_with('#') {
                return;
            }
            let triple = ["\"\"\"", "'''"].into_iter().find(|quote| rest.starts_with(quote));
            if triple.is_some() {
                self.open = triple;
                rest = &rest[3..];
                continue;
            }
            // A string on one line; without its end the line is half typed and the string ends with it.
            let quote = &rest[..1];
            let Some(end) = find_unescaped(&rest[1..], quote) else {
                return;
            };
            rest = &rest[end + 2..];
        }
    }
}

/// Position of `quote` where no odd number of backslashes stands before it.
fn find_unescaped(text: &str, quote: &str) -> Option<usize> {
    let mut from = 0;
    while let Some(found) = text[from..].find(quote) {
        let at = from + found;
        let backslashes = text[..at].bytes().rev().take_while(|&byte| byte == b'\\').count();
        if backslashes % 2 == 0 {
            return Some(at);
        }
        from = at + 1;
    }
    None
}
