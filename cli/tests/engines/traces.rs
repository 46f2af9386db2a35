//! Steps about what a migration leaves to be seen: ports, processes, sockets, files.

use std::collections::HashSet;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStderr, ChildStdout, Stdio};
use std::sync::Arc;
use std::time::Duration;

use crate::ground::{Ground, is_alive, uuid, within};
use crate::steps::Outcome;

/// The longest that anything here may take, seconds.
const LONG: u64 = 300;

/// An nbhoist that runs a block at the place, which says where it is and then waits.
struct Moving {
    nbhoist: Child,
    /// The process of the worker.
    worker: u32,
    /// Where the block works: a directory of its own, because the kernel's is not there.
    directory: PathBuf,
    /// Where nbhoist has its temporary files.
    temporary: PathBuf,
    /// The block ends when this file is there.
    go: PathBuf,
}

impl Moving {
    async fn start(ground: &Ground) -> Self {
        let folder = ground.folder.path().join(uuid());
        let (temporary, go) = (folder.join("tmp"), folder.join("go"));
        std::fs::create_dir_all(&temporary).unwrap();
        std::fs::write(folder.join("data.csv"), "1,2\n").unwrap();
        let script = format!(
            "# %%\nx = 1\n# %%\n# nbhoist: block b\nimport os, time\nlength = len(open('data.csv').read())\n\
             print('worker', os.getpid(), os.getcwd(), flush=True)\nwhile not os.path.exists('{}'):\n    time.sleep(0.05)\ny = x + length\n",
            go.display()
        );
        std::fs::write(folder.join("moving.py"), script).unwrap();
        let configuration = ground.configuration("place", "lease = 3\ndirectory = \"/nonexistent/place\"\n");
        let mut command = ground.nbhoist(&configuration);
        command.args(["run", "moving.py", "--block", "b", "--on", "box", "-v", "--python"]).arg(&ground.python);
        command.current_dir(&folder).env("TMPDIR", &temporary).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut nbhoist = command.spawn().unwrap();
        let (output, errors) = (nbhoist.stdout.take().unwrap(), nbhoist.stderr.take().unwrap());
        let found = tokio::task::spawn_blocking(move || worker_in(output, errors)).await.unwrap();
        let (worker, directory) = found.unwrap_or_else(|said| panic!("the block did not start: {said}"));
        assert!(is_alive(worker));
        Self { nbhoist, worker, directory, temporary, go }
    }
}

/// While a block runs, nothing of nbhoist listens at a port, and nothing that it started listens but on loopback.
pub(crate) async fn ports(ground: Arc<Ground>) -> Outcome {
    let mut moving = Moving::start(&ground).await;
    let ours = [moving.nbhoist.id(), moving.worker, parent_of(moving.worker)];
    let own: Vec<_> = ours[..2].iter().flat_map(|process| listening(*process)).collect();
    let started: Vec<_> = ours.iter().flat_map(|process| descendants(*process)).flat_map(listening).collect();
    std::fs::write(&moving.go, "").unwrap();
    let status = tokio::task::spawn_blocking(move || moving.nbhoist.wait().unwrap()).await.unwrap();
    assert!(status.success(), "the block failed");
    assert!(own.is_empty(), "nbhoist or its worker listens: {own:?}");
    // The kernel's own ports show that looking finds some.
    assert!(!started.is_empty() && started.iter().all(|(_, local)| is_loopback(local)), "{started:?}");
    Ok("nbhoist and its worker have none".to_owned())
}

/// The process is killed while its block runs: kernel, worker, sockets and files go.
pub(crate) async fn nbhoist_killed(ground: Arc<Ground>) -> Outcome {
    let mut moving = Moving::start(&ground).await;
    // Where a worker is held there is a socket; where it ends with its stream there is none.
    let held = sockets_of(parent_of(moving.worker));
    let file = moving.directory.join("data.csv");
    let modes = (mode(&moving.directory), mode(&file));
    assert_eq!(modes, (0o700, 0o600), "{}", file.display());
    let open = private_files(&moving.temporary);
    moving.nbhoist.kill().unwrap();
    moving.nbhoist.wait().unwrap();
    within(LONG, || !is_alive(moving.worker), "the worker is still there").await;
    within(LONG, || !held.iter().any(|socket| socket.exists()), "a socket is left").await;
    within(LONG, || !moving.directory.exists(), "files that the block read are left").await;
    let left = private_files(&moving.temporary);
    // What nbhoist had on this side is taken away by the next one that starts; it can be read by this user only.
    assert!(open.iter().chain(&left).all(|(_, mode)| mode.trailing_zeros() >= 6), "{open:?} {left:?}");
    Ok("worker, sockets and files are gone after the lease".to_owned())
}

