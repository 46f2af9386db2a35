//! Whatever a file holds, the analysis answers: seeds that are mutated the same way in every run, hostile notebooks, and laws that hold for all.
//!
//! `NBHOIST_FUZZ_STEPS` is the number of mutants of each target.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use nbhoist_analyzer::notebook::{Cell, CellKind, Notebook};
use nbhoist_analyzer::{After, FactsCache, Request, analyze, ipynb, percent};
use nbhoist_tests::random::Random;
use nbhoist_tests::root;
use nbhoist_tests::targets::{PIECES, TARGETS, ask_all, leads_where_a_fresh_analysis_leads, percent_script, seeds};

/// What threads of the command and of the server have, bytes.
const STACK_BYTES: usize = 256 << 20;

/// Runs on a thread with the stack that the product's threads have.
fn with_room(work: impl FnOnce() + Send + 'static) {
    let thread = std::thread::Builder::new().stack_size(STACK_BYTES).spawn(work).expect("a thread");
    assert!(thread.join().is_ok(), "the analysis panicked");
}

fn steps() -> usize {
    std::env::var("NBHOIST_FUZZ_STEPS").ok().and_then(|text| text.parse().ok()).unwrap_or(60)
}

/// Up to four changes: a piece put in, bytes taken out, a stretch repeated, the end cut off, a byte changed.
fn mutate(bytes: &mut Vec<u8>, random: &mut Random) {
    for _ in 0..=random.below(4) {
        let at = random.below(bytes.len());
        let end = (at + 1 + random.below(40)).min(bytes.len());
        match random.below(6) {
            0 | 1 => drop(bytes.splice(at..at, PIECES[random.below(PIECES.len())].bytes()).collect::<Vec<_>>()),
            2 => drop(bytes.drain(at..end)),
            3 => {
                let again = bytes[at..end].repeat(1 + random.below(30));
                drop(bytes.splice(at..at, again).collect::<Vec<_>>());
            }
            4 => bytes.truncate(at + 1),
            _ => {
                if let Some(byte) = bytes.get_mut(at) {
                    *byte ^= 1 << random.below(8);
                }
            }
        }
    }
}

/// The code cells of all notebooks of the corpus.
fn cell_seeds() -> Vec<String> {
    seeds("cell").into_iter().map(|cell| String::from_utf8(cell).expect("text")).collect()
}

#[test]
fn mutants_of_every_target() {
    with_room(|| {
        let mut random = Random::new(1);
        for (name, target) in TARGETS {
            let seeds = seeds(name);
            assert!(!seeds.is_empty(), "{name} begins with nothing");
            seeds.iter().take(steps()).for_each(|seed| target(seed));
            for _ in 0..steps() {
                let mut bytes = seeds[random.below(seeds.len())].clone();
                mutate(&mut bytes, &mut random);
                target(&bytes);
            }
        }
    });
}

/// What fuzzing once found stays found: `fuzz/regressions/TARGET/*`.
#[test]
fn regressions() {
    with_room(|| {
        for (name, target) in TARGETS {
            let folder = root().join("fuzz/regressions").join(name);
            for file in std::fs::read_dir(&folder).into_iter().flatten() {
                target(&std::fs::read(file.expect("a file").path()).expect("a file that can be read"));
            }
        }
    });
}

