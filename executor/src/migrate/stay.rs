//! Values that stay at an executor between two blocks: in files there, so that no worker has to live for them.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::time::Duration;

use nbhoist_analyzer::words::bytes;
use serde_json::{Value, json};

use super::error::MigrateError;
use super::journey::{Journey, guard};
use crate::ahead::Start;
use crate::environment;
use crate::event::{CellRef, Event};
use crate::executors::Executor;
use crate::frames::Frame;
use crate::kernel::Origin;
use crate::runtime::Archive;
use crate::seal::Key;
use crate::transfer;
use crate::worker::{Worker, WorkerError};

/// How long the end of a session may take to remove what it left at a place.
const PATIENCE: Duration = Duration::from_secs(20);

/// What a capture says of values that are away or may be.
#[derive(Debug, Default, serde::Deserialize)]
pub(super) struct Away {
    /// Inputs that are at the executor already.
    #[serde(default)]
    stayed: BTreeMap<String, There>,
    /// Names that may stay there.
    #[serde(default)]
    stay: Vec<String>,
    /// The kernel's folder there.
    #[serde(default)]
    folder: String,
    /// Files there that nobody has a handle for any more.
    #[serde(default)]
    drop: Vec<String>,
}

/// An input that is at the executor already.
#[derive(Debug, serde::Deserialize)]
struct There {
    sha256: String,
    bytes: u64,
    /// Numbers of the cells that make it.
    #[serde(default)]
    cells: Vec<u32>,
}

impl Away {
    /// A request for results that says which of them may stay.
    pub(super) fn asks(&self, collect: Frame) -> Frame {
        collect.with("stay", self.stay.clone()).with("folder", self.folder.as_str())
    }

    /// A value that stays is unpacked when nobody can do anything about it any more.
    pub(super) fn all_come_home(&mut self) {
        self.stay.clear();
    }

    fn frame(&self) -> Frame {
        let names: BTreeMap<_, _> = self.stayed.iter().map(|(name, there)| (name, json!({ "sha256": there.sha256 }))).collect();
        Frame::new("stayed").with("folder", self.folder.as_str()).with("names", json!(names)).with("drop", self.drop.clone())
    }
}

impl Journey<'_> {
    /// Names that need not come home. Over a fast link they come sooner than they are written and read again there.
    pub(super) fn may_stay(&self) -> &[String] {
        let stay = self.request.stay.as_ref().filter(|_| self.executor.worth_compressing());
        stay.map(|stay| &stay.names[..]).unwrap_or_default()
    }

    /// Has the worker bind the inputs that are there already.
    pub(super) async fn take_in(&mut self, worker: &mut Worker, away: &Away) -> Result<(), MigrateError> {
        if away.stayed.is_empty() && away.drop.is_empty() {
            return Ok(());
        }
        let taken = guard(self.cancel, &self.death, worker.request(away.frame())).await;
        self.unless_stopped(taken).map_err(|error| match error {
            MigrateError::Stayed { executor, name, reason, .. } => {
                let cells = away.stayed.get(&name).map(|there| there.cells.clone()).unwrap_or_default();
                MigrateError::Stayed { executor, name, reason, cells }
            }
            error => error,
        })?;
        self.report.there = away.stayed.iter().map(|(name, there)| (name.clone(), there.bytes)).collect();
        for (name, there) in &away.stayed {
            let text = format!("`{name}` ({}) is on {} already", bytes(there.bytes), self.executor.name);
            (self.on_event)(Event::Note { text });
        }
        Ok(())
    }

    /// Has the worker bind a name that a cell reads and that stayed there, where this is the kernel's answer.
    pub(super) async fn is_there(&mut self, worker: &mut Worker, cell: &CellRef, name: &str, answer: &Value) -> Result<bool, MigrateError> {
        let away: Away = serde_json::from_value(answer.clone()).unwrap_or_default();
        let Some(there) = away.stayed.get(name) else { return Ok(false) };
        let frame = Frame::new("there").with("name", name).with("folder", away.folder.as_str()).with("sha256", there.sha256.as_str());
        let sent = guard(self.cancel, &self.death, worker.send(frame)).await;
        self.unless_stopped(sent)?;
        self.report.there.insert(name.to_owned(), there.bytes);
        self.report.faults.push(name.to_owned());
        (self.on_event)(Event::Fault { cell: cell.clone(), name: name.to_owned(), supplied: true });
        Ok(true)
    }

    /// What the handles of values that stay are to know. What they were made from may have to be made anew, too.
    pub(super) fn told(&self, away: &Away) -> Option<Value> {
        let stay = self.request.stay.as_ref()?;
        let before: BTreeSet<u32> = away.stayed.values().flat_map(|there| there.cells.iter().copied()).collect();
        let all = |cells: &Vec<u32>| before.iter().chain(cells).copied().collect::<BTreeSet<u32>>();
        let cells: BTreeMap<&String, _> = stay.cells.iter().map(|(name, cells)| (name, all(cells))).collect();
        Some(json!({ "place": self.executor.name, "cells": cells, "command": stay.command, "aloud": stay.aloud }))
    }
}

