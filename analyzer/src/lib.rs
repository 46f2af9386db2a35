//! nbhoist's analysis: a pure function from a notebook to what its cells need, change and cost, and to where
//! a block of them should run.
//!
//! No I/O, clock, threads or async. It never fails and never panics: it returns what it knows and a list of problems.
#![warn(missing_docs)]

pub mod finding;
pub mod ipynb;
pub mod notebook;
pub mod percent;
pub mod report;
