//! A worker process on this machine: the command template `{python} -u {worker}`.

use std::path::Path;

use super::command::CommandBackend;

/// A backend that starts workers with this interpreter.
pub fn backend(python: &Path) -> CommandBackend {
    CommandBackend {
        name: "local".to_owned(),
        command: vec!["{python}".to_owned(), "-u".to_owned(), "{worker}".to_owned()],
        python: python.to_string_lossy().into_owned(),
        directory: None,
    }
}
