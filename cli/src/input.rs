//! Reading notebooks and the files they refer to.

use std::collections::BTreeMap;
use std::io::Read as _;
use std::path::{Path, PathBuf};

use nbhoist_analyzer::notebook::Notebook;
use nbhoist_analyzer::{ipynb, percent};

use crate::error::Failure;

/// A notebook as it was read.
pub(crate) struct Input {
    /// As given on the command line.
    pub(crate) path: PathBuf,
    /// The file, byte for byte.
    pub(crate) bytes: Vec<u8>,
    pub(crate) notebook: Notebook,
}

impl Input {
    /// The name used in messages.
    pub(crate) fn name(&self) -> String {
        self.path.display().to_string()
    }

    /// The folder the notebook runs in.
    pub(crate) fn folder(&self) -> PathBuf {
        folder_of(&self.path)
    }

    /// Texts of the local modules and scripts the notebook refers to, by path relative to its folder.
    pub(crate) fn files(&self) -> BTreeMap<String, String> {
        let mut files = BTreeMap::new();
        let sources = self.notebook.code_cells().map(|cell| cell.source.as_str());
        for source in sources {
            collect_files(source, &self.folder(), &mut files);
        }
        files
    }
}

/// The folder of a file given on the command line.
pub(crate) fn folder_of(path: &Path) -> PathBuf {
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent.to_path_buf(),
        _ => PathBuf::from("."),
    }
}

/// Reads a Python notebook from a file, or from standard input when the path is `-`.
pub(crate) fn read(path: &Path) -> Result<Input, Failure> {
    if path.as_os_str() == "-" {
        let mut bytes = Vec::new();
        let result = std::io::stdin().lock().read_to_end(&mut bytes);
        result.map_err(|error| Failure::new(format!("cannot read standard input: {error}")))?;
        return parse(PathBuf::from("<stdin>"), bytes);
    }
    if path.is_dir() {
        return Err(Failure::new("this is a folder, not a notebook").at(path.display()));
    }
    let bytes = std::fs::read(path).map_err(|error| unreadable(path, &error))?;
    parse(path.to_path_buf(), bytes)
}

/// Makes a Python notebook of a file's bytes; the name's ending says which format it is.
pub(crate) fn parse(path: PathBuf, bytes: Vec<u8>) -> Result<Input, Failure> {
    let is_script = path.extension().is_some_and(|ending| ending == "py");
    let notebook = if is_script { read_script(&path, &bytes)? } else { read_ipynb(&path, &bytes)? };
    if notebook.language != "python" {
        return Err(Failure::other_language(&notebook.language).at(path.display()));
    }
    Ok(Input { path, bytes, notebook })
}

fn read_ipynb(path: &Path, bytes: &[u8]) -> Result<Notebook, Failure> {
    ipynb::read(bytes).map_err(|error| {
        let place = match error.position() {
            Some((line, column)) => format!("{}:{line}:{column}", path.display()),
            None => path.display().to_string(),
        };
        // The place stands on its own line.
        let message = error.to_string();
        let message = message.split(" at line ").next().unwrap_or_default();
        Failure::new(message).at(place).help(error.help())
    })
}

fn read_script(path: &Path, bytes: &[u8]) -> Result<Notebook, Failure> {
    let text = std::str::from_utf8(bytes).map_err(|error| {
        Failure::new("the script is not UTF-8")
            .at(format!("{}, byte {}", path.display(), error.valid_up_to()))
            .help("convert it, for example with `iconv -f ENCODING -t UTF-8 OLD.py > NEW.py`")
    })?;
    if text.contains('\0') {
        return Err(Failure::new("the script holds NUL bytes").at(path.display()).help("restore it from version control"));
    }
    Ok(percent::read(text))
}

fn unreadable(path: &Path, error: &std::io::Error) -> Failure {
    let failure = Failure::new(format!("cannot read the notebook: {error}")).at(path.display());
    match error.kind() {
        std::io::ErrorKind::NotFound => failure.help("check the spelling, or go to the notebook's folder first"),
        std::io::ErrorKind::PermissionDenied => failure.help("check the file's permissions"),
        _ => failure,
    }
}

/// Most of the files of a project are small; a larger one is data or generated.
const MAX_FILE_BYTES: u64 = 1024 * 1024;
/// A notebook that pulls in more files than this is analysed with the first ones.
const MAX_FILES: usize = 200;

/// Reads the local files a source names, and those that they name.
fn collect_files(source: &str, folder: &Path, files: &mut BTreeMap<String, String>) {
    for candidate in source.lines().flat_map(referenced) {
        if files.len() >= MAX_FILES || files.contains_key(&candidate) {
            continue;
        }
        let path = folder.join(&candidate);
        let small = std::fs::metadata(&path).is_ok_and(|data| data.is_file() && data.len() <= MAX_FILE_BYTES);
        let Some(text) = small.then(|| std::fs::read_to_string(&path).ok()).flatten() else { continue };
        files.insert(candidate, text.clone());
        collect_files(&text, folder, files);
    }
}

/// Paths, relative to the notebook's folder, that a line may refer to: modules it imports, scripts it runs.
fn referenced(line: &str) -> Vec<String> {
    let line = line.split('#').next().unwrap_or_default().trim();
    if let Some(script) = line.strip_prefix("%run ").and_then(|rest| rest.split_whitespace().find(|word| !word.starts_with('-'))) {
        let script = script.trim_matches(['"', '\'']);
        let has_ending = Path::new(script).extension().is_some();
        return vec![if has_ending { script.to_owned() } else { format!("{script}.py") }];
    }
    let modules: Vec<&str> = if let Some(rest) = line.strip_prefix("from ") {
        rest.split_whitespace().take(1).collect()
    } else if let Some(rest) = line.strip_prefix("import ") {
        rest.split(',').filter_map(|part| part.split_whitespace().next()).collect()
    } else {
        Vec::new()
    };
    let is_name = |module: &&str| module.chars().all(|c| c.is_alphanumeric() || "_.".contains(c));
    let paths = modules.into_iter().filter(is_name).flat_map(module_files);
    paths.collect()
}

/// `a.b` may be `a.py`, `a/__init__.py`, `a/b.py` or `a/b/__init__.py`.
fn module_files(module: &str) -> Vec<String> {
    let mut files = Vec::new();
    let mut path = String::new();
    for part in module.split('.').filter(|part| !part.is_empty()) {
        path.push_str(part);
        files.push(format!("{path}.py"));
        files.push(format!("{path}/__init__.py"));
        path.push('/');
    }
    files
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_name_the_files_they_need() {
        assert_eq!(referenced("import numpy as np, helpers"), ["numpy.py", "numpy/__init__.py", "helpers.py", "helpers/__init__.py"]);
        assert_eq!(referenced("  from a.b import c  # d"), ["a.py", "a/__init__.py", "a/b.py", "a/b/__init__.py"]);
        assert_eq!(referenced("%run -i setup"), ["setup.py"]);
        assert_eq!(referenced("%run 'x/y.ipynb'"), ["x/y.ipynb"]);
        assert_eq!(referenced("x = important"), [""; 0]);
    }

    #[test]
    fn local_modules_are_followed() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("a.py"), "import b\nimport a").unwrap();
        std::fs::write(folder.path().join("b.py"), "x = 1").unwrap();
        let mut files = BTreeMap::new();
        collect_files("import a, numpy", folder.path(), &mut files);
        assert_eq!(files.keys().collect::<Vec<_>>(), ["a.py", "b.py"]);
    }
}
