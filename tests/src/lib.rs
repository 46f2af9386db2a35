//! Workspace tests: what the corpus proves, and the house rules.

pub mod random;
pub mod simulation;
pub mod targets;

use std::path::PathBuf;

/// The root of the repository.
pub fn root() -> PathBuf {
    let here = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
    here.parent().map_or_else(|| here.clone(), PathBuf::from)
}
