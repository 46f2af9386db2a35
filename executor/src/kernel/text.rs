//! Reads Python's `repr` of a string.

/// The string that `shown` is the `repr` of.
pub(super) fn unrepr(shown: &str) -> Option<String> {
    let quote = shown.chars().next().filter(|quote| matches!(quote, '\'' | '"'))?;
    let inner = shown.strip_prefix(quote)?.strip_suffix(quote)?;
    let mut text = String::with_capacity(inner.len());
    let mut rest = inner.chars();
    while let Some(character) = rest.next() {
        if character != '\\' {
            text.push(character);
            continue;
        }
        text.push(match rest.next()? {
            'n' => '\n',
            'r' => '\r',
            't' => '\t',
            'x' => code(&mut rest, 2)?,
            'u' => code(&mut rest, 4)?,
            'U' => code(&mut rest, 8)?,
            same @ ('\\' | '\'' | '"') => same,
            _ => return None,
        });
    }
    Some(text)
}

fn code(rest: &mut std::str::Chars<'_>, digits: usize) -> Option<char> {
    let mut value = 0;
    for _ in 0..digits {
        value = value * 16 + rest.next()?.to_digit(16)?;
    }
    char::from_u32(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_repr_writes() {
        for (shown, text) in [
            ("''", ""),
            ("'a'", "a"),
            (r#""it's""#, "it's"),
            (r#"'{"a": "it\'s \\"so\\""}'"#, r#"{"a": "it's \"so\""}"#),
            (r"'\n\t\r\\'", "\n\t\r\\"),
            (r"'\x00\xa0\u2028\U000e0001'", "\0\u{a0}\u{2028}\u{e0001}"),
            ("'é漢😀'", "é漢😀"),
        ] {
            assert_eq!(unrepr(shown).as_deref(), Some(text), "{shown}");
        }
    }

    #[test]
    fn refuses_what_is_no_string() {
        for shown in ["", "'", "12", "b'a'", r"'\", r"'\x4'", r"'\ud800'", "<object>"] {
            assert_eq!(unrepr(shown), None, "{shown}");
        }
    }
}
