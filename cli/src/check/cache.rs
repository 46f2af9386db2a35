//! What earlier runs found, kept on disk: a notebook that has not changed is not analyzed again.
//!
//! One file holds the results of all notebooks of a project. A result counts for the same path, content, settings and program, and as long as
//! the local files that the notebook asked for are what they were. Files that have the stamp of earlier are not read for that. Whatever cannot be
//! read is as good as not there, and a cache that cannot be written is not written: no run fails for it. Writers replace the file whole, so that
//! of two at once the last one wins.
//!
//! The first line is a hash of the others, each of which is a path, a tab and an [`Entry`]. An entry is parsed when it is asked for, by the thread
//! that asks; those that nobody asks for go from file to file as they are.

use std::collections::HashMap;
use std::io::Write as _;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::SystemTime;

use nbhoist_analyzer::Config;
use nbhoist_analyzer::library_effects::Table;
use nbhoist_settings::Settings;

use super::args::CheckArgs;
use super::entry::Entry;
use super::hash::hash;
use crate::input::folder_of;

/// Name of the folder.
const FOLDER: &str = ".nbhoist_cache";
/// Name of the file in it; another layout has another name.
const FILE: &str = "check-2.jsonl";
/// Notebooks of which results are kept.
const MAX_ENTRIES: usize = 20_000;
/// A longer file is neither read nor written, bytes.
const MAX_BYTES: usize = 64 * 1024 * 1024;

/// Results of earlier runs, and those of this one.
pub(crate) struct Cache {
    folder: PathBuf,
    /// Which program this is.
    program: String,
    /// A moment before anything was read.
    moment: SystemTime,
    conditions: Mutex<Vec<(Arc<Settings>, Option<String>)>>,
    /// The file's lines after the first.
    text: String,
    /// Where in the text the entries are, by path.
    old: HashMap<String, Range<usize>>,
    new: Mutex<HashMap<String, String>>,
}

impl Cache {
    /// The cache of a project; nothing where no place for it is known.
    pub(crate) fn open(args: &CheckArgs, settings: &Settings) -> Option<Self> {
        let folder = args.cache_dir.clone().or_else(|| std::env::var_os("NBHOIST_CACHE_DIR").map(PathBuf::from));
        let folder = folder.unwrap_or_else(|| beside(settings).join(FOLDER));
        let text = read(&folder.join(FILE)).unwrap_or_default();
        let program = program()?;
        Some(Self {
            folder,
            program,
            moment: SystemTime::now(),
            conditions: Mutex::default(),
            old: entries(&text),
            text,
            new: Mutex::default(),
        })
    }

    /// A moment before anything was read.
    pub(super) fn moment(&self) -> SystemTime {
        self.moment
    }

    /// A name for settings and program; nothing when results of the notebook are not kept: a table of one's own is not part of the name.
    pub(crate) fn conditions(&self, path: &Path, settings: &Arc<Settings>) -> Option<String> {
        let general = self.general_conditions(settings)?;
        let mut own = settings.ignored_in(path).peekable();
        if own.peek().is_none() {
            return Some(general);
        }
        Some(hash(&std::iter::once(general.as_bytes()).chain(own.map(str::as_bytes)).collect::<Vec<_>>()))
    }

    /// The conditions of notebooks of which the settings say nothing in particular.
    fn general_conditions(&self, settings: &Arc<Settings>) -> Option<String> {
        let mut known = self.conditions.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, conditions)) = known.iter().find(|(known, _)| Arc::ptr_eq(known, settings)) {
            return conditions.clone();
        }
        let config = settings.config(None);
        let conditions = (*config.library_effects == Table::default()).then(|| {
            let config = format!("{:?}", Config { library_effects: Arc::default(), ..config });
            hash(&[self.program.as_bytes(), config.as_bytes()])
        });
        known.push((Arc::clone(settings), conditions.clone()));
        conditions
    }

    /// What was found under the same conditions, whatever the content was.
    pub(super) fn get(&self, path: &Path, conditions: &str) -> Option<Entry> {
        let line = self.old.get(&name(path)?)?.clone();
        let entry: Entry = serde_json::from_str(self.text.get(line)?.split_once('\t')?.1).ok()?;
        (entry.conditions == conditions).then_some(entry)
    }

    /// Keeps what was found.
    pub(super) fn put(&self, path: &Path, entry: &Entry) {
        let (Some(name), Ok(entry)) = (name(path), serde_json::to_string(entry)) else { return };
        self.new.lock().unwrap_or_else(PoisonError::into_inner).insert(name, entry);
    }

    /// Writes the cache, when there is something new. Results of notebooks that this run did not look at stay, while there is room.
    pub(crate) fn save(self) {
        let new = self.new.into_inner().unwrap_or_else(PoisonError::into_inner);
        if new.is_empty() {
            return;
        }
        let old = self.old.into_iter().filter(|(path, _)| !new.contains_key(path));
        let old: Vec<&str> = old.filter_map(|(_, line)| self.text.get(line)).collect();
        let new = new.iter().map(|(path, entry)| format!("{path}\t{entry}\n"));
        let mut bytes = 0;
        let has_room = |line: &String| {
            bytes += line.len();
            bytes <= MAX_BYTES
        };
        let mut lines: Vec<String> = new.chain(old.into_iter().map(str::to_owned)).take(MAX_ENTRIES).take_while(has_room).collect();
        lines.sort_unstable();
        // The next run finds everything again.
        let _ = write(&self.folder, &lines.concat());
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

/// The name of a notebook in the file; nothing for one that would break a line.
fn name(path: &Path) -> Option<String> {
    let name = std::path::absolute(path).ok()?.into_os_string().into_string().ok()?;
    (!name.contains(['\t', '\n'])).then_some(name)
}

/// The lines after the first; nothing when they are not what was written.
fn read(path: &Path) -> Option<String> {
    let known = std::fs::metadata(path).ok()?;
    // A repository may have a pipe in its place, on which a reader waits for ever.
    if !known.is_file() || known.len() > MAX_BYTES as u64 {
        return None;
    }
    let mut text = std::fs::read_to_string(path).ok()?;
    let (sum, entries) = text.split_once('\n')?;
    if hash(&[entries.as_bytes()]) != sum {
        return None;
    }
    text.drain(..=sum.len());
    Some(text)
}

/// Where in the text each line is, with its end, by the path it begins with.
fn entries(text: &str) -> HashMap<String, Range<usize>> {
    let mut start = 0;
    let lines = text.split_inclusive('\n').filter_map(|line| {
        let range = start..start + line.len();
        start = range.end;
        Some((line.split_once('\t')?.0.to_owned(), range))
    });
    lines.collect()
}

fn write(folder: &Path, entries: &str) -> std::io::Result<()> {
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
