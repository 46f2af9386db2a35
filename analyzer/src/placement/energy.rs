//! Yes-or-no choices with costs between pairs of them, solved exactly as a minimum cut.
//!
//! A cost that arises when one choice is yes and another no is an edge of a network; the side of the minimum cut on which a choice lies
//! is its value. Any sum of such costs can be minimised this way (Picard and Ratliff 1975; Kolmogorov and Zabih 2004).

use super::flow::Flow;

/// A cost that must not arise, microseconds: over thirty years of waiting, and still far from overflow when added up.
pub(super) const FORBIDDEN: u64 = 1 << 50;

/// The nodes of what is yes and of what is no.
const YES: usize = 0;
const NO: usize = 1;

/// A choice, or something already decided.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Bit {
    /// Decided.
    Is(bool),
    /// To be chosen.
    Open(usize),
}

/// Costs between choices.
#[derive(Debug)]
pub(super) struct Energy {
    flow: Flow,
    /// For each choice, what it costs when it is no, and when it is yes.
    alone: Vec<(u64, u64)>,
    /// What arises whatever is chosen.
    constant: u64,
}

impl Default for Energy {
    fn default() -> Self {
        let mut flow = Flow::default();
        flow.add_node();
        flow.add_node();
        Self { flow, alone: vec![(0, 0); 2], constant: 0 }
    }
}

/// The cheapest choices.
#[derive(Debug)]
pub(super) struct Chosen {
    /// What they cost in all.
    pub(super) cost: u64,
    values: Vec<bool>,
}

impl Chosen {
    /// What was chosen.
    pub(super) fn is(&self, bit: Bit) -> bool {
        match bit {
            Bit::Is(value) => value,
            Bit::Open(node) => self.values.get(node).copied().unwrap_or(false),
        }
    }
}

impl Energy {
    /// A new choice.
    pub(super) fn open(&mut self) -> Bit {
        self.alone.push((0, 0));
        Bit::Open(self.flow.add_node())
    }

    /// A cost that arises when `yes` is yes and `no` is no.
    pub(super) fn when(&mut self, yes: Bit, no: Bit, cost: u64) {
        if cost == 0 {
            return;
        }
        let cost = cost.min(FORBIDDEN);
        match (yes, no) {
            (Bit::Is(false), _) | (_, Bit::Is(true)) => {}
            (Bit::Is(true), Bit::Is(false)) => self.constant = self.constant.saturating_add(cost),
            (Bit::Is(true), Bit::Open(no)) => self.alone[no].0 = self.alone[no].0.saturating_add(cost),
            (Bit::Open(yes), Bit::Is(false)) => self.alone[yes].1 = self.alone[yes].1.saturating_add(cost),
            (Bit::Open(yes), Bit::Open(no)) if yes == no => {}
            (Bit::Open(yes), Bit::Open(no)) => {
                self.flow.add_edge(yes, no, cost);
            }
        }
    }

    /// A cost that arises when the choice is yes.
    pub(super) fn when_yes(&mut self, bit: Bit, cost: u64) {
        self.when(bit, Bit::Is(false), cost);
    }

    /// A cost that arises when the choice is no.
    pub(super) fn when_no(&mut self, bit: Bit, cost: u64) {
        self.when(Bit::Is(true), bit, cost);
    }

    /// Whether any of these is yes, for costs that arise when one is.
    pub(super) fn any(&mut self, bits: impl IntoIterator<Item = Bit>) -> Bit {
        let bits: Vec<Bit> = bits.into_iter().collect();
        if let [one] = bits[..] {
            return one;
        }
        let any = self.open();
        bits.into_iter().for_each(|bit| self.when(bit, any, FORBIDDEN));
        any
    }

    /// Whether all of these are yes, for costs that arise when one is not.
    pub(super) fn all(&mut self, bits: impl IntoIterator<Item = Bit>) -> Bit {
        let bits: Vec<Bit> = bits.into_iter().collect();
        if let [one] = bits[..] { one } else { self.only_if_all(bits) }
    }

    /// A choice of its own that may be yes only when all of these are.
    pub(super) fn only_if_all(&mut self, bits: impl IntoIterator<Item = Bit>) -> Bit {
        let all = self.open();
        bits.into_iter().for_each(|bit| self.when(all, bit, FORBIDDEN));
        all
    }

    /// The cheapest choices, with as few of them yes as possible; nothing when something forbidden cannot be avoided.
    pub(super) fn solve(mut self) -> Option<Chosen> {
        // What a choice costs either way is no question for the flow: thousands of paths are spared.
        for (index, (no, yes)) in std::mem::take(&mut self.alone).into_iter().enumerate().skip(2) {
            let both = no.min(yes);
            self.constant = self.constant.saturating_add(both);
            if no > both {
                self.flow.add_edge(YES, index, (no - both).min(FORBIDDEN));
            } else if yes > both {
                self.flow.add_edge(index, NO, (yes - both).min(FORBIDDEN));
            }
        }
        if self.constant >= FORBIDDEN {
            return None;
        }
        let cost = self.flow.run(YES, NO).saturating_add(self.constant);
        if cost >= FORBIDDEN {
            return None;
        }
        Some(Chosen { cost, values: self.flow.source_side(YES) })
    }
}
