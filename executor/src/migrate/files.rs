//! Files that a block reads go along when they are missing there; files that it writes come home.

use std::path::{Component, Path, PathBuf};

use bytes::Bytes;
use serde_json::{Value, json};
use tokio::io::AsyncReadExt as _;

use super::error::MigrateError;
use super::journey::{Journey, guard};
use crate::event::Event;
use crate::frames::{Frame, MAX_PAYLOAD};
use crate::runtime::hex;
use crate::worker::{Worker, WorkerError, accept};

/// The most that goes along, bytes; beyond it the files belong on a shared disk.
const LIMIT: u64 = 4 << 30;

/// A file that the block reads.
#[derive(Debug, serde::Serialize)]
struct Input {
    path: String,
    size: u64,
    sha256: String,
}

impl Journey<'_> {
    /// The working directory there.
    fn directory_there(&self, here: Option<&str>) -> Option<String> {
        self.executor.directory_there(here)
    }

    /// Compares the files that the block reads with what is there, and sends those that are not.
    pub(super) async fn send_files(&mut self, worker: &mut Worker, directory: Option<&str>) -> Result<(), MigrateError> {
        let Some(home) = directory.filter(|_| !self.request.files.is_empty()).map(PathBuf::from) else { return Ok(()) };
        let patterns: Vec<String> = self.request.files.iter().filter(|file| file.read).map(|file| file.path.clone()).collect();
        let listing = tokio::task::spawn_blocking({
            let home = home.clone();
            move || inputs(&home, &patterns)
        });
        let io = |error| MigrateError::Io { path: home.clone(), phase: self.phase, error };
        let inputs = listing.await.map_err(std::io::Error::other).and_then(|inputs| inputs).map_err(io)?;
        let total: u64 = inputs.iter().map(|input| input.size).sum();
        let own = self.directory_there(directory);
        let compare = Frame::new("files").with("files", json!(inputs)).with("directory", own);
        let answer = guard(self.cancel, &self.death, worker.request(compare)).await;
        let answer = self.unless_stopped(answer)?;
        self.refuse_files(&answer)?;
        let missing: Vec<usize> = numbers(&answer, "missing");
        if !missing.is_empty() && total > LIMIT {
            let why = format!(
                "together they have {} MB, and at most {} MB go along; put them on a disk that both sides see",
                total >> 20,
                LIMIT >> 20
            );
            let files = missing.iter().filter_map(|index| Some((inputs.get(*index)?.path.clone(), why.clone()))).collect();
            return Err(MigrateError::Files { executor: self.executor.name.clone(), files });
        }
        for index in &missing {
            let path = home.join(&inputs[*index].path);
            let sent = guard(self.cancel, &self.death, send(worker, *index, &path)).await;
            self.unless_stopped(sent)?;
        }
        if !missing.is_empty() {
            let bytes: u64 = missing.iter().map(|index| inputs[*index].size).sum();
            (self.on_event)(Event::Note { text: format!("{} files that the block reads went along, {bytes} bytes", missing.len()) });
            self.report.shipped_files = missing.iter().map(|index| inputs[*index].path.clone()).collect();
        }
        if missing.is_empty() && !answer.header.get("own").and_then(Value::as_bool).unwrap_or(false) {
            return self.own_directory(worker, &home).await;
        }
        Ok(())
    }

    /// Where the kernel's directory is not there, what the block writes gets a directory of its own.
    async fn own_directory(&mut self, worker: &mut Worker, home: &Path) -> Result<(), MigrateError> {
        let writes = self.request.files.iter().any(|file| file.written);
        if !writes {
            return Ok(());
        }
        let look =
            Frame::new("files").with("files", json!([])).with("directory", self.directory_there(home.to_str())).with("elsewhere", true);
        let answer = guard(self.cancel, &self.death, worker.request(look)).await;
        self.unless_stopped(answer).map(|_| ())
    }

    fn refuse_files(&self, answer: &Frame) -> Result<(), MigrateError> {
        let refused = answer.header.get("refused").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
        let text = |value: &Value, key: &str| value.get(key).and_then(Value::as_str).unwrap_or_default().to_owned();
        let files: Vec<_> = refused.iter().map(|one| (text(one, "path"), text(one, "why"))).collect();
        if files.is_empty() { Ok(()) } else { Err(MigrateError::Files { executor: self.executor.name.clone(), files }) }
    }

    /// Brings home what the block wrote into a directory of its own.
    pub(super) async fn fetch_files(&mut self, worker: &mut Worker, directory: Option<&str>) -> Result<(), MigrateError> {
        let Some(home) = directory.filter(|_| !self.request.files.is_empty()).map(PathBuf::from) else { return Ok(()) };
        let spool = self.file("files");
        let fetched = fetch(worker, &spool).await.map_err(|error| match error {
            Fetch::Worker(error) => self.worker_error(error),
            Fetch::Io(path, error) => MigrateError::Io { path, phase: self.phase, error },
        })?;
        for path in fetched {
            let target = home.join(&path);
            let io = |error| MigrateError::Io { path: target.clone(), phase: self.phase, error };
            place(&spool.join(&path), &target).map_err(io)?;
            self.report.returned_files.push(path);
        }
        if !self.report.returned_files.is_empty() {
            let text = format!(
                "{} files that the block wrote came home: {}",
                self.report.returned_files.len(),
                self.report.returned_files.join(", ")
            );
            (self.on_event)(Event::Note { text });
        }
        Ok(())
    }
}

