//! Reading the local files that a notebook refers to.

use std::collections::BTreeMap;
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use nbhoist_analyzer::local_files::{self, MAX_FILE_BYTES, Named};

/// Texts of the local modules and scripts that these sources refer to, by path relative to `folder`. Only files in that folder count,
/// and links out of it do not.
pub fn referenced<'s>(sources: impl Iterator<Item = &'s str>, folder: &Path) -> BTreeMap<String, String> {
    let mut own = None;
    local_files::referenced(sources, |path| {
        let own = own.get_or_insert_with(|| folder.canonicalize().ok()).as_deref()?;
        read(path, own)
    })
}

/// What the cells of a document name, kept from one analysis to the next: an edit leaves the texts of most cells alone.
#[derive(Debug, Default)]
pub(crate) struct Known {
    named: Vec<(Arc<str>, bool, Named)>,
}

impl Known {
    /// Looks at the texts that are new; `texts` are those of the cells, the same allocation where nothing has changed, and whether they are code.
    pub(crate) fn look(&mut self, texts: impl ExactSizeIterator<Item = (Arc<str>, bool)>) {
        self.named.truncate(texts.len());
        for (at, (text, is_code)) in texts.enumerate() {
            // Code that becomes prose keeps its text, and names nothing any more.
            if self.named.get(at).is_some_and(|(known, was_code, _)| Arc::ptr_eq(known, &text) && *was_code == is_code) {
                continue;
            }
            let named = if is_code { Named::of(&text) } else { Named::default() };
            match self.named.get_mut(at) {
                Some(known) => *known = (text, is_code, named),
                None => self.named.push((text, is_code, named)),
            }
        }
    }

    /// Texts of the files that they name, and bytes of the data, as `referenced` and `sizes` give them.
    pub(crate) fn find(&self, folder: &Path) -> (BTreeMap<String, String>, BTreeMap<String, u64>) {
        let named = || self.named.iter().map(|(_, _, named)| named);
        let mut own = None;
        let mut own = || own.get_or_insert_with(|| folder.canonicalize().ok()).clone();
        (Named::referenced(named(), |path| read(path, &own()?)), Named::data(named(), |path| bytes(path, &own()?)))
    }
}

/// Bytes of the data files that these sources name, by path relative to `folder`. Only files in that folder count, and nothing is read.
pub fn sizes<'s>(sources: impl Iterator<Item = &'s str>, folder: &Path) -> BTreeMap<String, u64> {
    let mut own = None;
    local_files::data(sources, |path| bytes(path, own.get_or_insert_with(|| folder.canonicalize().ok()).as_deref()?))
}

fn bytes(path: &str, own: &Path) -> Option<u64> {
    let file = own.join(path);
    // Most literals name no file: one look says so, where resolving links takes one for each part of the path.
    let file = Some(file).filter(|file| file.is_file())?.canonicalize().ok().filter(|file| file.starts_with(own))?;
    file.metadata().ok().map(|known| known.len())
}

/// The file at a path relative to a folder without links, when there is one in the folder.
pub(crate) fn inside(path: &str, own: &Path) -> Option<PathBuf> {
    // Most imports name no file: one look says so, where resolving links takes one for each part of the path.
    let file = own.join(path);
    Some(file).filter(|file| file.is_file())?.canonicalize().ok().filter(|file| file.starts_with(own) && file.is_file())
}

fn read(path: &str, own: &Path) -> Option<String> {
    text(std::fs::File::open(inside(path, own)?).ok()?)
}

/// The text of a local module or script.
pub fn text(file: std::fs::File) -> Option<String> {
    let mut text = String::new();
    // One byte more than may count: a file that is longer does not count at all.
    file.take(MAX_FILE_BYTES as u64 + 1).read_to_string(&mut text).ok()?;
    Some(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_of_the_folder_are_read() {
        let folder = tempfile::tempdir().unwrap();
        let own = folder.path().join("own");
        std::fs::create_dir_all(own.join("c.py")).unwrap();
        std::fs::write(own.join("a.py"), "import b").unwrap();
        std::fs::write(own.join("b.py"), "x = 1").unwrap();
        std::fs::write(folder.path().join("outside.py"), "x = 1").unwrap();
        let files = referenced(["import a, c, numpy", "%run ../outside.py"].into_iter(), &own);
        assert_eq!(files.keys().collect::<Vec<_>>(), ["a.py", "b.py"]);
    }

    #[cfg(unix)]
    #[test]
    fn links_out_of_the_folder_are_not_followed() {
        let folder = tempfile::tempdir().unwrap();
        let own = folder.path().join("own");
        std::fs::create_dir(&own).unwrap();
        std::fs::write(folder.path().join("outside.py"), "x = 1").unwrap();
        std::os::unix::fs::symlink("../outside.py", own.join("link.py")).unwrap();
        assert!(referenced(["import link"].into_iter(), &own).is_empty());
        assert!(sizes(["open('link.py')"].into_iter(), &own).is_empty());
        std::fs::write(own.join("a.csv"), "12345").unwrap();
        assert_eq!(sizes(["open('a.csv')"].into_iter(), &own), BTreeMap::from([("a.csv".to_owned(), 5)]));
    }

    #[cfg(unix)]
    #[test]
    fn pipes_are_not_waited_for_and_devices_not_read() {
        let folder = tempfile::tempdir().unwrap();
        let status = std::process::Command::new("mkfifo").arg(folder.path().join("pipe.py")).status().unwrap();
        assert!(status.success());
        std::os::unix::fs::symlink("/dev/zero", folder.path().join("zero.py")).unwrap();
        let sources = ["import pipe, zero", "%run /dev/zero", "%run /etc/passwd"];
        assert!(referenced(sources.into_iter(), folder.path()).is_empty());
    }
}
