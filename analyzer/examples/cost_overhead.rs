//! What the cost of cells adds to an analysis: every notebook named on standard input is analyzed with and without it, in turn.
//!
//! `find .cache/nbhoist-corpus -name '*.ipynb' | cargo run --release -p nbhoist-analyzer --example cost_overhead`
//!
//! Processor time, and of several rounds the one that took least for each notebook, so that other work of the machine counts little. A few large notebooks take most of
//! the time of all; what cost adds to a usual one is the median over notebooks.

use std::hint::black_box;
use std::io::BufRead;
use std::time::Duration;

use nbhoist_analyzer::cost::{self, Model};
use nbhoist_analyzer::{Request, analyze, ipynb};

const ROUNDS: usize = 7;

fn main() {
    let worker = std::thread::Builder::new().stack_size(256 << 20).spawn(measure).expect("a thread");
    worker.join().expect("no panic");
}

/// Processor time of this thread.
#[cfg(unix)]
fn spent() -> Duration {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime);
    Duration::new(time.tv_sec.cast_unsigned(), u32::try_from(time.tv_nsec).unwrap_or_default())
}

/// Time since the first question, where that of a thread is not known.
#[cfg(not(unix))]
fn spent() -> Duration {
    static START: std::sync::LazyLock<std::time::Instant> = std::sync::LazyLock::new(std::time::Instant::now);
    START.elapsed()
}

fn measure() {
    let (mut with, mut without, mut model) = (Duration::ZERO, Duration::ZERO, Duration::ZERO);
    let (mut cells, mut ratios) = (0, Vec::new());
    for path in std::io::stdin().lock().lines().map_while(Result::ok) {
        let Some(notebook) = std::fs::read(&path).ok().and_then(|bytes| ipynb::read(&bytes).ok()) else { continue };
        if notebook.language != "python" {
            continue;
        }
        let (weighed, plain) = (Request::new(&notebook), Request { weighs: false, ..Request::new(&notebook) });
        let mut fastest = [Duration::MAX; 2];
        for _ in 0..ROUNDS {
            for (request, fastest) in [&weighed, &plain].into_iter().zip(&mut fastest) {
                let start = spent();
                black_box(analyze(request));
                *fastest = spent().saturating_sub(start).min(*fastest);
            }
        }
        let known = cost::features(&weighed);
        let embedded = Model::embedded().expect("a model");
        let predicts = || {
            let start = spent();
            for (_, features) in &known {
                black_box(embedded.predict(features));
            }
            spent().saturating_sub(start)
        };
        model += (0..ROUNDS).map(|_| predicts()).min().unwrap_or_default();
        with += fastest[0];
        without += fastest[1];
        cells += known.len();
        ratios.push(fastest[0].as_secs_f64() / fastest[1].as_secs_f64());
    }
    ratios.sort_by(f64::total_cmp);
    println!("{} notebooks, {cells} cells; fastest of {ROUNDS} rounds each", ratios.len());
    let median = ratios.get(ratios.len() / 2).copied().unwrap_or_default();
    let all = with.as_secs_f64() / without.as_secs_f64();
    println!("without cost {without:.2?}, with cost {with:.2?}: {all:.3} times in all, {median:.3} times in the median of notebooks");
    println!("the model itself: {:.1} us a cell", model.as_secs_f64() * 1e6 / f64::from(cells.max(1) as u32));
}
