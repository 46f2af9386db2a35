//! What is known of a name.

use std::fmt::Write as _;

use nbhoist_analyzer::names::name_at;
use nbhoist_analyzer::report::{Certainty, NameFact};
use nbhoist_analyzer::words::{bytes, ranges, size};

use crate::document::Uri;
use crate::encoding::{Encoding, Span};
use crate::snapshot::Snapshot;

/// A value that takes less is not worth a word, bytes.
const WORTH_A_WORD: u64 = 10_000;

/// A name under the cursor.
#[derive(Clone, Debug)]
pub(crate) struct Hovered {
    /// The name.
    pub(crate) name: String,
    /// Where it stands.
    pub(crate) span: Span,
    /// What the analysis says, in Markdown.
    pub(crate) text: String,
    /// How large the source says that the value is, in words.
    pub(crate) expected: Option<String>,
}

/// What the kernel says of a value.
#[derive(Clone, Debug, Default, serde::Deserialize)]
pub(crate) struct Weighed {
    /// Its type, in a word.
    #[serde(default)]
    pub(crate) kind: String,
    /// Its size, bytes.
    pub(crate) bytes: Option<u64>,
    /// Whether it can travel.
    #[serde(default)]
    pub(crate) travels: bool,
    /// Why not.
    pub(crate) why: Option<String>,
    /// Where inside it the culprit is.
    pub(crate) path: Option<String>,
    /// Where it is when it is not in the kernel, in one line.
    pub(crate) away: Option<String>,
}

/// The name at an offset of a document.
pub(crate) fn at(snapshot: &Snapshot, uri: &Uri, offset: usize, encoding: Encoding) -> Option<Hovered> {
    let (cell, offset) = snapshot.source.cell_at(uri, offset)?;
    let (source, _) = snapshot.source.cell(cell)?;
    let (name, range) = name_at(&source.source, offset)?;
    let (_, span) = snapshot.source.span(cell, range.start, range.end, encoding)?;
    let text = describe(snapshot, &name, cell)?;
    let expected = expected(snapshot, &name, cell);
    Some(Hovered { name, span, text, expected })
}

/// How large the value is that the name stands for in this cell, as far as the source says.
fn expected(snapshot: &Snapshot, name: &str, here: u32) -> Option<String> {
    let binders = || snapshot.analysis.cells.iter().filter(|cell| cell.defines.iter().any(|fact| fact.name == name));
    let binder = binders().rfind(|cell| cell.cell < here).or_else(|| binders().find(|cell| cell.cell == here))?;
    let known = binder.sizes.get(name).filter(|known| known.high >= WORTH_A_WORD)?;
    let why = known.because.first().map(|because| format!(": {}", because.text)).unwrap_or_default();
    Some(format!("{}{why}", size(known)))
}

/// `None` for a name that no cell binds or needs: a builtin.
fn describe(snapshot: &Snapshot, name: &str, here: u32) -> Option<String> {
    let cells = &snapshot.analysis.cells;
    let having = |facts: fn(&nbhoist_analyzer::report::CellReport) -> &[NameFact]| -> Vec<u32> {
        cells.iter().filter(|cell| facts(cell).iter().any(|fact| fact.name == name)).map(|cell| cell.cell).collect()
    };
    let defined = having(|cell| &cell.defines);
    let changed = having(|cell| &cell.mutates);
    let read = having(|cell| &cell.reads);
    let deleted = having(|cell| &cell.deletes);
    if defined.is_empty() && changed.is_empty() && read.is_empty() {
        return None;
    }
    let mut text = format!("**`{name}`**");
    let last = defined.iter().rev().find(|cell| **cell < here).or_else(|| defined.iter().find(|cell| **cell == here));
    let _ = match (last, defined.first()) {
        (Some(cell), _) if *cell == here => write!(text, " is defined in this cell"),
        (Some(cell), _) => write!(text, " is defined in cell {cell}"),
        (None, Some(later)) => write!(text, " is defined only later, in cell {later}"),
        (None, None) => write!(text, " is defined in no cell"),
    };
    let others: Vec<u32> = defined.iter().copied().filter(|cell| Some(cell) != last).collect();
    if last.is_some() && !others.is_empty() {
        let _ = write!(text, ", and again in {}", ranges(&others));
    }
    text.push('\n');
    let mut line = |word: &str, cells: &[u32]| {
        if !cells.is_empty() {
            let _ = write!(text, "\n- {word} {}", ranges(cells));
        }
    };
    line("changed in", &changed);
    line("needed by", &read);
    line("deleted in", &deleted);
    let doubts = cells.iter().filter(|cell| cell.cell == here).flat_map(|cell| cell.mutates.iter().chain(&cell.reads));
    for fact in doubts.filter(|fact| fact.name == name && fact.certainty == Certainty::Assumed) {
        if let Some(because) = fact.because.first() {
            let _ = write!(text, "\n- assumed: {}", because.text);
            break;
        }
    }
    Some(text)
}

/// What is known of the value, in Markdown; it follows the lines about the name.
pub(crate) fn value(weighed: Option<&Weighed>, last_size: Option<u64>, expected: Option<&str>) -> String {
    let mut text = String::new();
    match weighed {
        Some(Weighed { away: Some(words), .. }) => {
            let _ = write!(text, "\n- {words}");
        }
        Some(weighed) => {
            let size = weighed.bytes.map(|size| format!(", {}", bytes(size))).unwrap_or_default();
            let kind = if weighed.kind.is_empty() { "a value" } else { &weighed.kind };
            let _ = write!(text, "\n- in the kernel: {kind}{size}");
            if weighed.travels {
                text.push_str("\n- can travel");
            } else {
                let path = weighed.path.as_deref().map(|path| format!(" (at `{path}`)")).unwrap_or_default();
                let why = weighed.why.as_deref().unwrap_or("it cannot be packed");
                let _ = write!(text, "\n- cannot travel{path}: {why}");
            }
        }
        None => {
            if let Some(size) = last_size {
                let _ = write!(text, "\n- {} when it was last weighed", bytes(size));
            } else if let Some(expected) = expected {
                let _ = write!(text, "\n- expected to take {expected}");
            }
        }
    }
    text
}
