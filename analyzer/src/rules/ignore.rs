//! Comments that make findings be passed over: how they read and where they go.

use super::comments::Comments;

/// The comment that makes this rule be passed over on its line.
pub fn comment(code: &str) -> String {
    format!("# nbhoist: ignore[{code}]")
}

/// Where in a cell's source text is to be inserted so that these rules are passed over at byte `at`, and which text.
///
/// It goes to the end of the line, or above it where the end takes no comment: in a magic or a shell command. A comment that
/// is there already gets more entries. Nothing where no comment fits.
pub fn edit(source: &str, at: u32, codes: &[&str]) -> Option<(usize, String)> {
    if codes.is_empty() {
        return None;
    }
    if source.trim().is_empty() {
        return Some((0, comment(&codes.join(", "))));
    }
    let comments = Comments::of(source);
    let line = comments.closed_by(comments.line_of(at as usize));
    let start = *comments.lines.get(line)?;
    let text = source[start..].lines().next().unwrap_or_default();
    let list = codes.join(", ");
    if let Some(note) = comments.notes.iter().find(|note| note.line == line)
        && let Some((.., end)) = note.words.last()
    {
        return Some((*end, format!(", {list}")));
    }
    if text.trim_start().starts_with("%%") {
        return None;
    }
    if comments.escapes.contains(&line) {
        // In a cell of another language a comment may be anything.
        let first = (0..line).rev().find(|line| !comments.open.contains(line)).map_or(0, |before| before + 1);
        let start = *comments.lines.get(first)?;
        let indent = source[start..].len() - source[start..].trim_start_matches([' ', '\t']).len();
        let python = crate::syntax::body(source).1;
        return python.then(|| (start, format!("{}{}\n", &source[start..start + indent], comment(&list))));
    }
    let gap = if text.trim().is_empty() { "" } else { "  " };
    Some((start + text.trim_end().len(), format!("{gap}{}", comment(&list))))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn added(source: &str, at: u32) -> Option<String> {
        edit(source, at, &["NBH202"]).map(|(place, text)| format!("{}{text}{}", &source[..place], &source[place..]))
    }

    #[test]
    fn comments_go_where_they_are_comments() {
        for (before, at, after) in [
            ("", 0, "# nbhoist: ignore[NBH202]"),
            ("f(x)  ", 0, "f(x)  # nbhoist: ignore[NBH202]  "),
            ("f(x)\ng(y)", 6, "f(x)\ng(y)  # nbhoist: ignore[NBH202]"),
            ("f(x)  # nbhoist: ignore[NBH1]", 0, "f(x)  # nbhoist: ignore[NBH1, NBH202]"),
            ("f('''\n''')", 2, "f('''\n''')  # nbhoist: ignore[NBH202]"),
            ("x = 1 + \\\n  y", 0, "x = 1 + \\\n  y  # nbhoist: ignore[NBH202]"),
            ("if x:\n    %time f(x)", 10, "if x:\n    # nbhoist: ignore[NBH202]\n    %time f(x)"),
            ("!ls {x}", 5, "# nbhoist: ignore[NBH202]\n!ls {x}"),
        ] {
            assert_eq!(added(before, at).as_deref(), Some(after), "{before}");
        }
        for source in ["%%bash\nls {x}", "%%timeit x"] {
            assert_eq!(added(source, 0), None, "{source}");
        }
    }
}
