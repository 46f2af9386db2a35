//! `nbhoist executors jobs`, `attach` and `cancel`.

use std::fmt::Write as _;
use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};

use nbhoist_executor::cancel::Cancel;
use nbhoist_executor::event::Event;
use nbhoist_executor::jobs::{self, Job};
use nbhoist_executor::kernel::Kernel;
use nbhoist_executor::migrate::take_over;
use nbhoist_settings::Settings;
use serde_json::{Value, json};

use super::{named, runtime};
use crate::analysis;
use crate::error::{Exit, FAINT, Failure, STRONG};
use crate::json::SCHEMA;
use crate::run::signals::Signals;
use crate::scrub::{scrub, scrub_output};
use crate::terminal::{Terminal, seconds};

pub(super) fn list(terminal: &Terminal) -> Result<Exit, Failure> {
    let jobs = jobs::all();
    if terminal.is_json() {
        let values: Vec<_> = jobs.iter().map(value).collect();
        terminal.print_json(&json!({ "schema": SCHEMA, "jobs": values }))?;
        return Ok(Exit::Success);
    }
    let mut text = String::new();
    for job in &jobs {
        let (id, cells) = (&job.id[..job.id.len().min(8)], numbers(job));
        let _ = writeln!(text, "{STRONG}{id}{STRONG:#}  {cells} on {}, {}", job.executor, seconds(age(job)));
        let _ = writeln!(text, "  {FAINT}{}{FAINT:#}", state(job));
    }
    if jobs.is_empty() && !terminal.quiet {
        text.push_str("No block runs elsewhere.\n");
    }
    terminal.print(&text)?;
    Ok(Exit::Success)
}

fn numbers(job: &Job) -> String {
    crate::cells::named(&job.request.cells.iter().map(|cell| cell.cell.number).collect::<Vec<_>>())
}

fn state(job: &Job) -> String {
    match (job.is_attended(), &job.kernel) {
        (true, _) => format!("process {} waits for it", job.process),
        (false, Some(_)) => format!("left behind: nbhoist executors attach {}", &job.id[..job.id.len().min(8)]),
        (false, None) => "left behind, and its kernel is gone: it can only be cancelled".to_owned(),
    }
}

#[expect(clippy::cast_precision_loss, reason = "seconds of a run")]
fn age(job: &Job) -> f64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).map(|now| now.as_secs()).unwrap_or_default();
    now.saturating_sub(job.started) as f64
}

fn value(job: &Job) -> Value {
    json!({
        "id": job.id,
        "executor": job.executor,
        "cells": job.request.cells.iter().map(|cell| cell.cell.number).collect::<Vec<_>>(),
        "notebook": job.request.notebook,
        "kernel": job.kernel,
        "attended": job.is_attended(),
        "process": job.process,
        "seconds": age(job),
    })
}

fn failed(error: &dyn ToString) -> Failure {
    Failure::from_text(&error.to_string())
}

fn settings(terminal: &Terminal) -> Result<Settings, Failure> {
    analysis::settings(Path::new("."), terminal.quiet)
}

/// The outputs come once more from the beginning, so nothing that was shown while nobody was there is lost.
pub(super) fn attach(name: &str, force: bool, terminal: &Terminal) -> Result<Exit, Failure> {
    let mut job = jobs::named(name).map_err(|error| failed(&error))?;
    if job.is_attended() {
        let failure = Failure::new(format!("process {} waits for this job", job.process));
        return Err(failure.help("end that process first; the block goes on without it"));
    }
    let executor = named(&job.executor, &settings(terminal)?)?;
    let Some(file) = job.kernel.clone() else {
        return Err(
            Failure::new("the kernel of this job ended with the process that ran it").help("cancel it: nbhoist executors cancel JOB")
        );
    };
    job.request.force |= force;
    let report = runtime()?.block_on(async {
        let mut kernel = Kernel::attach(&file).await.map_err(|error| failed(&error).or_at(file.display()))?;
        let (signals, cancel) = (Signals::listen(), Cancel::new());
        let mut show = |event| show(&event, terminal);
        let taking = take_over(&mut kernel, &executor, &job, &mut show, &cancel);
        tokio::pin!(taking);
        let report = tokio::select! {
            report = &mut taking => report,
            () = signals.first.cancelled() => {
                cancel.cancel();
                taking.await
            }
        };
        report.map_err(|error| failed(&error))
    })?;
    if terminal.is_json() {
        let cells: Vec<_> =
            report.cells.iter().map(|cell| json!({ "cell": cell.number, "ok": cell.ok, "seconds": cell.seconds })).collect();
        terminal.print_json(&json!({ "schema": SCHEMA, "job": job.id, "cells": cells, "returned": report.returned_bytes }))?;
    } else if !terminal.quiet {
        terminal.print(&format!("{}: its results are in the kernel\n", numbers(&job)))?;
    }
    Ok(if report.ok() { Exit::Success } else { Exit::Findings })
}

fn show(event: &Event, terminal: &Terminal) {
    if terminal.quiet || terminal.is_json() {
        return;
    }
    match event {
        Event::CellStarted { cell } => anstream::eprintln!("{FAINT}cell {}{FAINT:#}", cell.number),
        Event::Stream { text, .. } => anstream::eprint!("{}", scrub_output(text)),
        Event::Error { traceback, .. } => anstream::eprintln!("{}", scrub_output(&traceback.join("\n"))),
        Event::ExecuteResult { data, .. } | Event::DisplayData { data, .. } => {
            if let Some(text) = data.get("text/plain").and_then(Value::as_str) {
                anstream::eprintln!("{}", scrub_output(text));
            }
        }
        Event::Note { text } => anstream::eprintln!("{FAINT}note: {}{FAINT:#}", scrub(text)),
        _ => {}
    }
}

pub(super) fn cancel(name: &str, terminal: &Terminal) -> Result<Exit, Failure> {
    let job = jobs::named(name).map_err(|error| failed(&error))?;
    let executor = named(&job.executor, &settings(terminal)?)?;
    let python = executor.python.clone().unwrap_or_else(|| "python3".into());
    runtime()?.block_on(job.cancel(&executor, &python)).map_err(|error| failed(&error))?;
    if !terminal.quiet {
        terminal.print(&format!("{} on {} ended\n", numbers(&job), job.executor))?;
    }
    Ok(Exit::Success)
}
