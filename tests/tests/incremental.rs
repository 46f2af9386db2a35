//! The analysis of an edited notebook, which interprets only the cells for which something differs, is the analysis from scratch: after
//! each of many random edits of notebooks made of cells that work on one another's names, and of our own notebooks.
//!
//! `NBHOIST_PUBLIC_NOTEBOOKS=folder` adds the notebooks of a folder, and `NBHOIST_EDITS=n` changes how many edits each gets.

use std::cell::Cell as Shared;
use std::path::{Path, PathBuf};

use nbhoist_analyzer::notebook::{Cell, CellKind, Notebook};
use nbhoist_analyzer::{After, Analysis, FactsCache, Listener, Request, analyze, analyze_telling, analyze_with, ipynb, percent};
use nbhoist_tests::random::Random;

/// Stack of the thread that analyzes, bytes: the interpreter follows nested code.
const STACK_BYTES: usize = 256 << 20;

/// Cells that make, change, share, hide and delete one another's names; `@` is a digit.
const CELLS: [&str; 35] = [
    "a@ = 1",
    "a@ = [1, 2]\nb@ = a@",
    "b@ = a@ + 1\nprint(b@)",
    "a@.append(b@)",
    "import numpy as np\na@ = np.zeros(3)",
    "import pandas as pd\nb@ = pd.DataFrame({'x': [1]})",
    "b@['y'] = b@['x'] * 2\nb@.dropna(inplace=True)",
    "c@ = b@[['x']]\nc@.loc[0] = a@",
    "def f@(x):\n    global a@\n    a@ = x\n    return b@",
    "def f@(x, y=a@):\n    x.append(c@)\n    return [x, y]",
    "f@(a@)",
    "c@ = f@(b@)\nprint(c@)",
    "class K@:\n    def __init__(self, x):\n        self.x = x\n    def put(self, y):\n        self.x.append(y)\n        return a@",
    "k@ = K@(a@)\nk@.put(b@)",
    "k@.x.append(1)\nprint(k@.put(c@))",
    "del a@",
    "if unknown@:\n    a@ = 2\nelse:\n    del b@",
    "for a@ in b@:\n    c@ = a@",
    "c@ = [f@(x) for x in a@]",
    "g@ = lambda x: x + a@\nb@ = list(map(g@, c@))",
    "%time c@ = g@(b@)",
    "%run other.py",
    "from numpy import *",
    "exec('a@ = 5')",
    "globals()['b@'] = a@",
    "import sys\nsys.modules['__main__'].b@ = sys.modules['__main__'].a@",
    "with open('out@.txt', 'w') as f:\n    f.write(str(a@))",
    "d@ = pd.read_csv('out@.txt')\nd@.plot()",
    "rng = np.random.default_rng(a@)\nb@ = rng.normal(size=3)",
    "print = a@\nrange = 3",
    "try:\n    a@ = nowhere\nexcept NameError:\n    a@ = 0",
    "a@ = (b@, c@)\nx@, y@ = a@\nx@.append(1)",
    "def f@(:\n    a@ = ",
    "a@ = b@.\nprint(c@)",
    "globals().update(a@)",
];

/// Lines that an edit puts in.
const LINES: [&str; 8] = ["nowhere1", "a1 = 2", "print(b1)", "a2.append(3)", "x = (", "# nothing", "f1(a2)", "del c1"];

fn with_room(test: impl FnOnce() + Send + 'static) {
    let thread = std::thread::Builder::new().stack_size(STACK_BYTES).spawn(test).expect("a thread");
    if let Err(panic) = thread.join() {
        std::panic::resume_unwind(panic);
    }
}

fn setting(name: &str) -> Option<usize> {
    std::env::var(name).ok()?.parse().ok()
}

/// A cell of the grammar above.
fn cell(random: &mut Random) -> String {
    let digit = (1 + random.below(3)).to_string();
    let text = CELLS[random.below(CELLS.len())].replace('@', &digit);
    if random.chance(0.3) { format!("{text}\n{}", LINES[random.below(LINES.len())]) } else { text }
}

/// One edit, as people make them.
fn edit(sources: &mut Vec<String>, random: &mut Random) {
    let at = random.below(sources.len());
    match random.below(12) {
        0 => sources.insert(at, cell(random)),
        1 if sources.len() > 3 => drop(sources.remove(at)),
        2 => {
            let moved = sources.remove(at);
            sources.insert(random.below(sources.len() + 1), moved);
        }
        3 | 4 => sources[at] = cell(random),
        5 => {
            // Half a line is typed.
            let end = sources[at].char_indices().map(|(byte, _)| byte).nth(random.below(sources[at].len().max(1))).unwrap_or(0);
            sources[at].truncate(end);
        }
        6 => {
            let mut lines: Vec<&str> = sources[at].lines().collect();
            if !lines.is_empty() {
                lines.remove(random.below(lines.len()));
            }
            sources[at] = lines.join("\n");
        }
        _ => {
            let mut lines: Vec<&str> = sources[at].lines().collect();
            lines.insert(random.below(lines.len() + 1), LINES[random.below(LINES.len())]);
            sources[at] = lines.join("\n");
        }
    }
}