#[test]
fn hostile_cells() {
    let deep = 10_000;
    let around = |open: &str, close: &str| format!("x = {}1{}", open.repeat(deep), close.repeat(deep));
    let mut cells = vec![
        around("(", ")"),
        around("[", "]"),
        around("{1: ", "}"),
        around("f(", ")"),
        around("f\"{", "}\""),
        around("(a := ", ")"),
        around("(", ""),
        around("not ", ""),
        around("-", ""),
        around("lambda: ", ""),
        around("2 ** ", ""),
        around("1 if y else ", ""),
        around("await ", ""),
        format!("x = y{}", ".a".repeat(deep)),
        format!("x = f{}", "()".repeat(deep)),
        format!("x = {}1", "1 + ".repeat(deep)),
        format!("if a: pass\n{}", "elif b: pass\n".repeat(deep)),
        format!("{}x", "%time ".repeat(deep)),
        format!("x{}", "?".repeat(deep)),
        format!("x = \"{}\"", "a".repeat(10_000_000)),
        format!("x = {0}\nfor i in range({0}):\n    y = [0] * {0}\nz = 1 << {0}", "9".repeat(400)),
        "x = 1\0\ny = '\0'\u{2028}z = 2\r\nw = 3\rprint(w)\u{85}".to_owned(),
        "def f(x): return g(x) + g([x])\ndef g(x): return f(x) + f([x])\nf(1)\nx = []\nx.append(x)\nx[0][0] = x".to_owned(),
    ];
    let fan_out = (0..60).map(|step| format!("def f{step}(x): return f{0}(x) + f{0}([x])\n", step + 1)).collect::<Vec<_>>().concat();
    cells.push(fan_out + "def f60(x): return x\nf0(1)");
    with_room(move || {
        for cell in cells {
            let text = percent_script(&[cell, "print(x)".to_owned()]);
            assert_eq!(ask_all(&percent::read(&text)).cells.len(), 2);
        }
    });
}

#[test]
fn hostile_json() {
    with_room(|| {
        let deep = |text: &str, count: usize| text.repeat(count);
        let files = [
            format!("{{\"cells\": {}{}}}", deep("[", 100_000), deep("]", 100_000)),
            deep("[", 1_000_000),
            format!("{{\"cells\": [], \"nbformat\": 4, \"metadata\": {}1{}}}", deep("{\"a\": ", 100_000), deep("}", 100_000)),
            "{\"cells\": [1, null, {\"cell_type\": 3}, {\"cell_type\": \"code\", \"source\": [1, [2], null]}], \"nbformat\": 1e400}".to_owned(),
            "{\"cells\": [], \"cells\": [{\"cell_type\": \"code\", \"source\": \"x\", \"source\": [\"y\"]}], \"nbformat\": 4, \"nbformat\": 5}".to_owned(),
            "{\"nbformat\": 4, \"cells\": [{\"cell_type\": \"code\", \"source\": \"x = '\\ud800'\"}]}".to_owned(),
            String::new(),
        ];
        for file in files {
            if let Ok(notebook) = ipynb::read(file.as_bytes()) {
                ask_all(&notebook);
            }
            let wide: Vec<u8> = [0xff, 0xfe].into_iter().chain(file.encode_utf16().flat_map(u16::to_le_bytes)).collect();
            assert!(ipynb::read(&wide).is_err(), "UTF-16 is not read as something else");
        }
    });
}

/// A cache that has seen other texts gives the analysis that none gives, after every edit.
#[test]
fn edits_lead_where_a_fresh_analysis_leads() {
    with_room(|| {
        let mut random = Random::new(3);
        let seeds = cell_seeds();
        let mut cells: Vec<String> = seeds.iter().take(8).cloned().collect();
        let mut cache = FactsCache::for_edits();
        for _ in 0..steps() {
            let at = random.below(cells.len());
            match random.below(4) {
                0 if cells.len() > 2 => drop(cells.remove(at)),
                1 if cells.len() < 12 => cells.insert(at, seeds[random.below(seeds.len())].clone()),
                _ => {
                    let mut bytes = std::mem::take(&mut cells[at]).into_bytes();
                    mutate(&mut bytes, &mut random);
                    bytes.truncate(4_000);
                    cells[at] = String::from_utf8_lossy(&bytes).into_owned();
                }
            }
            leads_where_a_fresh_analysis_leads(&cells, &mut cache);
            if random.chance(0.1) {
                cells = seeds.iter().take(8).cloned().collect();
            }
        }
    });
}

/// The facts of a text are the same value whatever else was read before it.
#[test]
fn facts_do_not_depend_on_other_cells() {
    with_room(|| {
        let cells = cell_seeds();
        let mut cache = FactsCache::default();
        let among: Vec<_> = cells.iter().map(|cell| Arc::clone(&cache.get(cell))).collect();
        for (cell, among) in cells.iter().zip(among).rev() {
            assert_eq!(format!("{:?}", FactsCache::default().get(cell)), format!("{among:?}"));
        }
    });
}

