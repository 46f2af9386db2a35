//! A Markov model of variable order: prediction by partial matching (Cleary and Witten 1984), escapes counted by method C (Moffat 1990).

use std::collections::{BTreeMap, VecDeque};

/// The longest context, cells.
const ORDER: usize = 3;

/// How often each cell followed each context.
#[derive(Clone, Debug, Default)]
pub(super) struct Markov {
    counts: BTreeMap<Vec<u32>, BTreeMap<u32, f64>>,
    recent: VecDeque<u32>,
}

/// How much older counts still count each time their context is seen again: the last time says more than the first.
const FADE: f64 = 0.8;

impl Markov {
    /// Learns that a cell came next.
    pub(super) fn push(&mut self, cell: u32) {
        for length in 1..=self.recent.len() {
            let counts = self.counts.entry(self.context(length)).or_default();
            counts.values_mut().for_each(|count| *count *= FADE);
            *counts.entry(cell).or_insert(0.0) += 1.0;
        }
        self.follow(cell);
    }

    /// Moves on without learning.
    pub(super) fn follow(&mut self, cell: u32) {
        self.recent.push_back(cell);
        if self.recent.len() > ORDER {
            self.recent.pop_front();
        }
    }

    /// Probabilities of the next cell; they sum to less than 1: what is left is for cells that never came after this one.
    pub(super) fn next(&self) -> Vec<(u32, f64)> {
        let mut found: BTreeMap<u32, f64> = BTreeMap::new();
        let mut left = 1.0;
        for length in (1..=self.recent.len()).rev() {
            let Some(counts) = self.counts.get(&self.context(length)) else { continue };
            let total: f64 = counts.values().sum();
            let escapes = counts.len() as f64 * 0.5;
            for (cell, count) in counts {
                *found.entry(*cell).or_insert(0.0) += left * count / (total + escapes);
            }
            left *= escapes / (total + escapes);
        }
        found.into_iter().collect()
    }

    fn context(&self, length: usize) -> Vec<u32> {
        self.recent.iter().skip(self.recent.len() - length).copied().collect()
    }
}
