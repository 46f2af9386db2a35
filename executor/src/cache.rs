//! The directory in the user's cache that nbhoist may fill.

use std::path::{Path, PathBuf};

/// `NBHOIST_CACHE_DIR`, else `nbhoist` in `XDG_CACHE_HOME`, else `~/.cache/nbhoist`; the system's temporary directory
/// where there is no home.
pub fn directory() -> PathBuf {
    let set = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    set("NBHOIST_CACHE_DIR")
        .or_else(|| set("XDG_CACHE_HOME").filter(|path| path.is_absolute()).map(|path| path.join("nbhoist")))
        .or_else(|| set("HOME").map(|path| path.join(".cache").join("nbhoist")))
        .or_else(|| set("LOCALAPPDATA").map(|path| path.join("nbhoist").join("cache")))
        .unwrap_or_else(|| std::env::temp_dir().join("nbhoist"))
}

/// Creates `path` and its parents; what is new is for this user only.
///
/// # Errors
/// When it cannot be created.
pub(crate) fn create_private(path: &Path) -> std::io::Result<()> {
    let mut builder = std::fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(path)
}
