//! Where a block should run.
//!
//! [`place`] says what places are, [`lognormal`] how uncertain amounts are. [`two`] solves the choice between here and one place exactly, [`many`]
//! among several. Nothing here reads a clock or a network: what is measured comes in as values.

mod energy;
pub mod lognormal;
pub mod many;
pub mod place;
pub mod two;

pub use lognormal::Lognormal;
pub use place::{HERE, Place, Preferences, Price, Sees, Work};
