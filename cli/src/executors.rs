//! `nbhoist executors`.

mod add;
mod conform;
mod jobs;

use std::fmt::Write as _;
use std::path::Path;

use nbhoist_executor::executors::{Executor, Probe, probe};
use nbhoist_executor::python;
use nbhoist_settings::Settings;
use serde_json::{Value, json};

use crate::analysis;
use crate::args::{ExecutorsAction, ExecutorsArgs};
use crate::error::{ERROR, Exit, FAINT, Failure, STRONG};
use crate::json::SCHEMA;
use crate::remember;
use crate::terminal::{Terminal, WIDTH, bytes, seconds, wrap};

pub(crate) fn executors(args: &ExecutorsArgs, terminal: &Terminal) -> Result<Exit, Failure> {
    match &args.action {
        None => list(args, terminal),
        Some(ExecutorsAction::Jobs) => jobs::list(terminal),
        Some(ExecutorsAction::Attach { job, force }) => jobs::attach(job, *force, terminal),
        Some(ExecutorsAction::Cancel { job }) => jobs::cancel(job, terminal),
        Some(ExecutorsAction::Add(args)) => add::add(args, terminal),
        Some(ExecutorsAction::Conform { plugin, uri, options, python }) => conform::run(plugin, uri, options, python.clone(), terminal),
    }
}

fn list(args: &ExecutorsArgs, terminal: &Terminal) -> Result<Exit, Failure> {
    let settings = analysis::settings(Path::new("."), terminal.quiet)?;
    let probes = if args.probe { probe_all(&settings, args.python.as_deref())? } else { Vec::new() };
    let failed = probes.iter().any(Result::is_err);
    let mut values = Vec::new();
    let mut text = String::new();
    for (index, place) in settings.executors.values().enumerate() {
        let found = probes.get(index);
        let _ = writeln!(text, "{STRONG}{}{STRONG:#}  {FAINT}{}{FAINT:#}", place.name, place.describe());
        match found {
            Some(Ok(probe)) => text.push_str(&findings(probe)),
            Some(Err(failure)) => {
                let _ = writeln!(text, "  {ERROR}not usable{ERROR:#}: {}", failure.message());
                // Of a traceback the last line says most.
                if let Some(line) = failure.advice().and_then(|help| help.lines().last()) {
                    text.push_str(&wrap(line, "    ", "    ", WIDTH));
                }
            }
            None => {}
        }
        values.push(value(place, found));
    }
    if terminal.is_json() {
        terminal.print_json(&json!({"schema": SCHEMA, "executors": values}))?;
    } else {
        if let (true, Some(file)) = (settings.executors.len() == 1 && !terminal.quiet, nbhoist_settings::user_file()) {
            let _ = writeln!(text, "\n`nbhoist executors add` writes more places into {}, for example:\n", file.display());
            text.push_str("  [executors.bigbox]\n  host = \"bigbox.example.org\"\n");
        }
        terminal.print(&text)?;
    }
    Ok(if failed { Exit::Findings } else { Exit::Success })
}

fn probe_all(settings: &Settings, given: Option<&Path>) -> Result<Vec<Result<Probe, Failure>>, Failure> {
    let runtime = runtime()?;
    let failed = |error: python::PythonError| Failure::from_text(&error.to_string());
    let probe_one = async |place: &nbhoist_settings::Executor| {
        let executor = place.drivable().map_err(|error| Failure::from_text(&error.to_string()))?;
        let here = match &executor.python {
            Some(python) => python.clone(),
            // The interpreter that would run a notebook, if there is one.
            None => match python::find(given).await {
                Ok(python) => python.path,
                Err(_) if given.is_none() => python::find_base(None).await.map_err(failed)?.path,
                Err(error) => return Err(failed(error)),
            },
        };
        probe(&executor, &here).await.map_err(|error| Failure::from_text(&error.to_string()))
    };
    Ok(runtime.block_on(async {
        let mut probes = Vec::new();
        for place in settings.executors.values() {
            let found = probe_one(place).await;
            if let Ok(found) = &found {
                remember::probed(settings, place, &found.known());
            }
            probes.push(found);
        }
        probes
    }))
}

/// Where asynchronous work runs.
pub(crate) fn runtime() -> Result<tokio::runtime::Runtime, Failure> {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
    runtime.map_err(|error| Failure::new(format!("cannot start the asynchronous runtime: {error}")))
}

/// The configured place with this name.
pub(crate) fn named(name: &str, settings: &Settings) -> Result<Executor, Failure> {
    settings.drivable(name).map_err(|error| Failure::from_text(&error.to_string()))
}

fn findings(probe: &Probe) -> String {
    let mut text = format!("  Python {}", probe.python);
    if let Some(ipython) = &probe.ipython {
        let _ = write!(text, ", IPython {ipython}");
    }
    if let Some(processors) = probe.processors {
        let _ = write!(text, ", {processors} processors");
    }
    if let Some(memory) = probe.memory {
        let _ = write!(text, ", {} of memory free", bytes(memory));
    }
    #[expect(clippy::cast_sign_loss, reason = "a bandwidth is positive")]
    let bandwidth = bytes(probe.bandwidth as u64);
    let _ = write!(text, "\n  ready in {}, round trip {}, {bandwidth}/s\n", seconds(probe.start), seconds(probe.latency));
    if let Some(speed) = probe.speed() {
        let _ = writeln!(text, "  speed {speed:.2}");
    }
    text
}

fn value(place: &nbhoist_settings::Executor, found: Option<&Result<Probe, Failure>>) -> Value {
    let probe = found.map(|found| match found {
        Ok(probe) => json!({
            "python": probe.python,
            "ipython": probe.ipython,
            "packages": probe.packages,
            "processors": probe.processors,
            "memory": probe.memory,
            "disk": probe.disk,
            "start": probe.start,
            "latency": probe.latency,
            "bandwidth": probe.bandwidth,
            "work": probe.work,
            "speed": probe.speed(),
        }),
        Err(failure) => json!({"error": failure.json()}),
    });
    json!({"name": place.name, "backend": place.backend.as_str(), "probe": probe})
}
