//! The way home: the result is collected, read by the kernel while it comes, and put into the namespace.

use std::future::Future;
use std::path::{Path, PathBuf};
use std::time::Instant;

use serde_json::{Value, json};

use super::error::{Clash, MigrateError, Refused};
use super::journey::{Journey, guard, timed};
use super::stay::Away;
use crate::event::{Event, Phase, strings};
use crate::frames::Frame;
use crate::jobs::{Job, Recorded};
use crate::kernel::KernelError;
use crate::spool;
use crate::transfer;
use crate::worker::Worker;

/// A result of this many bytes is read by the kernel while it still comes.
const LARGE: u64 = 16 << 20;

impl Journey<'_> {
    /// Takes the result over. What a value of it reads by name when it is unpacked is asked for as well. What the capture said of values that
    /// are away is known to the process that made it.
    pub(super) async fn bring_home(&mut self, worker: &mut Worker, count: u32, away: Option<&Away>) -> Result<(), MigrateError> {
        let mut returns = self.request.returns.clone();
        loop {
            let file = self.collect(worker, &returns, away).await?;
            match self.restore(&file, count, away).await {
                Err(MigrateError::Restore { error, kept }) => match &error.missing {
                    Some(name) if !returns.contains(name) => {
                        (self.on_event)(Event::Note { text: format!("a result reads `{name}` when it is unpacked; it comes along") });
                        returns.push(name.clone());
                        let _ = tokio::fs::remove_file(&kept).await;
                    }
                    _ => return Err(MigrateError::Restore { error, kept }),
                },
                other => return other,
            }
        }
    }

    async fn collect(&mut self, worker: &mut Worker, returns: &[String], away: Option<&Away>) -> Result<PathBuf, MigrateError> {
        self.enter(Phase::Return);
        self.quiet.begin();
        let started = Instant::now();
        let path = self.file("returns");
        let id = worker.next_id();
        let collect = Frame::new("collect").with("id", id).with("returns", returns.to_vec()).with("everything", self.request.everything);
        let collect = away.map_or_else(|| collect.clone(), |away| away.asks(collect.clone()));
        let on_event = &mut *self.on_event;
        let mut first = None;
        let large = tokio::sync::Notify::new();
        let mut received = |done| {
            first.get_or_insert_with(|| started.elapsed().as_secs_f64());
            if done >= LARGE {
                large.notify_one();
            }
            on_event(Event::Progress { phase: Phase::Return, done, total: None });
        };
        let collecting = async {
            worker.send(collect).await?;
            transfer::receive((&path, self.key), worker, id, &mut received).await
        };
        // Meanwhile the kernel reads what has come. One that is busy begins later, and what it cannot read then it reads at the end.
        let expected = json!({ "migration": self.id, "file": path, "key": self.key });
        let expecting = async {
            large.notified().await;
            Box::pin(self.kernel.call("expect", &expected, None)).await
        };
        let collected = guard(self.cancel, &self.death, beside(collecting, expecting)).await;
        let (collected, wire) = self.unless_stopped(collected)?;
        let all = started.elapsed().as_secs_f64();
        self.report.seconds.collect = first.unwrap_or(all);
        self.report.seconds.r#return = all - self.report.seconds.collect;
        self.report.returned_bytes = wire;
        self.note_returns(&collected);
        let lost = lost(&collected);
        if lost.is_empty() {
            return Ok(path);
        }
        Err(MigrateError::Lost { lost, kept: self.keep(&path) })
    }

    fn note_returns(&mut self, collected: &Frame) {
        let header = &collected.header;
        let pairs = |key: &str| header.get(key).and_then(Value::as_object).cloned().unwrap_or_default();
        let report = &mut self.report;
        report.stayed = pairs("stayed").into_iter().filter_map(|(name, entry)| Some((name, entry.get("bytes")?.as_u64()?))).collect();
        report.returns = pairs("sizes").into_iter().filter_map(|(name, bytes)| Some((name, bytes.as_u64()?))).collect();
        let why = |why: Value| why.as_str().map_or_else(|| why.to_string(), str::to_owned);
        report.left = pairs("left").into_iter().map(|(name, reason)| (name, why(reason))).collect();
        report.deleted = strings(header.get("deleted"));
        let changed = strings(header.get("changed")).into_iter();
        report.evidence = changed.filter(|name| !self.request.returns.contains(name)).collect();
    }

    /// Puts the result into the kernel. It is one step that is not interrupted; a result that does not go in is kept.
    async fn restore(&mut self, file: &Path, count: u32, away: Option<&Away>) -> Result<(), MigrateError> {
        self.enter(Phase::Restore);
        let ran = self.report.cells.len();
        let sources: Vec<_> = self.request.cells.iter().take(ran).map(|cell| cell.source.clone()).collect();
        let argument = json!({ "migration": self.id, "file": file, "key": self.key, "count": count, "sources": sources,
            "force": self.request.force, "undoable": self.request.undoable, "stay": away.and_then(|away| self.told(away)),
            "prepares": super::prepares(self.executor) });
        let (restored, seconds) = timed(self.kernel.call("restore", &argument, None)).await;
        self.report.seconds.restore = seconds;
        let restored = match restored {
            Ok(restored) => restored,
            Err(KernelError::Call(error)) => {
                return Err(MigrateError::Restore { error, kept: self.keep(file) });
            }
            Err(error) => return Err(self.kernel_error(error)),
        };
        match restored.get("conflict") {
            Some(Value::Array(clashes)) if !clashes.is_empty() => {
                let clashes = clashes.iter().filter_map(|clash| serde_json::from_value::<Clash>(clash.clone()).ok()).collect();
                Err(MigrateError::Conflict { clashes, kept: self.keep(file) })
            }
            _ => {
                self.home = Some(restored);
                Ok(())
            }
        }
    }

    /// Moves the result to where it stays; where that cannot be done, it stays where it is.
    fn keep(&mut self, file: &Path) -> PathBuf {
        spool::keep(file).unwrap_or_else(|_| {
            self.spool_stays = true;
            file.to_path_buf()
        })
    }
}

/// A result for which there is no room stays where it is, when another process can fetch it into the same kernel.
pub(super) fn unless_kept(home: Result<(), MigrateError>, record: Option<(Job, Recorded)>) -> Result<(), MigrateError> {
    match (home, record) {
        (Err(MigrateError::DiskFull { path, phase: phase @ Phase::Return }), Some((job, record))) if job.kernel.is_some() => {
            let (executor, seconds, id) = (job.executor.clone(), job.lease, job.id.clone());
            Err(match record.leave(job) {
                Ok(()) => MigrateError::NoRoom { path, phase, executor, seconds, job: id },
                Err(_) => MigrateError::DiskFull { path, phase },
            })
        }
        (home, _) => home,
    }
}

/// What `first` gives; `second` is done beside it as far as it comes.
async fn beside<T>(first: impl Future<Output = T>, second: impl Future) -> T {
    tokio::pin!(first, second);
    tokio::select! {
        biased;
        done = &mut first => done,
        _ = &mut second => first.await,
    }
}

/// What the worker was asked for, or what the block changed, and cannot come back.
fn lost(collected: &Frame) -> Vec<Refused> {
    let lost = collected.header.get("lost").and_then(Value::as_object);
    let text = |why: &Value, key: &str| why.get(key).and_then(Value::as_str).map(str::to_owned);
    let refused = |(name, why): (&String, &Value)| Refused {
        name: name.clone(),
        path: text(why, "path"),
        reason: text(why, "why").unwrap_or_else(|| "it cannot be packed".to_owned()),
    };
    lost.into_iter().flatten().map(refused).collect()
}
