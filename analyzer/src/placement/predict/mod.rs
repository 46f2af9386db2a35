//! Which cell comes next.
//!
//! Several simple guesses are mixed: the next cell of the document, the cell that was just edited, the same cell again, the first stale one,
//! the first one that never ran, and a variable-order Markov model of the cells run so far. Each guess is weighed by how well it did in situations like this
//! one (Bayesian mixture with a fixed share; Herbster and Warmuth 1998), so a new session starts from the document and ends at the user's own habits.

mod markov;

use std::collections::{BTreeMap, BTreeSet};

use markov::Markov;

/// What the log of a session tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Event {
    /// The source of a cell was changed.
    Edited(u32),
    /// A cell was run.
    Ran(u32),
}

/// The guesses, in the order of their weights.
const GUESSES: usize = 6;

/// Weights before anything was seen, by situation: an edit is pending; the last step followed the document; it did not.
/// Chosen on the sessions for tuning (`tests/src/simulation/sessions.rs`), never on those for scoring.
const PRIOR: [[f64; GUESSES]; 3] =
    [[0.04, 0.86, 0.02, 0.02, 0.02, 0.04], [0.74, 0.00, 0.02, 0.06, 0.03, 0.15], [0.60, 0.00, 0.03, 0.18, 0.03, 0.16]];

/// The share of the weights that is dealt out anew after each step: habits change.
const SHARE: f64 = 0.03;

/// What each guess leaves for all other cells.
const DOUBT: f64 = 0.1;

/// How much one step says about a guess, as a power of its likelihood: one miss is no habit.
const TEMPER: f64 = 0.25;

/// Predicts the next cells of a session.
#[derive(Clone, Debug)]
pub struct Predictor {
    order: Vec<u32>,
    /// Cells that read what a cell gives, directly.
    readers: BTreeMap<u32, Vec<u32>>,
    markov: Markov,
    weights: [[f64; GUESSES]; 3],
    last: Option<u32>,
    /// The cell edited last, when it has not run since.
    edited: Option<u32>,
    followed: bool,
    stale: BTreeSet<u32>,
    ran: BTreeSet<u32>,
}

impl Predictor {
    /// A predictor for code cells in document order, with edges from cells that give to cells that read.
    pub fn new(order: &[u32], edges: &[(u32, u32)]) -> Self {
        let mut readers: BTreeMap<u32, Vec<u32>> = BTreeMap::new();
        edges.iter().for_each(|&(from, to)| readers.entry(from).or_default().push(to));
        Self {
            order: order.to_vec(),
            readers,
            markov: Markov::default(),
            weights: PRIOR,
            last: None,
            edited: None,
            followed: true,
            stale: BTreeSet::new(),
            ran: BTreeSet::new(),
        }
    }

    /// The document is this by now; what was learned stays.
    pub fn document(&mut self, order: &[u32], edges: &[(u32, u32)]) {
        order.clone_into(&mut self.order);
        self.readers.clear();
        edges.iter().for_each(|&(from, to)| self.readers.entry(from).or_default().push(to));
    }

    /// Learns from what happened.
    pub fn observe(&mut self, event: Event) {
        match event {
            Event::Edited(cell) => self.edited = Some(cell),
            Event::Ran(cell) => {
                self.weigh(cell);
                self.markov.push(cell);
                self.step(cell);
            }
        }
    }

    /// Moves on without learning: for looking ahead.
    fn step(&mut self, cell: u32) {
        self.followed = self.successor() == Some(cell);
        if self.edited == Some(cell) {
            self.edited = None;
        }
        if self.ran.contains(&cell) {
            self.make_stale(cell);
        }
        self.stale.remove(&cell);
        self.ran.insert(cell);
        self.last = Some(cell);
    }

    /// Probabilities of the next cell, most likely first; they sum to 1.
    pub fn next(&self) -> Vec<(u32, f64)> {
        let guesses = self.guesses();
        let weights = &self.weights[self.situation()];
        let chance = |cell: u32| guesses.iter().zip(weights).map(|(guess, weight)| weight * self.chance(guess, cell)).sum::<f64>();
        let mut found: Vec<(u32, f64)> = self.order.iter().map(|&cell| (cell, chance(cell))).collect();
        let total: f64 = found.iter().map(|(_, chance)| chance).sum();
        if total > 0.0 {
            found.iter_mut().for_each(|(_, chance)| *chance /= total);
        }
        found.sort_by(|a, b| b.1.total_cmp(&a.1));
        found
    }

    /// The most likely continuation, each cell with the probability that the session gets that far in this way. It ends where that is below `least`.
    pub fn path(&self, longest: usize, least: f64) -> Vec<(u32, f64)> {
        let mut ahead = self.clone();
        let (mut path, mut reached) = (Vec::new(), 1.0);
        while path.len() < longest {
            let Some(&(cell, chance)) = ahead.next().first() else { break };
            reached *= chance;
            if reached < least {
                break;
            }
            path.push((cell, reached));
            ahead.markov.follow(cell);
            ahead.step(cell);
        }
        path
    }

    fn situation(&self) -> usize {
        match (self.edited, self.followed) {
            (Some(_), _) => 0,
            (None, true) => 1,
            (None, false) => 2,
        }
    }

    /// What each guess says, where it says anything: cells with probabilities.
    fn guesses(&self) -> [Vec<(u32, f64)>; GUESSES] {
        let one = |cell: Option<u32>| cell.map(|cell| vec![(cell, 1.0)]).unwrap_or_default();
        let after = |cell: &&u32| self.last.is_none_or(|last| **cell > last);
        let stale = self.stale.iter().find(after).or_else(|| self.stale.first());
        let fresh = self.order.iter().find(|cell| !self.ran.contains(cell));
        [one(self.successor()), one(self.edited), one(self.last), one(stale.copied()), one(fresh.copied()), self.markov.next()]
    }

    /// The next cell of the document; after the last one the first.
    fn successor(&self) -> Option<u32> {
        let at = self.last.and_then(|last| self.order.iter().position(|&cell| cell == last));
        let next = at.and_then(|at| self.order.get(at + 1));
        next.or_else(|| self.order.first()).copied()
    }

    fn chance(&self, guess: &[(u32, f64)], cell: u32) -> f64 {
        let even = 1.0 / self.order.len().max(1) as f64;
        if guess.is_empty() {
            return even;
        }
        let said = guess.iter().find(|(known, _)| *known == cell).map_or(0.0, |(_, chance)| *chance);
        (1.0 - DOUBT) * said + DOUBT * even
    }

    fn weigh(&mut self, cell: u32) {
        let guesses = self.guesses();
        let situation = self.situation();
        let mut weights = self.weights[situation];
        for (weight, guess) in weights.iter_mut().zip(&guesses) {
            *weight *= self.chance(guess, cell).powf(TEMPER);
        }
        let total: f64 = weights.iter().sum();
        for (weight, prior) in weights.iter_mut().zip(PRIOR[situation]) {
            *weight = (1.0 - SHARE) * *weight / total.max(f64::MIN_POSITIVE) + SHARE * prior;
        }
        self.weights[situation] = weights;
    }

    /// What depends on a cell that ran again, and has run before.
    fn make_stale(&mut self, cell: u32) {
        let mut open = vec![cell];
        while let Some(next) = open.pop() {
            for &reader in self.readers.get(&next).into_iter().flatten() {
                if reader != cell && self.ran.contains(&reader) && self.stale.insert(reader) {
                    open.push(reader);
                }
            }
        }
    }
}
