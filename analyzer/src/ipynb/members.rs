//! The parts of JSON text that is known to be valid, found without building values: strings, which are nearly all of a notebook's outputs, are
//! passed over sixteen or more bytes at a time.

/// Texts of the elements of a list; none of what is no list.
pub(super) fn elements(json: &str) -> impl Iterator<Item = &str> {
    Parts::of(json, b'[')
}

/// Keys and values of an object, as they are written, in turn; none of what is no object.
pub(super) fn members(json: &str) -> impl Iterator<Item = (&str, &str)> {
    let mut parts = Parts::of(json, b'{');
    std::iter::from_fn(move || Some((parts.next()?, parts.next()?)))
}

struct Parts<'a> {
    json: &'a str,
    at: usize,
}

impl<'a> Parts<'a> {
    /// What stands between the brackets of a list or object; nothing when it does not begin with this one.
    fn of(json: &'a str, bracket: u8) -> Self {
        let json = json.trim_ascii();
        let at = if json.as_bytes().first() == Some(&bracket) { 1 } else { json.len() };
        Self { json, at }
    }
}

impl<'a> Iterator for Parts<'a> {
    type Item = &'a str;

    fn next(&mut self) -> Option<&'a str> {
        let bytes = self.json.as_bytes();
        let is_between = |byte: &u8| byte.is_ascii_whitespace() || matches!(byte, b',' | b':');
        let start = self.at + bytes.get(self.at..)?.iter().position(|byte| !is_between(byte))?;
        if matches!(bytes[start], b']' | b'}') {
            self.at = bytes.len();
            return None;
        }
        self.at = end(bytes, start);
        self.json.get(start..self.at)
    }
}

/// Where the value ends that starts here.
fn end(bytes: &[u8], start: usize) -> usize {
    let mut at = start;
    let mut depth = 0_u32;
    while let Some(byte) = bytes.get(at) {
        match byte {
            b'"' => at = string_end(bytes, at),
            b'[' | b'{' => {
                depth += 1;
                at += 1;
            }
            b']' | b'}' | b',' if depth == 0 => return at,
            b']' | b'}' => {
                depth -= 1;
                at += 1;
            }
            byte if depth == 0 && byte.is_ascii_whitespace() => return at,
            _ => {
                at += 1;
                continue;
            }
        }
        if depth == 0 {
            return at;
        }
    }
    bytes.len()
}

/// Where the string ends that starts here, quotes included.
pub(super) fn string_end(bytes: &[u8], start: usize) -> usize {
    let mut at = start + 1;
    while let Some(found) = bytes.get(at..).and_then(|rest| memchr::memchr2(b'"', b'\\', rest)) {
        at += found;
        if bytes[at] == b'"' {
            return at + 1;
        }
        at += 2;
    }
    bytes.len()
}

#[cfg(test)]
mod tests {
    use super::{elements, members};

    #[test]
    fn parts_are_cut_where_json_ends_them() {
        let list = r#" [ {"a": [1, "]"]} , "x\"]," ,3,null, [] ,-1.5e3 ] "#;
        assert_eq!(elements(list).collect::<Vec<_>>(), [r#"{"a": [1, "]"]}"#, r#""x\"],""#, "3", "null", "[]", "-1.5e3"]);
        let object = r#"{"a":1,"b" : {"c": "}"},"\\":"\\", "d":[{"e":[]}]}"#;
        let found: Vec<_> = members(object).collect();
        assert_eq!(found, [("\"a\"", "1"), ("\"b\"", r#"{"c": "}"}"#), (r#""\\""#, r#""\\""#), ("\"d\"", r#"[{"e":[]}]"#)]);
    }

    #[test]
    fn other_values_have_no_parts() {
        for json in ["", "[]", "{}", "null", "3", "\"[1]\"", "[ ]", "{\n}"] {
            assert_eq!((elements(json).count(), members(json).count()), (0, 0), "{json}");
        }
        assert_eq!(elements("{\"a\": 1}").count() + members("[1, 2]").count(), 0);
    }
}