fn numbers(answer: &Frame, key: &str) -> Vec<usize> {
    let list = answer.header.get(key).and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    list.iter().filter_map(|number| usize::try_from(number.as_u64()?).ok()).collect()
}

/// Every file that the paths, directories and patterns stand for; one that is not there is the block's own affair.
fn inputs(home: &Path, patterns: &[String]) -> std::io::Result<Vec<Input>> {
    let mut found = Vec::new();
    for pattern in patterns {
        for path in expand(home, pattern) {
            let file = home.join(&path);
            let size = file.metadata()?.len();
            found.push(Input { path, size, sha256: digest(&file)? });
        }
    }
    found.sort_by(|left, right| left.path.cmp(&right.path));
    found.dedup_by(|left, right| left.path == right.path);
    Ok(found)
}

fn expand(home: &Path, pattern: &str) -> Vec<String> {
    let path = home.join(pattern);
    if path.is_file() {
        return vec![pattern.to_owned()];
    }
    if path.is_dir() {
        return below(&path).iter().map(|name| format!("{}/{name}", pattern.trim_end_matches('/'))).collect();
    }
    // The last part of a pattern may have `*` and `?`.
    let (folder, last) = pattern.rsplit_once('/').unwrap_or(("", pattern));
    if !last.contains(['*', '?']) {
        return Vec::new();
    }
    let entries = std::fs::read_dir(home.join(folder)).into_iter().flatten().flatten();
    let names = entries.filter(|entry| entry.path().is_file()).map(|entry| entry.file_name().to_string_lossy().into_owned());
    let matching = names.filter(|name| matches(last.as_bytes(), name.as_bytes()));
    matching.map(|name| if folder.is_empty() { name } else { format!("{folder}/{name}") }).collect()
}

fn below(folder: &Path) -> Vec<String> {
    let mut names = Vec::new();
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        let (path, name) = (entry.path(), entry.file_name().to_string_lossy().into_owned());
        if path.is_dir() && !path.is_symlink() {
            names.extend(below(&path).into_iter().map(|inner| format!("{name}/{inner}")));
        } else if path.is_file() {
            names.push(name);
        }
    }
    names
}

/// Whether a name fits a pattern of `*` and `?`.
fn matches(pattern: &[u8], name: &[u8]) -> bool {
    match (pattern.split_first(), name.split_first()) {
        (None, None) => true,
        (Some((b'*', rest)), _) => matches(rest, name) || name.split_first().is_some_and(|(_, shorter)| matches(pattern, shorter)),
        (Some((b'?', rest)), Some((_, shorter))) => matches(rest, shorter),
        (Some((letter, rest)), Some((other, shorter))) => letter == other && matches(rest, shorter),
        _ => false,
    }
}

fn digest(path: &Path) -> std::io::Result<String> {
    let mut file = std::fs::File::open(path)?;
    let mut context = ring::digest::Context::new(&ring::digest::SHA256);
    let mut part = vec![0; 1 << 20];
    loop {
        match std::io::Read::read(&mut file, &mut part)? {
            0 => return Ok(hex(context.finish().as_ref())),
            count => context.update(&part[..count]),
        }
    }
}

async fn send(worker: &mut Worker, index: usize, path: &Path) -> Result<(), WorkerError> {
    let unreadable = |error: std::io::Error| WorkerError::Protocol(format!("{} cannot be read: {error}", path.display()));
    let mut file = tokio::fs::File::open(path).await.map_err(unreadable)?;
    loop {
        let mut part = vec![0; MAX_PAYLOAD];
        let mut filled = 0;
        while filled < part.len() {
            match file.read(&mut part[filled..]).await.map_err(unreadable)? {
                0 => break,
                count => filled += count,
            }
        }
        part.truncate(filled);
        let last = filled < MAX_PAYLOAD;
        let frame = Frame::new("file").with("index", index).with("last", last).with_payload(Bytes::from(part));
        if last {
            return worker.request(frame).await.map(|_| ());
        }
        worker.send(frame).await?;
    }
}

enum Fetch {
    Worker(WorkerError),
    Io(PathBuf, std::io::Error),
}

