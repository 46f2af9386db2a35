//! The notebooks below the folders given on the command line.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use ignore::WalkBuilder;
use nbhoist_settings::{Pattern, Settings};

use crate::check::args::CheckArgs;
use crate::error::Failure;

/// A file to check.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Found {
    pub(crate) path: PathBuf,
    /// Named on the command line, not found in a folder.
    pub(crate) explicit: bool,
}

impl Found {
    /// Whether the file comes from standard input.
    pub(crate) fn is_stdin(&self) -> bool {
        self.path.as_os_str() == "-"
    }

    /// Where the file is, or is said to be.
    pub(crate) fn name<'a>(&'a self, args: &'a CheckArgs) -> &'a Path {
        match &args.stdin_filename {
            Some(name) if self.is_stdin() => name,
            _ if self.is_stdin() => Path::new("<stdin>"),
            _ => &self.path,
        }
    }
}

/// The notebooks that the paths stand for, in a stable order, each once. `settings` are those of a folder.
pub(crate) fn notebooks(
    paths: &[PathBuf],
    mut settings: impl FnMut(&Path) -> Result<Arc<Settings>, Failure>,
) -> Result<Vec<Found>, Failure> {
    let mut found: Vec<Found> = Vec::new();
    for path in paths {
        if path.is_dir() {
            let below = below(path, &settings(path)?.exclude);
            found.extend(below.into_iter().map(|path| Found { path, explicit: false }));
        } else {
            found.push(Found { path: path.clone(), explicit: true });
        }
    }
    let mut seen = std::collections::HashSet::new();
    found.retain(|file| seen.insert(file.path.clone()));
    Ok(found)
}

/// The files that are named go through the same sieve as those that are found.
pub(crate) fn without_excluded(files: Vec<Found>, settings: impl Fn(&Found) -> Arc<Settings>) -> Vec<Found> {
    let excluded = |file: &Found| {
        let path = std::path::absolute(&file.path).unwrap_or_else(|_| file.path.clone());
        settings(file).exclude.iter().any(|pattern| pattern.matches(&path, false))
    };
    let kept = files.into_iter().filter(|file| file.is_stdin() || !excluded(file));
    kept.map(|file| Found { explicit: false, ..file }).collect()
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
        let settings = Arc::new(Settings { exclude: vec![exclude], ..Settings::default() });
        let named = base.join("old/b.ipynb");
        let found = notebooks(&[base.to_path_buf(), named.clone(), named], |_| Ok(Arc::clone(&settings))).unwrap();
        let shown: Vec<_> = found.iter().map(|file| (file.path.strip_prefix(base).unwrap().to_str().unwrap(), file.explicit)).collect();
        assert_eq!(shown, [("a.ipynb", false), ("cells.py", false), ("deep/er/d.ipynb", false), ("old/b.ipynb", true)]);
    }
}
