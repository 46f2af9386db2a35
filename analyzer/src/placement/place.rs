//! Places that can run a block, and what the user prefers.

use std::collections::BTreeMap;

/// The live kernel's own place.
pub const HERE: &str = "here";

/// What mostly does the work of a cell.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Work {
    /// Processors.
    Cpu,
    /// A graphics processor.
    Gpu,
}

/// An amount of money.
#[derive(Clone, Debug, PartialEq)]
pub struct Price {
    /// How much.
    pub amount: f64,
    /// Of what: `EUR`, `USD`, ...
    pub currency: String,
}

/// Which files of this machine are seen at a place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Sees {
    /// All of them: the place is this machine, or shares its disks.
    Everything,
    /// Those below these folders; others go along with the block when their paths are known.
    Folders(Vec<String>),
}

/// A place that can run a block, as it is known from configuration and a probe.
#[derive(Clone, Debug, PartialEq)]
pub struct Place {
    /// Its name.
    pub name: String,
    /// How many times as fast as here it does a kind of work; what is not said counts as 1.
    pub speed: BTreeMap<Work, f64>,
    /// Memory, bytes; nothing where it is not known.
    pub memory: Option<u64>,
    /// Rate at which state gets there, bytes per second; nothing where it is not known.
    pub up: Option<f64>,
    /// Rate at which state comes back, bytes per second; nothing where it is not known.
    pub down: Option<f64>,
    /// Round trip, seconds.
    pub latency: f64,
    /// From the wish for a worker to a worker that is ready, seconds.
    pub start_up: f64,
    /// What each move of a block adds beside that, seconds: asking, capturing, verifying.
    pub overhead: f64,
    /// Price of an hour; nothing where it is free.
    pub price: Option<Price>,
    /// Top-level packages it has installed; nothing where that is not known.
    pub installed: Option<Vec<String>>,
    /// Why it cannot be used at all, such as the answer of a probe.
    pub refusals: Vec<String>,
    /// Bytes of values that its cache already holds, by name.
    pub holds: BTreeMap<String, u64>,
    /// Whether it keeps such a cache.
    pub caches: bool,
    /// Which files it sees.
    pub sees: Sees,
    /// Whether a worker is up.
    pub warm: bool,
}

impl Place {
    /// A place of which nothing is known but its name.
    pub fn new(name: &str) -> Self {
        Self {
            name: name.to_owned(),
            speed: BTreeMap::new(),
            memory: None,
            up: None,
            down: None,
            latency: 0.0,
            start_up: 0.0,
            overhead: 0.0,
            price: None,
            installed: None,
            refusals: Vec::new(),
            holds: BTreeMap::new(),
            caches: true,
            sees: Sees::Folders(Vec::new()),
            warm: false,
        }
    }

    /// How many times as fast as here it is.
    pub fn speed(&self, work: Work) -> f64 {
        self.speed.get(&work).copied().filter(|speed| speed.is_finite() && *speed > 0.0).unwrap_or(1.0)
    }

    /// Seconds before a worker is ready.
    pub fn start(&self) -> f64 {
        if self.warm { 0.0 } else { self.start_up }
    }

    /// Whether a file with this path is seen there without being sent.
    pub fn sees(&self, path: &str) -> bool {
        match &self.sees {
            Sees::Everything => true,
            Sees::Folders(folders) => folders.iter().any(|folder| path.starts_with(folder.as_str())),
        }
    }
}

/// What the user prefers.
#[derive(Clone, Debug, PartialEq)]
pub struct Preferences {
    /// The probability, between 0 and 1, with which moving must pay: 0.5 follows medians, more is more careful.
    pub risk: f64,
    /// What an hour of waiting is worth; without it a place that costs money is used only when it is named.
    pub waiting: Option<Price>,
    /// Whether plans, made before anything has run, count on code that makes values again at a place. A session decides that by what it has made.
    pub rerun: bool,
}

impl Default for Preferences {
    fn default() -> Self {
        Self { risk: 0.7, waiting: None, rerun: false }
    }
}

impl Preferences {
    /// How many seconds of waiting an hour there costs, by the hour; an error says why the two cannot be weighed.
    pub fn seconds_per_second(&self, place: &Place) -> Result<f64, String> {
        let Some(price) = place.price.as_ref().filter(|price| price.amount > 0.0) else { return Ok(0.0) };
        let rate = format!("{} {} an hour", price.amount, price.currency);
        match &self.waiting {
            None => Err(format!("it costs {rate}, and `price-of-waiting` does not say what an hour of waiting is worth")),
            Some(waiting) if waiting.currency != price.currency => {
                Err(format!("it costs {rate}, and the price of waiting is given in {}", waiting.currency))
            }
            Some(waiting) if waiting.amount <= 0.0 => Err(format!("it costs {rate}, and waiting is worth nothing")),
            Some(waiting) => Ok(price.amount / waiting.amount),
        }
    }
}
