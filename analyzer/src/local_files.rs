//! The local files that a notebook refers to: modules it imports, scripts it runs, data it reads.
//!
//! Which files those are is found here; reading them is the caller's part, since the analysis does no input and output. Nothing
//! outside the notebook's folder is asked for, and files are only ever read, not run.

use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;
use std::sync::LazyLock;

use aho_corasick::{AhoCorasick, Input, MatchKind};
use rustc_hash::FxHashMap;

/// Most of the files of a project are small; a larger one, in bytes, is data or generated.
pub const MAX_FILE_BYTES: usize = 1024 * 1024;
/// A notebook that pulls in more files than this is analysed with the first ones.
const MAX_FILES: usize = 200;
/// Folders that files are looked for in.
const MAX_FOLDERS: usize = 20;
/// Paths that are asked for.
const MAX_ASKED: usize = 400;

/// Texts of the local modules and scripts that these sources refer to, directly or through each other, by path relative to the
/// notebook's folder. `read` gives the text of such a path, when there is one; it is asked once for each path.
pub fn referenced<'s>(sources: impl Iterator<Item = &'s str>, read: impl FnMut(&str) -> Option<String>) -> BTreeMap<String, String> {
    let mut waiting = Waiting::default();
    sources.for_each(|source| named_in_source(source, "", &mut |path| waiting.add(path)));
    waiting.follow(read)
}

/// What one source names, for those who ask again when another one has changed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Named {
    modules: Vec<String>,
    literals: Vec<String>,
}

impl Named {
    /// What this source names.
    pub fn of(source: &str) -> Self {
        let mut modules = Vec::new();
        named_in_source(source, "", &mut |path| modules.push(path.to_owned()));
        Self { modules, literals: literals(source).map(plain).map(str::to_owned).collect() }
    }

    /// What [`referenced`] gives for the sources of these.
    pub fn referenced<'n>(named: impl Iterator<Item = &'n Self>, read: impl FnMut(&str) -> Option<String>) -> BTreeMap<String, String> {
        let mut waiting = Waiting::default();
        named.flat_map(|named| &named.modules).for_each(|path| waiting.add(path));
        waiting.follow(read)
    }

    /// What [`data`] gives for the sources of these.
    pub fn data<'n>(named: impl Iterator<Item = &'n Self>, size: impl FnMut(&str) -> Option<u64>) -> BTreeMap<String, u64> {
        sized(&named.flat_map(|named| named.literals.iter().map(String::as_str)).collect(), size)
    }
}

/// Paths that are to be asked for, those of one source after the other.
#[derive(Default)]
struct Waiting {
    /// The next one last.
    paths: Vec<Rc<str>>,
    /// The source that named a path last, and whether the path was asked for: most are named again and again.
    known: FxHashMap<Rc<str>, (usize, bool)>,
    /// Number of the source.
    source: usize,
}

impl Waiting {
    fn add(&mut self, path: &str) {
        if let Some((source, asked)) = self.known.get_mut(path) {
            // A file that another one names goes before those that still wait, so it may wait twice.
            if *asked || std::mem::replace(source, self.source) == self.source {
                return;
            }
        } else {
            self.known.insert(Rc::from(path), (self.source, false));
        }
        let path = self.known.get_key_value(path).map(|(path, _)| Rc::clone(path));
        self.paths.extend(path);
    }

    /// Reads the files, and those that they name.
    fn follow(mut self, mut read: impl FnMut(&str) -> Option<String>) -> BTreeMap<String, String> {
        let mut files = BTreeMap::new();
        // From the end, so that the first file named is the first one read.
        self.paths.reverse();
        while let Some(path) = self.paths.pop() {
            if files.len() >= MAX_FILES {
                break;
            }
            if self.known.get_mut(&path).is_none_or(|(_, asked)| std::mem::replace(asked, true)) {
                continue;
            }
            let Some(text) = read(&path).filter(|text| text.len() <= MAX_FILE_BYTES) else { continue };
            let package = path.rfind('/').map_or("", |slash| &path[..=slash]);
            let first = self.paths.len();
            self.source += 1;
            named_in_source(&text, package, &mut |path| self.add(path));
            self.paths[first..].reverse();
            files.insert(path.to_string(), text);
        }
        files
    }
}

