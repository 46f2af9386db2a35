//! What has changed since a revision, as git knows it.

use std::collections::{HashMap, HashSet};
use std::path::{Path, PathBuf};
use std::process::Command;

use nbhoist_analyzer::finding::Finding;
use nbhoist_analyzer::notebook::{Cell, Notebook};

use super::known::{Key, Known};
use crate::error::Failure;
use crate::input::{self, Input, folder_of};

/// The files that differ from a revision.
pub(crate) struct Since {
    root: PathBuf,
    base: String,
    /// By path in the repository; with the path in the revision, where it was there.
    changed: HashMap<PathBuf, Option<String>>,
}

impl Since {
    /// Asks git in the folder of `path`.
    pub(crate) fn new(revision: &str, path: Option<&PathBuf>) -> Result<Self, Failure> {
        let path = path.map_or(Path::new("."), PathBuf::as_path);
        let folder = if path.is_dir() { path.to_path_buf() } else { folder_of(path) };
        let root = git(&folder, &["rev-parse", "--show-toplevel"]).map_err(|error| error.help("--since needs a git repository"))?;
        let root = PathBuf::from(line(&root));
        // A leading dash would be an option.
        let commit = git(&root, &["rev-parse", "--verify", "--quiet", "--end-of-options", &format!("{revision}^{{commit}}")]);
        let commit = commit.map_err(|_| {
            Failure::new(format!("git knows no revision `{revision}`"))
                .at(root.display())
                .help("fetch it first; in CI a shallow clone has too little history (`fetch-depth: 0`)")
        })?;
        let commit = line(&commit);
        // What the other branch has got meanwhile is not this one's doing.
        let base = git(&root, &["merge-base", &commit, "HEAD"]).map_or(commit, |base| line(&base));
        let mut changed = HashMap::new();
        let status = git(&root, &["diff", "--name-status", "-z", "--find-renames", &base, "--"])?;
        let mut words = status.split('\0').filter(|word| !word.is_empty());
        while let (Some(kind), Some(first)) = (words.next(), words.next()) {
            let (old, new) = if kind.starts_with(['R', 'C']) { (first, words.next().unwrap_or(first)) } else { (first, first) };
            changed.insert(PathBuf::from(new), (!kind.starts_with('A')).then(|| old.to_owned()));
        }
        let untracked = git(&root, &["ls-files", "--others", "--exclude-standard", "-z"])?;
        changed.extend(untracked.split('\0').filter(|word| !word.is_empty()).map(|path| (PathBuf::from(path), None)));
        Ok(Self { root, base, changed })
    }

    /// Whether a file is another one than in the revision. One outside of the repository is.
    pub(crate) fn concerns(&self, path: &Path) -> bool {
        self.inside(path).is_none_or(|inside| self.changed.contains_key(&inside))
    }

    fn inside(&self, path: &Path) -> Option<PathBuf> {
        let folder = folder_of(path).canonicalize().ok()?;
        let root = self.root.canonicalize().ok()?;
        Some(folder.join(path.file_name()?).strip_prefix(root).ok()?.to_path_buf())
    }

    /// Keeps findings in cells that changed, about cells that changed, or that the revision does not have.
    pub(crate) fn keep_new(&self, input: &Input, findings: &mut Vec<Finding>, analyze: impl Fn(&Input) -> Vec<Finding>) {
        if findings.is_empty() {
            return;
        }
        let old = self.inside(&input.path).and_then(|inside| self.changed.get(&inside)?.clone());
        // What cannot be read any more is as good as new.
        let old = old.and_then(|old| git_bytes(&self.root, &["show", &format!("{}:{old}", self.base)]).ok());
        let Some(old) = old.and_then(|bytes| input::parse(input.path.clone(), bytes).ok()) else { return };
        let changed = changed_cells(&old.notebook, &input.notebook);
        let mut known = Known::of(&old.notebook, &analyze(&old));
        findings.retain(|finding| {
            let was_known = known.take(&Key::of(&input.notebook, finding));
            let touched = |cell: &u32| changed.contains(cell);
            !was_known || touched(&finding.cell) || finding.related.iter().any(|related| touched(&related.cell))
        });
    }
}

/// Numbers of the cells whose source the old notebook does not have, under the same id where there are ids.
fn changed_cells(old: &Notebook, new: &Notebook) -> HashSet<u32> {
    let by_id: HashMap<&str, &Cell> = old.cells.iter().filter_map(|cell| Some((cell.id.as_deref()?, cell))).collect();
    let sources: HashSet<&str> = old.cells.iter().map(|cell| cell.source.as_str()).collect();
    let same = |cell: &Cell| match cell.id.as_deref().and_then(|id| by_id.get(id)) {
        Some(old) => old.source == cell.source && old.kind == cell.kind,
        None => sources.contains(cell.source.as_str()),
    };
    new.cells.iter().filter(|cell| !same(cell)).map(|cell| cell.number).collect()
}

fn line(text: &str) -> String {
    text.trim_end_matches(['\n', '\r']).to_owned()
}

fn git(folder: &Path, arguments: &[&str]) -> Result<String, Failure> {
    git_bytes(folder, arguments).map(|bytes| String::from_utf8_lossy(&bytes).into_owned())
}

fn git_bytes(folder: &Path, arguments: &[&str]) -> Result<Vec<u8>, Failure> {
    let output = Command::new("git").arg("-C").arg(folder).args(arguments).output();
    let output = output.map_err(|error| Failure::new(format!("cannot run git: {error}")).help("--since needs git on the PATH"))?;
    if output.status.success() {
        return Ok(output.stdout);
    }
    let errors = String::from_utf8_lossy(&output.stderr).trim().replace("fatal: ", "");
    Err(Failure::new(format!("git {}: {errors}", arguments.first().unwrap_or(&"failed"))).at(folder.display()))
}
