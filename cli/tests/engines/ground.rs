//! What every step stands on: a configuration with the place in it, and kernels.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use nbhoist_executor::executors::Executor;
use nbhoist_settings::Settings;

use crate::common::TestBed;
use crate::engine::Engine;

/// The engine and what is configured for it.
pub(crate) struct Ground {
    pub(crate) engine: Engine,
    pub(crate) python: PathBuf,
    pub(crate) folder: tempfile::TempDir,
}

impl Ground {
    pub(crate) async fn new() -> Self {
        Self { engine: Engine::given(), python: crate::common::test_python().await, folder: tempfile::tempdir().unwrap() }
    }

    /// A configuration folder with the place `box` in it: what the engine says under `key`, and `more`.
    pub(crate) fn configuration(&self, key: &str, more: &str) -> PathBuf {
        let folder = self.folder.path().join(uuid());
        std::fs::create_dir_all(folder.join("nbhoist")).unwrap();
        let place = self.engine.said(key).unwrap();
        std::fs::write(folder.join("nbhoist/nbhoist.toml"), format!("[executors.box]\n{place}{more}")).unwrap();
        folder
    }

    /// The place as the executor drives it, with `more` configured.
    pub(crate) fn place(&self, more: &str) -> Executor {
        let file = self.configuration("place", more).join("nbhoist/nbhoist.toml");
        Settings::load_from(Some(&file), None).unwrap().drivable("box").unwrap()
    }

    /// A kernel in which `source` has run, and the place.
    pub(crate) async fn bed(&self, source: &str, more: &str) -> TestBed {
        let mut bed = TestBed::new(source).await;
        bed.executor = self.place(more);
        bed
    }

    /// The command `nbhoist`, with this configuration.
    pub(crate) fn nbhoist(&self, configuration: &Path) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_nbhoist"));
        command.env("NBHOIST_HISTORY", "off").env("XDG_CONFIG_HOME", configuration).current_dir(self.folder.path());
        command
    }

    /// A script that runs the interpreter as if `patch` stood in it.
    pub(crate) fn patched_python(&self, patch: &str) -> PathBuf {
        let folder = self.folder.path().join(uuid());
        std::fs::create_dir_all(&folder).unwrap();
        std::fs::write(folder.join("sitecustomize.py"), patch).unwrap();
        let script = folder.join("python");
        let text = format!("#!/bin/sh\nPYTHONPATH={} exec {} \"$@\"\n", folder.display(), self.python.display());
        crate::common::write_program(&script, &text);
        script
    }
}

/// A name that nothing else has.
pub(crate) fn uuid() -> String {
    static NEXT: std::sync::atomic::AtomicU32 = std::sync::atomic::AtomicU32::new(0);
    format!("f{}", NEXT.fetch_add(1, std::sync::atomic::Ordering::Relaxed))
}

/// Whether a process is there and no zombie.
pub(crate) fn is_alive(process: u32) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{process}/stat")).unwrap_or_default();
    stat.rsplit(") ").next().is_some_and(|rest| !rest.is_empty() && !rest.starts_with('Z'))
}

/// Waits for something, at most so long.
pub(crate) async fn within(seconds: u64, mut done: impl FnMut() -> bool, otherwise: &str) {
    for _ in 0..seconds * 10 {
        if done() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    panic!("{otherwise}");
}
