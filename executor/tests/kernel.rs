//! A real ipykernel: run cells, see its outputs, interrupt it, see it die.

mod common;

use std::time::{Duration, Instant};

use common::{cell, kernel, outputs};
use nbhoist_executor::event::Event;
use nbhoist_executor::kernel::{Kernel, KernelError};
use serde_json::Value;

#[tokio::test(flavor = "multi_thread")]
async fn outputs_come_as_events_in_order() {
    let mut kernel = kernel().await;
    let source = "import sys\nprint('one')\nprint('two', file=sys.stderr)\nfrom IPython.display import HTML, display\n\
                  handle = display(HTML('<b>x</b>'), display_id='d')\nhandle.update(HTML('<b>y</b>'))\n6 * 7";
    let (outcome, events) = outputs(&mut kernel, &cell(3), source).await;
    assert!(outcome.ok);
    assert_eq!(outcome.execution_count, Some(1));
    let kinds: Vec<_> = events
        .iter()
        .map(|event| match event {
            Event::CellStarted { cell } if cell.number == 3 => "started",
            Event::Stream { name, .. } if name == "stdout" => "stdout",
            Event::Stream { name, .. } if name == "stderr" => "stderr",
            Event::DisplayData { transient, .. } if transient.get("display_id") == Some(&Value::from("d")) => "display",
            Event::UpdateDisplayData { .. } => "update",
            Event::ExecuteResult { data, execution_count: Some(1), .. } if data["text/plain"] == "42" => "result",
            Event::CellDone { ok: true, .. } => "done",
            other => panic!("unexpected {other:?}"),
        })
        .collect();
    assert_eq!(kinds, ["started", "stdout", "stderr", "display", "update", "result", "done"]);
    kernel.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn exception_is_an_outcome_with_its_traceback() {
    let mut kernel = kernel().await;
    let (outcome, events) = outputs(&mut kernel, &cell(1), "def f():\n    return 1 / 0\nf()").await;
    let error = outcome.error.unwrap();
    assert!(!outcome.ok);
    assert_eq!(error.ename, "ZeroDivisionError");
    assert!(error.traceback.join("\n").contains("return"), "{:?}", error.traceback);
    assert!(events.iter().any(|event| matches!(event, Event::Error { ename, .. } if ename == "ZeroDivisionError")));
    kernel.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn input_is_refused_and_does_not_hang() {
    let mut kernel = kernel().await;
    let (outcome, _) = outputs(&mut kernel, &cell(1), "input('name? ')").await;
    assert_eq!(outcome.error.unwrap().ename, "StdinNotImplementedError");
    kernel.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn interrupt_raises_keyboard_interrupt_and_the_kernel_goes_on() {
    let mut kernel = kernel().await;
    let interrupter = kernel.interrupter();
    let started = Instant::now();
    let mut look = |event: Event| {
        if matches!(event, Event::Stream { .. }) {
            interrupter.interrupt();
        }
    };
    // Python sees a signal that comes just before a system call only after it, so no single call may be long.
    let source = "import time\nx = 5\nprint('in', flush=True)\nfor _ in range(2000):\n    time.sleep(0.1)";
    let outcome = kernel.execute(&cell(1), source, true, &mut look).await.unwrap();
    assert_eq!(outcome.error.unwrap().ename, "KeyboardInterrupt");
    assert!(started.elapsed() < Duration::from_mins(3));
    let (outcome, _) = outputs(&mut kernel, &cell(2), "assert x == 5").await;
    assert!(outcome.ok);
    kernel.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn death_of_a_started_kernel_is_told_at_once() {
    let mut kernel = kernel().await;
    let started = Instant::now();
    let result = kernel.execute(&cell(1), "import os, signal\nos.kill(os.getpid(), signal.SIGKILL)", true, &mut |_| {}).await;
    let error = result.unwrap_err();
    assert!(matches!(&error, KernelError::Died { why } if why.contains("signal 9")), "{error}");
    assert!(started.elapsed() < Duration::from_secs(100));
    assert!(!kernel.is_alive());
    assert!(matches!(kernel.execute(&cell(1), "1", true, &mut |_| {}).await, Err(KernelError::Died { .. })));
}

#[tokio::test(flavor = "multi_thread")]
async fn crash_of_a_kernel_names_the_signal() {
    let mut kernel = kernel().await;
    let source = "import ctypes\nctypes.string_at(0)";
    let error = kernel.execute(&cell(1), source, true, &mut |_| {}).await.unwrap_err().to_string();
    assert!(error.contains("signal 11 (SIGSEGV)"), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn attached_kernel_shares_its_namespace_and_stays() {
    let mut owner = kernel().await;
    let (_, _) = outputs(&mut owner, &cell(1), "shared = [1, 2]").await;
    let file = common::connection_file(&mut owner).await;

    let mut guest = Kernel::attach(&file).await.unwrap();
    assert_eq!(guest.interpreter().file_name(), owner.interpreter().file_name());
    let (outcome, _) = outputs(&mut guest, &cell(1), "shared.append(3)").await;
    assert!(outcome.ok);
    guest.shutdown().await;

    let (outcome, _) = outputs(&mut owner, &cell(2), "assert shared == [1, 2, 3]").await;
    assert!(outcome.ok, "{outcome:?}");
    owner.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn death_of_an_attached_kernel_is_seen_by_its_heartbeat() {
    let mut owner = kernel().await;
    let file = common::connection_file(&mut owner).await;
    let mut guest = Kernel::attach(&file).await.unwrap();
    let started = Instant::now();
    let result = guest.execute(&cell(1), "import os, signal\nos.kill(os.getpid(), signal.SIGKILL)", true, &mut |_| {}).await;
    assert!(matches!(result, Err(KernelError::Died { .. })), "{result:?}");
    assert!(started.elapsed() < Duration::from_secs(100));
}

#[tokio::test(flavor = "multi_thread")]
async fn connection_file_of_a_kernel_that_is_gone_is_told() {
    let mut owner = kernel().await;
    let file = common::connection_file(&mut owner).await;
    let copy = tempfile::NamedTempFile::new().unwrap();
    std::fs::copy(&file, copy.path()).unwrap();
    owner.shutdown().await;
    let error = Kernel::attach(copy.path()).await.err().unwrap();
    assert!(matches!(error, KernelError::NotThere { .. }), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn interpreter_without_ipykernel_says_why() {
    let directory = tempfile::tempdir().unwrap();
    let python = directory.path().join("python");
    common::write_program(&python, "#!/bin/sh\necho 'No module named ipykernel_launcher' >&2\nexit 1\n");
    let error = Kernel::start(&python, directory.path(), &[]).await.err().unwrap().to_string();
    assert!(error.contains("No module named ipykernel_launcher") && error.contains("exit code 1"), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn dropped_kernel_leaves_no_process() {
    let mut kernel = kernel().await;
    let process = kernel.process_id().unwrap();
    let (_, _) = outputs(&mut kernel, &cell(1), "import subprocess\nchild = subprocess.Popen(['sleep', '600'])").await;
    drop(kernel);
    common::wait_until(|| !common::group_exists(process), "the kernel's process group is still there").await;
}
