//! Two places: where each step runs, and how each value gets to where it is read. Solved exactly.
//!
//! Stone's assignment of modules to two processors (1977), with three things more: a value is sent once however many steps read it, the
//! code that made it may be run again in place of sending it (`ElasticNotebook` weighs the same for checkpoints), and a value that is already
//! there costs nothing. All of them are costs between pairs of choices, so one minimum cut gives the optimum.

use std::collections::BTreeMap;

use super::energy::{Bit, Energy, FORBIDDEN};

/// What running a step at one of the places takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Run {
    /// It has run there already.
    Done,
    /// Microseconds.
    Takes(u64),
    /// It must not run there.
    Never,
}

/// One run of a cell.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step {
    /// Running it here.
    pub here: Run,
    /// Running it there.
    pub there: Run,
    /// Indices of the values it reads.
    pub reads: Vec<usize>,
    /// Whether it may run in both places: it has no effects and changes nothing that others see.
    pub twice: bool,
    /// Whether it is still to run; what has run may only be run again.
    pub ahead: bool,
    /// What going there for it adds when the step before it ran here, microseconds.
    pub crossing: u64,
    /// What the first use of the place adds when it is for this, microseconds. Of all steps that run there the largest counts, once.
    pub start_up: u64,
}

/// One version of a variable.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Value {
    /// Index of the step that makes it; nothing for what was there before the first step.
    pub maker: Option<usize>,
    /// Whether it is here now.
    pub here: bool,
    /// Whether it is there now.
    pub there: bool,
    /// Microseconds to get it there; nothing when it cannot be sent.
    pub send: Option<u64>,
    /// Microseconds to get it back; nothing when it cannot be.
    pub fetch: Option<u64>,
    /// What it costs when it is not here in the end, microseconds.
    pub owed: u64,
}

/// A question: steps in the order in which they run, and the values between them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Problem {
    /// Steps, in order.
    pub steps: Vec<Step>,
    /// Values.
    pub values: Vec<Value>,
    /// Whether the step before the first one ran there.
    pub from_there: bool,
}

/// How a value gets to where it is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    /// It is where it is read.
    Present,
    /// It is sent.
    Sent,
    /// The code that made it runs there as well.
    Rerun,
}

/// The answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Assignment {
    /// What it costs in all, microseconds.
    pub cost: u64,
    /// For each step, whether it runs there.
    pub there: Vec<bool>,
    /// For each step, whether it runs here.
    pub here: Vec<bool>,
    /// For each value that is read there, how it gets there.
    pub ways: Vec<Option<Way>>,
}

/// The choices of a step.
struct Choice {
    /// It runs there.
    there: Bit,
    /// It does not run here.
    away: Bit,
}

impl Problem {
    /// The cheapest assignment; nothing when no assignment is allowed. Of equal ones, the one with the least there.
    pub fn solve(&self) -> Option<Assignment> {
        let mut energy = Energy::default();
        let choices: Vec<Choice> = self.steps.iter().map(|step| choose(step, &mut energy)).collect();
        let needed = self.values_there(&choices, &mut energy);
        self.values_here(&choices, &mut energy);
        self.crossings(&choices, &mut energy);
        self.start_ups(&choices, &mut energy);
        let chosen = energy.solve()?;
        let there: Vec<bool> = choices.iter().map(|choice| chosen.is(choice.there)).collect();
        let here = choices.iter().map(|choice| !chosen.is(choice.away)).collect();
        let way = |(value, needed): (&Value, &Bit)| match (chosen.is(*needed), value.maker) {
            (false, _) => None,
            (true, _) if value.there => Some(Way::Present),
            (true, Some(maker)) if there[maker] && self.steps[maker].there != Run::Done => {
                Some(if chosen.is(choices[maker].away) { Way::Present } else { Way::Rerun })
            }
            (true, _) => Some(Way::Sent),
        };
        let ways = self.values.iter().zip(&needed).map(way).collect();
        Some(Assignment { cost: chosen.cost, there, here, ways })
    }

