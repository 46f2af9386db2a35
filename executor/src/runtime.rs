//! The Python runtime as bytes: the zip that kernels and workers get, and the line that starts a worker.

use std::io::{Cursor, Write as _};

use zip::write::SimpleFileOptions;

/// Every source of the runtime, by its name in the archive.
static SOURCES: &[(&str, &[u8])] = include!(concat!(env!("OUT_DIR"), "/runtime_sources.rs"));

/// Makes an archive importable from memory.
const BOOT: &str = include_str!("boot.py");

/// The member of the archive that holds [`BOOT`].
const BOOT_MEMBER: &str = "boot.py";

/// What a worker's interpreter is given with `-c`.
///
/// The reader has a buffer of one byte, so that nothing after the archive is taken from the stream. How long the archive is and its hash
/// come with the command, so that a wrong length is never waited for and nothing else is executed.
const WORKER_LINE: &str = "import io,zipfile,hashlib;\
    b=io.BufferedReader(io.FileIO(0,closefd=False),1).read(LENGTH);\
    hashlib.sha256(b).hexdigest()=='DIGEST' or exit('nbhoist: the program was changed on its way');\
    exec(zipfile.ZipFile(io.BytesIO(b)).read('boot.py'),\
    {'archive':b,'digest':'DIGEST','first':True});\
    from nbhoist_runtime import worker;worker.main()";

/// Holds a worker while the link to it comes and goes; executed on its own.
const LEASE: &str = concat!(include_str!("../runtime/nbhoist_runtime/seal.py"), include_str!("../runtime/nbhoist_runtime/lease.py"));

/// What an interpreter is given with `-c` to execute the script that comes first on the stream, as the worker's line does it.
const SCRIPT_LINE: &str = "import io,hashlib;b=io.BufferedReader(io.FileIO(0,closefd=False),1).read(LENGTH);\
    hashlib.sha256(b).hexdigest()=='DIGEST' or exit('nbhoist: the program was changed on its way');\
    exec(compile(b,'<nbhoist>','exec'));";

/// A Python source file with its path inside its top-level package's parent, such as `cloudpickle/__init__.py`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PythonSource {
    /// Path with `/`.
    pub name: String,
    /// Contents.
    pub text: Vec<u8>,
}

/// The runtime, ready to be sent.
#[derive(Clone, Debug)]
pub struct Archive {
    bytes: Vec<u8>,
    digest: String,
}

impl Archive {
    /// Packs the embedded runtime and `extra` sources (cloudpickle's).
    ///
    /// # Errors
    /// When the archive cannot be put together, which only an exhausted memory or a wrong source name brings about.
    pub(crate) fn new(extra: &[PythonSource]) -> std::io::Result<Self> {
        let mut writer = zip::ZipWriter::new(Cursor::new(Vec::new()));
        let options = SimpleFileOptions::default().compression_method(zip::CompressionMethod::Stored);
        let embedded = SOURCES.iter().map(|(name, text)| (*name, *text));
        let given = extra.iter().map(|source| (source.name.as_str(), source.text.as_slice()));
        for (name, text) in embedded.chain(given).chain([(BOOT_MEMBER, BOOT.as_bytes())]) {
            writer.start_file(name, options)?;
            writer.write_all(text)?;
        }
        let bytes = writer.finish()?.into_inner();
        let digest = hex(ring::digest::digest(&ring::digest::SHA256, &bytes).as_ref());
        Ok(Self { bytes, digest })
    }

    /// The zip file.
    pub(crate) fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// The one line of Python that turns an interpreter into a worker when the zip comes first on its stream.
    pub(crate) fn worker_line(&self) -> String {
        expecting(WORKER_LINE, self.bytes.len(), &self.digest)
    }

    /// A Python expression that makes the packages of the archive, stored at `path`, importable in the kernel that
    /// evaluates it. Its value is the empty string, and it binds no name there.
    pub(crate) fn install_expression(&self, path: &str) -> String {
        let script = format!(
            "import io, zipfile\n\
             with io.open({path}, 'rb') as file:\n    archive = file.read()\n\
             exec(zipfile.ZipFile(io.BytesIO(archive)).read({BOOT_MEMBER:?}), \
             {{'archive': archive, 'digest': {digest:?}, 'first': False}})\n",
            path = python_string(path),
            digest = self.digest,
        );
        format!("__import__('builtins').exec({}, {{}}) or ''", python_string(&script))
    }
}

/// The script that a line of [`script_line`] reads: how workers are held.
pub(crate) fn lease_script() -> &'static str {
    LEASE
}

/// A line that executes `script`, which comes first on the stream, and then `call`.
pub(crate) fn script_line(script: &str, call: &str) -> String {
    let digest = hex(ring::digest::digest(&ring::digest::SHA256, script.as_bytes()).as_ref());
    format!("{}{call}", expecting(SCRIPT_LINE, script.len(), &digest))
}

fn expecting(line: &str, length: usize, digest: &str) -> String {
    line.replace("LENGTH", &length.to_string()).replace("DIGEST", digest)
}

/// `text` as a Python string literal.
pub(crate) fn python_string(text: &str) -> String {
    // JSON's escapes are a subset of Python's, except that JSON writes astral characters as surrogate pairs; serde_json
    // leaves those as they are.
    serde_json::Value::from(text).to_string()
}

/// Lower-case hexadecimal digits of `bytes`.
pub(crate) fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    bytes.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn archive_holds_the_runtime_the_boot_file_and_the_extras() {
        let extra = PythonSource { name: "cloudpickle/__init__.py".to_owned(), text: b"x = 1\n".to_vec() };
        let archive = Archive::new(&[extra]).unwrap();
        let mut zip = zip::ZipArchive::new(Cursor::new(archive.bytes())).unwrap();
        assert!(zip.by_name("boot.py").is_ok());
        assert!(zip.by_name("cloudpickle/__init__.py").is_ok());
        assert!(zip.by_name("nbhoist_runtime/worker.py").is_ok());
    }

    #[test]
    fn worker_line_is_one_line() {
        let line = Archive::new(&[]).unwrap().worker_line();
        assert!(!line.contains('\n') && !line.contains("    ") && !line.contains("LENGTH"), "{line}");
    }
}
