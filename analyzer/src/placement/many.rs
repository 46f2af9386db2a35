//! Several places. With three or more the problem is NP-hard, so small questions are answered by trying everything and
//! larger ones by expansion moves.
//!
//! A move takes one place and asks which steps should change to it, all others staying where they are. That is a choice of yes or no for each
//! step, whose costs arise between pairs, so the best move is found exactly (Boykov, Veksler and Zabih 2001). Moves are made until none helps. Values
//! travel by way of here, as the runner sends them; running code twice is not considered.

use super::energy::{Bit, Energy, FORBIDDEN};

/// The place where the kernel is.
pub const HOME: usize = 0;

/// One run of a cell.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step {
    /// Microseconds at each place; nothing where it must not run.
    pub takes: Vec<Option<u64>>,
    /// Indices of the values it reads.
    pub reads: Vec<usize>,
}

/// One version of a variable.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Value {
    /// Index of the step that makes it; nothing for what is here from the start.
    pub maker: Option<usize>,
    /// For each place, whether it is there from the start as well.
    pub held: Vec<bool>,
    /// Microseconds to send it to each place.
    pub send: Vec<u64>,
    /// Microseconds to get it back from each place.
    pub fetch: Vec<u64>,
    /// Whether it must be here in the end.
    pub wanted: bool,
}

/// A question: steps in order, and the values between them. Place 0 is here.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Problem {
    /// Steps, in order.
    pub steps: Vec<Step>,
    /// Values.
    pub values: Vec<Value>,
    /// For each place, what going there from elsewhere adds, microseconds.
    pub crossing: Vec<u64>,
    /// For each place, what its first use adds, microseconds.
    pub start_up: Vec<u64>,
}

/// The answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Assignment {
    /// What it costs in all, microseconds.
    pub cost: u64,
    /// The place of each step.
    pub places: Vec<usize>,
    /// Whether no assignment is cheaper, for certain.
    pub exact: bool,
}

/// Assignments that are tried one by one at most.
const TRIED: usize = 4096;

/// Steps above which there is one start and one round only.
const LONG: usize = 200;

/// Rounds over all places at most; two or three do.
const ROUNDS: usize = 10;

impl Problem {
    /// A cheap assignment; nothing when none is allowed.
    pub fn solve(&self) -> Option<Assignment> {
        let places = self.crossing.len();
        let count = u32::try_from(self.steps.len()).ok().and_then(|steps| places.checked_pow(steps));
        if count.is_some_and(|count| count <= TRIED) {
            return self.try_all();
        }
        self.expand()
    }

    /// The cheapest assignment, by trying all of them.
    pub fn try_all(&self) -> Option<Assignment> {
        let count = self.crossing.len();
        let mut places = vec![HOME; self.steps.len()];
        let mut best: Option<Assignment> = None;
        loop {
            if let Some(cost) = self.cost(&places)
                && best.as_ref().is_none_or(|best| cost < best.cost)
            {
                best = Some(Assignment { cost, places: places.clone(), exact: true });
            }
            let Some(at) = places.iter().position(|place| place + 1 < count) else { return best };
            places[at] += 1;
            places[..at].fill(HOME);
        }
    }

    /// A cheap assignment, by expansion moves from the best of a few starts. With one place besides here the first move is already the best.
    pub fn expand(&self) -> Option<Assignment> {
        let exact = self.crossing.len() <= 2;
        // In a long notebook, one start is what there is time for.
        let starts = if exact || self.steps.len() > LONG { 1 } else { self.crossing.len() };
        let starts = (0..starts).filter_map(|place| self.start(place));
        let ends = starts.map(|start| self.descend(start));
        ends.filter_map(|places| Some(Assignment { cost: self.cost(&places)?, places, exact })).min_by_key(|found| found.cost)
    }

    /// Everything at one place, as far as it may run there.
    fn start(&self, place: usize) -> Option<Vec<usize>> {
        let allowed = |step: &Step| {
            let first = || step.takes.iter().position(Option::is_some);
            step.takes.get(place).copied().flatten().map(|_| place).or_else(first)
        };
        self.steps.iter().map(allowed).collect()
    }

    /// Moves until none helps; with two places the first one that can be made is the best there is.
    fn descend(&self, mut places: Vec<usize>) -> Vec<usize> {
        let count = self.crossing.len();
        let (mut since, mut cost) = (0, self.cost(&places));
        let rounds = if self.steps.len() > LONG { 1 } else { ROUNDS };
        for turn in 1..=count * rounds {
            let to = turn % count;
            let moved = self.best_move(&places, to).map(|moved| (self.cost(&moved), moved));
            if let Some((cheaper, moved)) = moved.filter(|(cheaper, _)| *cheaper < cost) {
                (places, cost, since) = (moved, cheaper, 0);
            } else {
                since += 1;
            }
            if since == count - 1 || count == 2 {
                break;
            }
        }
        places
    }

    /// What an assignment costs, microseconds; nothing when it is not allowed.
    pub fn cost(&self, places: &[usize]) -> Option<u64> {
        let mut cost: u64 = 0;
        let mut before = HOME;
        let mut used = vec![false; self.crossing.len()];
        for (step, &place) in self.steps.iter().zip(places) {
            cost += step.takes[place]?;
            if place != HOME && place != before {
                cost += self.crossing[place];
            }
            before = place;
            used[place] = true;
        }
        cost += used.iter().zip(&self.start_up).filter(|(used, _)| **used).map(|(_, start)| start).sum::<u64>();
        for (value, readers) in self.values.iter().zip(self.read_at(places)) {
            let made = value.maker.map_or(HOME, |maker| places[maker]);
            let mut leaves = value.wanted && made != HOME;
            for place in readers.into_iter().filter(|&place| place != made) {
                leaves = true;
                if place != HOME && !value.held[place] {
                    cost += value.send[place];
                }
            }
            if leaves && made != HOME {
                cost += value.fetch[made];
            }
        }
        Some(cost)
    }

