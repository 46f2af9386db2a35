//! Writing a notebook: all of it or nothing.

use std::path::Path;

use nbhoist_analyzer::ipynb::{self, CellEdit};
use nbhoist_analyzer::notebook::{CellKind, Format, Notebook};
use serde_json::{Value, json};

use super::outputs::Outputs;
use super::session::Moved;
use crate::error::Failure;
use crate::input::{Input, folder_of};

/// The notebook with the outputs of a run. Cells that did not run have none, so that no result of another run is
/// taken for one of this.
///
/// With `moved` each of these blocks' cells has a note in its metadata, `nbhoist.placement`, and no other cell has one.
pub(crate) fn render(input: &Input, outputs: &Outputs, moved: Option<&[Moved]>) -> Result<Vec<u8>, Failure> {
    let edits = input.notebook.code_cells().map(|cell| {
        let placement = moved.map(|moved| moved.iter().find(|block| block.cells.contains(&cell.number)).map(note));
        CellEdit { placement, ..edit(cell.number, outputs) }
    });
    let edits: Vec<CellEdit> = edits.collect();
    let base = match input.notebook.format {
        Format::Ipynb { .. } => input.bytes.clone(),
        Format::Percent => from_script(&input.notebook),
    };
    ipynb::edit(&base, &edits).map_err(|error| {
        let help = "upgrade it with `jupyter nbconvert --to notebook --nbformat 4 --inplace FILE`";
        Failure::new(format!("cannot write outputs into this notebook: {error}")).at(input.name()).help(help)
    })
}

/// Where a block ran and why.
fn note(block: &Moved) -> Value {
    json!({ "executor": block.executor, "because": block.because, "seconds": block.report.seconds.run })
}

fn edit(number: u32, outputs: &Outputs) -> CellEdit {
    let cell = outputs.of(number);
    CellEdit {
        number,
        outputs: Some(cell.map_or_else(|| "[]".to_owned(), |cell| cell.json().to_string())),
        execution_count: Some(cell.and_then(|cell| cell.execution_count)),
        ..CellEdit::default()
    }
}

/// A notebook file made of a script.
fn from_script(notebook: &Notebook) -> Vec<u8> {
    let cells: Vec<Value> = notebook.cells.iter().map(script_cell).collect();
    let name = notebook.kernel.as_deref().unwrap_or("python3");
    let value = json!({
        "cells": cells,
        "metadata": {
            "kernelspec": {"display_name": "Python 3", "language": "python", "name": name},
            "language_info": {"name": "python"},
        },
        "nbformat": 4,
        "nbformat_minor": 5,
    });
    let mut text = Vec::new();
    let formatter = serde_json::ser::PrettyFormatter::with_indent(b" ");
    let mut writer = serde_json::Serializer::with_formatter(&mut text, formatter);
    // A value with string keys always serializes into memory.
    let _ = serde::Serialize::serialize(&value, &mut writer);
    text.push(b'\n');
    text
}

fn script_cell(cell: &nbhoist_analyzer::notebook::Cell) -> Value {
    let source: Vec<&str> = cell.source.split_inclusive('\n').collect();
    let metadata = if cell.tags.is_empty() { json!({}) } else { json!({"tags": cell.tags}) };
    let id = format!("cell-{}", cell.number);
    match cell.kind {
        CellKind::Code => json!({
            "cell_type": "code", "execution_count": null, "id": id, "metadata": metadata, "outputs": [], "source": source,
        }),
        kind => json!({"cell_type": kind.as_str(), "id": id, "metadata": metadata, "source": source}),
    }
}

/// Whether a file can be written at `path`; asked before a run, so that hours of work do not end in a misspelt folder.
pub(crate) fn check_target(path: &Path) -> Result<(), Failure> {
    let folder = folder_of(path);
    if !folder.is_dir() {
        return Err(Failure::new("there is no such folder to write to").at(folder.display()).help("create it first"));
    }
    if path.exists() && !path.is_file() {
        return Err(Failure::new("the output is not a regular file").at(path.display()).help("give -o another name"));
    }
    if path.extension().is_none_or(|ending| ending != "ipynb") {
        return Err(Failure::new("the output is written as a Jupyter notebook")
            .at(path.display())
            .help("give -o a name that ends in .ipynb"));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn impossible_targets_are_refused_before_the_run() {
        let folder = tempfile::tempdir().unwrap();
        let refused = |name: &str| check_target(&folder.path().join(name)).unwrap_err().message().to_owned();
        assert_eq!(refused("no/a.ipynb"), "there is no such folder to write to");
        assert_eq!(refused("a.txt"), "the output is written as a Jupyter notebook");
        std::fs::create_dir(folder.path().join("d.ipynb")).unwrap();
        assert_eq!(refused("d.ipynb"), "the output is not a regular file");
        assert!(check_target(&folder.path().join("a.ipynb")).is_ok());
    }

    #[test]
    fn a_script_becomes_a_notebook() {
        let script = "# %% [markdown]\n# Hi\n# %% tags=[\"a\"]\nx = 1\nx\n";
        let notebook = nbhoist_analyzer::percent::read(script);
        let written = ipynb::read(&from_script(&notebook)).unwrap();
        assert!(written.repairs.is_empty(), "{:?}", written.repairs);
        let sources: Vec<_> = written.cells.iter().map(|cell| (cell.kind, cell.source.as_str())).collect();
        assert_eq!(sources, [(CellKind::Markdown, "Hi"), (CellKind::Code, "x = 1\nx")]);
        assert_eq!(written.cells[1].tags, ["a"]);
    }
}
