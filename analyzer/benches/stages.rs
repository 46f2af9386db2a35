//! What each stage of an analysis takes, and how it grows with the notebook.
//!
//!     cargo bench -p nbhoist-analyzer                    # milliseconds for each stage and size, and fitted exponents
//!     cargo bench -p nbhoist-analyzer -- --once 200      # one analysis of one notebook, for a profiler; also of a file
//!     cargo bench -p nbhoist-analyzer -- --edits 200     # what an edit of one line takes in a notebook of so many cells, as a server has it open
#![allow(clippy::print_stdout, reason = "a benchmark prints what it measured")]

use std::fmt::Write as _;
use std::time::Instant;

use nbhoist_analyzer::notebook::Notebook;
use nbhoist_analyzer::{After, FactsCache, Request, Stage, analyze_observed, ipynb, percent};

/// The allocator of the command, so that what is measured is what people get: where objects lie decides what a large notebook costs. Not where
/// instructions are counted, because there it would not be optimized.
#[cfg(not(debug_assertions))]
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Cells of the notebooks, and how often each is analyzed; the median counts. An exponent hangs on two or three numbers, so none of them is that of
/// a few runs.
const SIZES: [(usize, usize); 4] = [(10, 31), (100, 31), (1_000, 15), (10_000, 7)];
const STAGES: [&str; 7] = ["facts", "graph", "edges", "liveness", "cost", "rules", "plan"];
/// Stack of the thread that analyzes, bytes: the interpreter follows nested code.
const STACK_BYTES: usize = 256 << 20;

fn main() {
    let worker = std::thread::Builder::new().stack_size(STACK_BYTES).spawn(run).expect("a thread");
    worker.join().expect("no panic");
}

fn run() {
    let arguments: Vec<String> = std::env::args().collect();
    if let Some(at) = arguments.iter().position(|argument| argument == "--once") {
        let which = arguments.get(at + 1).expect("--once wants a number of cells or a notebook");
        measure(&which.parse().map_or_else(|_| file(which), notebook));
        return;
    }
    if let Some(at) = arguments.iter().position(|argument| argument == "--edits") {
        let cells = arguments.get(at + 1).and_then(|cells| cells.parse().ok()).expect("--edits wants a number of cells");
        return edits(cells);
    }
    println!("{:>8} {}", "cells", STAGES.map(|stage| format!("{stage:>10}")).join(" "));
    let mut curves: [Vec<(f64, f64)>; 7] = Default::default();
    for (cells, rounds) in SIZES {
        let notebook = notebook(cells);
        let all: Vec<[f64; 7]> = (0..rounds).map(|_| measure(&notebook)).collect();
        let medians: [f64; 7] = std::array::from_fn(|stage| median(all.iter().map(|times| times[stage]).collect()));
        println!("{cells:>8} {}", medians.map(|time| format!("{:>7.3} ms", time * 1e3)).join(" "));
        for (curve, time) in curves.iter_mut().zip(medians) {
            curve.push(((cells as f64).ln(), time.ln()));
        }
    }
    // The smallest notebook shows what an analysis costs however small it is, not how it grows.
    println!("{:>8} {}", "exponent", curves.map(|curve| format!("{:>10.2}", slope(&curve[1..]))).join(" "));
}

fn file(path: &str) -> Notebook {
    ipynb::read(&std::fs::read(path).expect("a file")).expect("a notebook")
}

/// Edits that are measured.
const EDITS: usize = 400;

/// A name that is nowhere comes into one cell after the other, and goes again, in the notebook of `bench/server.py`.
fn edits(cells: usize) {
    let mut notebook = chain(cells);
    let mut cache = FactsCache::for_edits();
    let mut all: Vec<[f64; 6]> = Vec::new();
    let mut interpreted = 0;
    for edit in 0..EDITS {
        let cell = &mut notebook.cells[edit / 2 * 37 % cells];
        cell.source = if edit % 2 == 0 { format!("nowhere\n{}", cell.source) } else { cell.source.replacen("nowhere\n", "", 1) };
        let mut times = [0.0; 6];
        let mut began = Instant::now();
        let before = cache.interpreted();
        analyze_observed(&Request::new(&notebook), &mut cache, &mut |stage| {
            times[stage as usize] += began.elapsed().as_secs_f64();
            began = Instant::now();
        });
        if edit > 0 {
            interpreted += cache.interpreted().unwrap_or(0) - before.unwrap_or(0);
            all.push(times);
        }
    }
    for (stage, name) in STAGES.iter().enumerate().take(6) {
        println!("{name:>8} {:>7.3} ms", median(all.iter().map(|times| times[stage]).collect()) * 1e3);
    }
    println!("{:>8.1} cells interpreted for each edit", interpreted as f64 / all.len() as f64);
}

