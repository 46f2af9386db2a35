//! Where a block should run.
//!
//! [`place`] says what places are, [`lognormal`] how uncertain amounts are. [`two`] solves the choice between here and one place exactly, [`many`]
//! among several, [`policy`] and [`predict`] serve a live session. Nothing here reads a clock or a network: what is measured comes in as values.

mod blocks;
mod energy;
mod flow;
pub mod live;
pub mod lognormal;
pub mod many;
mod moving;
mod offer;
pub mod place;
pub mod policy;
pub mod predict;
mod rerun;
mod sizes;
pub mod two;
mod versions;

use std::collections::{BTreeMap, BTreeSet};

pub use lognormal::Lognormal;
pub use place::{HERE, Place, Preferences, Price, Sees, Work};

pub(crate) use blocks::candidates;
pub(crate) use moving::{decide, keep};
pub(crate) use versions::{Binding, Versions};

/// What the analysis is told about places. Without places it decides nothing.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Options {
    /// Where a block may run besides here.
    pub places: Vec<Place>,
    /// What the user prefers.
    pub preferences: Preferences,
    /// Measured bytes of values by name, and of files by path.
    pub sizes: BTreeMap<String, u64>,
    /// Numbers of the cells whose work is done by a graphics processor.
    pub gpu: BTreeSet<u32>,
}
