//! What values in the kernel weigh, without disturbing whoever works in it.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use serde_json::json;

use super::Kernel;

/// How long the kernel may take to weigh, seconds.
const LONGEST: f64 = 0.1;

/// How long its answer may take; a kernel that has other work is left alone.
const PATIENCE: Duration = Duration::from_secs(2);

/// What is told of values at once.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Deserialize)]
pub struct Weighed {
    /// Rough sizes by name, bytes.
    pub sizes: BTreeMap<String, u64>,
    /// Names of those that are blocks of memory, as arrays are: the same code makes the same bytes of them.
    pub blocks: BTreeSet<String>,
}

impl Kernel {
    /// Rough sizes of some names' values, as far as they can be told at once. Nothing is packed, and no code of the user's runs.
    pub async fn sizes(&mut self, names: &[String]) -> Weighed {
        if names.is_empty() {
            return Weighed::default();
        }
        let argument = json!({ "names": names, "seconds": LONGEST });
        // What cannot be weighed stays unknown.
        let answer = tokio::time::timeout(PATIENCE, self.call("measure", &argument, None)).await;
        let answer = answer.ok().and_then(Result::ok);
        answer.and_then(|answer| serde_json::from_value(answer).ok()).unwrap_or_default()
    }
}
