//! How much state a notebook's heavy cell needs, beside what others would send.

use std::path::Path;
use std::time::Instant;

use nbhoist_analyzer::After;
use nbhoist_executor::cancel::Cancel;
use nbhoist_executor::event::{CellRef, Event};
use nbhoist_executor::executors::Executor;
use nbhoist_executor::kernel::Kernel;
use nbhoist_executor::migrate::{BlockCell, Migration, migrate};
use serde_json::{Value, json};

use super::scenario::Scenario;

/// Prints the whole namespace packed in three ways. A value that one of them cannot pack is left out of it and named.
const WHOLE: &str = include_str!("states.py");

/// Runs everything before the heavy cell as it is in the corpus but smaller, weighs, and moves the heavy cell to this machine.
pub(crate) async fn of(scenario: &Scenario, python: &Path) -> Value {
    let started = Instant::now();
    let loaded = scenario.load();
    let folder = tempfile::tempdir().expect("a folder");
    let mut kernel = Kernel::start(python, folder.path(), &[("MPLBACKEND".into(), "agg".into())]).await.expect("a kernel");
    let heavy = loaded.numbers[loaded.model.heavy];
    let text = |number: u32| loaded.notebook.cells[number as usize - 1].source.clone();
    for &number in loaded.numbers.iter().take_while(|&&number| number < heavy) {
        let outcome = kernel.execute(&CellRef { number, id: None }, &text(number), true, &mut |_| {}).await.expect("a kernel that lives");
        assert!(outcome.ok, "cell {number}: {:?}", outcome.error);
    }
    let mut said = String::new();
    let mut listen = |event| {
        if let Event::Stream { text, .. } = event {
            said.push_str(&text);
        }
    };
    kernel.execute(&CellRef { number: 999, id: None }, WHOLE, false, &mut listen).await.expect("a kernel that lives");
    let whole: Value = serde_json::from_str(said.trim()).unwrap_or_else(|_| panic!("{said}"));
    let plan = loaded.analysis.plan(&[heavy], After::Anything);
    let request = Migration {
        cells: vec![BlockCell { cell: CellRef { number: heavy, id: None }, source: text(heavy) }],
        inputs: plan.inputs.iter().map(|input| input.name.clone()).collect(),
        returns: plan.returns.iter().map(|given| given.name.clone()).collect(),
        imports: plan.imports,
        everything: true,
        ..Migration::default()
    };
    let mut executor = Executor::local();
    // As on a link that is worth compressing for.
    executor.link.bandwidth = Some(1.25e8);
    let report = migrate(&mut kernel, &executor, &request, &mut |_| {}, &Cancel::new()).await.expect("a worker");
    kernel.shutdown().await;
    let ours = json!({ "inputs": report.shipped_bytes, "wire": report.shipped_wire_bytes, "faults": report.faults });
    json!({ "ok": report.ok(), "seconds": started.elapsed().as_secs_f64(), "whole": whole, "ours": ours })
}