/// Bytes of the data files that these sources name in string literals, by the path that the source gives, relative to the notebook's folder.
/// A folder that is named may hold the files that are named (`os.path.join(FOLDER, "a.csv")`). `size` gives the bytes of such a path, when there is one.
pub fn data<'s>(sources: impl Iterator<Item = &'s str>, size: impl FnMut(&str) -> Option<u64>) -> BTreeMap<String, u64> {
    sized(&sources.flat_map(literals).map(plain).collect(), size)
}

fn plain(path: &str) -> &str {
    path.strip_prefix("./").unwrap_or(path)
}

fn sized(literals: &BTreeSet<&str>, mut size: impl FnMut(&str) -> Option<u64>) -> BTreeMap<String, u64> {
    let has_ending = |text: &&&str| std::path::Path::new(text).extension().is_some_and(|ending| ending.len() <= 7);
    let files = literals.iter().filter(has_ending);
    let folders: Vec<&str> =
        literals.iter().filter(|text| !has_ending(text)).map(|text| text.trim_end_matches('/')).take(MAX_FOLDERS).collect();
    let joined = files.clone().flat_map(|file| folders.iter().map(move |folder| format!("{folder}/{file}")));
    let paths = files.map(|file| (*file).to_owned()).chain(joined).filter(|path| is_inside(path)).take(MAX_ASKED);
    paths.filter_map(|path| size(&path).map(|bytes| (path, bytes))).collect()
}

/// Texts between quotes that may be paths.
fn literals(source: &str) -> impl Iterator<Item = &str> {
    source.lines().flat_map(|line| [quoted(line, '"'), quoted(line, '\'')].concat())
}

fn quoted(line: &str, quote: char) -> Vec<&str> {
    line.split(quote).skip(1).step_by(2).filter(|text| looks_like_a_path(text)).collect()
}

fn looks_like_a_path(text: &str) -> bool {
    let may_be = |c: char| c.is_alphanumeric() || matches!(c, '/' | '.' | '_' | '-' | ' ' | '(' | ')');
    (2..=200).contains(&text.len()) && text.chars().all(may_be)
}

/// What a line begins with that refers to files.
const BEGINNINGS: [&str; 3] = ["%run ", "from ", "import "];

/// Finds them: most cells, and most lines of the others, have none.
static FINDER: LazyLock<Option<AhoCorasick>> =
    // Of the kinds of a match this is the one that can be looked for in many bytes at once.
    LazyLock::new(|| AhoCorasick::builder().match_kind(MatchKind::LeftmostFirst).build(BEGINNINGS).ok());

/// Tells each path, relative to the notebook's folder, that a file in `package` (a folder with a slash behind it, or nothing) may refer to.
fn named_in_source(source: &str, package: &str, tell: &mut impl FnMut(&str)) {
    let mut from = 0;
    while let Some(word) = FINDER.as_ref().and_then(|finder| finder.find(Input::new(source).span(from..source.len()))) {
        let start = memchr::memrchr(b'\n', &source.as_bytes()[from..word.start()]).map_or(from, |line| from + line + 1);
        let begins =
            source[start..word.start()].trim_start().is_empty() && source.as_bytes()[..start].last().is_none_or(|&byte| byte == b'\n');
        if begins {
            let end = memchr::memchr(b'\n', &source.as_bytes()[word.end()..]).map_or(source.len(), |line| word.end() + line);
            named_in(&source[word.start()..end], package, tell);
            from = end;
        } else {
            from = word.end();
        }
    }
}

/// Whether a path stays in the folder it is relative to.
fn is_inside(path: &str) -> bool {
    !path.contains(['\\', ':', '\0']) && path.split('/').all(|part| !part.is_empty() && part != "." && part != "..")
}

