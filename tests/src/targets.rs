//! What fuzzing feeds: functions that take any bytes and must neither panic nor hang, and laws that hold for all bytes.
//!
//! The tests give them mutants made the same way in every run; `fuzz/` gives them to libFuzzer.

use std::path::Path;

use nbhoist_analyzer::notebook::{CellKind, Notebook};
use nbhoist_analyzer::{After, Analysis, FactsCache, Request, analyze, analyze_with, ipynb, percent};
use nbhoist_executor::frames::{self, Decoded, FrameReader};
use nbhoist_executor::history::History;
use nbhoist_settings::Settings;

mod seeds;
mod server;

pub use seeds::{PIECES, seeds};
pub use server::server;

/// Longest text of a cell that the law of edits makes, bytes.
const CELL_BYTES: usize = 4_000;

/// A target: its name and what takes the bytes.
pub type Target = (&'static str, fn(&[u8]));

/// All targets.
pub const TARGETS: [Target; 9] = [
    ("notebook", notebook),
    ("script", script),
    ("cell", cell),
    ("edits", edits),
    ("server", server),
    ("settings", settings),
    ("effects", effects),
    ("frames", frames),
    ("history", history),
];

/// Everything that is asked of an analysis, so that no part of it is left out.
pub fn ask_all(notebook: &Notebook) -> Analysis {
    let analysis = analyze(&Request::new(notebook));
    let cells: Vec<u32> = analysis.cells.iter().map(|cell| cell.cell).take(8).collect();
    for cell in &cells {
        analysis.plan(&[*cell], After::FollowingCells);
    }
    analysis.plan(&cells, After::FollowingCells);
    analysis.plans();
    analysis
}

/// A notebook's file. What can be read is analyzed; an edit of nothing changes no byte, an edit of outputs only what it names.
///
/// # Panics
/// When a law is broken.
pub fn notebook(bytes: &[u8]) {
    let Ok(read) = ipynb::read(bytes) else {
        return;
    };
    ask_all(&read);
    let Ok(same) = ipynb::edit(bytes, &[]) else {
        return;
    };
    assert_eq!(same, bytes, "no edit changes no byte");
    let Some(cell) = read.cells.iter().find(|cell| cell.kind == CellKind::Code) else {
        return;
    };
    let change = ipynb::CellEdit { number: cell.number, outputs: Some("[]".to_owned()), ..Default::default() };
    if let Ok(changed) = ipynb::edit(bytes, &[change]) {
        let again = ipynb::read(&changed).expect("what was written is a notebook");
        let sources = |notebook: &Notebook| notebook.cells.iter().map(|cell| cell.source.clone()).collect::<Vec<_>>();
        assert_eq!(sources(&again), sources(&read), "an edit of outputs leaves the sources");
    }
}

/// A percent script.
pub fn script(bytes: &[u8]) {
    ask_all(&percent::read(&String::from_utf8_lossy(bytes)));
}

/// The text of a cell, between one that makes what it may use and one that uses what it may make.
///
/// # Panics
/// When a law is broken.
pub fn cell(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes).replace("# %%", "# ");
    let around =
        format!("# %%\nimport numpy as np, pandas as pd\nx, y, df = [1], {{2: 3}}, pd.DataFrame()\n# %%\n{text}\n# %%\nprint(x, y, df)\n");
    ask_all(&percent::read(&around));
    let mut cache = FactsCache::default();
    let alone = format!("{:?}", cache.get(&text));
    cache.get("x = 1");
    assert_eq!(alone, format!("{:?}", FactsCache::default().get(&text)), "facts of a text are the same in every cache");
}

/// Edits of a notebook: after each, a cache that has seen the other texts gives the analysis that none gives.
///
/// The bytes are edits, one a line: the first says which cell, the second what is done to it, the rest is text.
///
/// # Panics
/// When a law is broken.
pub fn edits(bytes: &[u8]) {
    let mut cells = vec!["x = [1]".to_owned(), "def f(a):\n    a.append(2)\n    return a".to_owned(), "y = f(x)\nprint(y)".to_owned()];
    let mut cache = FactsCache::for_edits();
    for edit in bytes.split(|&byte| byte == b'\n').filter(|edit| edit.len() > 1).take(12) {
        apply(edit, &mut cells);
        leads_where_a_fresh_analysis_leads(&cells, &mut cache);
    }
}

/// The law of edits: a cache that has seen other texts gives the analysis of these cells that none gives.
///
/// # Panics
/// When it is broken.
pub fn leads_where_a_fresh_analysis_leads(cells: &[String], cache: &mut FactsCache) {
    let notebook = percent::read(&percent_script(cells));
    let request = Request::new(&notebook);
    let (edited, fresh) = (analyze_with(&request, cache), analyze(&request));
    assert_eq!(
        format!("{:?}{:?}{:?}", edited.cells, edited.edges(), edited.findings),
        format!("{:?}{:?}{:?}", fresh.cells, fresh.edges(), fresh.findings)
    );
    cache.retain(cells.iter().map(String::as_str));
}

