//! Which blocks of a notebook are worth looking at: what a run from top to bottom would best do elsewhere.

use super::lognormal::normal_quantile;
use super::many;
use super::sizes::{crossing, rate, transfer};
use super::two::{self, Run};
use super::versions::{Versions, may_rerun};
use super::{Lognormal, Options, Place, Work};
use crate::report::{CellReport, EffectKind};

/// Runs of cells that the best assignment puts elsewhere. A cell of which `stays` is true, or whose time is not known, is in none of them.
pub(crate) fn candidates(versions: &Versions<'_>, stays: &dyn Fn(u32) -> bool, options: &Options) -> Vec<Vec<u32>> {
    let usable: Vec<(&Place, f64)> = options
        .places
        .iter()
        .filter(|place| place.refusals.is_empty())
        .filter_map(|place| Some((place, options.preferences.seconds_per_second(place).ok()?)))
        .collect();
    let risk = options.preferences.risk.clamp(0.01, 0.99);
    let question = Question { versions, stays, options, careful: normal_quantile(risk) };
    let places = match usable[..] {
        [] => return Vec::new(),
        [(place, dear)] => question.two(place, dear).solve().map(|found| found.here.iter().map(|here| usize::from(!here)).collect()),
        _ => question.many(&usable).expand().map(|found| found.places),
    };
    let mut blocks: Vec<(usize, Vec<u32>)> = Vec::new();
    let mut before = many::HOME;
    for (cell, place) in versions.cells.iter().zip(places.unwrap_or_default()) {
        match blocks.last_mut() {
            Some((at, block)) if place != many::HOME && *at == place && before == place => block.push(cell.cell),
            _ if place != many::HOME => blocks.push((place, vec![cell.cell])),
            _ => {}
        }
        before = place;
    }
    blocks.into_iter().map(|(_, cells)| cells).collect()
}

struct Question<'q> {
    versions: &'q Versions<'q>,
    stays: &'q dyn Fn(u32) -> bool,
    options: &'q Options,
    /// Deviations above the median at which what is paid counts; what is saved counts so many below it.
    careful: f64,
}

impl Question<'_> {
    /// A time in microseconds as a careful user counts it: what is saved rather low, what is paid rather high.
    fn paid(&self, time: Lognormal) -> u64 {
        micros(time.at(self.careful))
    }

    fn saved(&self, time: Lognormal) -> u64 {
        micros(time.at(-self.careful))
    }

    fn here(&self, cell: &CellReport) -> u64 {
        Lognormal::of(&cell.cost).map_or(0, |time| self.saved(time))
    }

    fn there(&self, cell: &CellReport, place: &Place, dear: f64) -> Option<u64> {
        let unseen = |detail: &str| if detail == "?" { !place.sees("/") } else { false };
        let files = [EffectKind::FileRead, EffectKind::FileWrite];
        let stays = cell.effects.iter().any(|effect| {
            matches!(effect.kind, EffectKind::Input | EffectKind::Session) || (files.contains(&effect.kind) && unseen(&effect.detail))
        });
        if stays || (self.stays)(cell.cell) {
            return None;
        }
        let work = if self.options.gpu.contains(&cell.cell) { Work::Gpu } else { Work::Cpu };
        Lognormal::of(&cell.cost).map(|time| self.saved(time.times((1.0 + dear) / place.speed(work))))
    }

    fn two(&self, place: &Place, dear: f64) -> two::Problem {
        let steps = self.versions.cells.iter().zip(&self.versions.reads).map(|(cell, reads)| two::Step {
            here: Run::Takes(self.here(cell)),
            there: self.there(cell, place, dear).map_or(Run::Never, Run::Takes),
            reads: reads.clone(),
            twice: self.options.preferences.rerun && may_rerun(cell),
            ahead: true,
            crossing: micros(crossing(place) * (1.0 + dear)),
            start_up: micros(place.start() * (1.0 + dear)),
        });
        let values = self.versions.all.iter().map(|version| two::Value {
            maker: version.maker,
            here: version.maker.is_none(),
            there: false,
            send: Some(self.paid(transfer(version.size.bytes, rate(place.up)).times(1.0 + dear))),
            fetch: Some(self.paid(transfer(version.size.bytes, rate(place.down)).times(1.0 + dear))),
            owed: 0,
        });
        two::Problem { steps: steps.collect(), values: values.collect(), from_there: false }
    }

    fn many(&self, places: &[(&Place, f64)]) -> many::Problem {
        let each = |here: u64, there: &dyn Fn(&Place, f64) -> u64| -> Vec<u64> {
            std::iter::once(here).chain(places.iter().map(|(place, dear)| there(place, *dear))).collect()
        };
        let steps = self.versions.cells.iter().zip(&self.versions.reads).map(|(cell, reads)| {
            let elsewhere = places.iter().map(|(place, dear)| self.there(cell, place, *dear));
            many::Step { takes: std::iter::once(Some(self.here(cell))).chain(elsewhere).collect(), reads: reads.clone() }
        });
        let values = self.versions.all.iter().map(|version| many::Value {
            maker: version.maker,
            held: vec![false; places.len() + 1],
            send: each(0, &|place, dear| self.paid(transfer(version.size.bytes, rate(place.up)).times(1.0 + dear))),
            fetch: each(0, &|place, dear| self.paid(transfer(version.size.bytes, rate(place.down)).times(1.0 + dear))),
            wanted: false,
        });
        many::Problem {
            steps: steps.collect(),
            values: values.collect(),
            crossing: each(0, &|place, dear| micros(crossing(place) * (1.0 + dear))),
            start_up: each(0, &|place, dear| micros(place.start() * (1.0 + dear))),
        }
    }
}

/// Whole microseconds.
pub(super) fn micros(seconds: f64) -> u64 {
    #[expect(clippy::cast_sign_loss, reason = "negative ones were lifted to zero")]
    let micros = (seconds * 1e6).clamp(0.0, 1e15).round() as u64;
    micros
}
