//! What one place offers for one block, as distributions.

use super::rerun::{Reruns, reruns};
use super::sizes::{self, crossing, rate, transfer};
use super::versions::Versions;
use super::{Lognormal, Options, Place, Preferences, Work};
use crate::report::{CellReport, Estimate, Plan, Size};
use crate::words;

/// What a block is, as far as time and size go.
#[derive(Debug)]
pub(super) struct Load {
    /// Seconds here, by kind of work.
    pub(super) here: Vec<(Work, Lognormal)>,
    /// Bytes of each input by name, of the files that go along by path.
    pub(super) inputs: Vec<(String, Lognormal)>,
    /// Bytes of all returns.
    pub(super) returns: Lognormal,
    /// What was taken for granted, in words.
    pub(super) assumed: Vec<String>,
}

impl Load {
    /// The block's load; the numbers of the cells whose time is not known when there are any.
    pub(super) fn of(plan: &Plan, reports: &[CellReport], options: &Options) -> Result<Self, Vec<u32>> {
        let block: Vec<&CellReport> = reports.iter().filter(|report| plan.cells.contains(&report.cell)).collect();
        let times = block.iter().map(|report| (report.cell, Lognormal::of(&report.cost)));
        let unknown: Vec<u32> = times.clone().filter(|(_, time)| time.is_none()).map(|(cell, _)| cell).collect();
        if !unknown.is_empty() {
            return Err(unknown);
        }
        let work = |cell| if options.gpu.contains(&cell) { Work::Gpu } else { Work::Cpu };
        let here = times.filter_map(|(cell, time)| Some((work(cell), time?))).collect();
        let mut guessed: Vec<String> = Vec::new();
        let mut sized = |name: &str, kind, size: Option<&Size>, made_of: Option<f64>| {
            let mut size = sizes::size(name, kind, size, options);
            if let Some(inputs) = made_of.filter(|_| !size.known) {
                size.bytes = sizes::made_of(kind, inputs);
            }
            if !size.known && !guessed.iter().any(|known| known == name) {
                guessed.push(name.to_owned());
            }
            (name.to_owned(), size.bytes)
        };
        let mut inputs: Vec<(String, Lognormal)> =
            plan.inputs.iter().map(|input| sized(&input.name, input.kind, input.size.as_ref(), None)).collect();
        let weigh: f64 = inputs.iter().map(|(_, bytes)| bytes.median).sum();
        let returns = plan.returns.iter().map(|entry| sized(&entry.name, entry.kind, entry.size.as_ref(), Some(weigh)).1);
        let returns = Lognormal::sum(returns);
        let mut assumed = Vec::new();
        if !guessed.is_empty() {
            assumed.push(format!(
                "nobody knows how large {} {}; supposed are 100 kB, between 1 kB and 10 MB, for data and a few kB for code",
                listed(&guessed),
                if guessed.len() == 1 { "is" } else { "are" }
            ));
        }
        for file in plan.files.iter().filter(|file| file.read && file.resolved) {
            match options.sizes.get(&file.path) {
                Some(&bytes) => inputs.push((file.path.clone(), Lognormal::exactly(bytes as f64))),
                None => assumed.push(format!("the size of the file {} is not known and not counted", file.path)),
            }
        }
        Ok(Self { here, inputs, returns, assumed })
    }

    /// Seconds here.
    pub(super) fn seconds(&self) -> Lognormal {
        Lognormal::sum(self.here.iter().map(|(_, time)| *time))
    }
}

/// Names as a sentence lists them, not too many of them.
pub(super) fn listed(names: &[String]) -> String {
    let shown: Vec<String> = names.iter().take(3).map(|name| format!("`{name}`")).collect();
    let more = names.len().saturating_sub(shown.len());
    if more > 0 { format!("{} and {more} more", shown.join(", ")) } else { shown.join(", ") }
}

/// What a place offers.
#[derive(Debug)]
pub(super) struct Offer<'p> {
    pub(super) place: &'p Place,
    /// Seconds here.
    pub(super) here: Lognormal,
    /// Seconds there.
    pub(super) run: Lognormal,
    /// Bytes that must be sent: what its cache holds is not among them.
    pub(super) sent: Lognormal,
    /// Bytes that come back.
    pub(super) back: Lognormal,
    /// Seconds that do not depend on the link's rate: worker, greetings, round trips.
    pub(super) fixed: f64,
    /// Seconds of waiting that a second there costs.
    pub(super) dear: f64,
    /// What is made there in place of being sent.
    pub(super) reruns: Reruns,
}

