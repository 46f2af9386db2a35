//! Patterns of files, in the syntax of `.gitignore`.

use std::path::{Path, PathBuf};

use ignore::gitignore::{Gitignore, GitignoreBuilder};

/// A pattern of files, relative to the folder of the configuration file it stands in.
#[derive(Clone, Debug)]
pub struct Pattern {
    text: String,
    base: PathBuf,
    matcher: Gitignore,
}

impl Pattern {
    /// Reads a pattern.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn new(text: &str, base: &Path) -> Result<Self, String> {
        let base = std::path::absolute(base).unwrap_or_else(|_| base.to_path_buf());
        let mut builder = GitignoreBuilder::new(&base);
        builder.add_line(None, text).map_err(|error| error.to_string())?;
        let matcher = builder.build().map_err(|error| error.to_string())?;
        Ok(Self { text: text.to_owned(), base, matcher })
    }

    /// Whether an absolute path, or a folder above it, fits.
    pub fn matches(&self, path: &Path, is_folder: bool) -> bool {
        path.starts_with(&self.base) && self.matcher.matched_path_or_any_parents(path, is_folder).is_ignore()
    }
}

impl PartialEq for Pattern {
    fn eq(&self, other: &Self) -> bool {
        (&self.text, &self.base) == (&other.text, &other.base)
    }
}
