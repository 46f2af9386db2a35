//! Private places for state on its way: directories that only this user can enter and that go away by themselves.

use std::path::{Path, PathBuf};

use crate::cache;

/// A temporary directory (mode 0700) in `parent`, else in the system's place for temporary files.
///
/// # Errors
/// When it cannot be created.
pub(crate) fn private_directory(prefix: &str, parent: Option<&Path>) -> std::io::Result<tempfile::TempDir> {
    let mut builder = tempfile::Builder::new();
    builder.prefix(prefix);
    #[cfg(unix)]
    builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o700));
    builder.tempdir_in(parent.map_or_else(std::env::temp_dir, Path::to_path_buf))
}

/// Moves a result that could not be put into the kernel to a place where it stays.
///
/// # Errors
/// When it can be neither moved nor copied.
pub(crate) fn keep(file: &Path) -> std::io::Result<PathBuf> {
    let home = cache::directory().join("results");
    cache::create_private(&home)?;
    let kept = home.join(format!("{}.bundle", uuid::Uuid::new_v4().simple()));
    if std::fs::rename(file, &kept).is_err() {
        std::fs::copy(file, &kept)?;
    }
    #[cfg(unix)]
    std::fs::set_permissions(&kept, std::os::unix::fs::PermissionsExt::from_mode(0o600))?;
    Ok(kept)
}
