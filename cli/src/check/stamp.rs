//! What a file system says of a file, by which an unchanged one is known without reading it.

use std::fs::Metadata;
use std::path::Path;
use std::time::{Duration, SystemTime};

use serde::{Deserialize, Serialize};

/// The clocks of file systems tick as slowly as every two seconds: two changes within a tick look alike.
const TICK: Duration = Duration::from_secs(2);

/// Device, inode, size, and the times at which content and inode changed, in nanoseconds. A program can set the first of the times back, but not
/// the second.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
pub(super) struct Stamp(u64, u64, u64, i64, i64);

impl Stamp {
    /// The stamp of the file that a path leads to.
    pub(super) fn at(path: &Path) -> Option<Self> {
        Self::of(&path.metadata().ok()?)
    }

    /// The stamp of a file; nothing where the system does not say enough, and of whatever is no file on a disk.
    #[cfg(unix)]
    pub(super) fn of(known: &Metadata) -> Option<Self> {
        use std::os::unix::fs::MetadataExt as _;
        let time = |seconds: i64, nanoseconds: i64| seconds.checked_mul(1_000_000_000)?.checked_add(nanoseconds);
        let (modified, changed) = (time(known.mtime(), known.mtime_nsec())?, time(known.ctime(), known.ctime_nsec())?);
        known.is_file().then_some(Self(known.dev(), known.ino(), known.size(), modified, changed))
    }

    /// The stamp of a file; nothing where the system does not say enough: without the time of the inode's change a file that was put back would
    /// look like the old one.
    #[cfg(not(unix))]
    pub(super) fn of(_: &Metadata) -> Option<Self> {
        None
    }

    /// The stamp, if every change after a moment shows in it. `moment` is one before the stamp was taken, and the stamp before the content was read.
    pub(super) fn settled(self, moment: SystemTime) -> Option<Self> {
        let settled = moment.duration_since(SystemTime::UNIX_EPOCH).ok()?.checked_sub(TICK)?.as_nanos();
        let is_before = |time: i64| u128::try_from(time).is_ok_and(|time| time <= settled);
        (is_before(self.3) && is_before(self.4)).then_some(self)
    }
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;

    #[test]
    fn what_changed_just_now_may_change_again_unseen() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let stamp = Stamp::at(file.path()).unwrap();
        let now = SystemTime::now();
        assert_eq!(stamp.settled(now), None);
        assert_eq!(stamp.settled(now + TICK + Duration::from_secs(1)), Some(stamp));
        // Only one of the times is set back.
        file.as_file().set_modified(now - Duration::from_hours(1)).unwrap();
        assert_eq!(Stamp::at(file.path()).unwrap().settled(now), None);
    }

    #[test]
    fn only_files_have_one() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(Stamp::at(folder.path()), None);
        assert_eq!(Stamp::at(Path::new("/dev/null")), None);
        assert_eq!(Stamp::at(&folder.path().join("none")), None);
    }

    #[test]
    fn a_file_that_is_put_back_shows() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a");
        std::fs::write(&path, "one").unwrap();
        let (stamp, modified) = (Stamp::at(&path), path.metadata().unwrap().modified().unwrap());
        std::thread::sleep(Duration::from_millis(50));
        std::fs::write(&path, "two").unwrap();
        std::fs::File::options().write(true).open(&path).unwrap().set_modified(modified).unwrap();
        assert_eq!(path.metadata().unwrap().modified().unwrap(), modified);
        assert_ne!(Stamp::at(&path), stamp);
    }
}
