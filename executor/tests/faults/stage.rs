//! A kernel that can be killed, a place behind the relay, and an nbhoist in a process of its own.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant, SystemTime};

use nbhoist_executor::executors::{BackendConfig, Executor};
use nbhoist_executor::kernel::Kernel;
use nbhoist_executor::migrate::Migration;

use super::common::{migration, printed, test_python, wait_until};

/// Names that share a list, a list that does not, and an array of two chunks.
pub(crate) const PREPARE: &str = "import numpy as np\nrows = [1, 2]\nalias = rows\nnested = {'rows': rows}\napart = [1, 2]\n\
    total = None\nlarge = np.arange(600_000)";

/// How long anything may take on a machine that is busy.
pub(crate) const PATIENCE: Duration = Duration::from_mins(10);

/// Where everything else that kernel, nbhoist and worker need for a while is.
const TEMPORARY: &str = "temporary";

/// Tells the process that is an nbhoist of its own what to do.
pub(crate) const RUN: &str = "NBHOIST_FAULTS_RUN";

/// What an nbhoist of its own is told.
#[derive(serde::Serialize, serde::Deserialize)]
pub(crate) struct Told {
    pub(crate) connection: PathBuf,
    pub(crate) command: Vec<String>,
    pub(crate) request: Migration,
    /// Where the log is.
    pub(crate) folder: PathBuf,
    /// The phase at whose beginning `fault` is done, when no frame passes in it.
    pub(crate) phase: Option<String>,
    pub(crate) fault: String,
}

/// One kernel and all that belongs to it.
pub(crate) struct Stage {
    python: PathBuf,
    pub(crate) folder: tempfile::TempDir,
    pub(crate) spool: PathBuf,
    process: Child,
    connection: PathBuf,
    pub(crate) kernel: Kernel,
}

impl Stage {
    /// A kernel whose migrations leave their files in `spool`.
    pub(crate) async fn new(spool: PathBuf) -> Self {
        let (python, folder) = (test_python().await, tempfile::tempdir().unwrap());
        let connection = folder.path().join("kernel-0.json");
        std::fs::create_dir(folder.path().join(TEMPORARY)).unwrap();
        let process = started(&python, &connection);
        let kernel = attached(&connection).await;
        let mut stage = Self { python, folder, spool, process, connection, kernel };
        stage.printed(PREPARE).await;
        stage
    }

    /// What a cell prints.
    pub(crate) async fn printed(&mut self, source: &str) -> String {
        printed(&mut self.kernel, source).await
    }

    /// The kernel is killed.
    pub(crate) fn kill_kernel(&mut self) {
        self.process.kill().unwrap();
        self.process.wait().unwrap();
    }

    /// Another kernel takes its place: at the same address, as when a front end restarts it, or at one of its own.
    pub(crate) async fn another_kernel(&mut self, same_address: bool) {
        if !same_address {
            let name = format!("kernel-{}.json", uuid_like());
            self.connection = self.folder.path().join(name);
        }
        self.process = started(&self.python, &self.connection);
        self.kernel = attached(&self.connection).await;
        self.printed(PREPARE).await;
    }

    pub(crate) fn log(&self) -> Vec<String> {
        std::fs::read_to_string(self.folder.path().join("log")).unwrap_or_default().lines().map(str::to_owned).collect()
    }

    pub(crate) fn was_hit(&self) -> bool {
        self.log().iter().any(|line| line == "hit")
    }

    /// Lets the relay, or the nbhoist, go on.
    pub(crate) fn go(&self) {
        std::fs::write(self.folder.path().join("go"), "").unwrap();
    }

    /// Forgets what was logged.
    pub(crate) fn clear(&self) {
        for name in ["log", "go", "cancel"] {
            let _ = std::fs::remove_file(self.folder.path().join(name));
        }
    }

    fn counter(&self) -> PathBuf {
        self.folder.path().join("runs")
    }

    /// How often the block has begun since the last time this was asked.
    pub(crate) fn runs(&self) -> usize {
        let runs = std::fs::read_to_string(self.counter()).unwrap_or_default().lines().count();
        let _ = std::fs::remove_file(self.counter());
        runs
    }

    /// The block of two cells; the first leaves a mark outside when it begins.
    pub(crate) fn request(&self) -> Migration {
        let mark = format!("with open({:?}, 'a') as _file:\n    _file.write('run\\n')\ndel _file", self.counter().to_string_lossy());
        let cells = [format!("{mark}\nrows.append(3)\nprint('appended', len(large))"), "total = sum(rows)\ntotal".to_owned()];
        let request = migration(&[&cells[0], &cells[1]], &["rows", "total", "large"], &["rows", "total"]);
        Migration { spool: Some(self.spool.clone()), ..request }
    }

