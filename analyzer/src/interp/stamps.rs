//! Which changes of objects a cell has noted already. What a function of which nothing is known may change is dozens of objects for each call,
//! nearly always the same ones.

use super::heap::ObjId;
use crate::report::Certainty;

/// For each object the last cell that noted a change of it, and how sure that was.
#[derive(Debug, Default)]
pub(super) struct Stamps(Vec<(u32, Option<Certainty>)>);

impl Stamps {
    /// Whether this cell has noted no change of the object that is as sure; from now on it has.
    pub(super) fn is_new(&mut self, object: ObjId, cell: u32, certainty: Certainty) -> bool {
        let at = object.0 as usize;
        if at >= self.0.len() {
            self.0.resize((at + 1).next_power_of_two(), (0, None));
        }
        let known = &mut self.0[at];
        if matches!(*known, (of, Some(sure)) if of == cell && sure <= certainty) {
            return false;
        }
        *known = (cell, Some(certainty));
        true
    }
}
