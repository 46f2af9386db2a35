//! A worker process on this machine: the command template `{python} -u {worker}`.

use std::path::Path;

use super::command::CommandBackend;

/// A backend that starts workers with this interpreter.
pub fn backend(python: &Path) -> CommandBackend {
    CommandBackend::new("local", ["{python}", "-u", "{worker}"].map(str::to_owned).to_vec(), python)
}
