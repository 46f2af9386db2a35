//! The nbhoist that moves the block, in a process of its own that can be killed.

use std::io::Write as _;
use std::path::Path;
use std::time::Duration;

use nbhoist_executor::cancel::Cancel;
use nbhoist_executor::event::Event;
use nbhoist_executor::kernel::Kernel;
use nbhoist_executor::migrate::migrate;

use super::stage::{RUN, Told, place};

/// Moves the block, and says how it ended.
pub(crate) async fn run() {
    let Some(told) = std::env::var(RUN).ok() else { return };
    let told: Told = serde_json::from_str(&told).unwrap();
    let mut kernel = Kernel::attach(&told.connection).await.unwrap();
    let cancel = Cancel::new();
    let (switch, file) = (cancel.clone(), told.folder.join("cancel"));
    tokio::spawn(async move {
        while !file.exists() {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        switch.cancel();
    });
    let mut on_event = |event: Event| {
        if let (Event::Phase(phase), Some(wanted)) = (&event, &told.phase)
            && phase.as_str() == wanted
        {
            harm(&told.folder, &told.fault);
        }
    };
    let report = migrate(&mut kernel, &place(told.command.clone()), &told.request, &mut on_event, &cancel).await;
    match report {
        Ok(report) if report.ok() => println!("REPORT ok"),
        Ok(report) => println!("REPORT a cell failed: {:?}", report.cells),
        Err(error) => println!("REPORT failed: {error}"),
    }
}

/// What the relay does at a frame, done at the beginning of a phase.
fn harm(folder: &Path, fault: &str) {
    let mut log = std::fs::File::options().create(true).append(true).open(folder.join("log")).unwrap();
    writeln!(log, "hit").unwrap();
    if fault == "kill-nbhoist" {
        let own = std::process::id().to_string();
        std::process::Command::new("kill").args(["-9", &own]).status().unwrap();
    }
    while !folder.join("go").exists() {
        std::thread::sleep(Duration::from_millis(20));
    }
}
