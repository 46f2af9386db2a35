//! The log: standard error, which editors show in an output channel, or a file.

use std::fs::File;
use std::io::Write as _;
use std::path::Path;
use std::sync::{Mutex, OnceLock, PoisonError};

static FILE: OnceLock<Mutex<File>> = OnceLock::new();

/// Sends the log to a file from now on.
///
/// # Errors
/// When the file cannot be opened.
pub fn to_file(path: &Path) -> std::io::Result<()> {
    let file = File::options().create(true).append(true).open(path)?;
    // A second call keeps the first file: one process serves one editor.
    let _ = FILE.set(Mutex::new(file));
    Ok(())
}

/// Writes a line.
pub fn line(text: &str) {
    // Nobody can be told that the log is gone.
    let _ = match FILE.get() {
        Some(file) => writeln!(file.lock().unwrap_or_else(PoisonError::into_inner), "{text}"),
        None => writeln!(std::io::stderr(), "{text}"),
    };
}
