//! How often the next cell is predicted, beside simple ways of doing so.

use std::collections::BTreeMap;

use nbhoist_analyzer::placement::predict::{Event, Predictor};

use super::notebooks::{Domain, Model};
use super::sessions::{Purpose, Session, Way};
use crate::random::Random;

/// Ways of predicting, in the order of the columns.
pub const PREDICTORS: [&str; 5] = ["document order", "last successor", "Markov 1", "ours without edits", "ours"];

/// Accuracies of one session, in the order of [`PREDICTORS`].
pub type Scores = [f64; PREDICTORS.len()];

/// Accuracies of sessions of one way.
pub fn scores(way: Way, purpose: Purpose, sessions: u64) -> Vec<Scores> {
    let session = |number: u64| {
        let mut random = Random::new(purpose.seed() + number);
        let domain = Domain::ALL[number as usize % 3];
        let model = Model::new(domain, 1.0, &mut random);
        score(&model, &Session::new(way, purpose, &model, &mut random))
    };
    (0..sessions).map(session).collect()
}

fn score(model: &Model, session: &Session) -> Scores {
    let runs: Vec<u32> = session.runs().iter().map(|&cell| cell as u32 + 1).collect();
    let order = model.order();
    let successor = |cell: u32| if cell as usize == order.len() { 1 } else { cell + 1 };
    let mut seen: BTreeMap<u32, Vec<u32>> = BTreeMap::new();
    let mut hits = [0.0; PREDICTORS.len()];
    for pair in runs.windows(2) {
        let after = seen.entry(pair[0]).or_default();
        let most = after.iter().rev().max_by_key(|cell| after.iter().filter(|other| other == cell).count());
        let guesses =
            [successor(pair[0]), after.last().copied().unwrap_or(successor(pair[0])), most.copied().unwrap_or(successor(pair[0]))];
        for (hit, guess) in hits.iter_mut().zip(guesses) {
            *hit += f64::from(u8::from(guess == pair[1]));
        }
        after.push(pair[1]);
    }
    hits[3] = ours(model, session, false);
    hits[4] = ours(model, session, true);
    hits.map(|hit| hit / (runs.len() - 1).max(1) as f64)
}

fn ours(model: &Model, session: &Session, sees_edits: bool) -> f64 {
    let mut predictor = Predictor::new(&model.order(), &model.edges());
    let (mut hits, mut first) = (0.0, true);
    for &event in &session.events {
        if let Event::Ran(cell) = event {
            if !first && predictor.next().first().is_some_and(|(guess, _)| *guess == cell) {
                hits += 1.0;
            }
            first = false;
        }
        if sees_edits || matches!(event, Event::Ran(_)) {
            predictor.observe(event);
        }
    }
    hits
}
