//! Configuration: found, merged and checked. Nothing else reads configuration files.
//!
//! Two files count, and the second wins, key by key: the user's own (`~/.config/nbhoist/nbhoist.toml`) and the
//! project's (the nearest `nbhoist.toml`, or `pyproject.toml` with a table `[tool.nbhoist]`, from the notebook's folder
//! upward). Executors count in the user's own file only: a project that was cloned must not choose
//! where a user's data goes or which programs start.
#![warn(missing_docs)]

mod amounts;
mod discovery;
mod drive;
mod executor;
pub mod keys;
mod pattern;
mod placement;
mod read;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use nbhoist_analyzer::Config;
use nbhoist_analyzer::finding::Severity;
use nbhoist_analyzer::library_effects::Table;
use nbhoist_analyzer::placement::{Preferences, Price};
use nbhoist_analyzer::rules;
use thiserror::Error;

pub use discovery::{file_in, project_file, user_file};
pub use drive::Unusable;
pub use executor::{Backend, Executor};
pub use pattern::Pattern;

/// Cells above this many seconds are heavy, unless configured otherwise.
pub const DEFAULT_HEAVY_SECONDS: f64 = 10.0;

/// Saved outputs above this many bytes are large, unless configured otherwise.
pub const DEFAULT_LARGE_OUTPUT_BYTES: u64 = 1_000_000;

/// Where the editor shows what cells cost, need and give.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Hints {
    /// At heavy cells.
    #[default]
    Heavy,
    /// At every code cell.
    All,
    /// Nowhere.
    Off,
}

impl Hints {
    /// From the word in configuration.
    pub fn from_word(word: &str) -> Option<Self> {
        match word {
            "heavy" => Some(Self::Heavy),
            "all" => Some(Self::All),
            "off" => Some(Self::Off),
            _ => None,
        }
    }
}

/// What is configured.
#[derive(Clone, Debug, PartialEq)]
pub struct Settings {
    /// Budget above which a cell is heavy, seconds.
    pub heavy_seconds: f64,
    /// Size above which the saved outputs of a cell are large, bytes.
    pub large_output_bytes: u64,
    /// Codes, prefixes of codes or names of the rules to apply, or `ALL`; `None` for the default ones.
    pub select: Option<Vec<String>>,
    /// Rules to apply besides those.
    pub extend_select: Vec<String>,
    /// Rules to leave out.
    pub ignore: Vec<String>,
    /// Rules to leave out in some files.
    pub per_file_ignores: Vec<(Pattern, Vec<String>)>,
    /// Severities that differ from the rules' own.
    pub severity: Vec<(String, Severity)>,
    /// Findings that are known: a file that `check --write-baseline` wrote.
    pub baseline: Option<PathBuf>,
    /// Where the editor shows hints.
    pub hints: Hints,
    /// Files that `check` leaves out when it walks through folders.
    pub exclude: Vec<Pattern>,
    /// What libraries do: the built-in table, and what the files that are named add to it.
    pub library_effects: Arc<Table>,
    /// Whether run times and sizes are remembered, for better estimates. The user's own file decides.
    pub history: bool,
    /// Whether large results of cells that move by themselves may stay where they ran. The user's own file decides.
    pub stay: bool,
    /// The probability with which moving a block must pay.
    pub risk: f64,
    /// What an hour of the user's waiting is worth.
    pub price_of_waiting: Option<Price>,
    /// Places that can run a block, by name. `local` is always there.
    pub executors: BTreeMap<String, Executor>,
    /// The files that were read, the user's own first.
    pub files: Vec<PathBuf>,
    /// What is wrong with them without being fatal.
    pub warnings: Vec<Warning>,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            heavy_seconds: DEFAULT_HEAVY_SECONDS,
            large_output_bytes: DEFAULT_LARGE_OUTPUT_BYTES,
            select: None,
            extend_select: Vec::new(),
            ignore: Vec::new(),
            per_file_ignores: Vec::new(),
            severity: Vec::new(),
            baseline: None,
            hints: Hints::default(),
            exclude: Vec::new(),
            library_effects: Arc::default(),
            history: true,
            stay: false,
            risk: Preferences::default().risk,
            price_of_waiting: None,
            executors: BTreeMap::from([("local".to_owned(), Executor::local())]),
            files: Vec::new(),
            warnings: Vec::new(),
        }
    }
}

impl Settings {
    /// The settings for a notebook in `folder` (or for the folder itself).
    pub fn load(folder: &Path) -> Result<Self, Error> {
        let mut settings = Self::load_from(user_file().as_deref(), project_file(folder)?.as_deref())?;
        settings.history &= std::env::var_os("NBHOIST_HISTORY").is_none_or(|word| word != "off");
        Ok(settings)
    }

    /// The settings of these two files. The user's file may be absent.
    pub fn load_from(user: Option<&Path>, project: Option<&Path>) -> Result<Self, Error> {
        let mut settings = Self::default();
        if let Some(user) = user.filter(|user| user.is_file()) {
            read::file(user, read::Owner::User, &mut settings)?;
        }
        if let Some(project) = project.filter(|project| Some(*project) != user) {
            read::file(project, read::Owner::Project, &mut settings)?;
        }
        Ok(settings)
    }

