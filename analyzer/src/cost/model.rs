//! The learned part: a linear model of words and a few forests of decision trees, read from a small file. `analyzer/cost_model/train.py` writes it.
//!
//! The file, numbers with the least significant byte first:
//!
//! | part | content |
//! |---|---|
//! | 15 bytes | `nbhoist cost 1` and a line end |
//! | u32 | hash of the names of the numbers ([`FEATURES`]) |
//! | words | u32 count, then for each a u32 hash (ascending) and an f32 weight |
//! | forests | location, low, high; each: f32 base, u16 trees; each tree: u16 nodes; each node: u16 number, f32 threshold, u16 node to the right |
//! | calibration | f32 by which the interval is widened at each end |
//!
//! A node with the number 65535 is a leaf and its threshold the value; what is not above the threshold goes on at the next node. A tree
//! has at most 16 leaves.

use std::sync::OnceLock;

use rustc_hash::FxHashMap;

use super::features::{CellFeatures, FEATURES};
use super::forest::Forest;
use super::reader::Reader;
use super::words::hash;

const MAGIC: &[u8] = b"nbhoist cost 1\n";
/// No estimate is below this, seconds.
const SHORTEST: f64 = 1e-4;
/// Nor above this: a week.
const LONGEST: f64 = 604_800.0;

/// Numbers that the model itself adds to those of the features: the sum of the weights of the words, and the largest and smallest.
const ADDED: usize = 3;

/// Why a file is no model.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ModelError {
    /// Something else, or another version of the format.
    #[error("this is no cost model of this version of nbhoist; train it again with analyzer/cost_model/train.py")]
    Foreign,
    /// Trained with other features.
    #[error(
        "this cost model was trained with other features than this version of nbhoist has; train it again with analyzer/cost_model/train.py"
    )]
    OtherFeatures,
    /// Cut off, or with numbers that cannot be.
    #[error("this cost model is damaged; copy it again, or train it again with analyzer/cost_model/train.py")]
    Damaged,
}

/// What the model says about a cell.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Prediction {
    /// Median, seconds.
    pub seconds: f64,
    /// Lower end of the 80% interval, seconds.
    pub low: f64,
    /// Upper end of the 80% interval, seconds.
    pub high: f64,
    /// What stands for the cell's work when two versions of it are compared: the median with every number of the source counted in full, seconds.
    pub work: f64,
}

/// A trained model.
#[derive(Clone, Debug, PartialEq)]
pub struct Model {
    words: FxHashMap<u32, f32>,
    location: Forest,
    low: Forest,
    high: Forest,
    widen: [f32; 2],
}

/// What the trees say of a cell. They say the same of all numbers between which and these no threshold lies.
#[derive(Clone, Debug)]
pub(super) struct Judged {
    numbers: Vec<f32>,
    words: Vec<u32>,
    said: Said,
}

/// What the forests say, logarithms of seconds.
#[derive(Clone, Copy, Debug)]
struct Said {
    middle: f64,
    low: f64,
    high: f64,
}

impl Model {
    /// The model that is part of the program; none in a build without one.
    pub fn embedded() -> Option<&'static Self> {
        static MODEL: OnceLock<Option<Model>> = OnceLock::new();
        MODEL.get_or_init(|| Self::read(EMBEDDED).ok()).as_ref()
    }

    /// Reads a model file.
    ///
    /// # Errors
    /// When it is no model file, was trained with other features, or is damaged.
    pub fn read(bytes: &[u8]) -> Result<Self, ModelError> {
        let mut reader = Reader::new(bytes);
        if reader.take(MAGIC.len()) != Some(MAGIC) {
            return Err(ModelError::Foreign);
        }
        if reader.u32() != Some(feature_hash()) {
            return Err(ModelError::OtherFeatures);
        }
        let model = Self::read_parts(&mut reader).filter(|_| reader.is_empty());
        model.ok_or(ModelError::Damaged)
    }

    fn read_parts(reader: &mut Reader<'_>) -> Option<Self> {
        let count = reader.u32()?;
        let words: Option<Vec<_>> = (0..count).map(|_| Some((reader.u32()?, reader.f32()?))).collect();
        let words = words?;
        let ascending = words.windows(2).all(|pair| pair[0].0 < pair[1].0);
        let location = Forest::read(reader, FEATURES.len() + ADDED)?;
        let low = Forest::read(reader, FEATURES.len() + ADDED)?;
        let high = Forest::read(reader, FEATURES.len() + ADDED)?;
        let widen = [reader.f32()?, reader.f32()?];
        ascending.then_some(Self { words: words.into_iter().collect(), location, low, high, widen })
    }

    /// What a cell with these features takes.
    pub fn predict(&self, features: &CellFeatures) -> Prediction {
        self.said(&self.numbers(features)).prediction(features)
    }

    pub(super) fn judge(&self, features: &CellFeatures) -> Judged {
        let numbers = self.numbers(features);
        Judged { said: self.said(&numbers), numbers, words: features.words.clone() }
    }

    fn said(&self, numbers: &[f32]) -> Said {
        let middle = self.location.value(numbers);
        let low = (self.low.value(numbers) - f64::from(self.widen[0])).min(middle);
        let high = (self.high.value(numbers) + f64::from(self.widen[1])).max(middle);
        Said { middle, low, high }
    }

    /// Whether the trees say of these features what they said before. Where a cell stands among the others moves a little with every edit of one
    /// of them, and seldom over a threshold.
    pub(super) fn says_the_same(&self, before: &Judged, features: &CellFeatures) -> bool {
        let forests = [&self.location, &self.low, &self.high];
        let differs =
            |(at, (a, b)): (usize, (&f32, &f32))| a.to_bits() != b.to_bits() && forests.iter().any(|forest| forest.tells_apart(at, *a, *b));
        before.words == features.words
            && before.numbers.len() == features.numbers.len() + ADDED
            && !before.numbers.iter().zip(&features.numbers).enumerate().any(differs)
    }

    fn numbers(&self, features: &CellFeatures) -> Vec<f32> {
        let (mut sum, mut most, mut least) = (0.0f64, 0.0f32, 0.0f32);
        for word in &features.words {
            if let Some(&weight) = self.words.get(word) {
                sum += f64::from(weight);
                most = most.max(weight);
                least = least.min(weight);
            }
        }
        let mut numbers = features.numbers.clone();
        numbers.extend([sum as f32, most, least]);
        numbers
    }
}

impl Judged {
    pub(super) fn prediction(&self, features: &CellFeatures) -> Prediction {
        self.said.prediction(features)
    }
}

impl Said {
    fn prediction(self, features: &CellFeatures) -> Prediction {
        let scale = features.scale;
        let seconds = |log: f64| (log + scale).exp().clamp(SHORTEST, LONGEST);
        let work = seconds(self.middle + features.growth - scale);
        Prediction { seconds: seconds(self.middle), low: seconds(self.low), high: seconds(self.high), work }
    }
}

/// Tells models of other features apart.
pub fn feature_hash() -> u32 {
    hash("features", &FEATURES.join(","))
}

static EMBEDDED: &[u8] = include_bytes!("../../cost_model/cost.model");
