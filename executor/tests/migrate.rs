//! Blocks that leave a real kernel and come back.

mod common;

use std::time::Duration;

use common::{TestBed, migration};
use nbhoist_executor::event::{Event, Phase};
use nbhoist_executor::migrate::{MigrateError, Migration};

const PREPARE: &str = "import numpy as np\nrows = list(range(10))\ntable = np.arange(6.0).reshape(2, 3)\nunused = 'u' * 100000\nfactor = 3";

#[tokio::test(flavor = "multi_thread")]
async fn block_runs_elsewhere_and_its_results_come_back() {
    let mut bed = TestBed::new(PREPARE).await;
    let cells = ["import os\nhere = os.getpid()\nprint('working')\ntotal = sum(rows) * factor", "scaled = table * factor\nscaled.sum()"];
    let (report, events) = bed.migrate(&migration(&cells, &["rows", "factor", "table"], &["total", "scaled", "here"])).await;
    let report = report.unwrap();
    assert!(report.ok());
    assert_eq!(report.cells.iter().map(|cell| cell.number).collect::<Vec<_>>(), [1, 2]);
    assert!(report.faults.is_empty(), "{:?}", report.faults);
    assert_eq!(
        bed.printed("import os\nprint(total, scaled.tolist(), here != os.getpid(), table.tolist())").await,
        "135 [[0.0, 3.0, 6.0], [9.0, 12.0, 15.0]] True [[0.0, 1.0, 2.0], [3.0, 4.0, 5.0]]\n"
    );

    assert!(report.namespace_bytes.unwrap() > 100_000);
    assert!(report.shipped_bytes > 0 && report.shipped_bytes < 50_000, "{}", report.shipped_bytes);
    assert!(report.returned_bytes > 0);
    assert!(report.seconds.run > 0.0 && report.seconds.restore > 0.0 && report.seconds.capture > 0.0);

    let phases: Vec<_> = events.iter().filter_map(|event| if let Event::Phase(phase) = event { Some(*phase) } else { None }).collect();
    assert_eq!(phases, [Phase::Probe, Phase::Connect, Phase::Capture, Phase::Transfer, Phase::Run, Phase::Return, Phase::Restore]);
    assert!(events.iter().any(|event| matches!(event, Event::Stream { cell, text, .. } if cell.number == 1 && text == "working\n")));
    let result = events.iter().find_map(|event| match event {
        Event::ExecuteResult { cell, data, execution_count, .. } if cell.number == 2 => {
            Some((data["text/plain"].clone(), *execution_count))
        }
        _ => None,
    });
    let (text, count) = result.unwrap();
    assert_eq!(text, "np.float64(45.0)");
    assert_eq!(count, report.cells[1].execution_count);
    bed.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_worker_leaves_every_variable_and_the_next_block_runs() {
    let mut bed = TestBed::new(PREPARE).await;
    let before = bed.fingerprint().await;
    let cells = ["rows.append(99)\nfactor = 7\ntable += 1\nimport os, signal\nos.kill(os.getpid(), signal.SIGKILL)"];
    let (report, _) = bed.migrate(&migration(&cells, &["rows", "factor", "table"], &["rows", "factor", "table"])).await;
    let error = report.unwrap_err().to_string();
    assert!(error.contains("signal 9") && error.contains("during run of cell 1"), "{error}");
    assert_eq!(bed.fingerprint().await, before);
    assert_eq!(bed.left_behind(), Vec::<String>::new());

    let (report, _) = bed.migrate(&migration(&["factor = 8\nrows.append(1)"], &["rows", "factor"], &["rows", "factor"])).await;
    assert!(report.unwrap().ok());
    assert_eq!(bed.printed("print(rows[-1], len(rows), factor)").await, "1 11 8\n");
    bed.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn needed_name_that_analysis_missed_is_supplied_and_reported() {
    let mut bed = TestBed::new("secret = [1, 2, 3]\ndef double(x):\n    return [y * 2 for y in x] + hidden\nhidden = [0]").await;
    let (report, events) = bed.migrate(&migration(&["result = double(secret)"], &["double"], &["result"])).await;
    let mut faults = report.unwrap().faults;
    faults.sort();
    assert_eq!(faults, ["hidden", "secret"]);
    assert!(
        events.iter().any(|event| matches!(event, Event::Fault { name, supplied: true, cell } if name == "secret" && cell.number == 1))
    );
    assert_eq!(bed.printed("print(result, secret)").await, "[2, 4, 6, 0] [1, 2, 3]\n");
    bed.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn name_that_is_nowhere_is_a_name_error_in_the_cell() {
    let mut bed = TestBed::new("x = 1\nhidden = 2").await;
    // Only code that misses a name which the kernel has asks for others, too.
    let source = "def never():\n    return hidden\ny = x + nowhere";
    let (report, events) = bed.migrate(&migration(&[source], &["x"], &["y"])).await;
    let report = report.unwrap();
    assert_eq!(report.cells[0].error.as_ref().unwrap().ename, "NameError");
    assert!(report.faults.is_empty());
    assert!(events.iter().any(|event| matches!(event, Event::Fault { name, supplied: false, .. } if name == "nowhere")));
    bed.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn change_in_place_that_analysis_missed_comes_back() {
    let mut bed = TestBed::new(
        "import numpy as np\nbag = {'a': [1]}\nalias = bag['a']\nweights = np.zeros(4)\nview = weights[1:3]\nfixed = np.ones(3)",
    )
    .await;
    let source = "def unknown(thing, array):\n    thing['a'].append(2)\n    array[:] = 7\nunknown(bag, view)\nlen(fixed)";
    let (report, _) = bed.migrate(&migration(&[source], &["bag", "view", "fixed"], &[])).await;
    let report = report.unwrap();
    assert!(report.evidence.contains(&"bag".to_owned()), "{:?}", report.evidence);
    assert!(!report.evidence.contains(&"fixed".to_owned()), "{:?}", report.evidence);
    assert_eq!(
        bed.printed("print(bag, alias, alias is bag['a'], weights.tolist(), view.base is weights)").await,
        "{'a': [1, 2]} [1, 2] True [0.0, 7.0, 7.0, 0.0] True\n"
    );
    bed.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn two_names_of_one_list_still_name_one_list() {
    let mut bed = TestBed::new("one = [1]\ntwo = one\nbox = {'inside': one}\nbefore = id(one)").await;
    let (report, _) = bed.migrate(&migration(&["one.append(2)\nthree = two"], &["one", "two"], &["one", "three"])).await;
    report.unwrap();
    let text = bed.printed("print(one, one is two, two is three, box['inside'] is one, id(one) == before)").await;
    assert_eq!(text, "[1, 2] True True True True\n");
    bed.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn value_that_cannot_travel_is_refused_with_its_place() {
    let mut bed = TestBed::new("import threading\nconfig = {'size': 3, 'inner': [0, threading.Lock()]}").await;
    let before = bed.fingerprint().await;
    let (report, _) = bed.migrate(&migration(&["n = config['size']"], &["config"], &["n"])).await;
    let error = report.unwrap_err().to_string();
    assert!(error.contains("config") && error.contains("['inner'][1]") && error.contains("lock cannot travel"), "{error}");
    assert_eq!(bed.fingerprint().await, before);
    assert_eq!(bed.left_behind(), Vec::<String>::new());
    bed.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn wanted_result_that_cannot_come_back_is_an_error() {
    let mut bed = TestBed::new("rows = [1]\nother = 1").await;
    let before = bed.fingerprint().await;
    let cells = ["import threading\nguard = {'lock': threading.Lock()}\nspare = threading.Lock()\nother = 2\nrows.append(2)"];
    let (report, _) = bed.migrate(&migration(&cells, &["rows"], &["guard", "other", "rows"])).await;
    let error = report.unwrap_err();
    let text = error.to_string();
    let MigrateError::Lost { lost, kept } = error else { panic!("{text}") };
    assert_eq!(lost.iter().map(|lost| lost.name.as_str()).collect::<Vec<_>>(), ["guard"]);
    assert_eq!(lost[0].path.as_deref(), Some("guard['lock']"));
    assert!(text.contains("`guard` cannot come back: at guard['lock'], a thread lock cannot travel; make it inside the block"), "{text}");
    assert!(text.contains("are as they were") && text.contains(&kept.display().to_string()) && text.contains("`del`"), "{text}");
    assert_eq!(bed.fingerprint().await, before);
    assert!(std::fs::metadata(&kept).unwrap().len() > 0);
    std::fs::remove_file(kept).unwrap();

    // A change that cannot come back is just as lost, whether anybody asked for it or not.
    let cells = ["import threading\nrows.append(threading.Lock())"];
    let (report, _) = bed.migrate(&migration(&cells, &["rows"], &[])).await;
    let error = report.unwrap_err();
    let text = error.to_string();
    let MigrateError::Lost { kept, .. } = error else { panic!("{text}") };
    assert!(text.contains("`rows` cannot come back: it was changed") && text.contains("rows[1]"), "{text}");
    assert_eq!(bed.fingerprint().await, before);
    std::fs::remove_file(kept).unwrap();

    // What nobody asked for may stay behind.
    let everything =
        Migration { everything: true, ..migration(&["import threading\nspare = threading.Lock()\nother = 3"], &[], &["other"]) };
    let (report, _) = bed.migrate(&everything).await;
    assert!(report.unwrap().left["spare"].contains("lock"));
    assert_eq!(bed.printed("print(other, 'spare' in globals())").await, "3 False\n");
    bed.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn value_that_does_not_unpickle_is_told_by_name() {
    let mut bed = TestBed::new("def explode():\n    raise ValueError('not here')\nclass Trap:\n    def __reduce__(self):\n        return explode, ()\nfine = 1\ntrap = Trap()").await;
    let before = bed.fingerprint().await;
    let (report, _) = bed.migrate(&migration(&["fine + 1"], &["fine", "trap"], &[])).await;
    let error = report.unwrap_err().to_string();
    assert!(error.contains("trap") && error.contains("not here"), "{error}");
    assert_eq!(bed.fingerprint().await, before);
    bed.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn cancelling_interrupts_the_worker_and_leaves_the_kernel() {
    let mut bed = TestBed::new(PREPARE).await;
    let before = bed.fingerprint().await;
    let source = "rows.clear()\nimport time\nprint('started')\ntime.sleep(60)";
    let request = migration(&[source], &["rows"], &["rows"]);
    let cancel = bed.cancel.clone();
    let (report, events) = bed
        .migrate_with(&request, move |event| {
            if matches!(event, Event::Stream { text, .. } if text.contains("started")) {
                cancel.cancel();
            }
        })
        .await;
    let error = report.unwrap_err().to_string();
    assert!(error.starts_with("interrupted during run"), "{error}");
    assert!(events.iter().any(|event| matches!(event, Event::Error { ename, .. } if ename == "KeyboardInterrupt")));
    assert_eq!(bed.fingerprint().await, before);
    bed.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn worker_that_ignores_interrupts_is_killed() {
    let mut bed = TestBed::new(PREPARE).await;
    let source = "import signal, time\nsignal.signal(signal.SIGINT, signal.SIG_IGN)\nprint('deaf')\nwhile True:\n    try:\n        time.sleep(60)\n    except KeyboardInterrupt:\n        pass";
    let cancel = bed.cancel.clone();
    let started = std::time::Instant::now();
    let (report, _) = bed
        .migrate_with(&migration(&[source], &[], &[]), move |event| {
            if matches!(event, Event::Stream { text, .. } if text.contains("deaf")) {
                cancel.cancel();
            }
        })
        .await;
    assert!(report.unwrap_err().to_string().starts_with("interrupted during run"));
    assert!(started.elapsed() < Duration::from_secs(100));
    bed.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn exception_ends_the_block_and_what_was_done_before_it_comes_back() {
    let mut bed = TestBed::new("rows = [1]").await;
    let cells = ["rows.append(2)\nmade = 5", "rows.append(3)\ndef boom():\n    raise KeyError('k')\nboom()", "never = 1"];
    let (report, events) = bed.migrate(&migration(&cells, &["rows"], &["rows", "made", "never"])).await;
    let report = report.unwrap();
    assert!(!report.ok());
    assert_eq!(report.cells.len(), 2);
    let error = report.cells[1].error.clone().unwrap();
    assert_eq!((error.ename.as_str(), error.evalue.as_str()), ("KeyError", "'k'"));
    let traceback = error.traceback.join("\n");
    let count = report.cells[1].execution_count.unwrap();
    assert!(strip(&traceback).contains(&format!("In[{count}], line 4")), "{traceback}");
    assert!(!traceback.contains("nbhoist_runtime"), "{traceback}");
    assert!(events.iter().any(|event| matches!(event, Event::Error { cell, .. } if cell.number == 2)));
    assert_eq!(bed.printed("print(rows, made, 'never' in globals())").await, "[1, 2, 3] 5 False\n");
    bed.end().await;
}

/// Text without terminal colours.
fn strip(text: &str) -> String {
    let mut rest = text;
    let mut plain = String::new();
    while let Some(start) = rest.find("\u{1b}[") {
        plain.push_str(&rest[..start]);
        rest = rest[start..].split_once('m').map_or("", |(_, rest)| rest);
    }
    plain + rest
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_kernel_is_told_and_the_worker_goes() {
    let mut bed = TestBed::new("x = 1").await;
    let kernel = bed.kernel.process_id().unwrap();
    let (sender, worker) = std::sync::mpsc::channel();
    let source = "import os, time\nprint(os.getpid())\ntime.sleep(60)";
    let (report, _) = bed
        .migrate_with(&migration(&[source], &["x"], &[]), move |event| {
            if let Event::Stream { text, .. } = event
                && let Ok(process) = text.trim().parse::<u32>()
            {
                sender.send(process).unwrap();
                std::process::Command::new("kill").args(["-9", &kernel.to_string()]).status().unwrap();
            }
        })
        .await;
    let error = report.unwrap_err().to_string();
    assert!(error.contains("the kernel died during run") && error.contains("signal 9"), "{error}");
    let worker = worker.recv().unwrap();
    common::wait_until(|| !common::group_exists(worker), "the worker outlived the kernel").await;
    assert_eq!(bed.left_behind(), Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn result_that_no_longer_fits_is_kept() {
    let mut bed = TestBed::new("rows = [1]\nother = 1").await;
    let file = common::connection_file(&mut bed.kernel).await;
    let mut guest = nbhoist_executor::kernel::Kernel::attach(&file).await.unwrap();
    let directory = tempfile::tempdir().unwrap();
    let flag = directory.path().join("flag");
    let (started, wait) = tokio::sync::oneshot::channel();
    let raise = flag.clone();
    let meanwhile = tokio::spawn(async move {
        wait.await.unwrap();
        guest.execute(&common::cell(1), "rows = 'mine now'", true, &mut |_| {}).await.unwrap();
        std::fs::write(raise, "").unwrap();
    });
    let source = format!(
        "import os, time\nrows.append(2)\nprint('started')\nwhile not os.path.exists({:?}):\n    time.sleep(0.05)",
        flag.to_string_lossy()
    );
    let mut started = Some(started);
    let look = move |event: &Event| {
        if matches!(event, Event::Stream { .. })
            && let Some(started) = started.take()
        {
            started.send(()).unwrap();
        }
    };
    let (report, _) = bed.migrate_with(&migration(&[&source], &["rows"], &["rows"]), look).await;
    meanwhile.await.unwrap();
    let error = report.unwrap_err();
    let nbhoist_executor::migrate::MigrateError::Conflict { clashes, kept } = &error else { panic!("{error}") };
    assert_eq!(clashes[0].name, "rows");
    assert!(kept.exists());
    assert_eq!(std::os::unix::fs::PermissionsExt::mode(&std::fs::metadata(kept).unwrap().permissions()) & 0o777, 0o600);
    std::fs::remove_file(kept).unwrap();
    assert_eq!(bed.printed("print(rows)").await, "mine now\n");
    bed.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn everything_that_was_bound_comes_back_when_asked_for() {
    let mut bed = TestBed::new("x = 2").await;
    let mut request = migration(&["a = x\nb = [a]\nimport math\ndef f(y):\n    return math.sqrt(y) + x"], &["x"], &["a"]);
    request.everything = true;
    let (report, _) = bed.migrate(&request).await;
    report.unwrap();
    assert_eq!(bed.printed("print(a, b, f(4))\nx = 100\nprint(f(4))").await, "2 [2] 4.0\n102.0\n");
    bed.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn odd_outputs_arrive_and_break_nothing() {
    let mut bed = TestBed::new("x = 1").await;
    let sources = [
        "print('undecodable \\udc80 name')",
        "from IPython.display import display\ndisplay({'application/json': {'a': float('nan')}, 'text/plain': 'nan'}, raw=True)",
        "from IPython.display import HTML, display\ndisplay(HTML('<!--' + 'x' * 20_000_000 + '-->'))",
        "import os\nos.write(1, b'from C \\xff\\n')\nos.system('echo from a shell')",
        "import sys\nsys.stdout.buffer.write(b'bytes\\n') if hasattr(sys.stdout, 'buffer') else print('bytes')",
        "for n in range(20_000):\n    print(n)",
        "done = x + 1",
    ];
    let (report, events) = bed.migrate(&migration(&sources, &["x"], &["done"])).await;
    let report = report.unwrap();
    assert!(report.ok(), "{report:?}");
    let text_of = |number: u32| -> String {
        let texts = events.iter().filter_map(|event| match event {
            Event::Stream { cell, text, .. } if cell.number == number => Some(text.as_str()),
            _ => None,
        });
        texts.collect()
    };
    assert!(text_of(1).starts_with("undecodable ") && text_of(1).ends_with(" name\n"), "{:?}", text_of(1));
    let shown = |number: u32| events.iter().any(|event| matches!(event, Event::DisplayData { cell, .. } if cell.number == number));
    assert!(shown(2) && shown(3));
    assert!(text_of(4).contains("from C") && text_of(4).contains("from a shell"), "{:?}", text_of(4));
    assert!(text_of(5).contains("bytes"));
    assert!(text_of(6).ends_with("19998\n19999\n") && text_of(6).starts_with("0\n1\n"));
    assert_eq!(bed.printed("print(done)").await, "2\n");
    bed.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn cancelled_before_it_starts_does_nothing() {
    let mut bed = TestBed::new("x = 1").await;
    bed.cancel.cancel();
    let (report, _) = bed.migrate(&migration(&["y = x"], &["x"], &["y"])).await;
    let error = report.unwrap_err().to_string();
    assert!(error.starts_with("interrupted during probe"), "{error}");
    bed.cancel = nbhoist_executor::cancel::Cancel::new();
    let (report, _) = bed.migrate(&migration(&["y = x"], &["x"], &["y"])).await;
    assert!(report.unwrap().ok());
    bed.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn migration_can_be_a_task_of_its_own() {
    let bed = TestBed::new("x = 1").await;
    let task = tokio::spawn(async move {
        let mut bed = bed;
        let (report, _) = bed.migrate(&migration(&["y = x + 1"], &["x"], &["y"])).await;
        assert_eq!(bed.printed("print(y)").await, "2\n");
        bed.end().await;
        report.unwrap().ok()
    });
    assert!(task.await.unwrap());
}

#[tokio::test(flavor = "multi_thread")]
async fn large_arrays_travel_both_ways() {
    let mut bed = TestBed::new("import numpy as np\nbig = np.arange(12_500_000, dtype=np.float64)").await;
    let (report, events) = bed.migrate(&migration(&["doubled = big * 2"], &["big"], &["doubled"])).await;
    let report = report.unwrap();
    assert!(report.shipped_wire_bytes >= 100_000_000 && report.returned_bytes >= 100_000_000);
    eprintln!("{:?}", report.seconds);
    let done: Vec<_> = events
        .iter()
        .filter_map(|event| match event {
            // How much there is in all is known when the kernel has packed it.
            Event::Progress { phase: Phase::Transfer, done, total } => Some((*done, *total)),
            _ => None,
        })
        .collect();
    assert!(done.len() > 20 && done.is_sorted_by_key(|(done, _)| *done), "{done:?}");
    assert!(done.last().is_some_and(|(done, total)| Some(*done) == *total), "{done:?}");
    assert_eq!(bed.printed("print(doubled[-1], np.shares_memory(doubled, big))").await, "24999998.0 False\n");
    bed.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn slow_packing_can_be_cancelled() {
    let mut bed = TestBed::new(
        "import time\nclass Slow:\n    def __reduce__(self):\n        time.sleep(60)\n        return Slow, ()\nslow = Slow()\nx = 1",
    )
    .await;
    let cancel = bed.cancel.clone();
    tokio::spawn(async move {
        tokio::time::sleep(Duration::from_secs(3)).await;
        cancel.cancel();
    });
    let started = std::time::Instant::now();
    let (report, _) = bed.migrate(&migration(&["y = slow"], &["slow"], &["y"])).await;
    assert!(report.unwrap_err().to_string().starts_with("interrupted during capture"));
    assert!(started.elapsed() < Duration::from_secs(55));
    assert_eq!(bed.printed("print(x)").await, "1\n");
    bed.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn busy_kernel_is_waited_for_and_its_cell_is_not_interrupted() {
    let mut bed = TestBed::new("x = 1").await;
    let file = common::connection_file(&mut bed.kernel).await;
    let mut guest = nbhoist_executor::kernel::Kernel::attach(&file).await.unwrap();
    let cancel = bed.cancel.clone();
    let folder = tempfile::tempdir().unwrap();
    let (begun, seen) = (folder.path().join("begun"), folder.path().join("seen"));
    let source = format!("import os, time\nopen({begun:?}, 'w').close()\nwhile not os.path.exists({seen:?}):\n    time.sleep(0.05)\nx = 2");
    let busy = tokio::spawn(async move { guest.execute(&common::cell(1), &source, true, &mut |_| {}).await.unwrap() });
    common::wait_until(|| begun.exists(), "the kernel does not run the cell").await;
    let look = move |event: &Event| {
        if matches!(event, Event::Note { text } if text.contains("busy")) {
            cancel.cancel();
            std::fs::write(&seen, "").unwrap();
        }
    };
    let (report, _) = bed.migrate_with(&migration(&["y = x"], &["x"], &["y"]), look).await;
    assert!(report.unwrap_err().to_string().starts_with("interrupted during probe"));
    assert!(busy.await.unwrap().ok);
    assert_eq!(bed.printed("print(x)").await, "2\n");
    bed.end().await;
}
