//! Prints how the time of each stage of the analysis grows with the number of cells: seconds for notebooks of 10, 100, 1,000 and 10,000
//! cells, and the exponent that fits them. An exponent of 1 is linear; n log n is about 1.1 here.
//!
//! `cargo run --release -p nbhoist-analyzer --example growth`. The largest number of cells may be given as an argument.
use std::fmt::Write as _;
use std::time::Instant;

use nbhoist_analyzer::notebook::Notebook;
use nbhoist_analyzer::{After, FactsCache, Request, analyze_in_stages, percent};

/// Runs of which the fastest counts.
const REPEATS: usize = 3;
/// Times below this are left out of the fit: they measure the clock, seconds.
const SHORTEST: f64 = 1e-5;

fn main() {
    let largest = std::env::args().nth(1).and_then(|word| word.parse().ok()).unwrap_or(10_000);
    let worker = std::thread::Builder::new().stack_size(256 << 20).spawn(move || report(largest)).expect("a thread");
    worker.join().expect("no panic");
}

fn report(largest: usize) {
    let sizes: Vec<usize> = [10, 100, 1_000, 10_000].into_iter().filter(|size| *size <= largest).collect();
    let columns: Vec<Vec<(&'static str, f64)>> = sizes.iter().map(|size| fastest(&notebook(*size))).collect();
    let mut head = format!("{:<16}", "stage");
    sizes.iter().for_each(|size| _ = write!(head, "{size:>12}"));
    println!("{head}{:>10}", "exponent");
    for (row, (stage, _)) in columns.first().into_iter().flatten().enumerate() {
        let times: Vec<f64> = columns.iter().map(|column| column[row].1).collect();
        let mut line = format!("{stage:<16}");
        times.iter().for_each(|seconds| _ = write!(line, "{seconds:>12.6}"));
        println!("{line}{:>10.2}", exponent(&sizes, &times));
    }
}

/// Cells that load, change, fit and plot, each with names of cells shortly before it, as notebooks do.
fn notebook(cells: usize) -> Notebook {
    let mut text =
        String::from("# %%\nimport numpy as np\nimport pandas as pd\nimport matplotlib.pyplot as plt\nfrom sklearn.svm import SVC\n");
    for n in 1..cells {
        let before = n.saturating_sub(4) / 4 * 4;
        let cell = match n % 4 {
            0 => format!("frame_{n} = pd.DataFrame({{'x': np.arange({n}), 'y': np.ones({n})}})\nprint(frame_{n}.shape)"),
            1 => format!(
                "def scale_{n}(frame, by=2):\n    for column in frame.columns:\n        frame[column] = frame[column] * by\n    return frame\n"
            ),
            2 if n > 8 => format!("frame_{before}['z'] = frame_{before}.x + {n}\nscaled_{n} = scale_{}(frame_{before})", before + 1),
            3 if n > 8 => format!(
                "model_{n} = SVC(C={n})\nmodel_{n}.fit(scaled_{}[['x']], scaled_{}.y)\nplt.plot(model_{n}.predict(scaled_{}))",
                before + 2,
                before + 2,
                before + 2
            ),
            _ => format!("value_{n} = {n}"),
        };
        _ = write!(text, "\n# %%\n{cell}\n");
    }
    percent::read(&text)
}

/// The shortest time of each stage, seconds.
fn fastest(notebook: &Notebook) -> Vec<(&'static str, f64)> {
    let mut best = once(notebook);
    for _ in 1..REPEATS {
        for (known, (_, seconds)) in best.iter_mut().zip(once(notebook)) {
            known.1 = known.1.min(seconds);
        }
    }
    best
}

fn once(notebook: &Notebook) -> Vec<(&'static str, f64)> {
    let mut times = Vec::new();
    let mut last = Instant::now();
    let mut done = |stage: &'static str| {
        times.push((stage, last.elapsed().as_secs_f64()));
        last = Instant::now();
    };
    let analysis = analyze_in_stages(&Request::new(notebook), &mut FactsCache::default(), &mut done);
    let middle = notebook.cells.len() as u32 / 2;
    let plan = analysis.plan(&[middle, middle + 1], After::FollowingCells);
    std::hint::black_box(plan);
    done("plan");
    times
}

/// Slope of the times over the sizes, both as logarithms, by least squares.
fn exponent(sizes: &[usize], times: &[f64]) -> f64 {
    let points: Vec<(f64, f64)> = sizes
        .iter()
        .zip(times)
        .filter(|(_, seconds)| **seconds > SHORTEST)
        .map(|(size, seconds)| ((*size as f64).ln(), seconds.ln()))
        .collect();
    let count = points.len() as f64;
    let (x, y) = points.iter().fold((0.0, 0.0), |(x, y), point| (x + point.0 / count, y + point.1 / count));
    let along: f64 = points.iter().map(|point| (point.0 - x) * (point.1 - y)).sum();
    along / points.iter().map(|point| (point.0 - x).powi(2)).sum::<f64>()
}
