//! Writes what fuzzing begins with: `cargo run -p nbhoist-tests --example fuzz_seeds -- FOLDER` makes a folder for each target, and a
//! dictionary of pieces for libFuzzer.

use std::fmt::Write as _;
use std::path::PathBuf;

use nbhoist_tests::targets::{PIECES, TARGETS, seeds};

fn main() -> std::io::Result<()> {
    let folder = PathBuf::from(std::env::args_os().nth(1).unwrap_or_else(|| "fuzz/corpus".into()));
    for (name, _) in TARGETS {
        let folder = folder.join(name);
        std::fs::create_dir_all(&folder)?;
        for (number, seed) in seeds(name).iter().enumerate() {
            std::fs::write(folder.join(format!("seed-{number}")), seed)?;
        }
    }
    let mut dictionary = String::new();
    for piece in PIECES {
        let bytes: String = piece.bytes().fold(String::new(), |mut text, byte| {
            let _ = write!(text, "\\x{byte:02x}");
            text
        });
        let _ = writeln!(dictionary, "\"{bytes}\"");
    }
    std::fs::write(folder.join("pieces.dict"), dictionary)
}
