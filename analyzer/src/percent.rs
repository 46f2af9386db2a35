//! Python scripts whose cells start at `# %%` comments.
//!
//! Understands Jupytext's percent format (titles, `[markdown]`, metadata, commented magics, the YAML header), and
//! the markers of VS Code and Spyder (`#%%`, `# <codecell>`, `# In[3]:`). A script without markers is one cell.

mod edit;
mod marker;
mod strings;

pub use edit::{EditError, edit};

use crate::notebook::{Cell, CellKind, Format, Notebook, SourceLines};
use marker::Marker;
use strings::TripleQuotes;

/// Reads a script. Every text is a script, so this cannot fail.
pub fn read(text: &str) -> Notebook {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let lines: Vec<&str> = text.lines().collect();
    let header = Header::read(&lines);
    let starts = cell_starts(&lines, header.end);
    let mut cells = Vec::with_capacity(starts.len() + 1);
    let first = starts.first().map_or(lines.len(), |(line, _)| *line);
    // Text before the first marker is a cell of its own, unless it is blank.
    if starts.is_empty() || lines[header.end..first].iter().any(|line| !line.trim().is_empty()) {
        let body = Body { lines: &lines[header.end..first], first_line: header.end };
        cells.push(cell(1, None, body));
    }
    for (index, (line, marker)) in starts.iter().enumerate() {
        let end = starts.get(index + 1).map_or(lines.len(), |(next, _)| *next);
        let body = Body { lines: &lines[line + 1..end], first_line: line + 1 };
        let number = u32::try_from(cells.len() + 1).unwrap_or(u32::MAX);
        cells.push(cell(number, Some(marker), body));
    }
    let plain = Notebook::of(cells, Format::Percent);
    Notebook { language: header.language.unwrap_or(plain.language), kernel: header.kernel, ..plain }
}

/// Whether a file holds a cell marker; without one a Python file is a module, and no notebook.
pub fn has_marker(bytes: &[u8]) -> bool {
    bytes.split(|&byte| byte == b'\n').any(|line| {
        let line = line.trim_ascii_end();
        let rest = line.strip_prefix(b"# %%").or_else(|| line.strip_prefix(b"#%%"));
        rest.is_some_and(|rest| rest.is_empty() || rest.starts_with(b" ") || rest.starts_with(b"["))
    })
}

/// Lines that hold a cell marker, with what it says. A marker inside a triple-quoted string is none.
fn cell_starts<'a>(lines: &[&'a str], from: usize) -> Vec<(usize, Marker<'a>)> {
    let mut quotes = TripleQuotes::default();
    let mut starts = Vec::new();
    let mut markdown = false;
    for (index, line) in lines.iter().enumerate().skip(from) {
        if !quotes.inside()
            && let Some(marker) = Marker::read(line)
        {
            markdown = marker.kind != CellKind::Code;
            starts.push((index, marker));
        } else if !markdown || !line.starts_with('#') {
            quotes.feed(line);
        }
    }
    starts
}

/// The lines of a cell and where they start (from 0).
#[derive(Clone, Copy)]
struct Body<'a> {
    lines: &'a [&'a str],
    first_line: usize,
}

fn cell(number: u32, marker: Option<&Marker<'_>>, body: Body<'_>) -> Cell {
    let kind = marker.map_or(CellKind::Code, |marker| marker.kind);
    let mut first_line = body.first_line;
    let mut lines = body.lines;
    while let [rest @ .., last] = lines
        && last.trim().is_empty()
    {
        lines = rest;
    }
    let source = if kind == CellKind::Code {
        // Only a script with markers comes from a notebook, where `# %time f()` stands for a magic.
        let lines = lines.iter().map(|line| if marker.is_some() { marker::uncomment(line) } else { *line });
        lines.collect::<Vec<_>>().join("\n")
    } else {
        let (text, skipped) = prose(lines);
        first_line += skipped;
        text
    };
    Cell {
        number,
        id: None,
        kind,
        source,
        tags: marker.map(Marker::tags).unwrap_or_default(),
        ignored: marker.map(Marker::ignored).unwrap_or_default(),
        frozen: false,
        execution_count: None,
        outputs: Vec::new(),
        saved_seconds: None,
        file_line: u32::try_from(first_line + 1).unwrap_or(u32::MAX),
        source_lines: SourceLines::Consecutive,
    }
}

/// The text of a markdown or raw cell, commented or in triple quotes, and how many lines stand before it.
fn prose(lines: &[&str]) -> (String, usize) {
    let text = lines.join("\n");
    let start = text.len() - text.trim_start().len();
    for quote in ["\"\"\"", "'''"] {
        let open = text.trim().trim_start_matches(['r', 'R']);
        if let Some(inner) = open.strip_prefix(quote).and_then(|rest| rest.strip_suffix(quote)) {
            let own_line = usize::from(inner.starts_with('\n'));
            let skipped = text[..start].matches('\n').count() + own_line;
            return (inner.trim_matches('\n').to_owned(), skipped);
        }
    }
    let uncommented = lines.iter().map(|line| {
        let line = line.trim_end();
        line.strip_prefix("# ").or_else(|| line.strip_prefix('#')).unwrap_or(line)
    });
    (uncommented.collect::<Vec<_>>().join("\n"), 0)
}

/// Jupytext's YAML header: `# ---`, commented lines, `# ---`.
#[derive(Default)]
struct Header {
    /// Number of lines it takes.
    end: usize,
    language: Option<String>,
    kernel: Option<String>,
}

impl Header {
    fn read(lines: &[&str]) -> Self {
        let start = usize::from(lines.first().is_some_and(|line| line.starts_with("#!")));
        if lines.get(start).map(|line| line.trim_end()) != Some("# ---") {
            return Self::default();
        }
        let mut header = Self::default();
        let mut in_kernelspec = false;
        for (index, line) in lines.iter().enumerate().skip(start + 1) {
            if line.trim_end() == "# ---" {
                header.end = index + 1;
                return header;
            }
            let Some(content) = line.strip_prefix('#') else {
                break;
            };
            let entry = content.trim();
            if entry == "kernelspec:" {
                in_kernelspec = true;
            } else if let Some(language) = entry.strip_prefix("language:").filter(|_| in_kernelspec) {
                header.language = Some(language.trim().to_lowercase());
            } else if let Some(name) = entry.strip_prefix("name:").filter(|_| in_kernelspec) {
                header.kernel = Some(name.trim().to_owned());
            }
        }
        // Not closed: it is an ordinary comment.
        Self::default()
    }
}

#[cfg(test)]
mod tests;
