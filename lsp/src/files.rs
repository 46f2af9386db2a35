//! The local files that a notebook refers to: modules it imports, scripts it runs.

use std::collections::BTreeMap;
use std::path::Path;

/// Texts of the local modules and scripts that these sources refer to, by path relative to `folder`.
pub fn referenced<'s>(sources: impl Iterator<Item = &'s str>, folder: &Path) -> BTreeMap<String, String> {
    let mut files = BTreeMap::new();
    for source in sources {
        collect_files(source, folder, &mut files);
    }
    files
}

/// Most of the files of a project are small; a larger one is data or generated.
const MAX_FILE_BYTES: u64 = 1024 * 1024;
/// A notebook that pulls in more files than this is analysed with the first ones.
const MAX_FILES: usize = 200;

/// Reads the local files a source names, and those that they name.
fn collect_files(source: &str, folder: &Path, files: &mut BTreeMap<String, String>) {
    for candidate in source.lines().flat_map(named_in) {
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
fn named_in(line: &str) -> Vec<String> {
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
        assert_eq!(named_in("import numpy as np, helpers"), ["numpy.py", "numpy/__init__.py", "helpers.py", "helpers/__init__.py"]);
        assert_eq!(named_in("  from a.b import c  # d"), ["a.py", "a/__init__.py", "a/b.py", "a/b/__init__.py"]);
        assert_eq!(named_in("%run -i setup"), ["setup.py"]);
        assert_eq!(named_in("%run 'x/y.ipynb'"), ["x/y.ipynb"]);
        assert_eq!(named_in("x = important"), [""; 0]);
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
