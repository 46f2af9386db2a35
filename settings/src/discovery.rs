//! Where configuration files are.

use std::path::{Path, PathBuf};

use crate::{Error, read};

/// The user's own file, whether it exists or not.
pub fn user_file() -> Option<PathBuf> {
    let variable = if cfg!(windows) { "APPDATA" } else { "XDG_CONFIG_HOME" };
    let configured = std::env::var_os(variable).map(PathBuf::from).filter(|folder| folder.is_absolute());
    let folder = configured.or_else(|| std::env::home_dir().map(|home| home.join(".config")))?;
    Some(folder.join("nbhoist").join("nbhoist.toml"))
}

/// The project's file: the nearest one in `folder` or a folder above it. In one folder, `nbhoist.toml` goes before
/// `pyproject.toml`, which counts only with a table `[tool.nbhoist]`.
pub fn project_file(folder: &Path) -> Result<Option<PathBuf>, Error> {
    let folder = std::path::absolute(folder).unwrap_or_else(|_| folder.to_path_buf());
    folder.ancestors().find_map(|folder| file_in(folder).transpose()).transpose()
}

/// The file in this very folder that counts as a project's.
pub fn file_in(folder: &Path) -> Result<Option<PathBuf>, Error> {
    let own = folder.join("nbhoist.toml");
    if own.is_file() {
        return Ok(Some(own));
    }
    let shared = folder.join("pyproject.toml");
    Ok((shared.is_file() && read::has_table(&shared)?).then_some(shared))
}
