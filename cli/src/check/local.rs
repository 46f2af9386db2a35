//! The local modules and scripts that a notebook asked for, and whether they are still what they were.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::path::Path;
use std::time::SystemTime;

use nbhoist_analyzer::local_files;
use nbhoist_lsp::files;
use nbhoist_lsp::folders::Folder;
use serde::{Deserialize, Serialize};

use super::hash::hash;
use super::stamp::Stamp;

/// What a notebook asked for. Paths are relative to its folder.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
pub(super) struct Asked {
    /// Names of which its folder has nothing.
    absent: BTreeSet<String>,
    /// Paths at which there is no text.
    without: Vec<String>,
    texts: Vec<Text>,
}

/// A file, with the hash of its text.
#[derive(Clone, Debug, Deserialize, Serialize)]
struct Text(String, String, Option<Stamp>);

/// Texts of the files that these sources refer to, and all that was asked for. Stamps count that are older than `moment`.
pub(super) fn read<'s>(sources: impl Iterator<Item = &'s str>, folder: &Folder, moment: SystemTime) -> (BTreeMap<String, String>, Asked) {
    let mut asked = Asked::default();
    let texts = local_files::referenced(sources, |path| {
        if let Some(name) = folder.lacks(path) {
            if !asked.absent.contains(name) {
                asked.absent.insert(name.to_owned());
            }
            return None;
        }
        let Some((text, stamp)) = folder.find(path).and_then(|file| read_file(&file)) else {
            asked.without.push(path.to_owned());
            return None;
        };
        asked.texts.push(Text(path.to_owned(), hash(&[text.as_bytes()]), stamp.and_then(|stamp| stamp.settled(moment))));
        Some(text)
    });
    (texts, asked)
}

/// The text of a file, with the stamp that it had before it was read.
fn read_file(path: &Path) -> Option<(String, Option<Stamp>)> {
    let file = File::open(path).ok()?;
    let stamp = Stamp::of(&file.metadata().ok()?);
    Some((files::text(file)?, stamp))
}

impl Asked {
    /// Whether a notebook would be given the same; nothing when not, else whether stamps were renewed.
    pub(super) fn renew(&mut self, folder: &Folder, moment: SystemTime) -> Option<bool> {
        // Where the folder can be listed no more, or has names that say nothing, whoever asks anew finds out.
        let same = self.absent.iter().all(|name| folder.lacks(name).is_some());
        let same = same && self.without.iter().all(|path| folder.find(path).and_then(|file| read_file(&file)).is_none());
        same.then(|| self.texts.iter_mut().try_fold(false, |renewed, text| Some(text.renew(folder, moment)? || renewed))).flatten()
    }
}

impl Text {
    fn renew(&mut self, folder: &Folder, moment: SystemTime) -> Option<bool> {
        let Self(path, known, stamp) = self;
        let file = folder.find(path)?;
        if stamp.is_some() && *stamp == Stamp::at(&file) {
            return Some(false);
        }
        let (text, now) = read_file(&file)?;
        let now = now.and_then(|now| now.settled(moment));
        // A stamp that does not fit is no worse than none.
        let renewed = now.is_some();
        if renewed {
            *stamp = now;
        }
        (hash(&[text.as_bytes()]) == *known).then_some(renewed)
    }
}