impl From<WorkerError> for Fetch {
    fn from(error: WorkerError) -> Self {
        Self::Worker(error)
    }
}

/// Writes what the worker sends below `spool`; gives the paths.
async fn fetch(worker: &mut Worker, spool: &Path) -> Result<Vec<String>, Fetch> {
    let id = worker.next_id();
    worker.send(Frame::new("fetch").with("id", id)).await?;
    let mut paths = Vec::new();
    loop {
        let frame = accept(worker.receive().await?)?;
        if frame.op() == "ok" && frame.header.get("id").and_then(Value::as_u64) == Some(id) {
            return Ok(paths);
        }
        if frame.op() != "file" {
            continue;
        }
        let path = frame.header.get("path").and_then(Value::as_str).unwrap_or_default().to_owned();
        // An executor decides what a file holds, not where it goes.
        if !Path::new(&path).components().all(|part| matches!(part, Component::Normal(_))) || path.is_empty() {
            return Err(WorkerError::Protocol(format!("it wants to write to {path:?}")).into());
        }
        let target = spool.join(&path);
        append(&target, frame.payload()).map_err(|error| Fetch::Io(target.clone(), error))?;
        if frame.header.get("last").and_then(Value::as_bool).unwrap_or(false) {
            paths.push(path);
        }
    }
}

fn append(path: &Path, data: &[u8]) -> std::io::Result<()> {
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder)?;
    }
    let mut file = std::fs::OpenOptions::new().create(true).append(true).open(path)?;
    std::io::Write::write_all(&mut file, data)
}

/// Puts a file in its place in one step, from wherever it was written.
fn place(from: &Path, to: &Path) -> std::io::Result<()> {
    // The block's own `open` would have gone through a link, and written to a device or a pipe.
    let to = &to.canonicalize().unwrap_or_else(|_| to.to_path_buf());
    if to.metadata().is_ok_and(|old| !old.is_file()) {
        return std::io::copy(&mut std::fs::File::open(from)?, &mut std::fs::OpenOptions::new().write(true).open(to)?).map(drop);
    }
    let folder = to.parent().unwrap_or(Path::new("."));
    std::fs::create_dir_all(folder)?;
    #[cfg_attr(not(unix), expect(unused_mut, reason = "there are no permissions to set"))]
    let mut builder = tempfile::Builder::new();
    // As the block's own `open` would have made it.
    #[cfg(unix)]
    builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o644));
    let mut file = builder.tempfile_in(folder)?;
    std::io::copy(&mut std::fs::File::open(from)?, &mut file)?;
    file.persist(to).map_err(|error| error.error)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_folders_and_patterns_are_expanded() {
        let home = tempfile::tempdir().unwrap();
        for name in ["a.csv", "data/b1.csv", "data/b2.csv", "data/deep/c.txt"] {
            append(&home.path().join(name), name.as_bytes()).unwrap();
        }
        let found = |patterns: &[&str]| {
            let patterns: Vec<_> = patterns.iter().map(|pattern| (*pattern).to_owned()).collect();
            inputs(home.path(), &patterns).unwrap().into_iter().map(|input| input.path).collect::<Vec<_>>()
        };
        assert_eq!(found(&["a.csv", "nowhere.csv"]), ["a.csv"]);
        assert_eq!(found(&["data/"]), ["data/b1.csv", "data/b2.csv", "data/deep/c.txt"]);
        assert_eq!(found(&["data/*.csv", "data/b?.csv"]), ["data/b1.csv", "data/b2.csv"]);
    }

    #[cfg(unix)]
    #[test]
    fn a_link_stays_a_link() {
        let home = tempfile::tempdir().unwrap();
        let (from, file, link) = (home.path().join("from"), home.path().join("file"), home.path().join("link"));
        std::fs::write(&from, "new").unwrap();
        std::fs::write(&file, "old").unwrap();
        std::os::unix::fs::symlink(&file, &link).unwrap();
        place(&from, &link).unwrap();
        assert!(link.is_symlink());
        assert_eq!(std::fs::read(&file).unwrap(), b"new");
    }

    /// A pipe stands for a device here: a test that goes wrong must not take `/dev/null` from the machine.
    #[cfg(unix)]
    #[test]
    fn what_is_no_file_is_written_to() {
        let home = tempfile::tempdir().unwrap();
        let (from, pipe) = (home.path().join("from"), home.path().join("pipe"));
        std::fs::write(&from, "through").unwrap();
        assert!(std::process::Command::new("mkfifo").arg(&pipe).status().unwrap().success());
        let reader = std::thread::spawn({
            let pipe = pipe.clone();
            move || std::fs::read(pipe).unwrap()
        });
        place(&from, &pipe).unwrap();
        assert_eq!(reader.join().unwrap(), b"through");
        assert!(!pipe.is_file());
    }
}