/// Everything that an analysis says.
fn said(analysis: &Analysis) -> String {
    let cells = analysis.cells.len() as u32;
    let plan = analysis.plan(&[cells / 2 + 1, cells / 2 + 2], After::Anything);
    format!("{:#?}\n{:#?}\n{:#?}\n{:#?}\n{plan:#?}", analysis.findings, analysis.edges(), analysis.cells, analysis.cold)
}

/// Edits a notebook again and again; gives how many cells were interpreted, and how many there were.
fn follow(name: &str, notebook: &Notebook, edits: usize, random: &mut Random) -> (u64, u64) {
    let mut sources: Vec<String> = notebook.code_cells().map(|cell| cell.source.clone()).collect();
    if sources.is_empty() {
        return (0, 0);
    }
    let mut cache = FactsCache::for_edits();
    let mut all = 0;
    for number in 0..=edits {
        let cells = sources.iter().zip(1..).map(|(source, number)| Cell::code(number, source.as_str())).collect();
        let edited = Notebook { cells, ..notebook.clone() };
        let mut request = Request::new(&edited);
        request.files.insert("other.py".to_owned(), "import os\na1 = os.getcwd()\ndef f2(x):\n    return x\n".to_owned());
        let mut told = Vec::new();
        let left = Shared::new(random.below(40));
        let wanted = || number % 3 != 0 || left.replace(left.get().saturating_sub(1)) > 0;
        let mut listener = Listener { told: &mut |findings| told.push(findings.to_vec()), wanted: &wanted };
        let Some(analysis) = analyze_telling(&request, &mut cache, &mut listener) else {
            // What was broken off leaves nothing behind that the next analysis could be wrong about.
            assert_eq!(told, [analyze(&request).findings], "{name}, edit {number}");
            all += sources.len() as u64;
            edit(&mut sources, random);
            continue;
        };
        assert_eq!(told, std::slice::from_ref(&analysis.findings), "{name}, edit {number}: what an editor is told early is all there is");
        let (kept, fresh) = (said(&analysis), said(&analyze(&request)));
        if kept != fresh {
            let differ = kept.lines().zip(fresh.lines()).enumerate().find(|(_, (kept, fresh))| kept != fresh);
            panic!("{name}, edit {number}: {differ:?}\n{}", sources.join("\n# %%\n"));
        }
        cache.retain(sources.iter().map(String::as_str));
        all += sources.len() as u64;
        edit(&mut sources, random);
    }
    (cache.interpreted().expect("it is kept"), all)
}

fn made(random: &mut Random) -> Notebook {
    let cells: Vec<String> = (0..4 + random.below(30)).map(|_| cell(random)).collect();
    percent::read(&format!("# %%\n{}\n", cells.join("\n# %%\n")))
}

fn notebooks_in(folder: &Path, found: &mut Vec<PathBuf>) {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    let mut paths: Vec<PathBuf> = entries.map(|entry| entry.path()).collect();
    paths.sort();
    for path in paths {
        if path.is_dir() {
            notebooks_in(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "ipynb") {
            found.push(path);
        }
    }
}

#[test]
fn made_notebooks_are_what_they_are_from_scratch() {
    with_room(|| {
        let mut random = Random::new(11);
        for number in 0..20 {
            let notebook = made(&mut random);
            follow(&format!("made {number}"), &notebook, setting("NBHOIST_EDITS").unwrap_or(20), &mut random);
        }
    });
}

#[test]
fn our_notebooks_are_what_they_are_from_scratch() {
    with_room(|| {
        let mut random = Random::new(12);
        let mut paths = Vec::new();
        notebooks_in(&Path::new(env!("CARGO_MANIFEST_DIR")).join("../corpus"), &mut paths);
        assert!(!paths.is_empty(), "there are notebooks in corpus/");
        if let Ok(folder) = std::env::var("NBHOIST_PUBLIC_NOTEBOOKS") {
            notebooks_in(Path::new(&folder), &mut paths);
        }
        for path in paths {
            let Ok(notebook) = ipynb::read(&std::fs::read(&path).expect("a file")) else { continue };
            follow(&path.display().to_string(), &notebook, setting("NBHOIST_EDITS").unwrap_or(6), &mut random);
        }
    });
}

/// The point of it: where an edit says nothing to other cells, they are not interpreted again.
#[test]
fn only_what_differs_is_interpreted() {
    let sources = |line: &str| -> String {
        let later: Vec<String> = (1..50).map(|n| format!("x{n} = [x{}, {n}]\nprint(x{n})\n", n / 2)).collect();
        format!("# %%\nx0 = [1]\n{line}\n# %%\n{}", later.join("# %%\n"))
    };
    let mut cache = FactsCache::for_edits();
    let mut interpreted = |line: &str| {
        let before = cache.interpreted().unwrap_or_default();
        let notebook = percent::read(&sources(line));
        assert!(notebook.cells.iter().all(|cell| cell.kind == CellKind::Code));
        analyze_with(&Request::new(&notebook), &mut cache);
        cache.interpreted().unwrap_or_default() - before
    };
    assert_eq!(interpreted("y = 1"), 50);
    assert_eq!(interpreted("y = 1"), 0);
    assert_eq!(interpreted("y = 2"), 1, "nobody reads it");
    assert_eq!(interpreted("nowhere"), 1);
    assert!(interpreted("x0 = {}") > 2, "what is made from it is made again");
}
