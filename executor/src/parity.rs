//! The kernel's environment, built once more at an executor: exact versions of everything, by uv, kept under their hash.

use std::path::{Path, PathBuf};

use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};

use crate::backend::{Backend, Errand};
use crate::{python, runtime};

/// Builds the environment at the other end; executed on its own.
const SYNCING: &str = include_str!("../runtime/nbhoist_runtime/syncing.py");

/// Prints the versions of everything that is installed, one requirement a line, and what cannot be had from an index.
const FREEZE: &str = "\
import json
from importlib import metadata
lock, elsewhere = set(), set()
for distribution in metadata.distributions():
    name = distribution.metadata['Name']
    if not name or name.lower() in ('pip', 'setuptools', 'wheel'):
        continue
    if distribution.read_text('direct_url.json'):
        elsewhere.add(name)
    else:
        lock.add(name.lower().replace('_', '-') + '==' + distribution.version)
print(json.dumps({'lock': sorted(lock), 'elsewhere': sorted(elsewhere)}))
";

/// The interpreter at the executor whose environment is that of `here`, built when it is not there yet. `told` hears of the progress.
///
/// # Errors
/// In words: when the environment here cannot be listed, has packages that no index has, or cannot be built there.
pub(crate) async fn ensure(backend: &dyn Backend, here: &Path, told: &mut (dyn FnMut(String) + Send)) -> Result<PathBuf, String> {
    let lock = lock(here).await?;
    let version = python::inspect(here).await.map_err(|error| error.to_string())?.version;
    let request = json!({ "lock": lock, "python": format!("{}.{}", version.major, version.minor) });
    let session = uuid::Uuid::new_v4().simple().to_string();
    let errand = Errand::worker(&session, runtime::script_line(SYNCING, "sync()"));
    let answered = ask(backend, &errand, &request, told).await;
    backend.close(&session).await;
    answered
}

async fn lock(here: &Path) -> Result<String, String> {
    let said = python::run_python(here, FREEZE).await?;
    let said: Value = serde_json::from_str(said.trim()).map_err(|error| error.to_string())?;
    let texts = |key: &str| crate::event::strings(said.get(key));
    let elsewhere = texts("elsewhere");
    if elsewhere.is_empty() {
        return Ok(texts("lock").join("\n") + "\n");
    }
    Err(format!("{} here come from folders or repositories, not from an index; install them there yourself", elsewhere.join(", ")))
}

async fn ask(backend: &dyn Backend, errand: &Errand, request: &Value, told: &mut (dyn FnMut(String) + Send)) -> Result<PathBuf, String> {
    let mut stream = backend.connect(errand).await.map_err(|error| error.to_string())?;
    let mut script = SYNCING.as_bytes().to_vec();
    script.extend_from_slice(format!("{request}\n").as_bytes());
    let sent = async {
        stream.writer.write_all(&script).await?;
        stream.writer.flush().await
    };
    sent.await.map_err(|error| error.to_string())?;
    let mut lines = BufReader::new(&mut stream.reader).lines();
    while let Ok(Some(line)) = lines.next_line().await {
        let said: Value = serde_json::from_str(&line).map_err(|_| format!("it says {line:?}"))?;
        let text = |key: &str| said.get(key).and_then(Value::as_str).map(str::to_owned);
        if let Some(interpreter) = text("done") {
            return Ok(interpreter.into());
        }
        if let Some(why) = text("failed") {
            return Err(why);
        }
        told(text("text").unwrap_or_default());
    }
    drop(lines);
    Err(format!("what should build it ended ({})", stream.peer.ended().await))
}
