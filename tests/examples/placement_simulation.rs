//! Replays sessions under every policy and writes the report: `cargo run --release -p nbhoist-tests --example placement_simulation`.

use nbhoist_tests::root;
use nbhoist_tests::simulation::report::report;

fn main() -> std::io::Result<()> {
    let file = root().join("docs/placement-simulation.md");
    std::fs::write(&file, report())?;
    println!("written to {}", file.display());
    Ok(())
}
