//! Why a file could not be read as a notebook.

use thiserror::Error;

/// Why a file could not be read as a notebook.
///
/// The message says what is wrong; [`ReadError::help`] says what to do.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum ReadError {
    /// No bytes, or only white space.
    #[error("the file is empty")]
    Empty,
    /// Another encoding than UTF-8, recognised by its byte order mark.
    #[error("the file is encoded as {encoding}, notebooks are UTF-8")]
    Encoding {
        /// Name of the encoding.
        encoding: &'static str,
    },
    /// Bytes that are no UTF-8, such as Latin-1 text.
    #[error("the file is not UTF-8: byte 0x{byte:02x} at line {line}, column {column}")]
    NotUtf8 {
        /// The offending byte.
        byte: u8,
        /// Its line, from 1.
        line: usize,
        /// Its column in bytes, from 1.
        column: usize,
    },
    /// NUL bytes, as a crash or a full disk leaves them.
    #[error("the file holds NUL bytes, the first at line {line}, column {column}")]
    NulBytes {
        /// Line of the first one, from 1.
        line: usize,
        /// Its column in bytes, from 1.
        column: usize,
    },
    /// Broken JSON.
    #[error("the file is not valid JSON: {message} at line {line}, column {column}")]
    NotJson {
        /// What is wrong.
        message: String,
        /// Line, from 1.
        line: usize,
        /// Column in bytes, from 1.
        column: usize,
    },
    /// JSON of another shape.
    #[error("the file is JSON but not a Jupyter notebook: it is {found}")]
    NotANotebook {
        /// What was found in its place.
        found: String,
    },
    /// nbformat 1 or 2.
    #[error("the notebook is in format {major}, which nobody has written since 2013")]
    TooOld {
        /// nbformat major version.
        major: u32,
    },
    /// nbformat 5 or later.
    #[error("the notebook is in format {major}, newer than the formats 3 and 4 that are understood")]
    TooNew {
        /// nbformat major version.
        major: u32,
    },
}

impl ReadError {
    /// What the user can do about it.
    pub const fn help(&self) -> &'static str {
        match self {
            Self::Empty => "restore it from a backup or from version control, or create the notebook anew",
            Self::Encoding { .. } | Self::NotUtf8 { .. } => {
                "convert it, for example with `iconv -f ENCODING -t UTF-8 OLD.ipynb > NEW.ipynb`"
            }
            Self::NulBytes { .. } => {
                "the file was probably damaged by a crash or a full disk: restore it from `.ipynb_checkpoints` or from version control"
            }
            Self::NotJson { .. } => {
                "look at that place for a merge conflict or a cut-off file, or restore the notebook from `.ipynb_checkpoints`"
            }
            Self::NotANotebook { .. } => "give a file that Jupyter wrote, or a Python script with `# %%` markers",
            Self::TooOld { .. } => "upgrade it with `jupyter nbconvert --to notebook --nbformat 4 --inplace FILE`",
            Self::TooNew { .. } => "save it as format 4 with `jupyter nbconvert --to notebook --nbformat 4 FILE`",
        }
    }

    /// Line and column (bytes), both from 1, where they are known.
    pub const fn position(&self) -> Option<(usize, usize)> {
        match self {
            Self::NotUtf8 { line, column, .. } | Self::NulBytes { line, column } | Self::NotJson { line, column, .. } => {
                Some((*line, *column))
            }
            _ => None,
        }
    }
}

/// The file's text without its byte order mark, and whether it had one.
pub(super) fn decode(bytes: &[u8]) -> Result<(&str, bool), ReadError> {
    let (bytes, bom) = match bytes {
        [0xef, 0xbb, 0xbf, rest @ ..] => (rest, true),
        [0xff, 0xfe, 0, 0, ..] | [0, 0, 0xfe, 0xff, ..] => {
            return Err(ReadError::Encoding { encoding: "UTF-32" });
        }
        [0xff, 0xfe, ..] | [0xfe, 0xff, ..] | [b'{', 0, ..] | [0, b'{', ..] => {
            return Err(ReadError::Encoding { encoding: "UTF-16" });
        }
        _ => (bytes, false),
    };
    if bytes.iter().all(u8::is_ascii_whitespace) {
        return Err(ReadError::Empty);
    }
    // The library's answer is quicker, that of the standard library says where.
    if let Ok(text) = simdutf8::basic::from_utf8(bytes) {
        return Ok((text, bom));
    }
    match str::from_utf8(bytes) {
        Ok(text) => Ok((text, bom)),
        Err(error) => {
            let offset = error.valid_up_to();
            let (line, column) = position(bytes, offset);
            Err(ReadError::NotUtf8 { byte: bytes.get(offset).copied().unwrap_or(0), line, column })
        }
    }
}

/// The refusal of text that the JSON parser stumbled over.
pub(super) fn not_json(text: &str, error: &serde_json::Error) -> ReadError {
    if let Some(offset) = text.bytes().position(|byte| byte == 0) {
        let (line, column) = position(text.as_bytes(), offset);
        return ReadError::NulBytes { line, column };
    }
    let (line, column) = (error.line().max(1), error.column().max(1));
    let message = error.to_string();
    let message = message.split(" at line ").next().unwrap_or_default();
    ReadError::NotJson { message: message.to_owned(), line, column }
}

/// Line and column, both from 1, of a byte.
fn position(bytes: &[u8], offset: usize) -> (usize, usize) {
    let before = bytes.get(..offset).unwrap_or(bytes);
    let line_start = before.iter().rposition(|&byte| byte == b'\n').map_or(0, |newline| newline + 1);
    let line = 1 + memchr::memchr_iter(b'\n', before).count();
    (line, before.len() - line_start + 1)
}
