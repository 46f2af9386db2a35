//! Lets go of objects that nothing can come to any more. A cell that calls many functions makes tens of thousands of objects, and most of them
//! end with the call.
//!
//! Numbers of objects are not used again, so that everything else is as if the objects were still there.

use std::sync::Arc;

use super::heap::{Heap, Kind, Obj, ObjId};
use super::{CellTrace, Interp};

/// Objects that have to be made before it is worth while.
const WORTH: usize = 4096;

impl Interp<'_> {
    /// Between two cells: keeps what names, modules and the traces of cells lead to. Nobody may ask why a value changed, since that looks at
    /// objects that are gone.
    pub(super) fn sweep(&mut self, traces: &[Arc<CellTrace>]) {
        if self.explains || self.heap.next < self.swept + WORTH {
            return;
        }
        let mut roots: Vec<ObjId> = self.base.objects().chain(self.canon.objects()).collect();
        roots.extend(self.modules.values().chain(self.blurs.values()));
        for trace in traces {
            roots.extend(trace.reads.values().flat_map(|read| &read.objs));
            roots.extend(trace.binds.iter().flat_map(|bind| &bind.val.objs));
        }
        self.heap.keep(roots);
        self.swept = self.heap.next;
    }
}

impl Heap {
    /// Lets go of all objects that these do not lead to.
    fn keep(&mut self, mut waiting: Vec<ObjId>) {
        let mut kept = vec![false; self.objects().len()];
        while let Some(id) = waiting.pop() {
            if !std::mem::replace(&mut kept[id.0 as usize], true) {
                self.get(id).lead_to(&mut |id| waiting.push(id));
            }
        }
        self.forget(|id| !kept[id.0 as usize]);
    }
}

impl Obj {
    /// Names every object that can be come to from this one.
    fn lead_to(&self, found: &mut dyn FnMut(ObjId)) {
        match &self.kind {
            Kind::Instance(class) => found(*class),
            Kind::Bound { function: object, receiver } | Kind::Super { class: object, receiver } => {
                found(*object);
                receiver.objs.iter().for_each(|id| found(*id));
            }
            Kind::Member { receiver, .. } => receiver.objs.iter().for_each(|id| found(*id)),
            Kind::Function(number) => found(ObjId(*number)),
            Kind::Unknown | Kind::Lib(_) | Kind::Path(_) | Kind::Class | Kind::Environment | Kind::Namespace => {}
        }
        let rare = self.rare();
        let function = rare.function.as_deref();
        function.into_iter().flat_map(|function| [function.closure, function.class, function.module]).flatten().for_each(&mut *found);
        let values = std::iter::once(&self.elems)
            .chain(self.attrs.iter().map(|(_, value)| value))
            .chain(rare.parts.iter().flatten())
            .chain(&rare.bases)
            .chain(function.into_iter().flat_map(|function| function.defaults.iter().map(|(_, value)| value)));
        values.flat_map(|value| &value.objs).for_each(|id| found(*id));
        self.views.iter().for_each(|(base, _)| found(*base));
    }
}
