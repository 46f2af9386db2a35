//! Notebooks of the corpus, ours with fewer settings and pixels and public ones as they are, as models of what a session can do in them.

use std::collections::{BTreeMap, BTreeSet};

use nbhoist_analyzer::notebook::{CellKind, Notebook};
use nbhoist_analyzer::{After, Analysis, Request, analyze, ipynb};
use nbhoist_tests::root;
use nbhoist_tests::simulation::notebooks::{Cell, Domain, Model};

/// A notebook, what makes it shorter, and what a user turns in it.
#[derive(Debug)]
pub(crate) struct Scenario {
    /// Its name in results.
    pub key: &'static str,
    domain: Domain,
    file: &'static str,
    smaller: &'static [(&'static str, &'static str)],
    /// Number of the cell with the parameter; what is added to it stands in `turn`, with `P` for the parameter.
    parameters: u32,
    turn: &'static str,
    heavy: u32,
    evaluation: u32,
}

/// A public notebook, fetched by `corpus/fetch.py`, as it is; it is run from top to bottom, and nothing is turned in it.
const fn public(key: &'static str, file: &'static str, heavy: u32) -> Scenario {
    Scenario { key, domain: Domain::RemoteSensing, file, smaller: &[], parameters: heavy, turn: "", heavy, evaluation: heavy }
}

const ALL: [Scenario; 6] = [
    Scenario {
        key: "digits",
        domain: Domain::Digits,
        file: "corpus/digits.ipynb",
        smaller: &[
            ("COPIES = 5 ", "COPIES = 1 "),
            ("np.arange(-28, 29, 4)", "np.arange(-28, 29, 14)"),
            ("folds=4", "folds=2"),
            ("(0.5, 2, 8)", "(0.5, 1, 2, 4, 8, 16)"),
            ("(0.0005, 0.001, 0.002)", "(0.0003, 0.0005, 0.001, 0.0015, 0.002)"),
        ],
        parameters: 16,
        turn: "grid = (grid * 3)[:int(len(grid) * P)]",
        heavy: 18,
        evaluation: 19,
    },
    Scenario {
        key: "image",
        domain: Domain::ImageRecognition,
        file: "corpus/image_recognition.ipynb",
        smaller: &[
            ("PATCHES = 260", "PATCHES = 40"),
            ("SCALES = [1, 2, 3, 4, 6, 8, 12, 16]", "SCALES = [1, 2, 4, 8]"),
            ("RADII = (1, 2, 3) ", "RADII = tuple(1 + k % 3 for k in range(14)) "),
        ],
        parameters: 16,
        turn: "RADII = tuple(1 + k % 3 for k in range(int(14 * P)))",
        heavy: 19,
        evaluation: 20,
    },
    Scenario {
        key: "remote",
        domain: Domain::RemoteSensing,
        file: "corpus/remote_sensing.ipynb",
        smaller: &[
            ("STRIDE = 2 ", "STRIDE = 8 "),
            ("trees=200", "trees=100"),
            ("142, 158, 174, 190, 206, 222, 238, 254, 270]", "238, 254, 270]"),
            ("plt.subplots(2, 7", "plt.subplots(2, 4"),
        ],
        parameters: 19,
        turn: "cover = LandCover(trees=int(100 * P))\nnotes = cover.notes",
        heavy: 22,
        evaluation: 25,
    },
    public("line", ".cache/nbhoist-corpus/notebooks/emcee-3.1.6/docs/tutorials/line.ipynb", 18),
    public("nested", ".cache/nbhoist-corpus/notebooks/statsmodels-0.14.6/examples/notebooks/gee_nested_simulation.ipynb", 24),
    public("score", ".cache/nbhoist-corpus/notebooks/statsmodels-0.14.6/examples/notebooks/gee_score_test_simulation.ipynb", 18),
];

/// A notebook as it is read, and the model of it.
#[derive(Debug)]
pub(crate) struct Loaded {
    /// The notebook, made smaller.
    pub notebook: Notebook,
    /// What its cells read and write.
    pub model: Model,
    /// Numbers of the code cells; the model's cells are in this order.
    pub numbers: Vec<u32>,
    /// The names of the model's variables.
    pub names: Vec<String>,
    /// What the analysis says of it.
    pub analysis: Analysis,
}

impl Scenario {
    /// All that are known.
    pub(crate) const fn all() -> &'static [Self] {
        &ALL
    }

    /// Reads it.
    pub(crate) fn load(&self) -> Loaded {
        let bytes = std::fs::read(root().join(self.file)).expect("a notebook of the corpus");
        let mut notebook = ipynb::read(&bytes).expect("a notebook");
        for cell in &mut notebook.cells {
            for (from, to) in self.smaller {
                cell.source = cell.source.replace(from, to);
            }
        }
        let analysis = analyze(&Request::new(&notebook));
        let numbers: Vec<u32> = notebook.cells.iter().filter(|cell| cell.kind == CellKind::Code).map(|cell| cell.number).collect();
        let index = |number: u32| numbers.iter().position(|&known| known == number).expect("a code cell");
        let reports: BTreeMap<u32, _> = analysis.cells.iter().map(|report| (report.cell, report)).collect();
        let bound: BTreeSet<&str> =
            reports.values().flat_map(|report| report.defines.iter().chain(&report.mutates)).map(|fact| fact.name.as_str()).collect();
        let names: Vec<String> = bound.into_iter().map(str::to_owned).collect();
        let place = |name: &str| names.iter().position(|known| known == name);
        let cells = numbers.iter().map(|number| {
            let plan = analysis.plan(&[*number], After::Anything);
            let made = reports[number].defines.iter().chain(&reports[number].mutates);
            Cell {
                seconds: reports[number].cost.seconds.unwrap_or(0.0),
                reads: plan.inputs.iter().filter_map(|input| place(&input.name)).collect(),
                writes: made.filter_map(|fact| place(&fact.name)).collect::<BTreeSet<_>>().into_iter().collect(),
                stays: plan.refusal.is_some() || analysis.only_imports(*number),
                twice: false,
                scales: *number == self.heavy,
            }
        });
        let model = Model {
            domain: self.domain,
            cells: cells.collect(),
            bytes: vec![1e5; names.len()],
            parameters: index(self.parameters),
            heavy: index(self.heavy),
            evaluation: index(self.evaluation),
        };
        Loaded { notebook, model, numbers, names, analysis }
    }

    /// The notebook after the user has turned the parameter, analyzed again.
    pub(crate) fn turn(&self, loaded: &mut Loaded, parameter: f64) {
        let plain = self.load();
        let text = format!("\n{}\n", self.turn.replace('P', &parameter.to_string()));
        for (cell, plain) in loaded.notebook.cells.iter_mut().zip(plain.notebook.cells) {
            if cell.number == self.parameters {
                cell.source = plain.source + &text;
            }
        }
        loaded.analysis = analyze(&Request::new(&loaded.notebook));
    }
}
