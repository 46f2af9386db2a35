//! Notes what the interpretation of one cell reads and changes among the objects that cells before it made.

use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use super::heap::{Obj, ObjId};

/// An object is held, or its memory shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Tie {
    pub(super) object: ObjId,
    pub(super) by: ObjId,
    pub(super) sure: bool,
    /// Whether it counts once, however often it is said.
    pub(super) once: bool,
}

/// What is noted while a cell runs.
#[derive(Debug, Default)]
pub(crate) struct Recorder {
    /// Number of the first object that the cell makes.
    first: u32,
    /// Tells this cell's notes from those of the cells before it.
    round: u32,
    read_in: Vec<AtomicU32>,
    written_in: Vec<u32>,
    /// Behind a lock because reading changes nothing else; it is taken once for each object.
    reads: Mutex<Vec<ObjId>>,
    writes: Vec<(ObjId, Arc<Obj>)>,
    ties: Vec<Tie>,
}

/// What was noted.
#[derive(Debug, Default)]
pub(super) struct Recorded {
    /// Objects that were looked at or changed, ascending.
    pub(super) reads: Vec<ObjId>,
    /// Objects that were changed, as they were before.
    pub(super) writes: Vec<(ObjId, Arc<Obj>)>,
    pub(super) ties: Vec<Tie>,
}

impl Recorder {
    /// A cell starts, which makes the objects from this number on.
    pub(super) fn begin(&mut self, first: usize) {
        self.first = u32::try_from(first).unwrap_or(u32::MAX);
        self.round += 1;
        if self.read_in.len() < first {
            self.read_in.resize_with(first, AtomicU32::default);
            self.written_in.resize(first, 0);
        }
    }

    pub(super) fn read(&self, id: ObjId) {
        if id.0 < self.first {
            let read_in = &self.read_in[id.0 as usize];
            if read_in.load(Ordering::Relaxed) != self.round {
                read_in.store(self.round, Ordering::Relaxed);
                self.reads.lock().unwrap_or_else(PoisonError::into_inner).push(id);
            }
        }
    }

    pub(super) fn write(&mut self, id: ObjId, object: &Arc<Obj>) {
        if id.0 < self.first && self.written_in[id.0 as usize] != self.round {
            self.written_in[id.0 as usize] = self.round;
            self.read(id);
            self.writes.push((id, Arc::clone(object)));
        }
    }

    pub(super) fn tie(&mut self, tie: Tie) {
        // Said twice in a row it says nothing more.
        if !tie.once || self.ties.last() != Some(&tie) {
            self.ties.push(tie);
        }
    }

    /// The cell has ended.
    pub(super) fn take(&mut self) -> Recorded {
        let mut reads = std::mem::take(self.reads.get_mut().unwrap_or_else(PoisonError::into_inner));
        reads.sort_unstable();
        Recorded { reads, writes: std::mem::take(&mut self.writes), ties: std::mem::take(&mut self.ties) }
    }
}