    /// For each value, the places at which it is read.
    fn read_at(&self, places: &[usize]) -> Vec<Vec<usize>> {
        let mut read: Vec<Vec<usize>> = vec![Vec::new(); self.values.len()];
        for (step, &place) in self.steps.iter().zip(places) {
            for &value in &step.reads {
                if !read[value].contains(&place) {
                    read[value].push(place);
                }
            }
        }
        read
    }

    /// The best change of any steps to one place.
    fn best_move(&self, places: &[usize], to: usize) -> Option<Vec<usize>> {
        let mut energy = Energy::default();
        let mut bits = Vec::with_capacity(places.len());
        for (step, &place) in self.steps.iter().zip(places) {
            let bit = match (place == to, step.takes[to]) {
                (true, _) => Bit::Is(true),
                (false, None) => Bit::Is(false),
                (false, Some(_)) => energy.open(),
            };
            energy.when_yes(bit, step.takes[to].unwrap_or(FORBIDDEN));
            energy.when_no(bit, step.takes[place].unwrap_or(FORBIDDEN));
            bits.push(bit);
        }
        let mut turn = Move { problem: self, places, to, bits, energy };
        turn.crossings();
        turn.start_ups();
        let readers = turn.readers();
        for (value, readers) in self.values.iter().zip(&readers) {
            for place in 1..self.crossing.len() {
                turn.sends(value, readers, place);
                turn.fetches(value, readers, place);
            }
        }
        let chosen = turn.energy.solve()?;
        Some(places.iter().zip(&turn.bits).map(|(&place, &bit)| if chosen.is(bit) { to } else { place }).collect())
    }
}

/// One expansion move. A bit is yes when its step is at the place in the end.
struct Move<'p> {
    problem: &'p Problem,
    places: &'p [usize],
    to: usize,
    bits: Vec<Bit>,
    energy: Energy,
}

impl Move<'_> {
    fn readers(&self) -> Vec<Vec<usize>> {
        let mut readers = vec![Vec::new(); self.problem.values.len()];
        for (index, step) in self.problem.steps.iter().enumerate() {
            step.reads.iter().for_each(|&value| readers[value].push(index));
        }
        readers
    }

    fn crossings(&mut self) {
        let (mut place_before, mut before) = (HOME, Bit::Is(self.to == HOME));
        for (&place, &bit) in self.places.iter().zip(&self.bits) {
            if self.to != HOME {
                self.energy.when(bit, before, self.problem.crossing[self.to]);
            }
            // It stays at its other place, and what ran before it did not.
            if place != HOME && place != self.to {
                let cost = self.problem.crossing[place];
                if place_before == place {
                    self.energy.when(before, bit, cost);
                } else {
                    self.energy.when_no(bit, cost);
                }
            }
            (place_before, before) = (place, bit);
        }
    }

    fn start_ups(&mut self) {
        for place in 0..self.problem.start_up.len() {
            let cost = self.problem.start_up[place];
            if place == self.to {
                let used = self.energy.any(self.bits.iter().copied());
                self.energy.when_yes(used, cost);
            } else {
                let unused = self.energy.all(self.at(place, 0..self.places.len()));
                self.energy.when_no(unused, cost);
            }
        }
    }

    /// The bits of those of the steps that are at a place now.
    fn at(&self, place: usize, steps: impl IntoIterator<Item = usize>) -> Vec<Bit> {
        steps.into_iter().filter(|&step| self.places[step] == place).map(|step| self.bits[step]).collect()
    }

    /// What sending a value to a place costs: some step reads it there that it was not made at.
    fn sends(&mut self, value: &Value, readers: &[usize], place: usize) {
        if value.held[place] || readers.is_empty() {
            return;
        }
        let cost = value.send[place];
        let maker = value.maker.map(|maker| (self.places[maker], self.bits[maker]));
        if place == self.to {
            let read = self.energy.any(readers.iter().map(|&reader| self.bits[reader]));
            self.energy.when(read, maker.map_or(Bit::Is(false), |(_, bit)| bit), cost);
            return;
        }
        let staying = self.at(place, readers.iter().copied());
        if staying.is_empty() {
            return;
        }
        let unread = self.energy.all(staying);
        let gone = maker.filter(|(now, _)| *now == place).map_or(Bit::Is(true), |(_, bit)| bit);
        self.energy.when(gone, unread, cost);
    }

    /// What getting a value back from a place costs: it is made there, and wanted elsewhere.
    fn fetches(&mut self, value: &Value, readers: &[usize], place: usize) {
        let Some(maker) = value.maker else { return };
        let (cost, bit) = (value.fetch[place], self.bits[maker]);
        if place == self.to {
            if value.wanted {
                self.energy.when_yes(bit, cost);
            } else if !readers.is_empty() {
                let only_there = self.energy.all(readers.iter().map(|&reader| self.bits[reader]));
                self.energy.when(bit, only_there, cost);
            }
            return;
        }
        if self.places[maker] != place {
            return;
        }
        let staying = self.at(place, readers.iter().copied());
        if value.wanted || staying.len() < readers.len() {
            self.energy.when_no(bit, cost);
        } else {
            let elsewhere = self.energy.any(staying);
            self.energy.when(elsewhere, bit, cost);
        }
    }
}
