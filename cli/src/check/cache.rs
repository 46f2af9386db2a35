//! What earlier runs found, kept on disk: a notebook that has not changed is not analyzed again.
//!
//! One file holds the results of all notebooks of a project. A result counts for the same path, content, settings and program, and as long as
//! the local files that the notebook asked for are what they were. Whatever cannot be read is as good as not there, and a cache that cannot be
//! written is not written: no run fails for it. Writers replace the file whole, so that of two at once the last one wins.

use std::collections::{BTreeMap, HashMap};
use std::hash::Hasher as _;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use nbhoist_analyzer::Config;
use nbhoist_analyzer::finding::Finding;
use nbhoist_analyzer::library_effects::Table;
use nbhoist_settings::Settings;
use serde::{Deserialize, Serialize};
use siphasher::sip128::{Hasher128 as _, SipHasher13};

use super::args::CheckArgs;
use super::cached::Cached;
use crate::input::{Input, folder_of};

/// Name of the folder.
const FOLDER: &str = ".nbhoist_cache";
/// Name of the file in it; another layout has another name.
const FILE: &str = "check-1.json";
/// Notebooks of which results are kept.
const MAX_ENTRIES: usize = 20_000;
/// A longer file is not read, bytes.
const MAX_BYTES: u64 = 64 * 1024 * 1024;

/// What was found in one notebook, and under which conditions it will be found again.
#[derive(Debug, Deserialize, Serialize)]
struct Entry {
    /// Hash of content, settings and program.
    key: String,
    /// Local files that the notebook asked for, with the hash of their text where there is one.
    files: Vec<(String, Option<String>)>,
    findings: Vec<Cached>,
}

/// Results of earlier runs, and those of this one.
pub(crate) struct Cache {
    folder: PathBuf,
    /// Which program this is.
    program: String,
    old: BTreeMap<PathBuf, Entry>,
    new: Mutex<HashMap<PathBuf, Entry>>,
}

impl Cache {
    /// The cache of a project; nothing where no place for it is known.
    pub(crate) fn open(args: &CheckArgs, settings: &Settings) -> Option<Self> {
        let folder = args.cache_dir.clone().or_else(|| std::env::var_os("NBHOIST_CACHE_DIR").map(PathBuf::from));
        let folder = folder.unwrap_or_else(|| beside(settings).join(FOLDER));
        let old = read(&folder.join(FILE)).unwrap_or_default();
        Some(Self { folder, program: program()?, old, new: Mutex::default() })
    }

    /// The key of a notebook; nothing when its results are not kept: a table of one's own is not part of the key.
    pub(crate) fn key(&self, path: &Path, bytes: &[u8], settings: &Settings) -> Option<String> {
        let config = settings.config(Some(path));
        if *config.library_effects != Table::default() {
            return None;
        }
        let config = format!("{:?}", Config { library_effects: Arc::default(), ..config });
        Some(hash(&[self.program.as_bytes(), config.as_bytes(), bytes]))
    }

    /// What was found under the same conditions.
    pub(crate) fn get(&self, path: &Path, key: &str) -> Option<Vec<Finding>> {
        let entry = self.old.get(&std::path::absolute(path).ok()?).filter(|entry| entry.key == key)?;
        let folder = folder_of(path);
        let same = |(file, known): &(String, Option<String>)| hash_of_file(file, &folder) == *known;
        if !entry.files.iter().all(same) {
            return None;
        }
        entry.findings.iter().map(Cached::finding).collect()
    }

    /// Keeps what was found.
    pub(crate) fn put(&self, input: &Input, key: String, findings: &[Finding]) {
        let Ok(path) = std::path::absolute(&input.path) else { return };
        let folder = input.folder();
        let asked = nbhoist_lsp::files::asked(input.notebook.code_cells().map(|cell| cell.source.as_str()), &folder);
        let files = asked.into_iter().map(|file| (hash_of_file(&file, &folder), file)).map(|(hash, file)| (file, hash)).collect();
        let entry = Entry { key, files, findings: findings.iter().map(Cached::of).collect() };
        self.new.lock().unwrap_or_else(PoisonError::into_inner).insert(path, entry);
    }

    /// Writes the cache, when there is something new. Results of notebooks that this run did not look at stay, while there is room.
    pub(crate) fn save(self) {
        let new = self.new.into_inner().unwrap_or_else(PoisonError::into_inner);
        if new.is_empty() {
            return;
        }
        let mut all: BTreeMap<PathBuf, Entry> = new.into_iter().take(MAX_ENTRIES).collect();
        for (path, entry) in self.old {
            if all.len() < MAX_ENTRIES && !all.contains_key(&path) {
                all.insert(path, entry);
            }
        }
        // The next run finds everything again.
        let _ = write(&self.folder, &all);
    }
}

/// The folder of the project's settings, or the one the command runs in.
fn beside(settings: &Settings) -> PathBuf {
    let user = nbhoist_settings::user_file();
    let project = settings.files.iter().rev().find(|file| user.as_ref() != Some(*file));
    project.map_or_else(|| PathBuf::from("."), |file| folder_of(file))
}

/// Two builds of one version may find different things.
fn program() -> Option<String> {
    let file = std::fs::metadata(std::env::current_exe().ok()?).ok()?;
    let changed = file.modified().ok()?.duration_since(std::time::UNIX_EPOCH).ok()?;
    Some(format!("{} {} {}", env!("CARGO_PKG_VERSION"), file.len(), changed.as_nanos()))
}

fn hash_of_file(file: &str, folder: &Path) -> Option<String> {
    nbhoist_lsp::files::text(file, folder).map(|text| hash(&[text.as_bytes()]))
}

/// A hash in which the bounds between the parts count.
fn hash(parts: &[&[u8]]) -> String {
    let mut hasher = SipHasher13::new();
    for part in parts {
        hasher.write_u64(part.len() as u64);
        hasher.write(part);
    }
    format!("{:032x}", hasher.finish128().as_u128())
}

/// The entries in a file; nothing when it is not what was written.
fn read(path: &Path) -> Option<BTreeMap<PathBuf, Entry>> {
    if std::fs::metadata(path).ok()?.len() > MAX_BYTES {
        return None;
    }
    let text = std::fs::read_to_string(path).ok()?;
    let (sum, entries) = text.split_once('\n')?;
    (hash(&[entries.as_bytes()]) == sum).then(|| serde_json::from_str(entries).ok()).flatten()
}

fn write(folder: &Path, entries: &BTreeMap<PathBuf, Entry>) -> std::io::Result<()> {
    let entries = serde_json::to_string(entries)?;
    if !folder.is_dir() {
        std::fs::create_dir_all(folder)?;
        // No version control and no backup wants it.
        std::fs::write(folder.join(".gitignore"), "# Written by nbhoist.\n*\n")?;
        std::fs::write(folder.join("CACHEDIR.TAG"), "Signature: 8a477f597d28d172789f06886806bc55\n")?;
    }
    let mut file = tempfile::Builder::new().prefix(".check-").suffix(".tmp").tempfile_in(folder)?;
    write!(file, "{}\n{entries}", hash(&[entries.as_bytes()]))?;
    file.persist(folder.join(FILE)).map(drop).map_err(|error| error.error)
}
