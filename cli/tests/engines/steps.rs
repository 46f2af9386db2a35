//! The steps, in the order of the table's rows. Each says what came out, or why it cannot be taken on an engine.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::{Duration, Instant};

use nbhoist_executor::event::Event;
use nbhoist_executor::migrate::MigrateError;
use serde_json::{Map, Value, json};

use crate::common::migration;
use crate::ground::Ground;
use crate::{table, traces};

/// `Ok` with a note, or `Err` with the reason why it does not apply. A step that fails panics.
pub(crate) type Outcome = Result<String, &'static str>;

/// A step under way.
type Taking = Pin<Box<dyn Future<Output = Outcome> + Send>>;

/// The longest a step may take.
const LONGEST: Duration = Duration::from_mins(15);

/// A step of the matrix: its name and what it does.
type Step = (&'static str, fn(Arc<Ground>) -> Taking);

/// The rows of the table; the engine is killed last.
pub(crate) const STEPS: &[Step] = &[
    ("heavy block of corpus/digits", |ground| Box::pin(digits(ground))),
    ("rich outputs", |ground| Box::pin(rich_outputs(ground))),
    ("interrupt", |ground| Box::pin(interrupt(ground))),
    ("error with traceback", |ground| Box::pin(error(ground))),
    ("200 MB each way", |ground| Box::pin(bulk(ground))),
    ("worker killed", |ground| Box::pin(worker_killed(ground))),
    ("link cut and reattached", |ground| Box::pin(link_cut(ground))),
    ("version mismatch refused", |ground| Box::pin(versions(ground))),
    ("concurrent migrations", |ground| Box::pin(concurrent(ground))),
    ("wrong credentials refused", |ground| Box::pin(credentials(ground))),
    ("no port but on loopback", |ground| Box::pin(traces::ports(ground))),
    ("nbhoist killed: nothing stays", |ground| Box::pin(traces::nbhoist_killed(ground))),
    ("engine killed", |ground| Box::pin(engine_killed(ground))),
];

/// Takes every step on the engine that this process was started for.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "a test of an engine runs it"]
async fn all() {
    let ground = Arc::new(Ground::new().await);
    let only = std::env::var("NBHOIST_TEST_STEP").unwrap_or_default();
    let mut row = Map::new();
    let mut failures = Vec::new();
    let chosen: Vec<_> = STEPS.iter().copied().filter(|(name, _)| name.contains(&only)).collect();
    let (harmless, harmful): (Vec<_>, Vec<_>) = chosen.into_iter().partition(|(name, _)| !HARMFUL.iter().any(|word| name.contains(word)));
    // Those that cut links or count what is left run alone, after the others.
    let lanes = Arc::new(tokio::sync::Semaphore::new(LANES));
    let mut taking: Vec<(&str, tokio::task::JoinHandle<_>)> = Vec::new();
    for (name, step) in harmless {
        taking.push((name, tokio::spawn(taken(name, step, Arc::clone(&ground), Arc::clone(&lanes)))));
    }
    let mut cells = Vec::new();
    for (name, cell) in taking {
        cells.push((name, cell.await.unwrap()));
    }
    for (name, step) in harmful {
        cells.push((name, taken(name, step, Arc::clone(&ground), Arc::clone(&lanes)).await));
    }
    for (name, cell) in cells {
        if cell.get("passes") == Some(&Value::Bool(false)) {
            failures.push(name);
        }
        row.insert(name.to_owned(), cell);
    }
    if only.is_empty() {
        table::write_row(&ground.engine.name, &row);
    }
    assert!(failures.is_empty(), "on {}: {failures:?}", ground.engine.name);
}

/// How many steps are taken at once.
const LANES: usize = 3;

/// Words in the names of those that run alone.
const HARMFUL: &[&str] = &["cut", "nbhoist killed", "engine killed"];

/// Takes one step, and tells what came out.
async fn taken(name: &str, step: fn(Arc<Ground>) -> Taking, ground: Arc<Ground>, lanes: Arc<tokio::sync::Semaphore>) -> Value {
    let _lane = lanes.acquire().await.unwrap();
    let started = Instant::now();
    let engine = ground.engine.name.clone();
    let taken = tokio::time::timeout(LONGEST, tokio::spawn(step(ground))).await;
    let seconds = started.elapsed().as_secs_f64();
    let cell = match taken {
        Ok(Ok(Ok(note))) => json!({ "passes": true, "note": note, "seconds": seconds }),
        Ok(Ok(Err(reason))) => json!({ "reason": reason }),
        Ok(Err(error)) => json!({ "passes": false, "note": format!("{error}") }),
        Err(_) => json!({ "passes": false, "note": format!("it took longer than {} s", LONGEST.as_secs()) }),
    };
    println!("{engine}: {name}: {cell}");
    cell
}

/// The block with its models and figures, through the command line. Fewer copies and settings than in the corpus: the
/// engines are tested here, not the processor.
async fn digits(ground: Arc<Ground>) -> Outcome {
    let text = std::fs::read_to_string(crate::engine::root().join("corpus/digits.ipynb")).unwrap();
    let mut whole: Value = serde_json::from_str(&text).unwrap();
    // Cells 8 to 12 only look at the data.
    whole["cells"].as_array_mut().unwrap().drain(7..12);
    let text = whole
        .to_string()
        .replace("COPIES = 5 ", "COPIES = 1 ")
        .replace("(0.5, 2, 8)", "(2,)")
        .replace("(50, 100, 200, 400, 800, len(X))", "(50, 100)");
    let notebook = ground.folder.path().join("digits.ipynb");
    std::fs::write(&notebook, text).unwrap();
    let configuration = ground.configuration("place", "");
    let python = ground.python.display().to_string();
    let run = |place: &str, output: &str| {
        let mut command = ground.nbhoist(&configuration);
        command.args(["run", "digits.ipynb", "--block", "heavy", "--on", place, "--python", &python, "-o", output]);
        command
    };
    let (mut there, mut here) = (run("box", "there.ipynb"), run("here", "here.ipynb"));
    let reference = table::folder().join("digits-here.ipynb");
    let work = tokio::task::spawn_blocking(move || {
        // What comes out here is the same for every engine.
        let done = reference.exists() || here.status().unwrap().success();
        (there.output().unwrap(), done)
    });
    let (there, here) = work.await.unwrap();
    assert!(there.status.success() && here, "{}", String::from_utf8_lossy(&there.stderr));
    let (reference, copy) = (table::folder().join("digits-here.ipynb"), ground.folder.path().join("here.ipynb"));
    std::fs::create_dir_all(table::folder()).unwrap();
    if copy.exists() {
        std::fs::copy(&copy, &reference).unwrap();
    } else {
        std::fs::copy(&reference, &copy).unwrap();
    }
    let outputs = |name: &str| {
        let text = std::fs::read_to_string(ground.folder.path().join(name)).unwrap();
        let notebook: Value = serde_json::from_str(&text).unwrap();
        let cells = notebook["cells"].as_array().unwrap().clone();
        cells.iter().map(|cell| shown(&cell["outputs"])).collect::<Vec<_>>()
    };
    let (there, here) = (outputs("there.ipynb"), outputs("here.ipynb"));
    assert!(here.iter().flatten().count() >= 8, "{here:?}");
    assert_eq!(there, here);
    Ok("all outputs as in one kernel".to_owned())
}

/// Text and MIME types of outputs; the addresses and times in them differ anyway.
fn shown(outputs: &Value) -> Vec<String> {
    let one = |output: &Value| {
        let text = output["text"].as_array().map(|lines| lines.iter().filter_map(Value::as_str).collect::<String>());
        let kinds = output["data"].as_object().map(|data| data.keys().cloned().collect::<Vec<_>>().join(" "));
        text.or(kinds).unwrap_or_default()
    };
    outputs.as_array().into_iter().flatten().map(one).collect()
}

async fn rich_outputs(ground: Arc<Ground>) -> Outcome {
    let mut bed =
        ground.bed("import pandas as pd\nimport matplotlib\nmatplotlib.use('module://matplotlib_inline.backend_inline')\nx = 3", "").await;
    let cells = [
        "from IPython.display import HTML, display\ndisplay(HTML('<b>bold</b>'))\nshown = display('first', display_id='d')\nshown.update('second')",
        "import matplotlib.pyplot as plt\nplt.plot([1, x]);\nplt.show()",
        "import os, sys\nprint('out')\nprint('err', file=sys.stderr)\nos.write(1, b'from C\\n')\n!echo from a shell",
        "%time pd.DataFrame({'a': [x]})",
    ];
    let (report, events) = bed.migrate(&migration(&cells, &["pd", "x"], &[])).await;
    assert!(report.unwrap().ok());
    let has = |kind: &str| {
        events.iter().any(|event| match event {
            Event::DisplayData { data, .. } | Event::ExecuteResult { data, .. } => data.contains_key(kind),
            _ => false,
        })
    };
    assert!(has("image/png") && has("text/html"), "{events:?}");
    assert!(events.iter().any(|event| matches!(event, Event::UpdateDisplayData { data, .. } if data["text/plain"] == "'second'")));
    let text = |wanted: &str| {
        let parts = events.iter().filter_map(|event| match event {
            Event::Stream { name, text, .. } if name == wanted => Some(text.as_str()),
            _ => None,
        });
        parts.collect::<String>()
    };
    assert!(text("stdout").replace('\r', "").contains("out\nfrom C\nfrom a shell\n"), "{:?}", text("stdout"));
    assert!(text("stderr").contains("err\n") && text("stdout").contains("Wall time"));
    bed.end().await;
    Ok("HTML, figure, display updates, DataFrame, magics, shell, C".to_owned())
}

async fn interrupt(ground: Arc<Ground>) -> Outcome {
    let mut bed = ground.bed("rows = [1]", "").await;
    let before = bed.fingerprint().await;
    let cancel = bed.cancel.clone();
    let asked = Arc::new(std::sync::Mutex::new(None));
    let when = Arc::clone(&asked);
    let look = move |event: &Event| {
        if matches!(event, Event::Stream { text, .. } if text.contains("started")) {
            *when.lock().unwrap() = Some(Instant::now());
            cancel.cancel();
        }
    };
    let cell = "rows.append(2)\nimport time\nprint('started')\ntime.sleep(600)";
    let (report, events) = bed.migrate_with(&migration(&[cell, "rows.append(3)"], &["rows"], &["rows"]), look).await;
    assert!(matches!(report, Err(MigrateError::Cancelled { .. })), "{report:?}");
    assert!(events.iter().any(|event| matches!(event, Event::Error { ename, .. } if ename == "KeyboardInterrupt")), "{events:?}");
    let seconds = asked.lock().unwrap().unwrap().elapsed().as_secs_f64();
    assert!(seconds < 100.0, "{seconds} s");
    assert_eq!(bed.fingerprint().await, before);
    bed.end().await;
    Ok("KeyboardInterrupt; the kernel is as it was".to_owned())
}

async fn error(ground: Arc<Ground>) -> Outcome {
    let mut bed = ground.bed("def divide(a):\n    return 1 / a\nkept = 1", "").await;
    let cells = ["kept = 2\ndivide(0)", "kept = 3"];
    let (report, _) = bed.migrate(&migration(&cells, &["divide"], &["kept"])).await;
    let report = report.unwrap();
    let error = report.cells[0].error.as_ref().unwrap();
    assert_eq!((error.ename.as_str(), error.evalue.as_str(), report.cells.len()), ("ZeroDivisionError", "division by zero", 1));
    let traceback = error.traceback.join("\n");
    assert!(traceback.contains("In[") && traceback.contains("line 2") && traceback.contains("divide"), "{traceback}");
    assert_eq!(bed.printed("print(kept)").await, "2\n");
    bed.end().await;
    Ok("`Cell In[n], line 2`; what ran before it comes back".to_owned())
}

async fn bulk(ground: Arc<Ground>) -> Outcome {
    let mut bed = ground.bed("import numpy as np\nbig = np.random.default_rng(1).random(25_000_000)", "").await;
    let (report, _) = bed.migrate(&migration(&["import numpy as np\ndoubled = big * 2"], &["big"], &["doubled"])).await;
    let report = report.unwrap();
    assert!(report.shipped_bytes >= 200_000_000 && report.returned_bytes >= 190_000_000, "{report:?}");
    assert_eq!(bed.printed("print(bool((doubled == big * 2).all()), doubled.nbytes)").await, "True 200000000\n");
    bed.end().await;
    let speed = |seconds: f64| 200.0 / seconds;
    Ok(format!(
        "there {:.0} MB/s, back {:.0} MB/s",
        speed(report.seconds.transfer),
        speed(report.seconds.collect + report.seconds.r#return)
    ))
}

async fn worker_killed(ground: Arc<Ground>) -> Outcome {
    let mut bed = ground.bed("rows = [1]", "").await;
    let before = bed.fingerprint().await;
    let cells = ["rows.append(2)\nimport os, signal\nos.kill(os.getpid(), signal.SIGKILL)"];
    let (report, _) = bed.migrate(&migration(&cells, &["rows"], &["rows"])).await;
    let error = report.unwrap_err();
    assert!(matches!(error, MigrateError::WorkerDied { cell: Some(1), .. }), "{error}");
    assert_eq!(bed.fingerprint().await, before);
    let (report, _) = bed.migrate(&migration(&["rows.append(3)"], &["rows"], &["rows"])).await;
    report.unwrap();
    assert_eq!(bed.printed("print(rows)").await, "[1, 3]\n");
    bed.end().await;
    Ok(error.to_string().lines().next().unwrap_or_default().to_owned())
}

async fn link_cut(ground: Arc<Ground>) -> Outcome {
    if ground.engine.said("cut").is_none() {
        return Err("a pipe between two processes of one machine is cut only by the end of one of them");
    }
    let mark = ground.folder.path().join("ran").display().to_string();
    // The block waits for the cut.
    let done = ground.folder.path().join("cut");
    let mut bed = ground.bed("import numpy as np\nsecret = 5", "lease = 300\n").await;
    let first = format!(
        "open({mark:?}, 'a').write('1')\nimport os, time\nfor step in range(40):\n    print('step', step, flush=True)\n    time.sleep(0.1)\n    \
         while step == 10 and not os.path.exists('{}'):\n        time.sleep(0.05)",
        done.display()
    );
    let second = format!("open({mark:?}, 'a').write('2')\ntotal = secret + 1");
    let engine = ground.engine.clone();
    let look = move |event: &Event| {
        if matches!(event, Event::Stream { text, .. } if text.contains("step 5\n")) {
            engine.harm("cut");
            std::fs::write(&done, "").unwrap();
        }
    };
    let (report, events) = bed.migrate_with(&migration(&[&first, &second], &[], &["total"]), look).await;
    let report = report.unwrap();
    assert!(report.ok() && report.faults == ["secret"], "{report:?}");
    let text: String =
        events.iter().filter_map(|event| if let Event::Stream { text, .. } = event { Some(text.as_str()) } else { None }).collect();
    let expected: Vec<_> = (0..40).map(|step| format!("step {step}")).collect();
    assert_eq!(text.lines().collect::<Vec<_>>(), expected);
    assert!(events.iter().any(|event| matches!(event, Event::Note { text } if text.contains("there again"))), "the link was not cut");
    assert_eq!(std::fs::read_to_string(&mark).unwrap(), "12");
    assert_eq!(bed.printed("print(total)").await, "6\n");
    bed.end().await;
    Ok("every line once, every cell once".to_owned())
}

async fn versions(ground: Arc<Ground>) -> Outcome {
    let mut bed = ground.bed("x = 1", "").await;
    let python = ground.patched_python("import platform\nplatform.python_version = lambda: '3.99.1'\n");
    bed.executor.python = Some(python);
    let before = bed.fingerprint().await;
    let (report, _) = bed.migrate(&migration(&["x = 2"], &["x"], &["x"])).await;
    let error = report.unwrap_err();
    assert!(matches!(error, MigrateError::VersionMismatch { .. }), "{error}");
    assert_eq!(bed.fingerprint().await, before);
    bed.end().await;
    Ok("nothing moved; both versions are named".to_owned())
}

async fn concurrent(ground: Arc<Ground>) -> Outcome {
    let one = async |number: u32| {
        let mut bed = ground.bed(&format!("x = {number}"), "").await;
        let cell = "import time\ntime.sleep(1)\ny = x * 10";
        let (report, _) = bed.migrate(&migration(&[cell], &["x"], &["y"])).await;
        report.unwrap();
        let text = bed.printed("print(y)").await;
        bed.end().await;
        text
    };
    let (first, second, third) = tokio::join!(one(1), one(2), one(3));
    assert_eq!([first, second, third], ["10\n", "20\n", "30\n"]);
    Ok("three at once".to_owned())
}

async fn credentials(ground: Arc<Ground>) -> Outcome {
    if ground.engine.said("wrong").is_none() {
        return Err("a process of the same account needs no credentials");
    }
    let configuration = ground.configuration("wrong", "");
    let mut command = ground.nbhoist(&configuration);
    let python = ground.python.display().to_string();
    command
        .args(["executors", "--probe", "--python", &python, "--output-format", "json"])
        .env("NBHOIST_CACHE_DIR", ground.folder.path().join("c"));
    ground.engine.surround(&mut command, "wrong_");
    let output = tokio::task::spawn_blocking(move || command.output().unwrap()).await.unwrap();
    let said: Value = serde_json::from_slice(&output.stdout).unwrap();
    let place = said["executors"].as_array().unwrap().iter().find(|place| place["name"] == "box").unwrap();
    let error = place["probe"]["error"].to_string();
    let refused = [
        "ermission denied",
        "token",
        "credential",
        "uthentica",
        "ertificate",
        "nauthorized",
        "TLS",
        "Unable to allocate",
        "must be logged in",
    ];
    assert!(refused.iter().any(|word| error.contains(word)), "{error} {said}");
    Ok("and the reason is told".to_owned())
}

async fn engine_killed(ground: Arc<Ground>) -> Outcome {
    if ground.engine.said("kill").is_none() {
        return Err("the engine is the machine itself");
    }
    let mut bed = ground.bed("rows = [1]", "lease = 4\n").await;
    let before = bed.fingerprint().await;
    let engine = ground.engine.clone();
    let look = move |event: &Event| {
        if matches!(event, Event::Stream { text, .. } if text.contains("started")) {
            engine.harm("kill");
        }
    };
    let cell = "rows.append(2)\nprint('started')\nimport time\ntime.sleep(600)";
    let (report, _) = bed.migrate_with(&migration(&[cell], &["rows"], &["rows"]), look).await;
    let error = report.unwrap_err();
    assert!(matches!(error, MigrateError::WorkerDied { .. }), "{error}");
    assert_eq!(bed.fingerprint().await, before);
    bed.end().await;
    Ok(error.to_string().lines().next().unwrap_or_default().chars().take(120).collect())
}
