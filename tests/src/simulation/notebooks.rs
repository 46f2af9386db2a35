//! Models of notebooks from the three domains of the paper (arXiv 2107.00187), with the sizes that our own notebooks of those
//! domains were measured to have (`docs/measurements.md`): a large namespace of which a heavy cell needs little.

use crate::random::Random;

/// A cell: what it takes, reads and writes.
#[derive(Clone, Debug)]
pub struct Cell {
    /// Seconds here, at parameter 1.
    pub seconds: f64,
    /// Variables that it reads.
    pub reads: Vec<usize>,
    /// Variables that it writes.
    pub writes: Vec<usize>,
    /// Whether it must run here: it reads files of this machine.
    pub stays: bool,
    /// Whether its code may run again elsewhere.
    pub twice: bool,
    /// Whether its time grows with the parameter that the cell of parameters sets.
    pub scales: bool,
}

/// A notebook.
#[derive(Clone, Debug)]
pub struct Model {
    /// What it is about.
    pub domain: Domain,
    /// Cells in document order; cell number 1 is the first.
    pub cells: Vec<Cell>,
    /// Bytes of each variable.
    pub bytes: Vec<f64>,
    /// Index of the cell that sets the parameter.
    pub parameters: usize,
    /// Index of the first heavy cell.
    pub heavy: usize,
    /// Index of the cell that looks at its result.
    pub evaluation: usize,
}

/// A domain of the paper.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Domain {
    /// Land cover from satellite scenes.
    RemoteSensing,
    /// Which photograph a patch is from.
    ImageRecognition,
    /// Handwritten digits.
    Digits,
}

impl Domain {
    /// All three.
    pub const ALL: [Self; 3] = [Self::RemoteSensing, Self::ImageRecognition, Self::Digits];

    /// Its name in reports.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::RemoteSensing => "remote sensing",
            Self::ImageRecognition => "image recognition",
            Self::Digits => "digits",
        }
    }

    /// Megabytes of the namespace, of what the heavy cell needs, of what it gives back; seconds that it takes.
    const fn measured(self) -> (f64, f64, f64, f64) {
        match self {
            Self::RemoteSensing => (460.6, 4.2, 15.9, 42.8),
            Self::ImageRecognition => (352.1, 8.3, 6.5, 28.2),
            Self::Digits => (263.1, 1.0, 0.8, 43.2),
        }
    }
}

/// Names of the variables.
const RAW: usize = 0;
const CLEAN: usize = 1;
const TABLE: usize = 2;
const FEATURES: usize = 3;
const PARAMETERS: usize = 4;
const MODEL: usize = 5;
const SCORES: usize = 6;
const BEST: usize = 7;
const SETTINGS: usize = 8;

impl Model {
    /// A notebook of a domain whose heavy cells take `weight` times as long as the one that was measured.
    pub fn new(domain: Domain, weight: f64, random: &mut Random) -> Self {
        let (namespace, needed, returned, heavy) = domain.measured();
        let mut vary = |value: f64| random.lognormal(value, 0.3);
        let mb = 1e6;
        let bytes = vec![
            vary(namespace * 0.5) * mb,
            vary(namespace * 0.3) * mb,
            vary(namespace * 0.2) * mb,
            vary(needed) * mb,
            1e3,
            vary(returned) * mb,
            vary(0.1) * mb,
            vary(returned) * mb,
            1e3,
        ];
        let cell = |seconds: f64, reads: &[usize], writes: &[usize]| Cell {
            seconds,
            reads: reads.to_vec(),
            writes: writes.to_vec(),
            stays: false,
            twice: true,
            scales: false,
        };
        // Everything but the heavy cells is as long in every notebook.
        let mut cells = vec![
            cell(vary(0.6), &[], &[SETTINGS]),
            Cell { stays: true, twice: false, ..cell(vary(1.5), &[SETTINGS], &[RAW]) },
            cell(vary(0.8), &[RAW], &[CLEAN]),
            cell(vary(0.2), &[CLEAN], &[]),
            cell(vary(0.6), &[CLEAN], &[TABLE]),
            cell(vary(0.3), &[TABLE], &[]),
            cell(vary(1.0), &[TABLE, CLEAN], &[FEATURES]),
            cell(0.01, &[], &[PARAMETERS]),
            Cell { scales: true, twice: false, ..cell(vary(heavy * weight), &[FEATURES, PARAMETERS, SETTINGS], &[MODEL]) },
            cell(vary(0.5), &[MODEL, FEATURES], &[SCORES]),
            cell(vary(0.2), &[SCORES], &[]),
            Cell { twice: false, ..cell(vary(heavy * weight * 0.4), &[MODEL, FEATURES], &[BEST]) },
            cell(vary(0.3), &[BEST, SCORES], &[]),
        ];
        // People look at what they have.
        let (parameters, heavy, evaluation) = (7, 8, 9);
        for _ in 0..random.below(5) {
            let looks = [RAW, CLEAN, TABLE, BEST][random.below(4)];
            let seconds = random.lognormal(0.1, 0.5);
            cells.push(cell(seconds, &[looks], &[]));
        }
        Self { domain, cells, bytes, parameters, heavy, evaluation }
    }

    /// Cells that give to cells that read, by number.
    pub fn edges(&self) -> Vec<(u32, u32)> {
        let mut edges = Vec::new();
        for (to, cell) in self.cells.iter().enumerate() {
            for from in 0..to {
                if self.cells[from].writes.iter().any(|variable| cell.reads.contains(variable)) {
                    edges.push((from as u32 + 1, to as u32 + 1));
                }
            }
        }
        edges
    }

    /// Numbers of the cells, in document order.
    pub fn order(&self) -> Vec<u32> {
        (1..=self.cells.len() as u32).collect()
    }

    /// Indices of the cells after this one that depend on it, in order.
    pub fn dependents(&self, cell: usize) -> Vec<usize> {
        let mut found = vec![cell];
        for (later, model) in self.cells.iter().enumerate().skip(cell + 1) {
            if found.iter().any(|&from| self.cells[from].writes.iter().any(|variable| model.reads.contains(variable))) {
                found.push(later);
            }
        }
        found.remove(0);
        found
    }
}
