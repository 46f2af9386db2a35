//! Executors on real engines: the same steps on each, and the table of what came out.
//!
//! `tests/engines/run.sh` installs what the engines need and runs these tests; they are ignored otherwise. The table in
//! `docs/executors.md` is written by `table`.
#![cfg(unix)]

#[path = "../../../executor/tests/common/mod.rs"]
mod common;
mod engine;
mod floor;
mod ground;
mod measure;
mod report;
mod steps;
mod table;
mod traces;

use engine::on;

#[test]
#[ignore = "tests/engines/run.sh runs it"]
fn local() {
    on("local", "local.sh", &[]);
}

#[test]
#[ignore = "tests/engines/run.sh runs it"]
fn ssh() {
    on("ssh", "ssh.sh", &[]);
}

#[test]
#[ignore = "tests/engines/run.sh runs it"]
fn slurm() {
    on("slurm", "slurm.sh", &[]);
}

#[test]
#[ignore = "tests/engines/run.sh runs it"]
fn jupyter_server() {
    on("jupyter server", "jupyter.sh", &["server"]);
}

#[test]
#[ignore = "tests/engines/run.sh runs it"]
fn kernel_gateway() {
    on("kernel gateway", "jupyter.sh", &["gateway"]);
}

#[test]
#[ignore = "tests/engines/run.sh runs it"]
fn enterprise_gateway() {
    on("enterprise gateway", "jupyter.sh", &["enterprise"]);
}

#[test]
#[ignore = "tests/engines/run.sh runs it"]
fn ray() {
    on("ray", "ray.sh", &[]);
}

#[test]
#[ignore = "tests/engines/run.sh runs it"]
fn dask() {
    on("dask", "dask.sh", &[]);
}

#[test]
#[ignore = "tests/engines/run.sh runs it"]
fn kubectl() {
    on("kubectl", "kubectl.sh", &[]);
}
