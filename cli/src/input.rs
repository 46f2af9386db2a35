//! Reading notebooks and the files they refer to.

use std::collections::BTreeMap;
use std::fs::{File, Metadata};
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

    /// Lets go of the file's bytes, which only who changes the file needs once more: with saved pictures they are most of what it takes.
    pub(crate) fn forget_bytes(&mut self) {
        self.bytes = Vec::new();
    }

    /// The folder the notebook runs in.
    pub(crate) fn folder(&self) -> PathBuf {
        folder_of(&self.path)
    }

    /// Texts of the local modules and scripts the notebook refers to, by path relative to its folder.
    pub(crate) fn files(&self) -> BTreeMap<String, String> {
        nbhoist_lsp::files::referenced(self.sources(), &self.folder())
    }

    /// Bytes of the data files that the notebook names, by path relative to its folder.
    pub(crate) fn file_sizes(&self) -> BTreeMap<String, u64> {
        nbhoist_lsp::files::sizes(self.sources(), &self.folder())
    }

    /// The sources of its code cells.
    pub(crate) fn sources(&self) -> impl Iterator<Item = &str> {
        self.notebook.code_cells().map(|cell| cell.source.as_str())
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
        return read_stdin(Path::new("<stdin>"));
    }
    parse(path.to_path_buf(), bytes(path)?)
}

/// Reads a file that is to be a notebook.
pub(crate) fn bytes(path: &Path) -> Result<Vec<u8>, Failure> {
    bytes_of(path).map(|(_, bytes)| bytes)
}

/// Reads a file that is to be a notebook, and gives what the file system said of it before.
pub(crate) fn bytes_of(path: &Path) -> Result<(Metadata, Vec<u8>), Failure> {
    if path.is_dir() {
        return Err(Failure::new("this is a folder, not a notebook").at(path.display()));
    }
    let read = || {
        let mut file = File::open(path)?;
        let known = file.metadata()?;
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes)?;
        Ok((known, bytes))
    };
    read().map_err(|error: std::io::Error| unreadable(path, &error))
}

/// Reads a Python notebook from standard input; the name says where it would be.
pub(crate) fn read_stdin(name: &Path) -> Result<Input, Failure> {
    let mut bytes = Vec::new();
    let result = std::io::stdin().lock().read_to_end(&mut bytes);
    result.map_err(|error| Failure::new(format!("cannot read standard input: {error}")))?;
    parse(name.to_path_buf(), bytes)
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
