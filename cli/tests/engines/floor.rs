//! A migration end to end over a shaped link, beside what the link and the cells take by themselves: `bench/migration.sh`.

use std::time::{Duration, Instant};

use nbhoist_executor::backends;
use nbhoist_executor::kernel::Origin as _;
use serde_json::json;

use crate::common::{TestBed, migration};
use crate::ground::Ground;
use crate::measure::{BYTES, cat};
use crate::report::keep;

/// How much state goes each way, MB, where `NBHOIST_MIGRATION_MB` does not name other sizes.
const SIZES: &str = "100 1000";

/// How often each is measured, and the link; the one in the middle counts, because the machine has other things to do. Odd.
const ROUNDS: usize = 5;

/// State of so many bytes that does not compress, of a seed of its own.
const STATE: [(&str, &str); 2] = [
    ("array", "data = np.random.default_rng({seed}).random({bytes} // 8)"),
    ("frame", "data = pd.DataFrame(np.random.default_rng({seed}).random(({bytes} // 80, 10)), columns=list('abcdefghij'))"),
];

/// The largest memory that a process has had, bytes, and the start of counting it anew.
const PEAK: &str = "def peak():\n    lines = dict(line.split(':') for line in open('/proc/self/status'))\n    \
                    return int(lines['VmHWM'].split()[0]) * 1024, int(lines['VmRSS'].split()[0]) * 1024\n\
                    def anew():\n    with open('/proc/self/clear_refs', 'w') as file:\n        file.write('5')\n";

/// Prints one line for each kind and size of state.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "bench/migration.sh runs it"]
async fn over_a_link() {
    let ground = Ground::new().await;
    let backend = backends::backend(&ground.place(""), &ground.python);
    let mut plain = Vec::new();
    for _ in 0..ROUNDS {
        plain.push(cat(&backend).await);
    }
    let speed = |way: usize| BYTES as f64 / middle(plain.iter().map(|seconds| seconds[way]).collect(), |seconds| *seconds);
    let (there, back) = (speed(2), speed(3));
    let link = json!({ "link": { "there": there, "back": back } });
    println!("measured: {link}");
    keep("migration", "link", &link);
    let mut bed = ground.bed(&format!("import numpy as np\nimport pandas as pd\n{PEAK}"), "").await;
    // What an earlier run has sent is there already.
    let mut seed = std::time::UNIX_EPOCH.elapsed().unwrap().as_secs();
    let sizes = std::env::var("NBHOIST_MIGRATION_MB").unwrap_or_else(|_| SIZES.to_owned());
    for size in sizes.split_whitespace().map(|size| 1_000_000 * size.parse::<usize>().unwrap()) {
        for (kind, state) in STATE {
            let mut rows = Vec::new();
            for _ in 0..ROUNDS {
                seed += 1;
                let state = state.replace("{seed}", &seed.to_string()).replace("{bytes}", &size.to_string());
                let row = once(&mut bed, kind, &state, size, [there, back]).await;
                println!("measured: {row}");
                rows.push(row);
            }
            let times = |row: &serde_json::Value| row["times"].as_f64().unwrap();
            let range = rows.iter().map(times).fold([f64::INFINITY, 0.0], |[least, most], times| [least.min(times), most.max(times)]);
            let mut row = middle(rows, times);
            row["range"] = json!(range);
            keep("migration", &format!("{kind}-{size}"), &row);
        }
    }
    bed.end().await;
}

/// The one of these whose `key` lies in the middle.
fn middle<T>(mut all: Vec<T>, key: impl Fn(&T) -> f64) -> T {
    all.sort_by(|one, other| key(one).total_cmp(&key(other)));
    all.swap_remove(all.len() / 2)
}

/// One block that takes the state and gives back as much.
async fn once(bed: &mut TestBed, kind: &str, state: &str, size: usize, link: [f64; 2]) -> serde_json::Value {
    // A worker that gets nothing: what Python and the libraries take.
    let bare = "import numpy as np\nimport pandas as pd\nbare = peak()[1]";
    bed.migrate(&migration(&[bare], &["peak"], &["bare"])).await.0.unwrap();
    bed.printed(&format!("{state}\nback = None\nanew()\nbefore = peak()[1]")).await;
    // As in a session, where a worker for the next block starts while the kernel is busy; `connect` says what taking it over costs.
    let warm = async {
        while bed.kernel.ahead().ready().is_none() {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    tokio::time::timeout(Duration::from_mins(1), warm).await.expect("a worker started ahead");
    let cells = ["arrived = peak()[0]", "back = data + 1"];
    let started = Instant::now();
    let report = bed.migrate(&migration(&cells, &["data", "peak"], &["back", "arrived"])).await.0.unwrap();
    let seconds = started.elapsed().as_secs_f64();
    assert!(report.shipped_wire_bytes as usize >= size, "{report:?}");
    let figures = bed.printed("print(arrived - bare, peak()[0] - before)").await;
    assert_eq!(bed.printed("print(bool(np.asarray(back == data + 1).all()))").await, "True\n");
    let memory: Vec<f64> = figures.split_whitespace().map(|figure| figure.parse::<f64>().unwrap() / size as f64).collect();
    let floor = size as f64 / link[0] + size as f64 / link[1] + report.seconds.run;
    let steps = &report.seconds;
    json!({
        "kind": kind, "bytes": size, "seconds": seconds, "floor": floor, "times": seconds / floor,
        "memory": { "worker": memory[0], "kernel": memory[1] },
        "steps": { "probe": steps.probe, "connect": steps.connect, "capture": steps.capture, "transfer": steps.transfer, "run": steps.run,
                   "collect": steps.collect, "return": steps.r#return, "restore": steps.restore },
    })
}
