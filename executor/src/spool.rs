//! Private places for state on its way: directories that only this user can enter and that go away by themselves.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::cache;
use crate::seal::Key;

/// What every spool's name begins with.
const SPOOL: &str = "nbhoist-spool-";

/// What the name of every folder of a session with a kernel begins with.
const SESSION: &str = "nbhoist-kernel-";

/// The file whose lock says that a place is in use.
const LOCK: &str = "in-use";

/// A place younger than this may belong to a process that has not locked it yet.
const GRACE: Duration = Duration::from_mins(10);

/// A temporary directory (mode 0700) in `parent`, else in the system's place for temporary files.
///
/// # Errors
/// When it cannot be created.
fn private_directory(prefix: &str, parent: Option<&Path>) -> std::io::Result<tempfile::TempDir> {
    let mut builder = tempfile::Builder::new();
    builder.prefix(prefix);
    #[cfg(unix)]
    builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o700));
    builder.tempdir_in(parent.map_or_else(std::env::temp_dir, Path::to_path_buf))
}

/// A private directory that is in use as long as this value, or its process, lives. The next process removes what a killed one left.
#[derive(Debug)]
pub(crate) struct Claim {
    directory: tempfile::TempDir,
    lock: File,
}

impl Claim {
    /// A place for a session with a kernel.
    ///
    /// # Errors
    /// When it cannot be created.
    pub(crate) fn for_session() -> std::io::Result<Self> {
        Self::new(SESSION, None)
    }

    fn new(prefix: &str, parent: Option<&Path>) -> std::io::Result<Self> {
        let directory = private_directory(prefix, parent)?;
        if let Some(parent) = directory.path().parent() {
            remove_abandoned(parent, GRACE);
        }
        let lock = File::create_new(directory.path().join(LOCK))?;
        lock.lock()?;
        Ok(Self { directory, lock })
    }

    /// The directory.
    pub(crate) fn path(&self) -> &Path {
        self.directory.path()
    }
}

/// Where one migration keeps its files.
#[derive(Debug)]
pub(crate) struct Spool {
    claim: Claim,
    key: Key,
}

impl Spool {
    /// A new spool. Those that killed processes left beside it are removed.
    ///
    /// # Errors
    /// When it cannot be created.
    pub(crate) fn new(parent: Option<&Path>) -> std::io::Result<Self> {
        let claim = Claim::new(SPOOL, parent)?;
        let key = Key::random().map_err(std::io::Error::other)?;
        Ok(Self { claim, key })
    }

    /// Its place.
    pub(crate) fn path(&self) -> &Path {
        self.claim.path()
    }

    /// What the frames in its files are sealed with.
    pub(crate) fn key(&self) -> &Key {
        &self.key
    }

    /// Leaves it and what is in it where it is.
    pub(crate) fn stay(self) {
        let _ = std::fs::remove_file(self.path().join(LOCK));
        let _ = self.claim.lock.unlock();
        let _ = self.claim.directory.keep();
    }
}

/// Removes places that nobody holds the lock of. What cannot be removed is somebody else's.
fn remove_abandoned(parent: &Path, grace: Duration) {
    let entries = std::fs::read_dir(parent).into_iter().flatten().flatten();
    let ours = |name: &str| [SPOOL, SESSION].iter().any(|prefix| name.starts_with(prefix));
    for place in entries.filter(|entry| ours(&entry.file_name().to_string_lossy())).map(|entry| entry.path()) {
        if is_abandoned(&place.join(LOCK), grace).unwrap_or(false) {
            let _ = std::fs::remove_dir_all(&place);
        }
    }
}

fn is_abandoned(lock: &Path, grace: Duration) -> std::io::Result<bool> {
    let lock = File::open(lock)?;
    let old = lock.metadata()?.modified()?.elapsed().is_ok_and(|age| age >= grace);
    Ok(old && lock.try_lock().is_ok())
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn abandoned_spool_goes_and_one_in_use_stays() {
        let parent = tempfile::tempdir().unwrap();
        let used = Spool::new(Some(parent.path())).unwrap();
        for prefix in [SPOOL, SESSION] {
            let abandoned = Claim::new(prefix, Some(parent.path())).unwrap();
            let path = abandoned.directory.keep();
            drop(abandoned.lock);
            std::fs::write(path.join("inputs"), "state").unwrap();

            remove_abandoned(parent.path(), Duration::from_hours(1));
            assert!(path.exists(), "a young one may be about to be locked");
            remove_abandoned(parent.path(), Duration::ZERO);
            assert!(!path.exists() && used.path().exists());
        }
        drop(used);
        assert_eq!(std::fs::read_dir(parent.path()).unwrap().count(), 0);
    }

    #[test]
    fn spool_that_holds_a_result_stays() {
        let parent = tempfile::tempdir().unwrap();
        let spool = Spool::new(Some(parent.path())).unwrap();
        let result = spool.path().join("returns");
        std::fs::write(&result, "result").unwrap();
        spool.stay();
        remove_abandoned(parent.path(), Duration::ZERO);
        assert!(result.exists());
    }
}
