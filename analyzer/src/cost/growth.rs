//! How much more or less a cell does than usual, as far as its source says: loops with known turns, epochs, folds, grids, sizes.
//!
//! The model knows what cells of a kind take; it does not see numbers. What the source says about numbers is turned into rough seconds twice: with the
//! numbers as they are, and with usual ones. Their ratio scales the model's estimate, so that it grows as the cell does.

use crate::interp::{Call, Work};
use crate::library_effects::cost::{ARGUMENTS, Argument, Class};

/// Seconds of an expression of Python.
const STEP: f64 = 3e-8;
/// What a cell takes at least, seconds: growth below it does not show.
const FLOOR: f64 = 1e-3;
/// Rows of what a call works on, when nobody knows.
const ROWS: f64 = 10_000.0;
/// Columns of a matrix or table, when nobody knows.
const COLUMNS: f64 = 10.0;
/// A call that is told how often to repeat its work takes at least this long as a rule, seconds.
const REPEATED: f64 = 0.2;

/// Rough seconds of one call.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Weight {
    /// With the numbers that the source says.
    pub(super) now: f64,
    /// With usual ones.
    pub(super) usual: f64,
}

impl Weight {
    /// The factor between them.
    pub(super) fn factor(self) -> f64 {
        (FLOOR + self.now) / (FLOOR + self.usual)
    }

    /// Rough seconds of everything that a cell does.
    pub(super) fn of_cell(work: &Work) -> Self {
        let mut sum = Self { now: work.steps * STEP, usual: work.usual_steps * STEP };
        for call in &work.calls {
            let one = Self::of_call(call);
            sum.now += one.now;
            sum.usual += one.usual;
        }
        sum
    }

    /// Rough seconds of a call, as often as it is made.
    pub(super) fn of_call(call: &Call) -> Self {
        let repeats = repeats(call);
        let (mut now, mut usual) = match call.extent.rows {
            rows if rows > 0.0 => {
                let columns = if call.extent.columns > 0.0 { call.extent.columns } else { 1.0 };
                (call.class.seconds(rows, columns), call.class.seconds(ROWS, if columns > 1.0 { COLUMNS } else { 1.0 }))
            }
            _ => (call.class.seconds(ROWS, 1.0), call.class.seconds(ROWS, 1.0)),
        };
        if !repeats.is_empty() {
            let missing = (REPEATED - usual).max(0.0);
            // The work that nobody can see grows with the size, too.
            now += missing * now / usual;
            usual += missing;
            now *= repeats.iter().map(|(argument, value)| value / argument.usual).product::<f64>();
        }
        Self { now: now * call.times, usual: usual * call.usual }
    }
}

/// The arguments of a call, and of what made its receiver, that repeat its work.
pub(super) fn repeats(call: &Call) -> Vec<(&'static Argument, f64)> {
    if !matches!(call.class, Class::Fit | Class::Heavy | Class::Unknown) || call.given.is_empty() && call.made_with.is_empty() {
        return Vec::new();
    }
    let is_constructor = call.path.rsplit('.').next().is_some_and(|name| name.starts_with(|c: char| c.is_ascii_uppercase()));
    if is_constructor {
        return Vec::new();
    }
    let mut found: Vec<(&'static Argument, f64)> = Vec::new();
    for given in call.given.iter().chain(call.made_with.iter()).filter(|given| given.value > 0.0) {
        let argument = ARGUMENTS.iter().find(|argument| {
            argument.names.contains(&&*given.name) && (argument.of.is_empty() || argument.of.iter().any(|class| given.to.ends_with(class)))
        });
        if let Some(argument) = argument
            && !found.iter().any(|(known, _)| known.word == argument.word)
        {
            found.push((argument, given.value));
        }
    }
    found
}