/// Cells as a percent script.
pub fn percent_script(cells: &[String]) -> String {
    cells.iter().flat_map(|cell| ["# %%\n", cell, "\n"]).collect()
}

fn apply(edit: &[u8], cells: &mut Vec<String>) {
    let (which, what) = (usize::from(edit[0]) % cells.len(), edit[1]);
    // A form feed stands for the end of a line, which ends the edit here.
    let text = String::from_utf8_lossy(&edit[2..]).replace('\u{c}', "\n");
    match what % 4 {
        0 if cells.len() > 1 => drop(cells.remove(which)),
        1 if cells.len() < 8 => cells.insert(which, text),
        2 => cells[which] = text,
        _ => {
            let cell = &mut cells[which];
            let middle = (0..=cell.len() / 2).rev().find(|&at| cell.is_char_boundary(at)).unwrap_or(0);
            cell.insert_str(middle, &text);
            let end = (0..=CELL_BYTES.min(cell.len())).rev().find(|&at| cell.is_char_boundary(at)).unwrap_or(0);
            cell.truncate(end);
        }
    }
}

/// Configuration of a user and of a project.
///
/// # Panics
/// When no file can be written.
pub fn settings(bytes: &[u8]) {
    let folder = room();
    let file = folder.path().join("nbhoist.toml");
    std::fs::write(&file, bytes).expect("the configuration is written");
    for (user, project) in [(Some(file.as_path()), None), (None, Some(file.as_path()))] {
        match Settings::load_from(user, project) {
            Ok(settings) => drop(settings.config(Some(Path::new("/n.ipynb")))),
            Err(error) => assert!(!error.to_string().is_empty(), "an error says what is wrong"),
        }
    }
}

/// A file of library effects that a project names.
///
/// # Panics
/// When no file can be written.
pub fn effects(bytes: &[u8]) {
    let folder = room();
    let file = folder.path().join("nbhoist.toml");
    std::fs::write(&file, "library-effects = [\"effects.toml\"]\n").expect("the configuration is written");
    std::fs::write(folder.path().join("effects.toml"), bytes).expect("the effects are written");
    if let Ok(settings) = Settings::load_from(None, Some(&file)) {
        let notebook = percent::read("# %%\nimport lib\nx = []\nlib.f(x)\nlib.g(x)\ny = lib.C(x)\ny.m(x)\n");
        let config = settings.config(None);
        analyze(&Request { config, ..Request::new(&notebook) });
    }
}

/// Frames: what is decoded at once is what a stream gives, and what was decoded can be written and read again.
///
/// # Panics
/// When a law is broken.
pub fn frames(bytes: &[u8]) {
    let (mut rest, mut decoded) = (bytes, Vec::new());
    while let Ok(Decoded::Frame(frame, length)) = frames::decode(rest) {
        if let Ok(written) = frames::encode(&frame) {
            assert_eq!(frames::decode(&written).expect("a frame"), Decoded::Frame(frame.clone(), written.len()));
        }
        decoded.push(frame);
        rest = &rest[length..];
    }
    let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
    runtime.block_on(async {
        let mut stream = FrameReader::new(bytes);
        for frame in decoded {
            assert_eq!(stream.next().await.expect("a frame").expect("a frame"), frame);
        }
        assert!(!matches!(stream.next().await, Ok(Some(_))), "a stream gives no frame that decoding did not give");
    });
}

/// A history's database: one that is damaged is put aside, and a new run is remembered either way.
///
/// # Panics
/// When a law is broken.
pub fn history(bytes: &[u8]) {
    let folder = room();
    let file = folder.path().join("history.sqlite");
    std::fs::write(&file, bytes).expect("the database is written");
    let Ok(mut history) = History::open_at(&file) else {
        return;
    };
    let notebook = percent::read("# %%\nx = 1\n");
    let before = history.log("n", 100).map(|log| log.len());
    let recorded = history.record("n", &[], &[("x".to_owned(), 8)].into());
    if recorded.is_ok() {
        drop(history.measurements("n", &notebook));
        assert_eq!(history.log("n", 100).map(|log| log.len()).ok(), before.ok(), "sizes are no runs");
    }
    drop(history.places());
}

/// A folder in memory where there is one: a disk that syncs would take longest.
fn room() -> tempfile::TempDir {
    let memory = Path::new("/dev/shm");
    let builder = tempfile::Builder::new();
    if memory.is_dir() { builder.tempdir_in(memory) } else { builder.tempdir() }.expect("a folder")
}
