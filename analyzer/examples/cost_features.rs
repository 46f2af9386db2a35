//! Prints the features of cells as JSON lines, for training the cost model: `cost_features NOTEBOOK...`
//!
//! The first line names the numbers: `{"features": [...], "hash": 123}`; each other is a cell: `{"notebook", "cell", "scale", "numbers", "words"}`.

use std::error::Error;
use std::io::Write as _;
use std::path::Path;

use nbhoist_analyzer::{Request, cost, ipynb};
use serde_json::json;

fn main() -> Result<(), Box<dyn Error>> {
    let mut out = std::io::stdout().lock();
    writeln!(out, "{}", json!({"features": cost::FEATURES.as_slice(), "hash": cost::feature_hash()}))?;
    for path in std::env::args().skip(1) {
        let notebook = ipynb::read(&std::fs::read(&path)?)?;
        let name = Path::new(&path).file_name().unwrap_or_default().to_string_lossy();
        for (cell, features) in cost::features(&Request::new(&notebook)) {
            let line = json!({
                "notebook": name,
                "cell": cell,
                "scale": features.scale,
                "numbers": features.numbers,
                "words": features.words,
            });
            writeln!(out, "{line}")?;
        }
    }
    Ok(())
}
