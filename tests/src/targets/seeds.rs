//! What fuzzing begins with.

use nbhoist_analyzer::ipynb;
use nbhoist_analyzer::notebook::CellKind;
use nbhoist_executor::frames::{self, Frame};
use nbhoist_executor::history::History;

use super::percent_script;
use crate::root;

/// What mutants are made with: the ends of what tokenizers, JSON and IPython tell apart.
pub const PIECES: &[&str] = &[
    "(",
    "[",
    "{",
    ")",
    "]",
    "}",
    "\"",
    "'''",
    "f\"{",
    "\\",
    "\n",
    "\r",
    "\r\n",
    "\t",
    "\0",
    "\u{feff}",
    "\u{2028}",
    "\u{85}",
    "é",
    "😀",
    "%%time\n",
    "%run x.ipynb\n",
    "!ls {x}\n",
    "?",
    "x??",
    "# %%\n",
    "# %% [markdown]\n",
    "lambda: ",
    "*",
    "**",
    ":=",
    "del x\n",
    "global x\n",
    "def f(x):\n",
    " return f(f)\n",
    "class A(A):\n",
    " pass\n",
    "for i in x:\n",
    "try:\n",
    "match x:\n case [*_]:\n",
    "async ",
    "await ",
    "yield ",
    "9999999999999999999999",
    "1e999",
    "-1",
    "0x",
    "null",
    "\\ud800",
    "\"cells\":",
    "\"source\":",
    ",",
    ":",
    "from m import *\n",
    "x[0] = x\n",
    "exec(x)\n",
    "with open(x) as x:\n",
    "# nbhoist: block x\n",
    "# noqa: ",
];

/// Requests and notifications of an editor, and some that none sends.
const MESSAGES: &str = r#"textDocument/hover {"textDocument": {"uri": "vscode-notebook-cell:/n.ipynb#c1"}, "position": {"line": 0, "character": 1}}
textDocument/codeAction {"textDocument": {"uri": "vscode-notebook-cell:/n.ipynb#c1"}, "range": {"start": {"line": 0, "character": 0}, "end": {"line": 0, "character": 0}}, "context": {"diagnostics": []}}
textDocument/codeLens {"textDocument": {"uri": "vscode-notebook-cell:/n.ipynb#c2"}}
textDocument/inlayHint {"textDocument": {"uri": "vscode-notebook-cell:/n.ipynb#c2"}, "range": {"start": {"line": 0, "character": 0}, "end": {"line": 9, "character": 9}}}
nbhoist/cellStatus {"notebook": "file:///n.ipynb"}
nbhoist/cellExecuted {"notebook": "file:///n.ipynb", "cell": "vscode-notebook-cell:/n.ipynb#c1", "start": 1000.0, "end": 3000.0, "success": true}
notebookDocument/didChange {"notebookDocument": {"uri": "file:///n.ipynb", "version": 2}, "change": {"cells": {"textContent": [{"document": {"uri": "vscode-notebook-cell:/n.ipynb#c1", "version": 2}, "changes": [{"range": {"start": {"line": 0, "character": 0}, "end": {"line": 0, "character": 1}}, "text": "z"}]}]}}}
notebookDocument/didChange {"notebookDocument": {"uri": "file:///n.ipynb", "version": 3}, "change": {"cells": {"structure": {"array": {"start": 1, "deleteCount": 1, "cells": []}, "didClose": [{"uri": "vscode-notebook-cell:/n.ipynb#c1"}]}}}}
notebookDocument/didClose {"notebookDocument": {"uri": "file:///n.ipynb"}, "cellTextDocuments": []}
textDocument/didOpen {"textDocument": {"uri": "file:///s.py", "languageId": "python", "version": 1, "text": "\u0023 %%\nx = 1\n"}}
textDocument/didChange {"textDocument": {"uri": "file:///s.py", "version": 2}, "contentChanges": [{"range": {"start": {"line": 1, "character": 4}, "end": {"line": 1, "character": 5}}, "text": "y"}]}
textDocument/diagnostic {"textDocument": {"uri": "vscode-notebook-cell:/n.ipynb#c2"}}
workspace/didChangeConfiguration {"settings": {"nbhoist": {"select": ["ALL"]}}}
"#;

/// What each target begins with; nothing for a name that no target has.
///
/// # Panics
/// When the notebooks of the corpus are not there.
pub fn seeds(target: &str) -> Vec<Vec<u8>> {
    match target {
        "notebook" => notebooks(),
        "script" => cells().chunks(3).map(|cells| percent_script(cells).into_bytes()).collect(),
        "cell" => cells().into_iter().map(String::into_bytes).collect(),
        "edits" => vec![
            b"\x00\x02x = {}\n\x01\x01x[1] = x\n\x02\x03del x\n\x00\x00\n".to_vec(),
            b"\x01\x02class A:\x0c    y = x\n\x02\x02y = A()\n".to_vec(),
        ],
        "server" => MESSAGES.lines().map(|line| line.as_bytes().to_vec()).chain([MESSAGES.as_bytes().to_vec()]).collect(),
        "settings" => examples(),
        "effects" => vec![EFFECTS.as_bytes().to_vec()],
        "frames" => frames(),
        "history" => vec![database()],
        _ => Vec::new(),
    }
}

/// Effects of a library, of every kind.
const EFFECTS: &str = r#"library = { import = ["lib"], default = "pure", version = "1.0" }
"lib.f" = { gives = "array", reads = ["uri@0"], cost = "io", example = "lib.f('x')" }
"lib.g" = { gives = "none", writes = ["uri@0"], unverified = true }
"lib.C.m" = { reads = ["uri@0"], writes = ["uri@0"], travels = false, why = "an open file cannot move" }
"#;

/// The examples of the page about settings.
fn examples() -> Vec<Vec<u8>> {
    let page = std::fs::read_to_string(root().join("docs/settings.md")).expect("the page about settings");
    page.split("```toml\n").skip(1).filter_map(|rest| rest.split("```").next()).map(|text| text.as_bytes().to_vec()).collect()
}

/// The notebooks of the corpus.
fn notebooks() -> Vec<Vec<u8>> {
    ["digits", "image_recognition", "remote_sensing"]
        .iter()
        .map(|name| std::fs::read(root().join(format!("corpus/{name}.ipynb"))).expect("a notebook of the corpus"))
        .collect()
}

/// The code cells of all notebooks.
fn cells() -> Vec<String> {
    let notebooks = notebooks().into_iter().map(|bytes| ipynb::read(&bytes).expect("a notebook"));
    notebooks.flat_map(|notebook| notebook.cells.into_iter().filter(|cell| cell.kind == CellKind::Code).map(|cell| cell.source)).collect()
}

fn frames() -> Vec<Vec<u8>> {
    let some = [
        Frame::new("hello").with("protocol", 1),
        Frame::new("chunk").with("id", 3).with_payload(vec![7; 300]),
        Frame::new("stream").with("name", "stdout").with("text", "\u{1f600}\n"),
    ];
    let mut all: Vec<Vec<u8>> = some.iter().map(|frame| frames::encode(frame).expect("a frame")).collect();
    all.push(all.concat());
    all
}

/// A history with some sizes in it.
fn database() -> Vec<u8> {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("history.sqlite");
    let mut history = History::open_at(&file).expect("a history");
    history.record("n", &[], &[("x".to_owned(), 8)].into()).expect("sizes are remembered");
    drop(history);
    std::fs::read(file).expect("the database")
}