/// Cells of twelve lines, each of which reads an earlier one.
fn chain(cells: usize) -> Notebook {
    let mut text = String::new();
    for cell in 0..cells {
        text.push_str("# %%\n");
        for line in 0..12 {
            let _ = match cell {
                0 => writeln!(text, "v0_{line} = 1"),
                _ => writeln!(text, "v{cell}_{line} = v{}_{line} + {line}", cell / 2),
            };
        }
    }
    percent::read(&text)
}

/// Seconds that each stage takes, in the order of `STAGES`. `plan` is one block in the middle, as an editor asks for it.
fn measure(notebook: &Notebook) -> [f64; 7] {
    let mut times = [0.0; 7];
    let mut began = Instant::now();
    let mut ended = |stage: Stage| {
        times[stage as usize] = began.elapsed().as_secs_f64();
        began = Instant::now();
    };
    let analysis = analyze_observed(&Request::new(notebook), &mut FactsCache::default(), &mut ended);
    let middle = notebook.cells.len() as u32 / 2;
    let began = Instant::now();
    std::hint::black_box(analysis.plan(&[middle, middle + 1, middle + 2], After::FollowingCells));
    times[6] = began.elapsed().as_secs_f64();
    times
}

/// A notebook as people write them: data is read, cleaned, grouped, modelled and drawn, with functions between. Each
/// tenth of cells works on names of its own and on some that the first cells made.
fn notebook(cells: usize) -> Notebook {
    let mut text = String::new();
    for cell in 0..cells {
        let group = cell / 10;
        let _ = write!(text, "# %%\n{}\n", source(cell, group));
    }
    percent::read(&text)
}

fn source(cell: usize, g: usize) -> String {
    match cell % 10 {
        0 if cell == 0 => "import numpy as np\nimport pandas as pd\nimport matplotlib.pyplot as plt\nfrom sklearn.linear_model import Ridge\nSEED = 7\nrng = np.random.default_rng(SEED)".into(),
        0 => format!("base{g} = rng.normal(size=({}, 4))\ncolumns{g} = ['a', 'b', 'c', 'd']", 1000 + g),
        1 => format!("df{g} = pd.read_csv('data/part{g}.csv')\ndf{g}['total'] = df{g}['a'] + df{g}['b'] * {g}\ndf{g} = df{g}.dropna()\ndf{g}.head()"),
        2 => format!("def clean{g}(frame, limit={g}):\n    out = frame[frame['total'] > limit].copy()\n    for name in ['a', 'b']:\n        out[name] = out[name].fillna(out[name].mean())\n    return out"),
        3 => format!("small{g} = clean{g}(df{g})\nsmall{g}.loc[small{g}['a'] < 0, 'a'] = 0\nsizes{g} = [len(df{g}), len(small{g})]"),
        4 => format!("means{g} = small{g}.groupby('b').agg({{'a': 'mean', 'total': 'sum'}}).reset_index()\nmeans{g}.columns = ['b', 'mean', 'sum']"),
        5 => format!("class Model{g}:\n    def __init__(self, alpha):\n        self.alpha = alpha\n        self.seen = []\n    def fit(self, x, y):\n        self.seen.append(len(x))\n        self.inner = Ridge(alpha=self.alpha).fit(x, y)\n        return self"),
        6 => format!("X{g} = small{g}[['a', 'b']].to_numpy()\ny{g} = small{g}['total'].to_numpy()\nmodels{g} = [Model{g}(alpha).fit(X{g}, y{g}) for alpha in (0.1, 1, 10)]"),
        7 => format!("scores{g} = {{}}\nfor number, model in enumerate(models{g}):\n    guess = model.inner.predict(X{g})\n    error = np.mean((guess - y{g}) ** 2)\n    if error > {g}:\n        scores{g}[number] = error\n    else:\n        scores{g}[number] = 0.0"),
        8 => format!("fig{g}, ax{g} = plt.subplots(1, 2, figsize=(8, 3))\nax{g}[0].plot(means{g}['b'], means{g}['mean'])\nax{g}[1].hist(y{g}, bins=30)\nplt.show()"),
        _ => format!("best{g} = min(scores{g}, key=scores{g}.get)\nprint(f'{{best{g}}}: {{scores{g}[best{g}]:.3f}}')\nwith open('out/{g}.txt', 'w') as out:\n    out.write(str(best{g}))"),
    }
}

fn median(mut times: Vec<f64>) -> f64 {
    times.sort_by(f64::total_cmp);
    times[times.len() / 2]
}

/// The slope of the straight line with the least squares.
fn slope(points: &[(f64, f64)]) -> f64 {
    let count = points.len() as f64;
    let (x, y) = points.iter().fold((0.0, 0.0), |sum, point| (sum.0 + point.0 / count, sum.1 + point.1 / count));
    let product: f64 = points.iter().map(|point| (point.0 - x) * (point.1 - y)).sum();
    let square: f64 = points.iter().map(|point| (point.0 - x).powi(2)).sum();
    product / square
}