/// A block never needs a name that none of its cells needs.
#[test]
fn inputs_of_a_block_are_inputs_of_its_cells() {
    with_room(|| {
        let mut random = Random::new(4);
        for bytes in seeds("notebook") {
            let notebook = ipynb::read(&bytes).expect("a notebook");
            let analysis = analyze(&Request::new(&notebook));
            let inputs = |cells: &[u32]| -> BTreeSet<String> {
                analysis.plan(cells, After::FollowingCells).inputs.into_iter().map(|input| input.name).collect()
            };
            for _ in 0..steps() {
                let block: Vec<u32> = analysis.cells.iter().map(|cell| cell.cell).filter(|_| random.chance(0.3)).collect();
                let apart: BTreeSet<String> = block.iter().flat_map(|cell| inputs(&[*cell])).collect();
                let together = inputs(&block);
                assert!(together.is_subset(&apart), "{block:?} needs {:?}", together.difference(&apart));
            }
        }
    });
}

/// A line that is put before the first of a code cell changes no byte elsewhere, and a notebook that is not edited no byte at all.
/// `NBHOIST_NOTEBOOKS` names a folder of notebooks to try instead of ours, such as the public ones that `corpus/fetch.py` gets.
#[test]
fn an_edit_changes_no_other_byte() {
    let folder = std::env::var_os("NBHOIST_NOTEBOOKS").map_or_else(|| root().join("corpus"), PathBuf::from);
    let mut files = Vec::new();
    notebooks(&folder, &mut files);
    assert!(files.len() >= 3, "{} has no notebooks", folder.display());
    with_room(move || {
        let (mut tried, mut edited) = (0, 0);
        for file in files {
            let bytes = std::fs::read(&file).expect("a file");
            let Ok(notebook) = ipynb::read(&bytes) else { continue };
            // Formats before 4 are read and not written.
            let Ok(same) = ipynb::edit(&bytes, &[]) else { continue };
            assert!(same == bytes, "{}: no edit changes no byte", file.display());
            tried += 1;
            for cell in notebook.cells.iter().filter(|cell| cell.kind == CellKind::Code) {
                edited += usize::from(edits_one_cell(&file, &bytes, &notebook, cell));
            }
        }
        eprintln!("{tried} notebooks, {edited} cells were edited");
        assert!(edited > 0);
    });
}

fn notebooks(folder: &Path, found: &mut Vec<PathBuf>) {
    for path in std::fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path()) {
        if path.is_dir() {
            notebooks(&path, found);
        } else if path.extension().is_some_and(|ending| ending == "ipynb") {
            found.push(path);
        }
    }
}

/// Puts a line into a cell, and says whether that could be done.
fn edits_one_cell(file: &Path, bytes: &[u8], notebook: &Notebook, cell: &Cell) -> bool {
    let what = format!("{}, cell {}", file.display(), cell.number);
    let line = "\u{e9} = 'put in'\n";
    let change = ipynb::CellEdit { number: cell.number, source: vec![(0..0, line.to_owned())], ..Default::default() };
    let Ok(changed) = ipynb::edit(bytes, &[change]) else { return false };
    let again = ipynb::read(&changed).expect("what was written is a notebook");
    for (before, after) in notebook.cells.iter().zip(&again.cells) {
        let expected = if before.number == cell.number { format!("{line}{}", before.source) } else { before.source.clone() };
        assert!(after.source == expected, "{what}: the source of cell {}", before.number);
    }
    let first = bytes.iter().zip(&changed).take_while(|(one, other)| one == other).count();
    let rest = bytes.len().min(changed.len()) - first;
    let last = bytes.iter().rev().zip(changed.iter().rev()).take(rest).take_while(|(one, other)| one == other).count();
    let touched = &bytes[first..bytes.len() - last];
    // A character takes at most six bytes in JSON.
    let first_line = cell.source.lines().next().map_or(0, str::len);
    assert!(touched.len() <= 6 * first_line + 16, "{what}: {} bytes were touched", touched.len());
    assert!(!touched.windows(11).any(|part| part == b"\"cell_type\""), "{what}: another cell was touched");
    true
}
