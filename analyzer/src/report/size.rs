//! How many bytes values take.

use std::collections::BTreeMap;

use super::{Because, CostBasis, Plan};

/// How large a value is. One that is not known has none of these.
#[derive(Clone, Debug, PartialEq)]
pub struct Size {
    /// Median estimate, bytes.
    pub bytes: u64,
    /// Lower end of the 80% interval, bytes.
    pub low: u64,
    /// Upper end of the 80% interval, bytes.
    pub high: u64,
    /// `History` where it was measured, `Model` where it follows from the source and the sizes of files.
    pub basis: CostBasis,
    /// Why.
    pub because: Vec<Because>,
}

impl Size {
    /// A size that was measured, bytes.
    pub const fn measured(bytes: u64) -> Self {
        Self { bytes, low: bytes, high: bytes, basis: CostBasis::History, because: Vec::new() }
    }
}

/// What a cell takes at most at one time: the values that it reads, binds and needs on the way. Numbers and texts are not counted. Unknown
/// numbers are `None`, never zero.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Memory {
    /// Median estimate, bytes; nothing where the size of some value is not known.
    pub bytes: Option<u64>,
    /// What is surely needed, bytes: the values whose sizes are known. Nothing where there are none.
    pub low: Option<u64>,
    /// Upper end, bytes: as if nothing were given back before the cell ends.
    pub high: Option<u64>,
}

impl Plan {
    /// Puts the sizes that were measured, bytes by name, in the place of those that were only supposed.
    pub(crate) fn measured(&mut self, sizes: &BTreeMap<String, u64>) {
        let inputs = self.inputs.iter_mut().map(|input| (&input.name, &mut input.size));
        for (name, size) in inputs.chain(self.returns.iter_mut().map(|entry| (&entry.name, &mut entry.size))) {
            if let Some(bytes) = sizes.get(name) {
                *size = Some(Size::measured(*bytes));
            }
        }
    }
}
