//! How people move through a notebook: four ways, each with its own habits.

use nbhoist_analyzer::placement::predict::Event;

use super::notebooks::Model;
use crate::random::Random;

/// A way of moving.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    /// From top to bottom, sometimes twice.
    Linear,
    /// A cell is changed and run again until it is right; an earlier one is mended and what depends on it is run again.
    EditAndRerun,
    /// Parameters, training, evaluation, again and again.
    Hyperparameters,
    /// Back and forth, a few cells at a time.
    Exploratory,
}

impl Way {
    /// All four.
    pub const ALL: [Self; 4] = [Self::Linear, Self::EditAndRerun, Self::Hyperparameters, Self::Exploratory];

    /// Its name in reports.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Linear => "linear",
            Self::EditAndRerun => "edit and rerun",
            Self::Hyperparameters => "hyperparameter loop",
            Self::Exploratory => "exploratory jumps",
        }
    }
}

/// What sessions are for. The two have other seeds and other habits, so that nothing can be tuned to what is scored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// For choosing constants.
    Tuning,
    /// For tables.
    Scoring,
}

impl Purpose {
    /// The first seed; session `n` has the seed after it by `n`.
    pub const fn seed(self) -> u64 {
        match self {
            Self::Tuning => 7_000_000,
            Self::Scoring => 31_000_000,
        }
    }

    fn habits(self) -> Habits {
        match self {
            Self::Tuning => Habits { rerun: 0.35, mend: 0.12, through: 0.5, rounds: 5, detour: 0.12, jumps: 14, burst: 0.55, favour: 0.35 },
            Self::Scoring => {
                Habits { rerun: 0.28, mend: 0.18, through: 0.4, rounds: 7, detour: 0.18, jumps: 18, burst: 0.48, favour: 0.45 }
            }
        }
    }
}

struct Habits {
    /// A cell just run is changed and run again.
    rerun: f64,
    /// An earlier cell is changed.
    mend: f64,
    /// Then everything after it is run, and not only what depends on it.
    through: f64,
    /// Rounds of a loop, about.
    rounds: usize,
    /// A round looks at something else.
    detour: f64,
    /// Jumps, about.
    jumps: usize,
    /// After a jump the next cell is run as well.
    burst: f64,
    /// A jump goes to one of a few favourites.
    favour: f64,
}

/// A session: edits and runs, and the parameter that counted at each run.
#[derive(Clone, Debug, Default)]
pub struct Session {
    /// What happened.
    pub events: Vec<Event>,
    /// For each run, the parameter.
    pub parameters: Vec<f64>,
    parameter: f64,
}

impl Session {
    /// A session with a notebook.
    pub fn new(way: Way, purpose: Purpose, model: &Model, random: &mut Random) -> Self {
        let mut session = Self { parameter: 1.0, ..Self::default() };
        let habits = purpose.habits();
        match way {
            Way::Linear => {
                for _ in 0..=random.below(2) {
                    (0..model.cells.len()).for_each(|cell| session.run(cell));
                }
            }
            Way::EditAndRerun => session.edit_and_rerun(&habits, model, random),
            Way::Hyperparameters => session.hyperparameters(&habits, model, random),
            Way::Exploratory => session.explore(&habits, model, random),
        }
        session
    }

    /// Indices of the cells that ran.
    pub fn runs(&self) -> Vec<usize> {
        let ran = |event: &Event| if let Event::Ran(cell) = event { Some(*cell as usize - 1) } else { None };
        self.events.iter().filter_map(ran).collect()
    }

    fn run(&mut self, cell: usize) {
        self.events.push(Event::Ran(cell as u32 + 1));
        self.parameters.push(self.parameter);
    }

    fn edit(&mut self, cell: usize, model: &Model, random: &mut Random) {
        self.events.push(Event::Edited(cell as u32 + 1));
        if cell == model.parameters {
            self.parameter = [0.5, 1.0, 1.5, 2.0, 3.0][random.below(5)];
        }
    }

    fn edit_and_rerun(&mut self, habits: &Habits, model: &Model, random: &mut Random) {
        for cell in 0..model.cells.len() {
            self.run(cell);
            while random.chance(habits.rerun) {
                self.edit(cell, model, random);
                self.run(cell);
            }
            if cell > 0 && random.chance(habits.mend) {
                let mended = random.below(cell);
                self.edit(mended, model, random);
                self.run(mended);
                let through = random.chance(habits.through);
                let again: Vec<usize> = if through { (mended + 1..=cell).collect() } else { model.dependents(mended) };
                again.into_iter().filter(|&later| later <= cell).for_each(|later| self.run(later));
            }
        }
    }

    fn hyperparameters(&mut self, habits: &Habits, model: &Model, random: &mut Random) {
        (0..=model.evaluation).for_each(|cell| self.run(cell));
        let rounds = habits.rounds / 2 + random.below(habits.rounds);
        for _ in 0..rounds {
            self.edit(model.parameters, model, random);
            self.run(model.parameters);
            self.run(model.heavy);
            self.run(model.evaluation);
            if random.chance(0.6) {
                self.run(model.evaluation + 1);
            }
            if random.chance(habits.detour) {
                self.run(random.below(model.parameters));
            }
        }
        (model.evaluation + 1..model.cells.len()).for_each(|cell| self.run(cell));
    }

    fn explore(&mut self, habits: &Habits, model: &Model, random: &mut Random) {
        let reached = model.evaluation + 1;
        (0..=reached).for_each(|cell| self.run(cell));
        let favourites: Vec<usize> = (0..3).map(|_| random.below(reached)).collect();
        let jumps = habits.jumps / 2 + random.below(habits.jumps);
        for _ in 0..jumps {
            let favourite = random.chance(habits.favour);
            let mut cell = if favourite { favourites[random.below(3)] } else { random.below(model.cells.len()) };
            if random.chance(0.4) {
                self.edit(cell, model, random);
            }
            self.run(cell);
            while random.chance(habits.burst) && cell + 1 < model.cells.len() {
                cell += 1;
                self.run(cell);
            }
        }
    }
}
