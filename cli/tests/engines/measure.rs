//! Overheads of an engine, beside `cat` of the same bytes over the same byte stream: `tests/engines/measure.sh`.

use std::sync::Arc;
use std::time::{Duration, Instant};

use nbhoist_executor::backend::{Backend, Errand};
use nbhoist_executor::backends;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use crate::common::{TestBed, migration};
use crate::engine::Engine;
use crate::ground::Ground;
use crate::report::keep;

/// How much goes each way, bytes: an array of that many numbers that do not compress.
pub(crate) const BYTES: usize = 200_000_000;

/// How often everything is measured; the best counts, because the machine has other things to do.
const ROUNDS: usize = 3;

/// How many cells a block has whose cells do nothing.
const CELLS: usize = 50;

/// Measures the engine that this process was started for, and prints one row of the table.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "tests/engines/measure.sh runs it"]
async fn overheads() {
    let ground = Ground::new().await;
    let executor = ground.place("cache = false\n");
    let backend = backends::backend(&executor, &ground.python);
    let mut bed = ground.bed(&format!("import numpy as np\nbig = np.random.default_rng(1).random({})", BYTES / 8), "cache = false\n").await;
    bed.executor.link.bandwidth = Some(1e12);
    let mut best = Row::default();
    for _ in 0..ROUNDS {
        best.take(&nbhoist(&mut bed).await, &cat(&backend).await);
    }
    bed.end().await;
    let row = best.value(&ground.engine);
    println!("measured: {row}");
    keep("overheads", &ground.engine.name, &row);
}

/// Seconds of each; the first of a pair is nbhoist's, the second that of `cat`.
#[derive(Debug, Default)]
struct Row {
    open: [Option<f64>; 2],
    step: [Option<f64>; 2],
    there: [Option<f64>; 2],
    back: [Option<f64>; 2],
}

impl Row {
    fn take(&mut self, ours: &[f64; 4], plain: &[f64; 4]) {
        let pairs = [&mut self.open, &mut self.step, &mut self.there, &mut self.back];
        for (index, pair) in pairs.into_iter().enumerate() {
            for (best, new) in pair.iter_mut().zip([ours[index], plain[index]]) {
                *best = Some(best.map_or(new, |old| old.min(new)));
            }
        }
    }

    fn value(&self, engine: &Engine) -> Value {
        let pair = |pair: &[Option<f64>; 2]| json!([pair[0], pair[1]]);
        json!({
            "engine": engine.name, "open": pair(&self.open), "cell": pair(&self.step), "there": pair(&self.there), "back": pair(&self.back),
            "plain": engine.plain(),
        })
    }
}

/// Open, one cell, 200 MB there, 200 MB back: seconds.
async fn nbhoist(bed: &mut TestBed) -> [f64; 4] {
    let bulk = migration(&["returned = big + 0"], &["big"], &["returned"]);
    let report = bed.migrate(&bulk).await.0.unwrap();
    assert!(report.shipped_wire_bytes as usize >= BYTES && report.returned_bytes as usize >= BYTES);
    let cells = vec!["pass"; CELLS];
    let small = bed.migrate(&migration(&cells, &[], &[])).await.0.unwrap();
    let seconds = &report.seconds;
    [
        report.seconds.connect.min(small.seconds.connect),
        small.seconds.run / CELLS as f64,
        seconds.transfer,
        seconds.collect + seconds.r#return,
    ]
}

/// The same with `cat` at the other end: time to the first byte, one byte there and back, 200 MB there, 200 MB back.
pub(crate) async fn cat(backend: &Arc<dyn Backend>) -> [f64; 4] {
    let program = |script: &str| Errand {
        line: format!("import os; os.execvp('sh', ['sh', '-c', {}])", json!(script)),
        session: uuid(),
        lease: Duration::ZERO,
        again: false,
    };
    let errand = program("echo; exec cat");
    let started = Instant::now();
    let mut stream = backend.connect(&errand).await.unwrap();
    stream.reader.read_u8().await.unwrap();
    let open = started.elapsed().as_secs_f64();
    let mut turns = Vec::new();
    for _ in 0..20 {
        let started = Instant::now();
        stream.writer.write_all(b"x").await.unwrap();
        stream.writer.flush().await.unwrap();
        stream.reader.read_u8().await.unwrap();
        turns.push(started.elapsed().as_secs_f64());
    }
    drop(stream);
    backend.close(&errand.session).await;

    let data = noise();
    let errand = program(&format!("echo; head -c {BYTES} | cat >/dev/null; echo"));
    let mut stream = backend.connect(&errand).await.unwrap();
    stream.reader.read_u8().await.unwrap();
    let started = Instant::now();
    for part in data.chunks(4 << 20) {
        stream.writer.write_all(part).await.unwrap();
    }
    stream.writer.flush().await.unwrap();
    stream.reader.read_u8().await.unwrap();
    let there = started.elapsed().as_secs_f64();
    drop(stream);
    backend.close(&errand.session).await;

    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), &data).unwrap();
    let errand = program(&format!("echo; read go; exec cat {}", file.path().display()));
    let mut stream = backend.connect(&errand).await.unwrap();
    stream.reader.read_u8().await.unwrap();
    let started = Instant::now();
    stream.writer.write_all(b"go\n").await.unwrap();
    stream.writer.flush().await.unwrap();
    let mut rest = BYTES;
    let mut buffer = vec![0; 1 << 20];
    while rest > 0 {
        rest -= stream.reader.read(&mut buffer).await.unwrap();
    }
    let back = started.elapsed().as_secs_f64();
    drop(stream);
    backend.close(&errand.session).await;
    [open, turns.into_iter().fold(f64::INFINITY, f64::min), there, back]
}

fn noise() -> Vec<u8> {
    let mut state = 1u64;
    let next = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        state.to_le_bytes()
    };
    std::iter::repeat_with(next).take(BYTES / 8).flatten().collect()
}

/// A name for a session.
fn uuid() -> String {
    let nanos = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_nanos();
    format!("measure{nanos}")
}