/// Process number and directory that the block prints; otherwise all that was said.
fn worker_in(output: ChildStdout, errors: ChildStderr) -> Result<(u32, PathBuf), String> {
    let (sender, found) = std::sync::mpsc::channel();
    let streams: [Box<dyn std::io::Read + Send>; 2] = [Box::new(output), Box::new(errors)];
    for stream in streams {
        let sender = sender.clone();
        std::thread::spawn(move || {
            // All is read, or nbhoist would wait for somebody who does.
            for line in std::io::BufRead::lines(std::io::BufReader::new(stream)).map_while(Result::ok) {
                let _ = sender.send(line);
            }
        });
    }
    drop(sender);
    let mut said = String::new();
    while let Ok(line) = found.recv_timeout(Duration::from_secs(LONG)) {
        let words = line.split("worker ").nth(1).and_then(|rest| rest.trim().split_once(' '));
        if let Some((process, directory)) = words
            && let Ok(process) = process.parse()
        {
            return Ok((process, directory.into()));
        }
        said = said + &line + "\n";
    }
    Err(said)
}

fn mode(path: &Path) -> u32 {
    std::fs::metadata(path).map_or(0, |found| found.permissions().mode() & 0o777)
}

/// Files and folders of ours below a folder, with their modes.
fn private_files(folder: &Path) -> Vec<(PathBuf, u32)> {
    let entries = std::fs::read_dir(folder).unwrap().flatten();
    let ours = entries.filter(|entry| entry.file_name().to_string_lossy().contains("nbhoist"));
    ours.map(|entry| (entry.path(), entry.metadata().unwrap().permissions().mode())).collect()
}

/// The process that started another one.
fn parent_of(process: u32) -> u32 {
    let stat = std::fs::read_to_string(format!("/proc/{process}/stat")).unwrap_or_default();
    stat.rsplit(") ").next().and_then(|rest| rest.split(' ').nth(1)?.parse().ok()).unwrap_or_default()
}

/// A process and all that it started.
fn descendants(process: u32) -> HashSet<u32> {
    let all: Vec<u32> =
        std::fs::read_dir("/proc").unwrap().flatten().filter_map(|entry| entry.file_name().to_str()?.parse().ok()).collect();
    let mut found = HashSet::from([process]);
    loop {
        let more: Vec<_> = all.iter().copied().filter(|one| !found.contains(one) && found.contains(&parent_of(*one))).collect();
        if more.is_empty() {
            return found;
        }
        found.extend(more);
    }
}

/// The inodes of a process's open sockets, as `/proc` writes them.
fn open_sockets(process: u32) -> HashSet<String> {
    let links = std::fs::read_dir(format!("/proc/{process}/fd")).into_iter().flatten().flatten();
    let targets = links.filter_map(|link| Some(std::fs::read_link(link.path()).ok()?.display().to_string()));
    targets.filter_map(|target| Some(target.strip_prefix("socket:[")?.strip_suffix(']')?.to_owned())).collect()
}

/// The TCP addresses at which a process listens, as the kernel writes them. Processes in another network namespace have tables of their own.
fn listening(process: u32) -> Vec<(u32, String)> {
    let open = open_sockets(process);
    let tables = ["tcp", "tcp6"].map(|table| std::fs::read_to_string(format!("/proc/{process}/net/{table}")).unwrap_or_default());
    let rows = tables.iter().flat_map(|table| table.lines());
    let found = rows.filter_map(|row| {
        let fields: Vec<_> = row.split_whitespace().collect();
        let (local, state, inode) = (fields.get(1)?, fields.get(3)?, fields.get(9)?);
        (*state == LISTEN && open.contains(*inode)).then(|| (process, (*local).to_owned()))
    });
    found.collect()
}

/// The state of a socket that listens.
const LISTEN: &str = "0A";

/// Addresses are hexadecimal words in the order of the machine: 127.0.0.1 ends with 7F.
fn is_loopback(local: &str) -> bool {
    let address = local.split(':').next().unwrap_or_default();
    match address.len() {
        8 => address.ends_with("7F"),
        _ => address == "00000000000000000000000001000000" || (address.starts_with("0000000000000000FFFF0000") && address.ends_with("7F")),
    }
}

/// Our sockets that a process listens at.
fn sockets_of(process: u32) -> Vec<PathBuf> {
    let open = open_sockets(process);
    let table = std::fs::read_to_string(format!("/proc/{process}/net/unix")).unwrap_or_default();
    let named = table.lines().filter_map(|line| {
        let fields: Vec<_> = line.split_whitespace().collect();
        let (inode, path) = (fields.get(6)?, fields.get(7)?);
        (path.starts_with("/tmp/nbhoist-") && open.contains(*inode)).then(|| PathBuf::from(path))
    });
    named.collect()
}