    /// The rules that are left out in this file and not everywhere: all by which what the analysis is told of two files differs.
    pub fn ignored_in(&self, file: &Path) -> impl Iterator<Item = &str> {
        let has_any = !self.per_file_ignores.is_empty();
        let file = has_any.then(|| std::path::absolute(file).unwrap_or_else(|_| file.to_path_buf()));
        let fits = move |pattern: &Pattern| file.as_deref().is_some_and(|file| pattern.matches(file, false));
        let fitting = self.per_file_ignores.iter().filter(move |(pattern, _)| fits(pattern));
        fitting.flat_map(|(_, rules)| rules).map(String::as_str)
    }

    /// What the analysis is to be told about a notebook; `file` is where it is, when it is in a file.
    ///
    /// The only way from settings to the analysis: the command line and the language server both take it.
    pub fn config(&self, file: Option<&Path>) -> Config {
        let mut ignore = self.ignore.clone();
        ignore.extend(file.into_iter().flat_map(|file| self.ignored_in(file)).map(str::to_owned));
        // An empty list chooses nothing; to the analysis it would mean the default.
        if self.select.as_ref().is_some_and(Vec::is_empty) {
            ignore.push("ALL".to_owned());
        }
        Config {
            heavy_seconds: self.heavy_seconds,
            large_output_bytes: self.large_output_bytes,
            select: self.select.clone().unwrap_or_default(),
            extend_select: self.extend_select.clone(),
            ignore,
            severity: self.severity.clone(),
            library_effects: Arc::clone(&self.library_effects),
        }
    }
}

/// What is wrong with a code, prefix or name of a rule, and what to do about it; nothing when it names one.
pub fn unknown_rule(pattern: &str) -> Option<(String, String)> {
    if rules::is_known(pattern) {
        return None;
    }
    let help = match rules::nearest(pattern) {
        Some(meant) => format!("did you mean `{meant}`?"),
        None => "`nbhoist explain --all` lists all rules".to_owned(),
    };
    Some((format!("there is no rule `{pattern}`"), help))
}

/// A place in a configuration file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// The file.
    pub file: PathBuf,
    /// Line, from 1.
    pub line: usize,
    /// Column in characters, from 1.
    pub column: usize,
}

impl std::fmt::Display for Place {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "{}:{}:{}", self.file.display(), self.line, self.column)
    }
}

/// Something in a configuration file that does not count.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Warning {
    /// Where.
    pub place: Place,
    /// What is wrong.
    pub text: String,
    /// What to do about it.
    pub help: Option<String>,
}

/// Why a configuration file cannot be used.
#[derive(Debug, Error)]
pub enum Error {
    /// The file cannot be read.
    #[error("cannot read the configuration file: {source}")]
    Io {
        /// The file.
        file: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The file is not TOML.
    #[error("the configuration file is not valid TOML: {message}")]
    Syntax {
        /// Where.
        place: Place,
        /// What is wrong.
        message: String,
    },
    /// A value of another type or out of range.
    #[error("`{key}` must be {expected}, not {found}")]
    Value {
        /// Where.
        place: Place,
        /// The key.
        key: String,
        /// What is allowed.
        expected: &'static str,
        /// What stands there.
        found: String,
    },
    /// A file of `library-effects` that cannot be read.
    #[error("cannot read the library effects file {}: {source}; the path is taken from the folder of this configuration file", file.display())]
    EffectsFile {
        /// Where it is named.
        place: Place,
        /// The file.
        file: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// Something in a file of `library-effects` that cannot be used.
    #[error("in the library effects: {text}{}", more(*others))]
    Effects {
        /// Where.
        place: Place,
        /// What is wrong and, after a semicolon, what to do about it.
        text: String,
        /// How many more things are wrong with the file.
        others: usize,
    },
    /// A pattern of files that cannot be read.
    #[error("the pattern `{pattern}` cannot be read: {message}; patterns are those of .gitignore files")]
    Pattern {
        /// Where.
        place: Place,
        /// The pattern.
        pattern: String,
        /// What is wrong with it.
        message: String,
    },
    /// An executor that cannot work.
    #[error("the executor `{name}` {problem}")]
    Executor {
        /// Where.
        place: Place,
        /// Its name.
        name: String,
        /// What is wrong with it.
        problem: String,
    },
}

impl Error {
    /// Where, as `FILE` or `FILE:LINE:COLUMN`.
    pub fn place(&self) -> String {
        match self {
            Self::Io { file, .. } => file.display().to_string(),
            Self::Syntax { place, .. }
            | Self::Value { place, .. }
            | Self::EffectsFile { place, .. }
            | Self::Effects { place, .. }
            | Self::Pattern { place, .. }
            | Self::Executor { place, .. } => place.to_string(),
        }
    }
}

fn more(others: usize) -> String {
    if others == 0 { String::new() } else { format!(" (and {others} more in this file)") }
}

#[cfg(test)]
mod tests;
