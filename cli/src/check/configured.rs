//! The settings of each notebook: those of its folder, with the choices of the command line.

use std::collections::{HashMap, HashSet};
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use nbhoist_settings::{Settings, Warning};

use super::args::CheckArgs;
use crate::analysis;
use crate::error::{Failure, warn};
use crate::input::folder_of;
use crate::terminal::Terminal;
use crate::walk::Found;

/// Settings by folder.
pub(crate) struct Configured {
    folders: HashMap<OsString, Arc<Settings>>,
    /// The project's file by folder, for all folders on the way to one: those of a project share most of the way.
    projects: HashMap<PathBuf, Option<PathBuf>>,
    /// By the files they were read from: many folders share them.
    files: HashMap<Option<PathBuf>, Arc<Settings>>,
    warned: HashSet<String>,
    select: Vec<String>,
    extend_select: Vec<String>,
    ignore: Vec<String>,
    quiet: bool,
}

impl Configured {
    pub(crate) fn new(args: &CheckArgs, terminal: &Terminal) -> Self {
        Self {
            folders: HashMap::new(),
            projects: HashMap::new(),
            files: HashMap::new(),
            warned: HashSet::new(),
            select: args.select.clone(),
            extend_select: args.extend_select.clone(),
            ignore: args.ignore.clone(),
            quiet: terminal.quiet,
        }
    }

    /// The settings for a file or folder of the command line.
    pub(crate) fn of_argument(&mut self, path: Option<&PathBuf>) -> Result<Arc<Settings>, Failure> {
        let path = path.map_or(Path::new("."), PathBuf::as_path);
        self.load(&if path.is_dir() { path.to_path_buf() } else { folder_of(path) })
    }

    /// Reads the settings of all folders that have files.
    pub(crate) fn load_all(&mut self, files: &[Found], args: &CheckArgs) -> Result<(), Failure> {
        files.iter().try_for_each(|file| self.load(&folder_of(file.name(args))).map(drop))
    }

    /// The settings of a file whose folder was read.
    pub(crate) fn of(&self, file: &Path) -> Arc<Settings> {
        self.folders.get(folder_of(file).as_os_str()).cloned().unwrap_or_default()
    }

    fn load(&mut self, folder: &Path) -> Result<Arc<Settings>, Failure> {
        if let Some(settings) = self.folders.get(folder.as_os_str()) {
            return Ok(Arc::clone(settings));
        }
        let file = self.project_file(folder)?;
        let settings = match self.files.get(&file) {
            Some(settings) => Arc::clone(settings),
            None => {
                let user = nbhoist_settings::user_file();
                let settings = Settings::load_from(user.as_deref(), file.as_deref()).map_err(|error| analysis::unusable(&error))?;
                self.warn(&settings.warnings);
                let settings = Arc::new(self.with_choices(settings));
                self.files.insert(file, Arc::clone(&settings));
                settings
            }
        };
        self.folders.insert(folder.as_os_str().to_owned(), Arc::clone(&settings));
        Ok(settings)
    }

    /// The nearest file of a project, as `nbhoist_settings::project_file` finds it.
    fn project_file(&mut self, folder: &Path) -> Result<Option<PathBuf>, Failure> {
        let folder = std::path::absolute(folder).unwrap_or_else(|_| folder.to_path_buf());
        let (mut passed, mut file) = (Vec::new(), None);
        for folder in folder.ancestors() {
            if let Some(known) = self.projects.get(folder) {
                file.clone_from(known);
                break;
            }
            passed.push(folder);
            file = nbhoist_settings::file_in(folder).map_err(|error| analysis::unusable(&error))?;
            if file.is_some() {
                break;
            }
        }
        self.projects.extend(passed.into_iter().map(|folder| (folder.to_path_buf(), file.clone())));
        Ok(file)
    }

    /// Rules chosen on the command line take the place of all that is chosen in files.
    fn with_choices(&self, mut settings: Settings) -> Settings {
        if !self.select.is_empty() {
            settings.select = Some(self.select.clone());
            settings.extend_select.clear();
            settings.ignore.clear();
        }
        settings.extend_select.extend(self.extend_select.iter().cloned());
        settings.ignore.extend(self.ignore.iter().cloned());
        settings
    }

    fn warn(&mut self, warnings: &[Warning]) {
        for warning in warnings.iter().filter(|_| !self.quiet) {
            let place = warning.place.to_string();
            if self.warned.insert(format!("{place} {}", warning.text)) {
                warn(&warning.text, Some(&place), warning.help.as_deref());
            }
        }
    }
}