/// The same for one line, without the white space before it.
fn named_in(line: &str, package: &str, tell: &mut impl FnMut(&str)) {
    let line = line.split('#').next().unwrap_or_default().trim();
    if let Some(script) = line.strip_prefix("%run ").and_then(|rest| rest.split_whitespace().find(|word| !word.starts_with('-'))) {
        let script = script_file(script);
        if is_inside(&script) {
            tell(&script);
        }
    } else if let Some(rest) = line.strip_prefix("from ") {
        let (module, names) = rest.split_once(" import").unwrap_or((rest, ""));
        if let Some(path) = &mut module_files(module.trim(), package, tell) {
            let folder = path.len();
            // Each of the names may be a module of the package.
            for name in names.split([',', '(', ')']).filter_map(|part| part.split_whitespace().next()).filter(|name| is_name(name)) {
                path.truncate(folder);
                module_file(name, path, tell);
            }
        }
    } else if let Some(rest) = line.strip_prefix("import ") {
        for module in rest.split(',').filter_map(|part| part.split_whitespace().next()) {
            module_files(module, package, tell);
        }
    }
}

/// The file that `%run` means by a word: without an ending, a Python script.
pub(crate) fn script_file(word: &str) -> String {
    let script = word.trim_matches(['"', '\'']);
    let script = script.strip_prefix("./").unwrap_or(script);
    let has_ending = std::path::Path::new(script).extension().is_some();
    if has_ending { script.to_owned() } else { format!("{script}.py") }
}

/// `a.b` may be `a.py`, `a/__init__.py`, `a/b.py` or `a/b/__init__.py`; `.b` in a package is the package's own `b`. Gives the folder of what is in
/// the module, with a slash behind it; nothing when this is no name of a module.
fn module_files(module: &str, package: &str, tell: &mut impl FnMut(&str)) -> Option<String> {
    let dots = module.len() - module.trim_start_matches('.').len();
    let parts = || module[dots..].split('.').filter(|part| !part.is_empty());
    if !parts().all(is_name) {
        return None;
    }
    let mut folder = if dots == 0 && !module.is_empty() { "" } else { package };
    for _ in 1..dots {
        folder = folder.trim_end_matches('/').rfind('/').map_or("", |slash| &folder[..=slash]);
    }
    let mut path = folder.to_owned();
    parts().for_each(|part| module_file(part, &mut path, tell));
    Some(path)
}

/// Tells the files that a module of this name in the folder `path` may be, and makes `path` the folder of what is in the module.
fn module_file(name: &str, path: &mut String, tell: &mut impl FnMut(&str)) {
    path.push_str(name);
    let module = path.len();
    for ending in [".py", "/__init__.py"] {
        path.truncate(module);
        path.push_str(ending);
        tell(path);
    }
    path.truncate(module + 1);
}

