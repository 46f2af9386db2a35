//! Which objects a search has come to: a number for each object instead of a set for each search, of which a cell makes thousands.

use std::sync::{Mutex, MutexGuard, PoisonError};

use super::heap::ObjId;

/// For each object the last search that came to it. Behind a lock because a search changes nothing else; it is taken once for each.
#[derive(Debug, Default)]
pub(super) struct Marks(Mutex<Rounds>);

#[derive(Debug, Default)]
struct Rounds {
    round: u32,
    of: Vec<u32>,
}

/// One search.
pub(super) struct Search<'a>(MutexGuard<'a, Rounds>);

impl Marks {
    /// Starts a search among so many objects; one that is going on has to end first.
    pub(super) fn begin(&self, objects: usize) -> Search<'_> {
        let mut rounds = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if rounds.of.len() < objects {
            rounds.of.resize(objects.next_power_of_two(), 0);
        }
        if rounds.round == u32::MAX {
            rounds.of.fill(0);
            rounds.round = 0;
        }
        rounds.round += 1;
        Search(rounds)
    }
}

impl Search<'_> {
    /// Whether the search comes to this object for the first time.
    pub(super) fn insert(&mut self, id: ObjId) -> bool {
        let round = self.0.round;
        let mark = &mut self.0.of[id.0 as usize];
        std::mem::replace(mark, round) != round
    }
}
