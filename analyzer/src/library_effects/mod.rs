//! What library calls do besides returning a value, as data: one TOML file for each library, in this folder.
//!
//! The analysis asks three questions: what does calling this dotted path do, what does this method of a value of this kind do, and
//! what is this attribute of such a value. A path that no entry names falls back to the longest matching `prefix.*` entry, then
//! to the library's `default`. See `README.md` in this folder for every key.

mod builtin;
pub(crate) mod cost;
mod lookup;
mod own;
mod schema;
mod shape;
pub(crate) mod usual_seconds;

pub(crate) use builtin::{drawing, function, top_level};
pub(crate) use lookup::dotted;
pub use lookup::{Found, Table};
pub use own::Problem;
pub use schema::{ArgRef, Default_, Entry, Gives};
