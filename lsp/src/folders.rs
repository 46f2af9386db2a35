//! What is in the folders of notebooks, as it is at one moment.
//!
//! A notebook asks for the modules it may import by the paths of all their names, nearly all of which are installed elsewhere. One look at the
//! folder says so for all of them, and for all notebooks in it.

use std::borrow::Cow;
use std::collections::{HashMap, HashSet};
use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use crate::files;

/// A folder with more in it, files of data for the most part, is not listed: to ask for some names is quicker.
const MAX_NAMES: usize = 4096;

/// Folders, each looked at once, whichever thread asks first.
#[derive(Debug, Default)]
pub struct Folders(Mutex<HashMap<OsString, Arc<Folder>>>);

impl Folders {
    /// The folder at a path.
    pub fn of(&self, path: &Path) -> Arc<Folder> {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(folder) = known.get(path.as_os_str()) {
            return Arc::clone(folder);
        }
        let folder = Arc::new(Folder::new(path));
        known.insert(path.as_os_str().to_owned(), Arc::clone(&folder));
        folder
    }
}

/// One folder. Nothing is looked at before it is asked for.
#[derive(Debug)]
pub struct Folder {
    path: PathBuf,
    /// Without links; nothing when there is no such folder.
    own: OnceLock<Option<PathBuf>>,
    names: OnceLock<Option<HashSet<String>>>,
}

impl Folder {
    /// The folder at a path.
    pub fn new(path: &Path) -> Self {
        Self { path: path.to_path_buf(), own: OnceLock::new(), names: OnceLock::new() }
    }

    /// The file at a path relative to the folder, without links. Only files in the folder count, and links out of it do not.
    pub fn find(&self, path: &str) -> Option<PathBuf> {
        if self.lacks(path).is_some() { None } else { files::inside(path, self.own()?) }
    }

    /// The text of the file at a path relative to the folder.
    pub fn text(&self, path: &str) -> Option<String> {
        files::text(std::fs::File::open(self.find(path)?).ok()?)
    }

    /// The first part of a path, when it is certain that the folder has nothing of this name.
    pub fn lacks<'p>(&self, path: &'p str) -> Option<&'p str> {
        let first = path.split('/').next().filter(|name| is_plain(name))?;
        let is_lower = !first.bytes().any(|byte| byte.is_ascii_uppercase());
        let lower = if is_lower { Cow::Borrowed(first) } else { Cow::Owned(first.to_ascii_lowercase()) };
        self.names()?.get(lower.as_ref()).is_none().then_some(first)
    }

    fn own(&self) -> Option<&Path> {
        self.own.get_or_init(|| self.path.canonicalize().ok()).as_deref()
    }

    /// The names of what is in the folder, in lower case; nothing when they do not say what is there.
    fn names(&self) -> Option<&HashSet<String>> {
        self.names.get_or_init(|| list(self.own()?)).as_ref()
    }
}

fn list(folder: &Path) -> Option<HashSet<String>> {
    let mut names = HashSet::new();
    for entry in std::fs::read_dir(folder).ok()? {
        let name = entry.ok()?.file_name();
        if may_be_ascii(&name) || names.len() >= MAX_NAMES {
            return None;
        }
        let mut name = name.into_string().ok()?;
        name.make_ascii_lowercase();
        names.insert(name);
    }
    Some(names)
}

/// Whether a name stands in a list of the folder when there is such a file. File systems have other names for a file, such as `PROGRA~1` or `a.py.`,
/// some keep folders with a leading dot out of lists, and which characters beyond ASCII are the same to them differs.
fn is_plain(name: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.');
    !name.is_empty() && name.bytes().all(plain) && !name.starts_with('.') && !name.ends_with('.')
}

/// Whether a name beyond ASCII may be the same as one in ASCII to a file system: the sign for kelvin is a `k` to some, and others leave out what is
/// no letter.
fn may_be_ascii(name: &OsStr) -> bool {
    if name.as_encoded_bytes().is_ascii() {
        return false;
    }
    let alike = |c: char| !c.is_alphanumeric() || c.to_lowercase().all(|c| c.is_ascii()) || c.to_uppercase().all(|c| c.is_ascii());
    name.to_str().is_none_or(|name| name.chars().filter(|c| !c.is_ascii()).all(alike))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folder(files: &[&str]) -> (tempfile::TempDir, Folder) {
        let root = tempfile::tempdir().unwrap();
        for file in files {
            std::fs::write(root.path().join(file), "").unwrap();
        }
        let folder = Folder::new(root.path());
        (root, folder)
    }

    #[test]
    fn a_list_says_what_is_not_there() {
        let (root, folder) = folder(&["a.py", "Big.py", "caf\u{e9}.py"]);
        for there in ["a.py", "A.py", "big.py", "Big.py"] {
            assert_eq!(folder.lacks(there), None, "{there}");
        }
        assert_eq!(folder.lacks("b.py"), Some("b.py"));
        assert_eq!(folder.lacks("numpy/__init__.py"), Some("numpy"));
        // The folder is as it was at the first look.
        std::fs::write(root.path().join("b.py"), "").unwrap();
        assert_eq!((folder.lacks("b.py"), folder.find("b.py")), (Some("b.py"), None));
        assert!(folder.find("a.py").is_some_and(|file| file.ends_with("a.py")));
    }

    #[test]
    fn names_that_a_list_may_not_have_are_asked_for() {
        let (_root, folder) = folder(&["a.py"]);
        for name in ["caf\u{e9}.py", ".snapshot/a.py", "progra~1.py", "a.py.", "a b.py", "", "/a.py"] {
            assert_eq!(folder.lacks(name), None, "{name}");
        }
    }

    #[cfg(unix)]
    #[test]
    fn names_that_may_be_the_same_as_others_make_a_list_useless() {
        for name in ["\u{212a}elvin.py", "\u{17f}.py", "\u{fb01}t.py", "e\u{301}.py", "a\u{ad}.py"] {
            assert_eq!(folder(&[name]).1.lacks("b.py"), None, "{name}");
        }
        for name in ["\u{e9}.py", "\u{43a}.py", "\u{6f22}\u{5b57}.ipynb"] {
            assert_eq!(folder(&[name]).1.lacks("b.py"), Some("b.py"), "{name}");
        }
    }

    #[test]
    fn folders_that_cannot_be_listed_or_are_huge_are_asked() {
        assert_eq!(Folder::new(Path::new("/nowhere/at/all")).lacks("b.py"), None);
        let names: Vec<String> = (0..=MAX_NAMES).map(|number| format!("{number}.csv")).collect();
        let (_root, huge) = folder(&names.iter().map(String::as_str).chain(["z.py"]).collect::<Vec<_>>());
        assert_eq!(huge.lacks("b.py"), None);
        assert!(huge.find("z.py").is_some() && huge.find("b.py").is_none());
    }

    #[test]
    fn a_folder_is_looked_at_once() {
        let (root, _) = folder(&["a.py"]);
        let folders = Folders::default();
        assert!(Arc::ptr_eq(&folders.of(root.path()), &folders.of(root.path())));
    }
}
