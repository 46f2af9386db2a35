//! What a name may stand for: a few abstract objects, and the literal where that is known.

use std::sync::Arc;

use smallvec::{SmallVec, smallvec};

use super::heap::ObjId;

/// A few objects, ascending. Most values are one object, and values are copied all the time.
pub(crate) type Objs = SmallVec<[ObjId; 4]>;

/// A literal whose value the analysis follows.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Const {
    Str(Arc<str>),
    Int(i64),
    Float(f64),
    /// A number that is only about right: good enough to say how much work something is, and for nothing else.
    About(f64),
    Bool(bool),
    /// Whether a file is there (true), or is not (false), whatever it is.
    FileThere(bool),
    None,
}

/// What a name may stand for: some abstract objects, or none when it is immutable; and the literal it is, when that is known.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct Val {
    pub(crate) objs: Objs,
    pub(crate) literal: Option<Const>,
}

// By hand, since a derived clone copies the objects one by one: values are cloned more than anything else.
impl Clone for Val {
    fn clone(&self) -> Self {
        Self { objs: Objs::from_slice(&self.objs), literal: self.literal.clone() }
    }
}

impl Val {
    pub(crate) fn of(object: ObjId) -> Self {
        Self { objs: smallvec![object], literal: None }
    }

    pub(crate) const fn scalar() -> Self {
        Self { objs: SmallVec::new_const(), literal: None }
    }

    pub(crate) const fn literal(literal: Const) -> Self {
        Self { objs: SmallVec::new_const(), literal: Some(literal) }
    }

    pub(crate) fn string(text: impl Into<Arc<str>>) -> Self {
        Self::literal(Const::Str(text.into()))
    }

    pub(crate) fn as_str(&self) -> Option<&str> {
        match &self.literal {
            Some(Const::Str(text)) => Some(text),
            _ => None,
        }
    }

    /// Adds what `other` may stand for.
    pub(crate) fn join(&mut self, other: &Self) {
        if self.literal != other.literal {
            self.literal = None;
        }
        join_objects(&mut self.objs, &other.objs);
    }

    pub(crate) fn joined(mut self, other: &Self) -> Self {
        self.join(other);
        self
    }
}

/// Adds objects to others; both ascend.
pub(super) fn join_objects(known: &mut Objs, more: &[ObjId]) {
    if known.last() < more.first() {
        return known.extend_from_slice(more);
    }
    if more.len() > FEW {
        return merge_objects(known, more);
    }
    let mut from = 0;
    for object in more {
        let found = known[from..].binary_search(object);
        from += found.unwrap_or_else(|at| at);
        if found.is_err() {
            known.insert(from, *object);
        }
        from += 1;
    }
}

/// Objects that are put among others one by one.
const FEW: usize = 4;

/// The same in one pass over both.
fn merge_objects(known: &mut Objs, more: &[ObjId]) {
    let (mut from, mut missing) = (0, 0);
    for object in more {
        from += known[from..].iter().take_while(|known| *known < object).count();
        missing += usize::from(known.get(from) != Some(object));
    }
    if missing == 0 {
        return;
    }
    // From the back, so that each moves once and nothing is overwritten before it has moved.
    let mut left = known.len();
    known.resize(left + missing, ObjId(0));
    let mut to = known.len();
    for object in more.iter().rev() {
        while left > 0 && known[left - 1] >= *object {
            (left, to) = (left - 1, to - 1);
            known[to] = known[left];
        }
        if known.get(to) != Some(object) {
            to -= 1;
            known[to] = *object;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{ObjId, Objs, join_objects};

    #[test]
    fn joined_objects_ascend_and_stand_there_once() {
        let ids = |ids: &[u32]| -> Objs { ids.iter().map(|&id| ObjId(id)).collect() };
        // Every way in which ten objects can be among the one and the other, few at a time and many.
        for mask in 0..1_u32 << 10 {
            let among = |bits: u32| -> Vec<u32> { (0..10).filter(|at| bits >> at & 1 == 1).collect() };
            let (one, other) = (among(mask), among(mask.wrapping_mul(0x9e37_79b1) >> 22));
            let mut joined = ids(&one);
            join_objects(&mut joined, &ids(&other));
            let mut wanted = [one, other].concat();
            wanted.sort_unstable();
            wanted.dedup();
            assert_eq!(joined, ids(&wanted), "{mask}");
        }
    }
}