/// A value that stays at an executor, as its handle knows it.
#[derive(Clone, Copy, Debug)]
pub struct Left<'a> {
    /// The kernel's folder there.
    pub folder: &'a str,
    /// The digest of the value.
    pub sha256: &'a str,
}

/// Why a value did not come.
#[derive(Debug, thiserror::Error)]
pub enum FetchError {
    /// Something at the executor.
    #[error(transparent)]
    Worker(#[from] WorkerError),
    /// What the runtime needs cannot be had here.
    #[error("the worker's program cannot be put together: {0}")]
    Archive(String),
    /// The file here cannot be written, or what came is no bundle.
    #[error("{0}")]
    Transfer(String),
}

/// Fetches a value into a new file at `into`, whose frames are sealed with its digest. `python` is the kernel's interpreter.
///
/// # Errors
/// When the executor cannot be reached, or does not have the value any more.
pub async fn fetch(executor: &Executor, python: &Path, left: Left<'_>, into: &Path) -> Result<(), FetchError> {
    let key = Key::try_from(left.sha256.to_owned()).map_err(|_| FetchError::Transfer(format!("{} is no digest", left.sha256)))?;
    let mut worker = worker(executor, python).await?;
    let id = worker.next_id();
    worker.send(Frame::new("home").with("id", id).with("folder", left.folder).with("sha256", left.sha256)).await?;
    let received = transfer::receive((into, &key), &mut worker, id, &mut |_| {}).await;
    match received {
        Ok(_) => worker.finish().await,
        Err(transfer::TransferError::Worker(error)) => return Err(error.into()),
        Err(error) => return Err(FetchError::Transfer(error.to_string())),
    }
    Ok(())
}

async fn worker(executor: &Executor, python: &Path) -> Result<Worker, FetchError> {
    let sources = environment::cloudpickle_sources(python).await.map_err(|error| FetchError::Archive(error.to_string()))?;
    let archive = Archive::new(&sources).map_err(|error| FetchError::Archive(error.to_string()))?;
    Ok(Start::new(executor, python, archive.into()).worker().await?)
}

/// What a kernel has away.
#[derive(Clone, Debug, Default, PartialEq, serde::Deserialize)]
pub struct Stays {
    /// By name.
    pub names: BTreeMap<String, Handle>,
    /// The kernel's folder at every place.
    pub folder: String,
    /// What came home since that was asked last.
    #[serde(default)]
    pub came: Vec<Came>,
}

/// A value that came home because a cell named it.
#[derive(Clone, Debug, PartialEq, serde::Deserialize)]
pub struct Came {
    /// Its name.
    pub name: String,
    /// Name of the executor at which it was.
    pub place: String,
    /// Its size.
    pub bytes: u64,
    /// How long it took.
    pub seconds: f64,
}

/// A handle.
#[derive(Clone, Debug, PartialEq, Eq, serde::Deserialize)]
pub struct Handle {
    /// Name of the executor.
    pub place: String,
    /// Size of the value.
    pub bytes: u64,
    /// Its class.
    pub kind: String,
    /// Numbers of the cells that make it.
    #[serde(default)]
    pub cells: Vec<u32>,
    /// All that in one line.
    pub text: String,
}

/// What is away; nothing where the kernel cannot be asked.
pub async fn stays(kernel: &mut dyn Origin) -> Stays {
    let answer = kernel.call("stays", &json!({}), None).await.ok();
    answer.and_then(|answer| serde_json::from_value(answer).ok()).unwrap_or_default()
}

/// Removes everything that the kernel has left at an executor, when its session ends; as well as that can be done.
pub async fn clear(kernel: &mut dyn Origin, executor: &Executor, folder: &str) {
    let python = kernel.interpreter().to_path_buf();
    let clearing = async {
        let mut worker = worker(executor, &python).await.ok()?;
        let cleared = worker.request(Frame::new("stayed").with("folder", folder).with("drop", Value::Null)).await;
        worker.finish().await;
        cleared.ok()
    };
    let _ = tokio::time::timeout(PATIENCE, clearing).await;
}