    /// For each value, the choice to have it there, with what that costs.
    fn values_there(&self, choices: &[Choice], energy: &mut Energy) -> Vec<Bit> {
        let mut readers: Vec<Vec<Bit>> = vec![Vec::new(); self.values.len()];
        for (step, choice) in self.steps.iter().zip(choices) {
            if matches!(step.there, Run::Takes(_)) {
                step.reads.iter().for_each(|&value| readers[value].push(choice.there));
            }
        }
        let mut needed = Vec::with_capacity(self.values.len());
        for (value, readers) in self.values.iter().zip(readers) {
            let bit = if readers.is_empty() { Bit::Is(false) } else { energy.any(readers) };
            if !value.there {
                let made = match value.maker {
                    Some(maker) if matches!(self.steps[maker].there, Run::Takes(_)) => choices[maker].there,
                    _ => Bit::Is(false),
                };
                energy.when(bit, made, value.send.unwrap_or(FORBIDDEN));
            }
            needed.push(bit);
        }
        needed
    }

    /// The same for having it here.
    fn values_here(&self, choices: &[Choice], energy: &mut Energy) {
        let mut readers: Vec<Vec<Bit>> = vec![Vec::new(); self.values.len()];
        for (step, choice) in self.steps.iter().zip(choices) {
            if matches!(step.here, Run::Takes(_)) {
                step.reads.iter().for_each(|&value| readers[value].push(choice.away));
            }
        }
        for (value, readers) in self.values.iter().zip(readers) {
            if value.here || (readers.is_empty() && value.owed == 0) {
                continue;
            }
            // What is owed may be paid or fetched, whoever reads it.
            let absent = if value.owed > 0 { energy.only_if_all(readers) } else { energy.all(readers) };
            let away = match value.maker {
                Some(maker) if matches!(self.steps[maker].here, Run::Takes(_)) => choices[maker].away,
                _ => Bit::Is(true),
            };
            energy.when(away, absent, value.fetch.unwrap_or(FORBIDDEN));
            energy.when_yes(absent, value.owed);
        }
    }

    fn crossings(&self, choices: &[Choice], energy: &mut Energy) {
        let mut before = Bit::Is(self.from_there);
        for (step, choice) in self.steps.iter().zip(choices).filter(|(step, _)| step.ahead) {
            energy.when(choice.away, before, step.crossing);
            before = choice.away;
        }
    }

    /// The largest of several costs: one for each level, which arises when a step at that level or above runs there.
    fn start_ups(&self, choices: &[Choice], energy: &mut Energy) {
        let users = self.steps.iter().zip(choices).filter(|(step, _)| step.there != Run::Done && step.start_up > 0);
        let mut levels: BTreeMap<u64, Vec<Bit>> = BTreeMap::new();
        users.for_each(|(step, choice)| levels.entry(step.start_up).or_default().push(choice.there));
        let mut above = Bit::Is(false);
        let mut levels = levels.into_iter().rev().peekable();
        while let Some((level, users)) = levels.next() {
            above = energy.any(users.into_iter().chain([above]));
            let below = levels.peek().map_or(0, |(below, _)| *below);
            energy.when_yes(above, level - below);
        }
    }
}

/// The choices of a step, with what running it costs. It runs somewhere.
fn choose(step: &Step, energy: &mut Energy) -> Choice {
    let choice = match (step.here, step.there) {
        (Run::Done, Run::Takes(_)) => Choice { there: energy.open(), away: Bit::Is(false) },
        (Run::Takes(_), Run::Done) => Choice { there: Bit::Is(true), away: energy.open() },
        (Run::Never, Run::Done | Run::Takes(_)) => Choice { there: Bit::Is(true), away: Bit::Is(true) },
        (_, Run::Done) => Choice { there: Bit::Is(true), away: Bit::Is(false) },
        (_, Run::Never) => Choice { there: Bit::Is(false), away: Bit::Is(false) },
        (Run::Takes(_), Run::Takes(_)) if step.twice => {
            let choice = Choice { there: energy.open(), away: energy.open() };
            energy.when(choice.away, choice.there, FORBIDDEN);
            choice
        }
        (Run::Takes(_), Run::Takes(_)) => {
            let there = energy.open();
            Choice { there, away: there }
        }
    };
    if step.here == Run::Never && step.there == Run::Never {
        energy.when_yes(Bit::Is(true), FORBIDDEN);
    }
    if let Run::Takes(cost) = step.there {
        energy.when_yes(choice.there, cost);
    }
    if let Run::Takes(cost) = step.here {
        energy.when_no(choice.away, cost);
    }
    choice
}