    /// What migrations left, of their own files and of temporary ones. What a killed nbhoist left is made so old that the next one removes it.
    pub(crate) fn left_behind(&self, grow_old: bool) -> Vec<PathBuf> {
        let places = [self.spool.clone(), self.folder.path().join(TEMPORARY)];
        let entries: Vec<_> =
            places.iter().flat_map(|place| std::fs::read_dir(place).unwrap()).map(|entry| entry.unwrap().path()).collect();
        for lock in entries.iter().map(|entry| entry.join("in-use")).filter(|lock| grow_old && lock.exists()) {
            let before = SystemTime::now() - Duration::from_hours(1);
            std::fs::File::options().write(true).open(lock).unwrap().set_modified(before).unwrap();
        }
        entries
    }

    /// An nbhoist of its own that moves the block; harm is done at `order`, or at the beginning of a phase.
    pub(crate) fn nbhoist(&self, order: &str, phase: Option<&str>, fault: &str) -> Child {
        let told = Told {
            connection: self.connection.clone(),
            command: self.command(order, fault),
            request: self.request(),
            folder: self.folder.path().to_owned(),
            phase: phase.map(str::to_owned),
            fault: fault.to_owned(),
        };
        let mut command = Command::new(std::env::current_exe().unwrap());
        command.args(["--exact", "nbhoist_of_its_own", "--ignored", "--nocapture"]);
        command.env(RUN, serde_json::to_string(&told).unwrap()).env("NBHOIST_CACHE_DIR", self.folder.path().join("cache"));
        command.env("TMPDIR", self.folder.path().join(TEMPORARY));
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
    }

    fn command(&self, order: &str, fault: &str) -> Vec<String> {
        let mut command = Vec::new();
        if let Some(library) = faketime().filter(|_| fault == "clock-there") {
            let now = self.folder.path().join("clock");
            std::fs::write(&now, "+0\n").unwrap();
            command = vec!["env".to_owned(), format!("LD_PRELOAD={}", library.display())];
            command.extend([format!("FAKETIME_TIMESTAMP_FILE={}", now.display()), "FAKETIME_NO_CACHE=1".to_owned()]);
            command.push("FAKETIME_DONT_FAKE_MONOTONIC=1".to_owned());
        }
        let relay = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/faults/relay.py");
        let folder = self.folder.path().to_string_lossy();
        command.extend(["{python}", relay, &folder, order, "{python}", "-u", "{worker}"].map(str::to_owned));
        command
    }

    /// Ends the kernel.
    pub(crate) fn end(self) {
        drop(self);
    }
}

impl Drop for Stage {
    fn drop(&mut self) {
        // Also where a check fails: no kernel stays behind a test.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// The library that makes a process believe in another time, where it is installed.
pub(crate) fn faketime() -> Option<PathBuf> {
    let places = ["/usr/lib/x86_64-linux-gnu", "/usr/lib/aarch64-linux-gnu", "/usr/lib64", "/usr/lib"];
    places.iter().map(|place| Path::new(place).join("faketime/libfaketimeMT.so.1")).find(|library| library.exists())
}

/// An executor that runs this command.
pub(crate) fn place(command: Vec<String>) -> Executor {
    Executor { cache: false, ..Executor::new("relayed", BackendConfig::Command { command, close: None }) }
}

/// Whether a process is alive; a zombie is not.
pub(crate) fn alive(pid: &str) -> bool {
    let stat = std::fs::read_to_string(Path::new("/proc").join(pid).join("stat")).unwrap_or_default();
    stat.rsplit(") ").next().is_some_and(|rest| !rest.is_empty() && !rest.starts_with('Z'))
}

fn started(python: &Path, connection: &Path) -> Child {
    let mut command = Command::new(python);
    command.env("TMPDIR", connection.with_file_name(TEMPORARY));
    command.args(["-m", "ipykernel_launcher", "--HistoryManager.enabled=False", "-f"]).arg(connection);
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap()
}

async fn attached(connection: &Path) -> Kernel {
    let readable = || std::fs::read(connection).is_ok_and(|text| serde_json::from_slice::<serde_json::Value>(&text).is_ok());
    wait_until(readable, "the kernel does not start").await;
    let began = Instant::now();
    loop {
        match Kernel::attach(connection).await {
            Ok(kernel) => return kernel,
            // One that takes the address of another has its file before it is there.
            Err(error) => assert!(began.elapsed() < PATIENCE, "{error}"),
        }
    }
}

fn uuid_like() -> u128 {
    SystemTime::UNIX_EPOCH.elapsed().unwrap().as_nanos()
}
