//! What the cost of cells adds to an analysis: every notebook named on standard input is analyzed with and without it, in turn.
//!
//! `find .cache/nbhoist-corpus -name '*.ipynb' | cargo run --release -p nbhoist-analyzer --example cost_overhead`
//!
//! The fastest of several rounds counts for each notebook, so that other work of the machine counts little.

use std::hint::black_box;
use std::io::BufRead;
use std::time::{Duration, Instant};

use nbhoist_analyzer::cost::{self, Model};
use nbhoist_analyzer::{Request, analyze, ipynb};

const ROUNDS: usize = 7;

fn main() {
    let worker = std::thread::Builder::new().stack_size(256 << 20).spawn(measure).expect("a thread");
    worker.join().expect("no panic");
}

fn measure() {
    let (mut with, mut without, mut model) = (Duration::ZERO, Duration::ZERO, Duration::ZERO);
    let (mut files, mut cells) = (0, 0);
    for path in std::io::stdin().lock().lines().map_while(Result::ok) {
        let Some(notebook) = std::fs::read(&path).ok().and_then(|bytes| ipynb::read(&bytes).ok()) else { continue };
        if notebook.language != "python" {
            continue;
        }
        let (weighed, plain) = (Request::new(&notebook), Request { weighs: false, ..Request::new(&notebook) });
        let mut fastest = [Duration::MAX; 2];
        for _ in 0..ROUNDS {
            for (request, fastest) in [&weighed, &plain].into_iter().zip(&mut fastest) {
                let start = Instant::now();
                black_box(analyze(request));
                *fastest = start.elapsed().min(*fastest);
            }
        }
        let known = cost::features(&weighed);
        let embedded = Model::embedded().expect("a model");
        let start = Instant::now();
        for (_, features) in &known {
            black_box(embedded.predict(features));
        }
        model += start.elapsed();
        with += fastest[0];
        without += fastest[1];
        cells += known.len();
        files += 1;
    }
    println!("{files} notebooks, {cells} cells; fastest of {ROUNDS} rounds each");
    println!("without cost {without:.2?}, with cost {with:.2?}: {:.3} times", with.as_secs_f64() / without.as_secs_f64());
    println!("the model itself: {:.1} us a cell", model.as_secs_f64() * 1e6 / f64::from(cells.max(1) as u32));
}