impl<'p> Offer<'p> {
    /// The offer of a place, or why there is none.
    pub(super) fn of(place: &'p Place, load: &Load, plan: &Plan, before: &Versions<'_>, preferences: &Preferences) -> Result<Self, String> {
        if let Some(refusal) = place.refusals.first() {
            return Err(refusal.clone());
        }
        missing(place, plan)?;
        let bytes: f64 = load.inputs.iter().map(|(_, bytes)| bytes.median).sum();
        if let Some(memory) = place.memory.filter(|memory| bytes > *memory as f64) {
            #[expect(clippy::cast_sign_loss, reason = "sizes are not negative")]
            let needed = words::bytes(bytes as u64);
            return Err(format!("the block's inputs take {needed}, and it has {} of memory", words::bytes(memory)));
        }
        let dear = preferences.seconds_per_second(place)?;
        let reruns = if preferences.rerun { reruns(before, &load.inputs, place) } else { Reruns::default() };
        let sent = load.inputs.iter().filter(|(name, _)| !reruns.spared.contains(name)).chain(&reruns.sent);
        let unsent = sent.filter(|(name, _)| !name.contains('/') || !place.sees(name)).map(|(name, bytes)| {
            let held = place.holds.get(name).copied().unwrap_or(0) as f64;
            Lognormal { median: (bytes.median - held).max(0.0), ..*bytes }
        });
        let run = load.here.iter().map(|(work, time)| time.times(1.0 / place.speed(*work)));
        Ok(Self {
            place,
            here: load.seconds(),
            run: Lognormal::sum(run.chain(reruns.seconds.iter().copied())),
            sent: Lognormal::sum(unsent),
            back: load.returns,
            fixed: place.start() + crossing(place),
            dear,
            reruns,
        })
    }

    /// Seconds that moving takes besides running, with links of these rates.
    fn toll_at(&self, up: Lognormal, down: Lognormal) -> Lognormal {
        Lognormal::sum([transfer(self.sent, up), transfer(self.back, down), Lognormal::exactly(self.fixed)])
    }

    pub(super) fn toll(&self) -> Lognormal {
        self.toll_at(rate(self.place.up), rate(self.place.down))
    }

    /// The probability that moving pays, were the run here `scale` times as long.
    ///
    /// The same code runs here and there, so its time there is the time here divided by a factor: what is saved is a share of one uncertain
    /// time, and is weighed against the toll, which has nothing to do with it.
    fn pays(&self, toll: Lognormal, scale: f64) -> f64 {
        let share = if self.here.median > 0.0 { 1.0 - self.run.median * (1.0 + self.dear) / self.here.median } else { 0.0 };
        self.here.times(scale * share).exceeds(toll.times(1.0 + self.dear))
    }

    /// The probability that moving pays.
    pub(super) fn probability(&self) -> f64 {
        self.pays(self.toll(), 1.0)
    }

    /// Seconds that moving saves, what it costs counted as waiting; medians.
    pub(super) fn saved(&self) -> f64 {
        self.here.median - (self.run.median + self.toll().median) * (1.0 + self.dear)
    }

    /// Seconds there in all, median.
    pub(super) fn total(&self) -> f64 {
        self.run.median + self.toll().median
    }

    /// The rate of the link in bytes per second above which moving pays; nothing when no link is fast enough, 0 when every one is.
    pub(super) fn link_needed(&self, risk: f64) -> Option<f64> {
        let pays = |rate: f64| self.pays(self.toll_at(Lognormal::exactly(rate), Lognormal::exactly(rate)), 1.0) >= risk;
        crossover(1e2, 1e13, pays)
    }

    /// The seconds here above which moving pays; nothing when it never does.
    pub(super) fn time_needed(&self, risk: f64) -> Option<f64> {
        let toll = self.toll();
        crossover(1e-6, 1e6, |scale| self.pays(toll, scale) >= risk).map(|scale| scale * self.here.median)
    }

    pub(super) fn estimate(&self) -> Estimate {
        Estimate {
            executor: self.place.name.clone(),
            seconds: Some(self.run.median),
            transfer_in: Some(transfer(self.sent, rate(self.place.up)).median),
            transfer_out: Some(transfer(self.back, rate(self.place.down)).median),
            overhead: Some(self.fixed),
        }
    }
}

/// The least number between two bounds at which something that stays true becomes true; 0 when it is at the lower bound.
fn crossover(low: f64, high: f64, holds: impl Fn(f64) -> bool) -> Option<f64> {
    if !holds(high) {
        return None;
    }
    if holds(low) {
        return Some(0.0);
    }
    let (mut low, mut high) = (low.ln(), high.ln());
    for _ in 0..40 {
        let middle = f64::midpoint(low, high);
        if holds(middle.exp()) { high = middle } else { low = middle }
    }
    Some(high.exp())
}

/// What the block needs and the place lacks.
fn missing(place: &Place, plan: &Plan) -> Result<(), String> {
    if let Some(file) = plan.files.iter().find(|file| !file.resolved && !place.sees("/")) {
        let what = if file.read { "reads" } else { "writes" };
        return Err(format!(
            "the block {what} a file whose path is known only when it runs {}, and it does not see this machine's files",
            file.path
        ));
    }
    let Some(installed) = &place.installed else { return Ok(()) };
    let packages = plan.imports.iter().filter_map(|line| line.split([' ', '.', ',']).nth(1));
    match packages.into_iter().find(|package| !package.is_empty() && !installed.iter().any(|known| known == package)) {
        Some(package) => Err(format!("`{package}` is not installed there")),
        None => Ok(()),
    }
}
