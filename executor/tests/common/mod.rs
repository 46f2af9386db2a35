//! What the tests with real kernels share.
#![allow(dead_code, reason = "every test file uses a part of it")]

use std::path::{Path, PathBuf};
use std::time::Duration;

use nbhoist_executor::cancel::Cancel;
use nbhoist_executor::event::{CellRef, Event};
use nbhoist_executor::executors::Executor;
use nbhoist_executor::kernel::{ExecuteOutcome, Kernel};
use nbhoist_executor::migrate::{BlockCell, MigrateError, Migration, Report, migrate};
use nbhoist_executor::{environment, python};

/// What the environment of the tests holds.
const REQUIREMENTS: &str = include_str!("../requirements.txt");

/// `NBHOIST_TEST_PYTHON`, else the interpreter of an environment in the cache, created when it is not there.
pub(crate) async fn test_python() -> PathBuf {
    if let Some(path) = std::env::var_os("NBHOIST_TEST_PYTHON") {
        return path.into();
    }
    let base = python::find_base(None).await.unwrap();
    environment::ensure(REQUIREMENTS, &base.path, &mut |step| eprintln!("{step:?}")).await.unwrap()
}

/// Writes a program. Another process does it: one that a test beside this starts has all files of this one for a moment, and what somebody
/// has open for writing cannot be executed ("Text file busy").
pub(crate) fn write_program(path: &Path, text: &str) {
    let source = path.with_extension("txt");
    std::fs::write(&source, text).unwrap();
    let mut install = std::process::Command::new("install");
    assert!(install.args(["-m", "755"]).arg(&source).arg(path).status().unwrap().success());
}

/// A fresh kernel.
pub(crate) async fn kernel() -> Kernel {
    Kernel::start(&test_python().await, &std::env::temp_dir(), &[]).await.unwrap()
}

/// A code cell of this number.
pub(crate) fn cell(number: u32) -> CellRef {
    CellRef { number, id: Some(format!("cell-{number}")) }
}

/// Runs a cell and gives all that it reports.
pub(crate) async fn outputs(kernel: &mut Kernel, cell: &CellRef, source: &str) -> (ExecuteOutcome, Vec<Event>) {
    let mut events = Vec::new();
    let outcome = kernel.execute(cell, source, true, &mut |event| events.push(event)).await.unwrap();
    (outcome, events)
}

/// What a cell prints; it must not fail.
pub(crate) async fn printed(kernel: &mut Kernel, source: &str) -> String {
    let mut text = String::new();
    let mut collect = |event| match event {
        Event::Stream { text: more, .. } => text.push_str(&more),
        Event::Error { traceback, .. } => panic!("{}", traceback.join("\n")),
        _ => {}
    };
    kernel.execute(&cell(999), source, false, &mut collect).await.unwrap();
    text
}

/// Where a kernel's connection file is.
pub(crate) async fn connection_file(kernel: &mut Kernel) -> PathBuf {
    let text = printed(kernel, "import ipykernel.connect\nprint(ipykernel.connect.get_connection_file())").await;
    Path::new(text.trim()).to_path_buf()
}

/// Whether any process of a group is alive (a zombie is not).
pub(crate) fn group_exists(group: u32) -> bool {
    let Ok(processes) = std::fs::read_dir("/proc") else {
        return false;
    };
    processes.flatten().any(|process| {
        let stat = std::fs::read_to_string(process.path().join("stat")).unwrap_or_default();
        let fields: Vec<_> = stat.rsplit(") ").next().unwrap_or_default().split(' ').map(str::to_owned).collect();
        fields.first().is_some_and(|state| state != "Z") && fields.get(2) == Some(&group.to_string())
    })
}

/// Waits at most 2 minutes: machines that test are busy.
pub(crate) async fn wait_until(mut done: impl FnMut() -> bool, otherwise: &str) {
    for _ in 0..2400 {
        if done() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("{otherwise}");
}

/// A kernel with some state, and where its migrations leave their files.
pub(crate) struct TestBed {
    pub(crate) kernel: Kernel,
    pub(crate) executor: Executor,
    pub(crate) cancel: Cancel,
    spool: tempfile::TempDir,
}

impl TestBed {
    /// A fresh kernel in which `source` has run.
    pub(crate) async fn new(source: &str) -> Self {
        let mut kernel = kernel().await;
        let (outcome, _) = outputs(&mut kernel, &cell(900), source).await;
        assert!(outcome.ok, "{outcome:?}");
        Self { kernel, executor: Executor::local(), cancel: Cancel::new(), spool: tempfile::tempdir().unwrap() }
    }

    /// Moves a block.
    pub(crate) async fn migrate(&mut self, request: &Migration) -> (Result<Report, MigrateError>, Vec<Event>) {
        self.migrate_with(request, |_| {}).await
    }

    /// Moves a block and looks at each event as it comes.
    pub(crate) async fn migrate_with(
        &mut self,
        request: &Migration,
        mut look: impl FnMut(&Event) + Send,
    ) -> (Result<Report, MigrateError>, Vec<Event>) {
        let mut request = request.clone();
        request.spool.get_or_insert_with(|| self.spool.path().to_path_buf());
        let mut events = Vec::new();
        let mut collect = |event: Event| {
            look(&event);
            events.push(event);
        };
        let report = migrate(&mut self.kernel, &self.executor, &request, &mut collect, &self.cancel).await;
        (report, events)
    }

    /// What a cell prints.
    pub(crate) async fn printed(&mut self, source: &str) -> String {
        printed(&mut self.kernel, source).await
    }

    /// Every variable with its identity and value.
    pub(crate) async fn fingerprint(&mut self) -> String {
        self.printed(
            "print(sorted((_n, id(_v), repr(_v)) for _n, _v in list(globals().items()) \
             if not _n.startswith('_') and _n not in ('In', 'Out', 'get_ipython', 'exit', 'quit', 'open')))",
        )
        .await
    }

    /// Files that migrations left in their directory.
    pub(crate) fn left_behind(&self) -> Vec<String> {
        let entries = std::fs::read_dir(self.spool.path()).unwrap();
        entries.map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned()).collect()
    }

    /// Checks that nothing is left, and ends the kernel.
    pub(crate) async fn end(self) {
        assert_eq!(self.left_behind(), Vec::<String>::new());
        self.kernel.shutdown().await;
    }
}

/// A block of cells numbered from 1.
pub(crate) fn migration(sources: &[&str], inputs: &[&str], returns: &[&str]) -> Migration {
    let names = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
    let cells = (1..).zip(sources).map(|(number, source)| BlockCell { cell: cell(number), source: (*source).to_owned() });
    Migration { cells: cells.collect(), inputs: names(inputs), returns: names(returns), ..Migration::default() }
}
