//! What values in the kernel weigh, without disturbing whoever works in it.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::{Value, json};

use super::Kernel;

/// How long the kernel may take to weigh, seconds.
const LONGEST: f64 = 0.1;

/// How long its answer may take; a kernel that has other work is left alone.
const PATIENCE: Duration = Duration::from_secs(2);

impl Kernel {
    /// Rough sizes of some names' values, bytes, as far as they can be told at once. Nothing is packed, and no code of the user's runs.
    pub async fn sizes(&mut self, names: &[String]) -> BTreeMap<String, u64> {
        if names.is_empty() {
            return BTreeMap::new();
        }
        let argument = json!({ "names": names, "seconds": LONGEST });
        // What cannot be weighed stays unknown.
        let Ok(Ok(answer)) = tokio::time::timeout(PATIENCE, self.call("measure", &argument, None)).await else { return BTreeMap::new() };
        let sizes = answer.get("sizes").and_then(Value::as_object);
        sizes.into_iter().flatten().filter_map(|(name, bytes)| Some((name.clone(), bytes.as_u64()?))).collect()
    }
}
