//! Cell markers and commented magics.

use crate::notebook::CellKind;

/// What a cell marker says.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Marker<'a> {
    pub(super) kind: CellKind,
    /// What follows the marker: title, `[markdown]`, `tags=[...]`.
    options: &'a str,
}

impl<'a> Marker<'a> {
    /// Reads a line that starts a cell.
    pub(super) fn read(line: &'a str) -> Option<Self> {
        let comment = line.trim().strip_prefix('#')?.trim_start();
        if let Some(kind) = old_marker(comment) {
            return Some(Self { kind, options: "" });
        }
        // `# %%time` is a commented cell magic; more percent signs are nested cells.
        let options = comment.strip_prefix("%%")?.trim_start_matches('%');
        if !options.is_empty() && !options.starts_with([' ', '\t', '[']) {
            return None;
        }
        let has = |word: &str| options.contains(word);
        let kind = if has("[markdown]") || has("[md]") || has("cell_type=\"markdown\"") {
            CellKind::Markdown
        } else if has("[raw]") || has("cell_type=\"raw\"") {
            CellKind::Raw
        } else {
            CellKind::Code
        };
        Some(Self { kind, options })
    }

    /// The entries of `tags=["a", "b"]`.
    pub(super) fn tags(&self) -> Vec<String> {
        let list = self.options.find("tags=[").map(|start| &self.options[start + "tags=".len()..]);
        let list = list.and_then(|list| list.find(']').map(|end| &list[..=end]));
        list.and_then(|list| serde_json::from_str(list).ok()).unwrap_or_default()
    }

    /// The entries of `nbhoist={"ignore": ["a", "b"]}`, as Jupytext writes metadata of a cell.
    pub(super) fn ignored(&self) -> Vec<String> {
        let object = self.options.find("nbhoist={").map(|start| &self.options[start + "nbhoist=".len()..]);
        let object = object.and_then(|text| serde_json::Deserializer::from_str(text).into_iter::<serde_json::Value>().next()?.ok());
        let list = object.as_ref().and_then(|object| object.get("ignore")?.as_array());
        list.into_iter().flatten().filter_map(|entry| entry.as_str()).map(str::to_owned).collect()
    }
}

/// The markers of older tools: `<codecell>`, `<markdowncell>`, `In[3]:`.
fn old_marker(comment: &str) -> Option<CellKind> {
    match comment {
        "<codecell>" => Some(CellKind::Code),
        "<markdowncell>" => Some(CellKind::Markdown),
        _ => {
            let count = comment.strip_prefix("In[")?.trim_end_matches(':').strip_suffix(']')?;
            count.chars().all(|c| c == ' ' || c.is_ascii_digit()).then_some(CellKind::Code)
        }
    }
}

/// The line without the comment sign when what follows it is a magic or a shell command, as Jupytext writes them.
pub(super) fn uncomment(line: &str) -> &str {
    let Some(comment) = line.trim_start().strip_prefix('#') else {
        return line;
    };
    let content = comment.strip_prefix(' ').unwrap_or(comment);
    if is_magic(content) || assigned(content).is_some_and(is_magic) { content } else { line }
}

/// The line as a script has it: a magic or a shell command behind a comment sign.
pub(super) fn commented(line: &str) -> String {
    let text = line.trim_start();
    if is_magic(text) || assigned(text).is_some_and(is_magic) { format!("# {text}") } else { line.to_owned() }
}

/// `%name`, `%%name` or `!command`.
fn is_magic(text: &str) -> bool {
    if let Some(command) = text.strip_prefix('!') {
        return command.trim_start().starts_with(|c: char| c.is_ascii_alphabetic() || "~.$\\/{}".contains(c));
    }
    let name = text.trim_start_matches('%');
    (1..=2).contains(&(text.len() - name.len())) && name.starts_with(|c: char| c.is_ascii_alphabetic())
}

/// What is assigned in `name = value`.
fn assigned(text: &str) -> Option<&str> {
    let (name, value) = text.split_once('=')?;
    let name = name.trim_end();
    let identifier = name.starts_with(|c: char| c.is_alphabetic() || c == '_') && name.chars().all(|c| c.is_alphanumeric() || c == '_');
    identifier.then(|| value.trim_start())
}
