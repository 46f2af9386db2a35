//! Whether a block moves, and where to, in sentences with numbers.

use super::offer::{Load, Offer, listed};
use super::versions::Versions;
use super::{HERE, Options};
use crate::report::{Because, CellReport, Decision, Estimate, Plan};
use crate::words::{self, seconds};

/// Fills estimates and decision of a plan. A plan that must stay stays, whatever a place offers.
///
/// `before` are the cells before the block, for values that may be made again at the place.
pub(crate) fn decide(plan: &mut Plan, reports: &[CellReport], before: &Versions<'_>, options: &Options) {
    let Some(&cell) = plan.cells.first().filter(|_| !options.places.is_empty()) else { return };
    let because = |text: String| Because { text, cell, start: 0, end: 0 };
    let load = match Load::of(plan, reports, options) {
        Ok(load) => load,
        Err(unknown) => {
            let text = format!(
                "how long {} {} is not known, so nothing moves by itself: run it once, or name a place",
                words::named(&unknown),
                if unknown.len() == 1 { "takes" } else { "take" }
            );
            plan.decision = Decision { executor: HERE.to_owned(), gain: None, because: vec![because(text)] };
            return;
        }
    };
    let here = load.seconds().median;
    plan.estimates = vec![Estimate {
        executor: HERE.to_owned(),
        seconds: Some(here),
        transfer_in: Some(0.0),
        transfer_out: Some(0.0),
        overhead: Some(0.0),
    }];
    let risk = options.preferences.risk.clamp(0.01, 0.99);
    let mut offers = Vec::new();
    let mut left_out = Vec::new();
    for place in &options.places {
        match Offer::of(place, &load, plan, before, &options.preferences) {
            Ok(offer) => offers.push(offer),
            Err(why) => left_out.push(format!("`{}` is left out: {why}", place.name)),
        }
    }
    plan.estimates.extend(offers.iter().map(Offer::estimate));
    // Those that pay first, then by what they save.
    offers.sort_by(|a, b| {
        let pays = |offer: &Offer| offer.probability() >= risk;
        pays(b).cmp(&pays(a)).then(b.saved().total_cmp(&a.saved()))
    });
    let mut offers = offers.into_iter();
    let best = offers.next();
    let moves = plan.refusal.is_none() && best.as_ref().is_some_and(|best| best.probability() >= risk);
    let mut reasons = Vec::new();
    if let Some(best) = &best {
        reasons.push(sentence(best, risk));
    }
    reasons.extend(offers.map(|offer| sentence(&offer, risk)));
    reasons.extend(left_out);
    reasons.extend(load.assumed.iter().cloned());
    plan.decision = Decision {
        executor: best.as_ref().filter(|_| moves).map_or(HERE, |best| best.place.name.as_str()).to_owned(),
        gain: best.as_ref().filter(|_| moves).map(|best| here / best.total()),
        because: reasons.into_iter().map(because).collect(),
    };
}

/// What a plan's decision says of one place.
pub(super) fn about(plan: &Plan, place: &str) -> Option<String> {
    let named = format!("on `{place}`");
    plan.decision.because.iter().map(|because| &because.text).find(|text| text.contains(&named)).cloned()
}

/// Decides that a block stays, whatever a place offers.
pub(crate) fn keep(plan: &mut Plan, why: &str) {
    let cell = plan.cells.first().copied().unwrap_or(0);
    let because = Because { text: why.to_owned(), cell, start: 0, end: 0 };
    plan.decision = Decision { executor: HERE.to_owned(), gain: None, because: vec![because] };
}

/// An offer with its numbers and the point at which it would turn.
fn sentence(offer: &Offer<'_>, risk: f64) -> String {
    let estimate = offer.estimate();
    let name = &offer.place.name;
    let mut parts = vec![format!("{} to run", seconds(offer.run.median))];
    let mut part = |value: Option<f64>, what: String| {
        if let Some(value) = value.filter(|value| *value >= 0.0005) {
            parts.push(format!("{} {what}", seconds(value)));
        }
    };
    part(estimate.transfer_in, format!("to send {}", bytes(offer.sent.median)));
    part(estimate.transfer_out, format!("to return {}", bytes(offer.back.median)));
    part(estimate.overhead, "to start".to_owned());
    let money =
        if offer.dear > 0.0 { format!(", each second there costing as much as {:.2} s of waiting", offer.dear) } else { String::new() };
    let reruns = if offer.reruns.spared.is_empty() {
        String::new()
    } else {
        format!(", running {} there again in place of sending {}", words::named(&offer.reruns.cells), listed(&offer.reruns.spared))
    };
    format!(
        "{} here, {} on `{name}` ({}){reruns}{money}: {}",
        seconds(offer.here.median),
        seconds(offer.total()),
        parts.join(", "),
        turn(offer, risk)
    )
}

/// When the decision would be another.
fn turn(offer: &Offer<'_>, risk: f64) -> String {
    let pays = offer.probability() >= risk;
    let yours =
        offer.place.up.map_or_else(|| "yours is not measured, supposed are 10".to_owned(), |rate| format!("yours is {}", mega(rate)));
    match (pays, offer.link_needed(risk)) {
        (true, Some(rate)) if rate > 0.0 => format!("moves if the link is above {} MB/s; {yours}", mega(rate)),
        (true, _) => match offer.time_needed(risk) {
            Some(time) if time > 0.0005 => format!("moves if it takes more than {} here, whatever the link", seconds(time)),
            _ => "moves, whatever the link".to_owned(),
        },
        (false, Some(rate)) => format!("would move if the link were above {} MB/s; {yours}", mega(rate)),
        (false, None) => match offer.time_needed(risk) {
            Some(time) => format!("no link is fast enough; would move if it took more than {} here", seconds(time)),
            None if offer.place.speed.is_empty() => {
                "how fast that place is is not known, and it is taken to be as fast as this machine: set `speed`".to_owned()
            }
            None => "that place is not faster".to_owned(),
        },
    }
}

fn mega(rate: f64) -> String {
    let mega = rate / 1e6;
    if mega < 10.0 { format!("{mega:.1}") } else { format!("{mega:.0}") }
}

#[expect(clippy::cast_sign_loss, reason = "sizes are not negative")]
fn bytes(bytes: f64) -> String {
    words::bytes(bytes as u64)
}
