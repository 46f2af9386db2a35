//! The least that any linter of notebooks does: reads each file, takes its JSON apart with the outputs passed over, and
//! parses every code cell. `bench/compare` puts `nbhoist check` beside it. It works on all cores, as `check` does.
//!
//!     cargo run --release -p nbhoist-analyzer --example floor -- LIST     # a file with a path on each line
#![allow(clippy::print_stdout, reason = "a program that says what it did")]

use std::sync::atomic::{AtomicUsize, Ordering};

use serde::Deserialize;
use serde::de::IgnoredAny;

#[derive(Deserialize)]
struct Notebook {
    #[serde(default)]
    cells: Vec<Cell>,
}

#[derive(Deserialize)]
struct Cell {
    #[serde(rename = "cell_type")]
    kind: String,
    source: Source,
    #[serde(default, rename = "outputs")]
    _outputs: IgnoredAny,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Source {
    Lines(Vec<String>),
    Text(String),
}

/// Stack of each thread, bytes: deep nesting takes much.
const STACK_BYTES: usize = 256 << 20;

fn main() {
    let list = std::env::args().nth(1).expect("a file with a path on each line");
    let list = std::fs::read_to_string(list).expect("the list can be read");
    let paths: Vec<&str> = list.lines().collect();
    let (next, parsed) = (AtomicUsize::new(0), AtomicUsize::new(0));
    let work = || {
        while let Some(path) = paths.get(next.fetch_add(1, Ordering::Relaxed)) {
            let Ok(bytes) = std::fs::read(path) else { continue };
            // What is no notebook is no work for the others either.
            let Ok(notebook) = serde_json::from_slice::<Notebook>(&bytes) else { continue };
            for cell in notebook.cells.into_iter().filter(|cell| cell.kind == "code") {
                let text = match cell.source {
                    Source::Lines(lines) => lines.concat(),
                    Source::Text(text) => text,
                };
                let options = ruff_python_parser::ParseOptions::from(ruff_python_parser::Mode::Ipython);
                std::hint::black_box(ruff_python_parser::parse_unchecked(&text, options));
                parsed.fetch_add(1, Ordering::Relaxed);
            }
        }
    };
    std::thread::scope(|scope| {
        for _ in 0..std::thread::available_parallelism().map_or(1, usize::from) {
            std::thread::Builder::new().stack_size(STACK_BYTES).spawn_scoped(scope, work).expect("a thread");
        }
    });
    println!("{} files, {} cells parsed", paths.len(), parsed.into_inner());
}
