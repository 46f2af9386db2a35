//! Prints how long the plans of a notebook of 1,000 cells take: `cargo run --release -p nbhoist-analyzer --example placement_speed`.
use std::fmt::Write as _;
use std::time::Instant;

use nbhoist_analyzer::placement::{Place, Work};
use nbhoist_analyzer::{After, Request, analyze, percent};

const CELLS: usize = 1000;
const ROUNDS: usize = 21;

fn main() {
    let worker = std::thread::Builder::new().stack_size(256 << 20).spawn(measure).expect("a thread");
    worker.join().expect("no panic");
}

/// Cells that read two earlier results each, every tenth of them long. With `apart` there are blocks of so many cells.
fn source(apart: usize) -> String {
    let mut text = String::from("# %%\nimport numpy as np\nv0 = np.zeros(10)\n");
    for cell in 1..CELLS {
        let other = cell / 2;
        // What waits for the user stays, and keeps blocks apart.
        let asks = if apart > 0 && cell % apart == 0 { "input()\n" } else { "" };
        let _ = write!(text, "\n# %%\n{asks}v{cell} = np.sqrt(v{} + v{other})\n", cell - 1);
    }
    text
}

fn measure() {
    for (places, apart, what) in [(1, 0, "one block"), (1, 40, "many blocks"), (3, 0, "one block"), (3, 40, "many blocks")] {
        let mut notebook = percent::read(&source(apart));
        for cell in &mut notebook.cells {
            cell.saved_seconds = Some(if cell.number % 10 == 0 { 40.0 } else { 0.3 });
        }
        let mut request = Request::new(&notebook);
        request.placement.places = (0..places)
            .map(|place| Place {
                speed: [(Work::Cpu, 2.0 + 2.0 * f64::from(place))].into(),
                up: Some(5e6 * f64::from(places - place)),
                down: Some(5e6 * f64::from(places - place)),
                latency: 0.02,
                start_up: 2.0,
                ..Place::new(&format!("place {place}"))
            })
            .collect();
        let analysis = analyze(&request);
        let time = |asked: &str, work: &dyn Fn() -> usize| {
            let mut times: Vec<f64> = (0..ROUNDS)
                .map(|_| {
                    let start = Instant::now();
                    std::hint::black_box(work());
                    start.elapsed().as_secs_f64() * 1e3
                })
                .collect();
            times.sort_by(f64::total_cmp);
            println!(
                "{asked}, {places} places, {what}: median {:.1} ms, longest {:.1} ms, {} plans",
                times[ROUNDS / 2],
                times[ROUNDS - 1],
                work()
            );
        };
        time("plan of one block of a notebook of 1,000 cells", &|| {
            std::hint::black_box(analysis.plan(&[500, 501, 502], After::FollowingCells));
            1
        });
        time("all plans of a notebook of 1,000 cells", &|| analysis.plans().len());
    }
}
