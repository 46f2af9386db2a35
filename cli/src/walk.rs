//! The notebooks below the folders given on the command line.

use std::path::{Path, PathBuf};

use ignore::WalkBuilder;
use nbhoist_settings::{Pattern, Settings};

/// A file to check.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Found {
    pub(crate) path: PathBuf,
    /// Named on the command line, not found in a folder.
    pub(crate) explicit: bool,
}

/// The notebooks that the paths stand for, in a stable order, each once.
pub(crate) fn notebooks(paths: &[PathBuf], settings: &Settings) -> Vec<Found> {
    let mut found: Vec<Found> = Vec::new();
    for path in paths {
        if path.is_dir() {
            let below = below(path, &settings.exclude);
            found.extend(below.into_iter().map(|path| Found { path, explicit: false }));
        } else {
            found.push(Found { path: path.clone(), explicit: true });
        }
    }
    let mut seen = std::collections::HashSet::new();
    found.retain(|file| seen.insert(file.path.clone()));
    found
}

fn below(folder: &Path, excluded: &[Pattern]) -> Vec<PathBuf> {
    let excluded = excluded.to_vec();
    let mut walk = WalkBuilder::new(folder);
    walk.require_git(false).filter_entry(move |entry| {
        let is_folder = entry.file_type().is_some_and(|kind| kind.is_dir());
        let path = std::path::absolute(entry.path()).unwrap_or_else(|_| entry.path().to_path_buf());
        entry.file_name() != ".ipynb_checkpoints" && !excluded.iter().any(|pattern| pattern.matches(&path, is_folder))
    });
    let files = walk.build().filter_map(Result::ok).filter(|entry| entry.file_type().is_some_and(|kind| kind.is_file()));
    let mut paths: Vec<PathBuf> = files.map(ignore::DirEntry::into_path).filter(|path| is_notebook(path)).collect();
    for path in &mut paths {
        if let Ok(short) = path.strip_prefix(".") {
            *path = short.to_path_buf();
        }
    }
    paths.sort();
    paths
}

/// An `.ipynb` file, or a script with a cell marker.
fn is_notebook(path: &Path) -> bool {
    match path.extension().and_then(|ending| ending.to_str()) {
        Some("ipynb") => true,
        Some("py") => std::fs::read(path).is_ok_and(|bytes| nbhoist_analyzer::percent::has_marker(&bytes)),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn folders_are_searched_and_excludes_left_out() {
        let root = tempfile::tempdir().unwrap();
        let base = root.path();
        for (file, text) in [
            ("a.ipynb", "{}"),
            ("cells.py", "x = 1\n#%%\ny = 2"),
            ("plain.py", "# %%time is no marker\n"),
            ("old/b.ipynb", "{}"),
            ("ignored/c.ipynb", "{}"),
            (".ipynb_checkpoints/a.ipynb", "{}"),
            ("deep/er/d.ipynb", "{}"),
            (".gitignore", "ignored/\n"),
        ] {
            fs::create_dir_all(base.join(file).parent().unwrap()).unwrap();
            fs::write(base.join(file), text).unwrap();
        }
        let exclude = Pattern::new("/old/", base).unwrap();
        let settings = Settings { exclude: vec![exclude], ..Settings::default() };
        let named = base.join("old/b.ipynb");
        let found = notebooks(&[base.to_path_buf(), named.clone(), named], &settings);
        let shown: Vec<_> = found.iter().map(|file| (file.path.strip_prefix(base).unwrap().to_str().unwrap(), file.explicit)).collect();
        assert_eq!(shown, [("a.ipynb", false), ("cells.py", false), ("deep/er/d.ipynb", false), ("old/b.ipynb", true)]);
    }
}