fn is_name(text: &str) -> bool {
    !text.is_empty() && text.chars().all(|c| c.is_alphanumeric() || c == '_')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn named_in(line: &str, package: &str) -> Vec<String> {
        let mut paths = Vec::new();
        named_in_source(line, package, &mut |path| paths.push(path.to_owned()));
        paths
    }

    #[test]
    fn lines_name_the_files_they_need() {
        assert_eq!(named_in("import numpy as np, helpers", ""), ["numpy.py", "numpy/__init__.py", "helpers.py", "helpers/__init__.py"]);
        assert_eq!(named_in("  from a import *  # d", ""), ["a.py", "a/__init__.py"]);
        assert_eq!(named_in("from a import b", ""), ["a.py", "a/__init__.py", "a/b.py", "a/b/__init__.py"]);
        assert_eq!(named_in("from .b import (", "a/"), ["a/b.py", "a/b/__init__.py"]);
        assert_eq!(named_in("from .. import c", "a/b/"), ["a/c.py", "a/c/__init__.py"]);
        assert_eq!(named_in("%run -i setup", ""), ["setup.py"]);
        assert_eq!(named_in("%run './x/y.ipynb'", ""), ["x/y.ipynb"]);
        assert_eq!(named_in("x = important", ""), [""; 0]);
        let lines = "# import a\r\n\u{2003}import b\r\nx; import c\n\n  %run d\nfrom e\nfrom import f\nreimport g\nimport h-i";
        let files = ["b.py", "b/__init__.py", "d.py", "e.py", "e/__init__.py"];
        assert_eq!(named_in(lines, ""), files);
    }

    /// The files that are read of these, and all that are asked for.
    fn read(sources: &[&str], there: &[(&str, &str)]) -> (Vec<String>, Vec<String>) {
        let mut asked = Vec::new();
        let files = referenced(sources.iter().copied(), |path| {
            asked.push(path.to_owned());
            there.iter().find(|(name, _)| *name == path).map(|(_, text)| (*text).to_owned())
        });
        (files.into_keys().collect(), asked)
    }

    #[test]
    fn files_are_followed_and_read_once() {
        let there = [
            ("a.py", "import b\nimport a"),
            ("b.py", "from p import q"),
            ("p/__init__.py", ""),
            ("p/q.py", "from .r import s"),
            ("p/r.py", ""),
        ];
        let (files, asked) = read(&["import a, numpy", "import a"], &there);
        assert_eq!(files, ["a.py", "b.py", "p/__init__.py", "p/q.py", "p/r.py"]);
        assert_eq!(asked.len(), asked.iter().collect::<std::collections::HashSet<_>>().len());
    }

    #[test]
    fn nothing_outside_the_folder_is_asked_for() {
        let sources = ["%run ../secret.py", "%run /etc/passwd", "%run a/../../b.py", "from ... import x", "%run C:\\x.py", "%run ~/x.py"];
        let (_, asked) = read(&sources, &[]);
        assert!(asked.iter().all(|path| is_inside(path) && !path.starts_with('/')), "{asked:?}");
        assert!(!asked.iter().any(|path| path.contains("secret") || path.contains("passwd")), "{asked:?}");
    }

    #[test]
    fn data_files_are_found_by_their_literals() {
        let there = ["a.csv", "data/b.npy", "raw/c.csv", "../d.csv"];
        let mut asked = Vec::new();
        let sources = [
            "x = pd.read_csv('a.csv')\nF = \"data/\"",
            "np.load(F + 'b.npy'); open('../d.csv'); open('/etc/passwd.txt')",
            "p('raw/c.csv')",
        ];
        let sizes = data(sources.into_iter(), |path| {
            asked.push(path.to_owned());
            there.contains(&path).then_some(7)
        });
        assert_eq!(sizes.keys().collect::<Vec<_>>(), ["a.csv", "data/b.npy", "raw/c.csv"]);
        assert!(asked.iter().all(|path| is_inside(path)), "{asked:?}");
        let many = (0..3000).map(|number| format!("'{number}.csv'")).collect::<Vec<_>>().join("\n");
        assert_eq!(data([many.as_str()].into_iter(), |_| Some(1)).len(), MAX_ASKED);
    }

    #[test]
    fn what_each_source_names_gives_the_same_as_the_sources() {
        let sources = ["import a, numpy\nx = pd.read_csv('./a.csv')", "from b import c\nF = 'data'", "open('d.csv')"];
        let named: Vec<Named> = sources.iter().map(|source| Named::of(source)).collect();
        let text = |path: &str| (path == "a.py").then(|| "import b".to_owned());
        let size = |path: &str| path.contains(".csv").then_some(path.len() as u64);
        assert_eq!(Named::referenced(named.iter(), text), referenced(sources.into_iter(), text));
        let sizes = Named::data(named.iter(), size);
        assert_eq!((sizes.len(), &sizes), (4, &data(sources.into_iter(), size)));
    }

    #[test]
    fn what_is_read_is_bounded() {
        let large = "#".repeat(MAX_FILE_BYTES + 1);
        assert_eq!(read(&["import a"], &[("a.py", &large)]).0, [""; 0]);
        let many = (0..400).map(|number| format!("import m{number}")).collect::<Vec<_>>().join("\n");
        let files = referenced([many.as_str()].into_iter(), |path| (!path.contains('/')).then(String::new));
        assert_eq!(files.len(), MAX_FILES);
    }
}
