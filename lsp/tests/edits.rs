//! A thousand edits at full speed: what stands in the end is what a fresh analysis of the final text says.

mod common;

use std::collections::BTreeMap;

use common::{Client, cell, cell_uri, text, vscode};
use nbhoist_analyzer::notebook::{Cell, Format, Notebook};
use nbhoist_analyzer::{Request, analyze};
use serde_json::{Value, json};

const NOTEBOOK: &str = "file:///n.ipynb";
const CELLS: usize = 200;
const EDITS: usize = 1000;

/// Xorshift: the same edits in every run.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 % u64::try_from(sides.max(1)).unwrap()).unwrap()
    }
}

/// The notebook as the editor has it.
struct Editor {
    cells: Vec<(usize, String)>,
    next: usize,
    dice: Dice,
}

const SCRAPS: [&str; 14] = [
    "x",
    " = ",
    "1",
    "\n",
    "nowhere",
    "print(",
    ")",
    "\u{1f600}",
    "def f():\n    return a3\n",
    "a7",
    "'",
    "# ",
    "  # nbhoist: ignore",
    "\r\n",
];

impl Editor {
    fn new() -> Self {
        let source = |index: usize| match index {
            0 => "a0 = 1".to_owned(),
            _ => format!("a{index} = a{} + 1\nprint(a{index}, '\u{e9}\u{1f600}')", index / 2),
        };
        Self { cells: (0..CELLS).map(|index| (index, source(index))).collect(), next: CELLS, dice: Dice(0x9e37_79b9_7f4a_7c15) }
    }

    fn open(&self) -> Value {
        let sources: Vec<&str> = self.cells.iter().map(|(_, source)| source.as_str()).collect();
        common::notebook(NOTEBOOK, &sources)
    }

    /// Changes something and says it as the protocol does.
    fn change(&mut self) -> Value {
        let place = self.dice.roll(self.cells.len());
        let cells = match self.dice.roll(20) {
            0 => self.insert(place),
            1 if self.cells.len() > CELLS / 2 => {
                let (index, _) = self.cells.remove(place);
                json!({ "structure": { "array": { "start": place, "deleteCount": 1, "cells": [] }, "didClose": [{ "uri": cell_uri(index) }] } })
            }
            2 | 3 => self.move_one(place),
            _ => self.edit(place),
        };
        json!({ "cells": cells })
    }

    fn insert(&mut self, place: usize) -> Value {
        let (index, source) = (self.next, format!("a{} = b{place}", self.dice.roll(CELLS)));
        self.next += 1;
        self.cells.insert(place, (index, source.clone()));
        json!({ "structure": { "array": { "start": place, "deleteCount": 0, "cells": [cell(index, None)] }, "didOpen": [text(index, &source)] } })
    }

    fn move_one(&mut self, from: usize) -> Value {
        let to = self.dice.roll(self.cells.len());
        let moved = self.cells.remove(from);
        self.cells.insert(to, moved);
        let (start, end) = (from.min(to), from.max(to));
        let cells: Vec<Value> = self.cells[start..=end].iter().map(|(index, _)| cell(*index, None)).collect();
        json!({ "structure": { "array": { "start": start, "deleteCount": end - start + 1, "cells": cells }, "didOpen": [], "didClose": [] } })
    }

    fn edit(&mut self, place: usize) -> Value {
        let scrap = SCRAPS[self.dice.roll(SCRAPS.len())];
        let source = &mut self.cells[place].1;
        let ends: Vec<usize> = source.char_indices().map(|(offset, _)| offset).chain([source.len()]).collect();
        let start = self.dice.roll(ends.len());
        let end = (start + self.dice.roll(4)).min(ends.len() - 1);
        // A position between `\r` and `\n` is none.
        let clean = |at: usize| !(source[..at].ends_with('\r') && source[at..].starts_with('\n'));
        let (start, end) = (ends[start], ends[end]);
        let (start, end) = if clean(start) && clean(end) { (start, end) } else { (0, 0) };
        let range = json!({ "start": position(source, start), "end": position(source, end) });
        source.replace_range(start..end, scrap);
        let document = json!({ "uri": cell_uri(self.cells[place].0), "version": 2 });
        json!({ "textContent": [{ "document": document, "changes": [{ "range": range, "text": scrap }] }] })
    }

    /// What a fresh analysis says.
    fn problems(&self) -> BTreeMap<String, Vec<String>> {
        let cells = self.cells.iter().zip(1..).map(|((_, source), number)| Cell::code(number, source.clone())).collect();
        // As the server takes it: cells of an editor may have no ids.
        let format = Format::Ipynb { major: 4, minor: 4 };
        let notebook = Notebook::of(cells, format);
        let mut problems: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for finding in analyze(&Request::new(&notebook)).findings {
            let (index, source) = &self.cells[finding.cell as usize - 1];
            let start = position(source, finding.start as usize);
            let shown = format!("{} {}:{}", finding.code, start["line"], start["character"]);
            problems.entry(cell_uri(*index)).or_default().push(shown);
        }
        problems
    }
}

/// In UTF-16, written once more so that the server's own arithmetic is not tested against itself.
fn position(text: &str, offset: usize) -> Value {
    let before = text[..offset].replace("\r\n", "\n").replace('\r', "\n");
    let line = before.matches('\n').count();
    let column: usize = before.rsplit('\n').next().unwrap().chars().map(char::len_utf16).sum();
    json!({ "line": line, "character": column })
}

#[tokio::test(flavor = "multi_thread")]
async fn what_stands_in_the_end_is_what_a_fresh_analysis_says() {
    let client = Client::start(vscode(), json!({})).await;
    let mut editor = Editor::new();
    client.notify("notebookDocument/didOpen", editor.open());
    for version in 0..EDITS {
        let change = editor.change();
        client.notify(
            "notebookDocument/didChange",
            json!({ "notebookDocument": { "uri": NOTEBOOK, "version": version / 2 }, "change": change }),
        );
        // Once in between, so that cells with diagnostics are edited, moved and removed afterwards.
        if version == EDITS / 2 {
            settled(&client, &editor).await;
        }
    }
    settled(&client, &editor).await;
    client.end().await;
}

/// Waits until what stands is what a fresh analysis says, and stays so.
async fn settled(client: &Client, editor: &Editor) {
    let wanted = editor.problems();
    assert!(wanted.len() > 20, "the edits break something: {}", wanted.len());
    // The answer is about the final text, so nothing that is published later is about another.
    let status = client.request("nbhoist/cellStatus", json!({ "notebook": NOTEBOOK })).await.unwrap();
    assert_eq!(status["cells"].as_array().unwrap().len(), editor.cells.len());
    let met = tokio::time::timeout(std::time::Duration::from_mins(3), async {
        while client.problems() != wanted {
            tokio::time::sleep(std::time::Duration::from_millis(5)).await;
        }
    });
    if met.await.is_err() {
        assert_eq!(client.problems(), wanted);
    }
    tokio::time::sleep(std::time::Duration::from_millis(200)).await;
    assert_eq!(client.problems(), wanted);
}
