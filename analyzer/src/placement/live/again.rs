//! Inputs of a block that its place makes again, by code that has run in this session, in place of being sent them.

use super::super::offer::listed;
use super::super::place::{Place, Work};
use super::super::policy::{Choice, Past};
use super::super::sizes::{crossing, packing};
use super::super::versions::may_rerun;
use super::super::{Options, moving};
use super::{Session, code, key, must_stay};
use crate::report::Plan;
use crate::{After, Analysis, words};

/// Values that are made again at a place, from less.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Again {
    /// Numbers of the cells that make them, in the order in which they ran.
    pub cells: Vec<u32>,
    /// Their names.
    pub names: Vec<String>,
    /// How long those cells take there, seconds.
    pub seconds: f64,
}

impl Session {
    /// The cells that make again what the choice does not send.
    pub(super) fn again(&self, choice: &Choice, analysis: &Analysis, place: &Place) -> Option<Again> {
        let number = |run: &usize| code(analysis).find(|report| key(report) == self.past[*run].cell).map(|report| report.cell);
        let cells: Vec<u32> = choice.again.iter().map(number).collect::<Option<_>>()?;
        let versions = choice.spared.iter().filter_map(|&value| self.versions.get(value)).filter(|version| version.block);
        let names: Vec<String> = versions.map(|version| version.name.clone()).collect();
        let here: f64 = choice.again.iter().map(|&run| self.past[run].past.time.median).sum();
        (!names.is_empty()).then_some(Again { cells, names, seconds: here / place.speed(Work::Cpu) })
    }

    /// A run as it counts for a place: what it made may be made again there by a worker of its own.
    pub(super) fn past(&self, index: usize, analysis: &Analysis, place: &Place) -> Past {
        let done = &self.past[index];
        let made = self.versions.iter().filter(|version| version.maker == Some(index) && version.block);
        let blocks: Vec<u64> = if self.reruns && place.caches { made.filter_map(|version| version.bytes).collect() } else { Vec::new() };
        let is_meant = !blocks.is_empty();
        let report = code(analysis).find(|report| is_meant && key(report) == done.cell);
        Past {
            there: done.place.as_deref() == Some(place.name.as_str()),
            twice: report.is_some_and(|report| may_rerun(report) && !must_stay(report, place)),
            extra: extra(place, blocks.into_iter().sum()),
            ..done.past.clone()
        }
    }

    /// The place as it is for a block whose inputs are partly made again there.
    fn without(&self, again: &Again, place: &Place) -> Place {
        let mut place = place.clone();
        for name in &again.names {
            let bytes = self.current.get(name).and_then(|&version| self.versions[version].bytes);
            place.holds.insert(name.clone(), bytes.unwrap_or_default());
        }
        place.overhead += again.seconds + extra(&place, place.holds.values().sum());
        place
    }

    /// Why a block runs at a place, in one sentence.
    pub(super) fn because(
        &self,
        plan: &Plan,
        block: &[u32],
        again: Option<&Again>,
        analysis: &Analysis,
        (place, options): (&Place, &Options),
    ) -> String {
        let own = |place: &Place| {
            let options = Options { places: vec![place.clone()], ..options.clone() };
            moving::about(&analysis.plan_at(block, After::Anything, &options), &place.name).unwrap_or_default()
        };
        match again {
            None if block.len() == 1 => moving::about(plan, &place.name).unwrap_or_else(|| own(place)),
            None => own(place),
            Some(again) => {
                let makes = if again.cells.len() == 1 { "makes" } else { "make" };
                let said = own(&self.without(again, place));
                format!("{said}; {} {makes} {} again there", words::named(&again.cells), listed(&again.names))
            }
        }
    }
}

/// Seconds that making so many bytes again adds to the run itself: a worker for it, and packing, since only the link is spared.
fn extra(place: &Place, bytes: u64) -> f64 {
    place.start_up + crossing(place) + packing(bytes as f64)
}
