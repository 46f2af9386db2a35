//! How much more or less a cell does than usual, as far as its source says: loops with known turns, epochs, folds, grids, sizes.
//!
//! The model knows what cells of a kind take; it does not see numbers. What the source says about numbers is turned into rough seconds twice: with the
//! numbers as they are, and with usual ones. Their ratio scales the model's estimate, so that it grows as the cell does.

use super::hints::verb;
use crate::interp::{Call, Work};
use crate::library_effects::cost::{ARGUMENTS, Argument, Class};

/// Seconds of an expression of Python.
const STEP: f64 = 3e-8;
/// What a cell takes at least, seconds: growth below it does not show.
const FLOOR: f64 = 1e-3;
/// Columns of a matrix or table, when nobody knows.
const COLUMNS: f64 = 10.0;
/// A call that is made in fewer of the runs is not expected in the next.
pub(super) const SELDOM: f64 = 0.5;
/// What is expected of a cell is not less than this share of what it would take if everything in it ran.
const LEAST: f64 = 0.05;
/// Power of a ratio of turns, sizes and repeats below one.
const LESS: f64 = 0.1;
/// Power of one above.
const MORE: f64 = 0.6;
/// A call that is told how often to repeat its work takes at least this long as a rule, seconds.
const REPEATED: f64 = 0.2;

/// Rough seconds of one call, or of a cell.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Weight {
    /// With the numbers that the source says.
    pub(super) now: f64,
    /// With usual ones.
    pub(super) usual: f64,
    /// With the numbers that the source says, those far from the usual ones brought nearer.
    damped: f64,
    /// With usual numbers, if also all that ran which files and flags make needless.
    pub(super) always: f64,
}

impl Weight {
    /// The logarithm of the factor by which the estimate differs from that of a usual cell of its kind.
    pub(super) fn scale(self) -> f64 {
        ((FLOOR + self.damped) / (FLOOR + self.usual)).ln() + self.runs()
    }

    /// The same with every number of the source counted in full: how one version of a cell compares with another.
    pub(super) fn growth(self) -> f64 {
        ((FLOOR + self.now) / (FLOOR + self.usual)).ln() + self.runs()
    }

    /// The logarithm of the share of the cell that runs.
    fn runs(self) -> f64 {
        ((FLOOR + self.usual) / (FLOOR + self.always)).ln().max(LEAST.ln())
    }

    /// Rough seconds of everything that a cell does.
    pub(super) fn of_cell(work: &Work) -> Self {
        Self::of_all(work, work.calls.iter().map(Self::of_call))
    }

    fn of_all(work: &Work, calls: impl Iterator<Item = Self>) -> Self {
        let (now, usual) = (work.steps * STEP, work.usual_steps * STEP);
        let mut sum = Self { now, usual, damped: damped(now, usual), always: usual };
        for one in calls {
            sum.now += one.now;
            sum.usual += one.usual;
            sum.damped += one.damped;
            sum.always += one.always;
        }
        sum.always += work.idle.iter().map(|call| Self::of_call(call).always).fold(0.0, f64::max);
        sum
    }

    /// Rough seconds of a call, as often as it is made.
    pub(super) fn of_call(call: &Call) -> Self {
        let repeats = repeats(call);
        let rows = call.class.usual_rows();
        let columns = if call.extent.columns > 0.0 { COLUMNS } else { 1.0 };
        let mut usual = call.class.seconds(rows, columns);
        let mut now = if call.extent.rows > 0.0 { call.class.seconds(call.extent.rows, call.extent.columns) } else { usual };
        let least = call.seconds.unwrap_or(if repeats.is_empty() { 0.0 } else { REPEATED });
        if least > usual {
            // What the table knows of the call grows with the size in the same way.
            now *= least / usual;
            usual = least;
        }
        let (now, usual, always) = (now * call.times * call.chance, usual * call.usual * call.chance, usual * call.usual);
        let repeated: f64 = repeats.iter().map(|(argument, value)| value / argument.usual).product();
        // Fewer epochs than usual are heavier ones as a rule.
        let held = if repeated < 1.0 { repeated.powf(LESS) } else { repeated };
        Self { now: now * repeated, usual, damped: damped(now, usual) * held, always: always.max(seldom(call)) }
    }
}

/// What a cell's calls weigh, each found once.
pub(super) struct Weighed {
    /// The whole cell.
    pub(super) all: Weight,
    /// The calls, in the order of [`Work::calls`].
    pub(super) calls: Vec<WeighedCall>,
}

/// What a call weighs.
pub(super) struct WeighedCall {
    pub(super) weight: Weight,
    /// What its name says, rough seconds; nothing of builtins.
    pub(super) verb: Option<f64>,
}

impl Weighed {
    pub(super) fn of(work: &Work) -> Self {
        let weigh = |call: &Call| WeighedCall {
            weight: Weight::of_call(call),
            verb: if call.path.starts_with("builtins.") { None } else { verb(call.name()) },
        };
        let calls: Vec<WeighedCall> = work.calls.iter().map(weigh).collect();
        Self { all: Weight::of_all(work, calls.iter().map(|call| call.weight)), calls }
    }
}

/// What the name of a call says that is seldom made, rough seconds.
fn seldom(call: &Call) -> f64 {
    if call.chance >= SELDOM { 0.0 } else { verb(call.name()).unwrap_or_default() }
}

/// Who loops over three things, or works on a hundred rows, mostly does so because each of them takes long: less than usual says little, and more than usual
/// not quite what it seems.
fn damped(now: f64, usual: f64) -> f64 {
    let power = if now < usual { LESS } else { MORE };
    if usual > 0.0 { usual * (now / usual).powf(power) } else { now }
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
