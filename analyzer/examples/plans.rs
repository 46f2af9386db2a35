//! Prints the plans of blocks as JSON lines: `{"notebook", "cells"}` on standard input, a plan with bare names on standard output.
//!
//! One process answers for as many notebooks as wanted, which makes it cheap to compare plans with what happens when they are followed.
use std::io::{BufRead, Write};

use nbhoist_analyzer::notebook::Notebook;
use nbhoist_analyzer::{After, Analysis, Request, analyze, ipynb, local_files};
use serde_json::{Value, json};

fn main() {
    let worker = std::thread::Builder::new().stack_size(256 << 20).spawn(serve).expect("a thread");
    worker.join().expect("no panic");
}

/// A notebook that has been read and analyzed, by its path.
type Known = (String, Result<(Notebook, Analysis), String>);

fn serve() {
    let mut known: Option<Known> = None;
    let mut out = std::io::stdout().lock();
    for line in std::io::stdin().lock().lines().map_while(Result::ok) {
        let Ok(question) = serde_json::from_str::<Value>(&line) else { continue };
        let path = question["notebook"].as_str().unwrap_or_default().to_owned();
        if known.as_ref().is_none_or(|(name, _)| *name != path) {
            let read = read(&path);
            known = Some((path.clone(), read));
        }
        let cells: Vec<u32> =
            question["cells"].as_array().into_iter().flatten().filter_map(Value::as_u64).map(|cell| cell as u32).collect();
        let answer = match &known {
            Some((_, Ok((_, analysis)))) => plan(analysis, &cells),
            Some((_, Err(error))) => json!({ "cells": cells, "error": error }),
            None => json!({ "cells": cells, "error": "no notebook" }),
        };
        if writeln!(out, "{answer}").and_then(|()| out.flush()).is_err() {
            return;
        }
    }
}

fn read(path: &str) -> Result<(Notebook, Analysis), String> {
    let bytes = std::fs::read(path).map_err(|error| error.to_string())?;
    let notebook = ipynb::read(&bytes).map_err(|error| error.to_string())?;
    let mut request = Request::new(&notebook);
    let folder = std::path::Path::new(path).parent().unwrap_or(std::path::Path::new("."));
    let sources = notebook.code_cells().map(|cell| cell.source.as_str());
    request.files = local_files::referenced(sources, |file| std::fs::read_to_string(folder.join(file)).ok());
    let analysis = analyze(&request);
    Ok((notebook, analysis))
}

fn plan(analysis: &Analysis, cells: &[u32]) -> Value {
    let plan = analysis.plan(cells, After::FollowingCells);
    json!({
        "cells": plan.cells,
        "inputs": plan.inputs.iter().map(|input| &input.name).collect::<Vec<_>>(),
        "returns": plan.returns.iter().map(|entry| &entry.name).collect::<Vec<_>>(),
        "deletes": plan.deletes,
        "imports": plan.imports,
        "ambient": plan.ambient,
        "files": plan.files.iter().map(|file| &file.path).collect::<Vec<_>>(),
        "warnings": plan.warnings,
        "refusal": plan.refusal.map(|refusal| refusal.text),
    })
}
