//! Analyzes every notebook named on standard input and prints what stands out: for robustness and for looking at findings.
use std::io::BufRead;
use std::time::Instant;

use nbhoist_analyzer::{After, Request, analyze, ipynb};

fn main() {
    let worker = std::thread::Builder::new().stack_size(256 << 20).spawn(sweep).expect("a thread");
    worker.join().expect("no panic");
}

fn sweep() {
    let (mut cells, mut files) = (0, 0);
    let mut slow = Vec::new();
    let start = Instant::now();
    for path in std::io::stdin().lock().lines().map_while(Result::ok) {
        let Ok(bytes) = std::fs::read(&path) else { continue };
        let notebook = match ipynb::read(&bytes) {
            Ok(notebook) => notebook,
            Err(error) => {
                println!("{path}: {error}");
                continue;
            }
        };
        if notebook.language != "python" {
            continue;
        }
        files += 1;
        let begin = Instant::now();
        let analysis = analyze(&Request::new(&notebook));
        slow.push((begin.elapsed(), path.clone()));
        for finding in &analysis.findings {
            println!("{path}:{} {} {}", finding.cell, finding.code, finding.message);
        }
        cells += notebook.code_cells().count();
        if std::env::var_os("PLANS").is_some() {
            for cell in notebook.code_cells() {
                let _ = analysis.plan(&[cell.number], After::FollowingCells);
            }
        }
    }
    slow.sort();
    eprintln!("{files} notebooks, {cells} cells, {:?}", start.elapsed());
    for (time, path) in slow.iter().rev().take(5) {
        eprintln!("{time:?} {path}");
    }
}
