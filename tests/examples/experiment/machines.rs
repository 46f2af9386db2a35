//! Two machines on one: shares of a processor by control groups (version 1), a link by the shaped loopback of a network namespace.

use std::path::{Path, PathBuf};
use std::process::Command;

use nbhoist_executor::executors::{BackendConfig, Executor};

/// How the machine there differs.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Far {
    /// How many times as fast as here it is.
    pub ratio: f64,
    /// Its share of a processor.
    pub share: f64,
    /// Rate of the link, bytes a second.
    pub rate: f64,
    /// What the way there and back adds, seconds.
    pub delay: f64,
}

/// Both machines.
#[derive(Clone, Debug)]
pub(crate) struct Machines {
    near: PathBuf,
    far: PathBuf,
    ssh: String,
    python: PathBuf,
}

/// Length of the period in which a share counts, microseconds.
const PERIOD: f64 = 100_000.0;

impl Machines {
    /// Control groups of here and there, the configuration of ssh, and Python there.
    pub(crate) fn new([near, far]: &[String; 2], ssh: &str, python: &str) -> Self {
        Self { near: near.into(), far: far.into(), ssh: ssh.to_owned(), python: python.into() }
    }

    /// Sets both shares and the link.
    pub(crate) fn shape(&self, far: &Far) {
        quota(&self.near, far.share / far.ratio);
        quota(&self.far, far.share);
        let rate = format!("{:.0}bit", far.rate * 8.0);
        let line = format!("qdisc replace dev lo root tbf rate {rate} burst 256kb latency 100ms");
        let shaped = Command::new("tc").args(line.split(' ')).status();
        assert!(shaped.is_ok_and(|status| status.success()), "tc cannot shape the loopback");
    }

    /// Gives a process what the machine has, before its session begins.
    pub(crate) fn free(&self) {
        std::fs::write(self.near.join("cpu.cfs_quota_us"), "-1").expect("a control group with a quota");
    }

    /// Confines a process and what it will start to the share of here.
    pub(crate) fn confine(&self, process: u32) {
        std::fs::write(self.near.join("cgroup.procs"), process.to_string()).expect("a control group");
    }

    /// The place there, over ssh.
    pub(crate) fn executor(&self, far: &Far) -> Executor {
        let mut options = vec!["-F".to_owned(), self.ssh.clone()];
        if far.delay > 0.0 {
            options.extend(["-o".to_owned(), format!("ProxyCommand=python3 bench/delay.py %p {}", far.delay)]);
        }
        let mut executor = Executor::new("there", BackendConfig::Ssh { host: "box".to_owned(), options });
        executor.python = Some(self.python.clone());
        executor.link.bandwidth = Some(far.rate);
        executor.speed = Some(far.ratio);
        executor
    }
}

fn quota(group: &Path, share: f64) {
    std::fs::write(group.join("cpu.cfs_quota_us"), format!("{:.0}", share * PERIOD)).expect("a control group with a quota");
}
