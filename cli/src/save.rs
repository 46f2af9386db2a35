//! Writing a file: all of it or nothing.

use std::fs::{File, OpenOptions};
use std::io::Write as _;
use std::path::{Path, PathBuf};

use crate::error::Failure;
use crate::input::folder_of;

/// Writes a file in one step: into a temporary file beside it, to the disk, then renamed over it. What is no file (a pipe, a device) is
/// written to. `what` is what it holds, for messages.
pub(crate) fn write(path: &Path, bytes: &[u8], what: &str) -> Result<(), Failure> {
    replace(path, bytes).map_err(|error| {
        // The library's own words name the temporary file, which is nobody's concern.
        let why = match error.kind() {
            std::io::ErrorKind::StorageFull => "no space left".to_owned(),
            std::io::ErrorKind::QuotaExceeded => "the quota is used up".to_owned(),
            std::io::ErrorKind::FileTooLarge => "a file of this size is not allowed there".to_owned(),
            std::io::ErrorKind::PermissionDenied => "permission denied".to_owned(),
            std::io::ErrorKind::ReadOnlyFilesystem => "the file system is read-only".to_owned(),
            _ => error.to_string(),
        };
        let failure = Failure::new(format!("cannot write {what}: {why}")).at(path.display());
        let help = match error.kind() {
            std::io::ErrorKind::StorageFull | std::io::ErrorKind::QuotaExceeded | std::io::ErrorKind::FileTooLarge => {
                "free some space there or name another place; nothing was changed"
            }
            std::io::ErrorKind::PermissionDenied | std::io::ErrorKind::ReadOnlyFilesystem => {
                "name a place where you may write; nothing was changed"
            }
            _ => "nothing was changed",
        };
        failure.help(help)
    })
}

fn replace(path: &Path, bytes: &[u8]) -> std::io::Result<()> {
    // A link stays a link: what it points to is replaced.
    let target: PathBuf = path.canonicalize().unwrap_or_else(|_| path.to_path_buf());
    // A device or a pipe is written to: a file in its place would take it from everybody, `/dev/null` first.
    if std::fs::metadata(&target).is_ok_and(|old| !old.is_file()) {
        return OpenOptions::new().write(true).open(&target)?.write_all(bytes);
    }
    let folder = folder_of(&target);
    let mut builder = tempfile::Builder::new();
    builder.prefix(".nbhoist-").suffix(".tmp");
    #[cfg(unix)]
    let builder = builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o666));
    let mut file = builder.tempfile_in(&folder)?;
    file.write_all(bytes)?;
    if let Ok(old) = std::fs::metadata(&target) {
        file.as_file().set_permissions(old.permissions())?;
    }
    file.as_file().sync_all()?;
    file.persist(&target).map_err(|error| error.error)?;
    // The rename itself reaches the disk with the folder. Not every system can do that, and the file is complete anyway.
    if let Ok(folder) = File::open(&folder) {
        let _ = folder.sync_all();
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_replaced_whole_and_links_stay() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("a.ipynb");
        write(&file, b"one", "the file").unwrap();
        assert_eq!(std::fs::read(&file).unwrap(), b"one", "the file");
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt as _;
            std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o640)).unwrap();
            let link = folder.path().join("link.ipynb");
            std::os::unix::fs::symlink(&file, &link).unwrap();
            write(&link, b"two", "the file").unwrap();
            assert!(link.is_symlink());
            assert_eq!(std::fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o640);
            assert_eq!(std::fs::read(&file).unwrap(), b"two");
        }
        let left: Vec<_> = std::fs::read_dir(folder.path()).unwrap().flatten().map(|entry| entry.file_name()).collect();
        assert!(left.iter().all(|name| !name.to_string_lossy().starts_with(".nbhoist")), "{left:?}");
    }
    #[cfg(unix)]
    #[test]
    fn what_is_no_file_is_written_to() {
        let folder = tempfile::tempdir().unwrap();
        let pipe = folder.path().join("pipe");
        let made = std::process::Command::new("mkfifo").arg(&pipe).status().unwrap();
        assert!(made.success());
        let reader = std::thread::spawn({
            let pipe = pipe.clone();
            move || std::fs::read(pipe).unwrap()
        });
        write(&pipe, b"through", "the file").unwrap();
        assert_eq!(reader.join().unwrap(), b"through");
        assert!(!std::fs::metadata(&pipe).unwrap().is_file());
    }
}
