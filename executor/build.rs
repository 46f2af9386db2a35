//! Lists the Python runtime's sources, so that they are compiled into the binary.
//!
//! The runtime is sent to kernels and workers from memory; an installed nbhoist is one file.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::{env, fs, io};

const PACKAGE: &str = "nbhoist_runtime";

fn main() -> io::Result<()> {
    let root = PathBuf::from(env::var_os("CARGO_MANIFEST_DIR").unwrap_or_default()).join("runtime");
    println!("cargo::rerun-if-changed={}", root.join(PACKAGE).display());

    let mut sources = Vec::new();
    collect(&root.join(PACKAGE), &mut sources)?;
    sources.sort();

    let mut table = String::from("&[\n");
    for source in &sources {
        let name = source.strip_prefix(&root).map_err(io::Error::other)?;
        let name = name.to_string_lossy().replace('\\', "/");
        let _ = writeln!(table, "    ({name:?}, include_bytes!({:?})),", source.display().to_string());
    }
    table.push(']');
    let out = PathBuf::from(env::var_os("OUT_DIR").unwrap_or_default());
    fs::write(out.join("runtime_sources.rs"), table)
}

fn collect(directory: &Path, sources: &mut Vec<PathBuf>) -> io::Result<()> {
    for entry in fs::read_dir(directory)? {
        let path = entry?.path();
        if path.is_dir() {
            collect(&path, sources)?;
        } else if path.extension().is_some_and(|extension| extension == "py") {
            sources.push(path);
        }
    }
    Ok(())
}
