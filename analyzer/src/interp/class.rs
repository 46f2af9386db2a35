//! Classes of the notebook and their values.

use std::collections::BTreeSet;

use ruff_python_ast::name::Name;
use ruff_python_ast::{Expr, Stmt, StmtClassDef};
use ruff_text_size::{Ranged, TextRange};

use super::arguments::Args;
use super::flow::Names;
use super::function::Role;
use super::heap::{Kind, ObjId, Val};
use super::{FrameKind, Interp};
use crate::facts::Scope;

/// Attribute under which a class keeps its metaclass.
const METACLASS: &str = "metaclass=";

/// How often all methods of one value are run in one cell.
const MAX_METHODS_RUNS: u32 = 4;

/// A run of all methods of a value.
#[derive(Clone, Copy, Debug)]
pub(super) struct MethodsRun {
    runs: u32,
    /// What it left; nothing while it goes on.
    state: Option<MethodsState>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct MethodsState {
    class: ObjId,
    rebound: u32,
    /// How much the value and its class hold.
    held: usize,
}

impl Interp<'_> {
    pub(super) fn define_class(&mut self, def: &StmtClassDef) {
        let decorators: Vec<Val> = def.decorator_list.iter().map(|decorator| self.eval(&decorator.expression)).collect();
        let class = self.add(Kind::Class);
        if let Some(arguments) = &def.arguments {
            for base in &arguments.args {
                let val = self.eval(base);
                self.heap.link(class, &val, true);
                self.heap.get_mut(class).rare_mut().bases.push(val);
            }
            for keyword in &arguments.keywords {
                let val = self.eval(&keyword.value);
                if keyword.arg.as_deref() == Some("metaclass") {
                    self.heap.set_attr(class, &Name::new_static(METACLASS), &val);
                }
            }
        }
        let scope = self.scope_at(def.start());
        let mut frame = self.frame(Scope::clone(&scope), FrameKind::Class);
        frame.method_of = Some((class, Val::default()));
        self.frames.push(frame);
        self.flow.frames.push(Names::new());
        self.run_body(&def.body);
        self.frames.pop();
        let members = self.flow.frames.pop().unwrap_or_default();
        let mut members: Vec<_> = members.into_iter().collect();
        members.sort_by(|(a, _), (b, _)| a.as_str().cmp(b.as_str()));
        for (name, slot) in members {
            self.heap.set_attr(class, &name, &slot.val);
        }
        self.heap.get_mut(class).rare_mut().parts = Some(self.fields_of(class, def));
        self.run_class_hooks(class, def);
        let mut val = Val::of(class);
        for (decorator, node) in decorators.iter().zip(&def.decorator_list).rev() {
            let notebook: Vec<ObjId> = decorator
                .objs
                .iter()
                .copied()
                .filter(|&id| matches!(self.heap.get(id).kind, Kind::Function(_) | Kind::Class | Kind::Bound { .. } | Kind::Instance(_)))
                .collect();
            // A library's class decorator (`@dataclass`, `@total_ordering`) gives the class back.
            for id in notebook {
                let args = Args::positional(vec![val.clone()]);
                let result = self.call_object(id, &args, node.range());
                val = result.joined(&Val::of(class));
            }
        }
        self.bind_name(&def.name.id, val);
    }

    /// What the bases and the metaclass do when a class is made.
    fn run_class_hooks(&mut self, class: ObjId, def: &StmtClassDef) {
        let made = Val::of(class);
        let bases: Vec<ObjId> = self.heap.get(class).rare().bases.iter().flat_map(|base| base.objs.clone()).collect();
        let hook = Name::new_static("__init_subclass__");
        if let Some(member) = bases.iter().find_map(|&base| self.class_member(base, &hook, &mut BTreeSet::new())) {
            self.call_bound(&member, &made, &Args::default(), def.name.range());
        }
        let metaclasses: Vec<ObjId> = self
            .heap
            .attr(class, METACLASS)
            .map(|val| val.objs.clone())
            .into_iter()
            .flatten()
            .filter(|&id| self.heap.get(id).kind == Kind::Class)
            .collect();
        for metaclass in metaclasses {
            for method in ["__prepare__", "__new__", "__init__"] {
                if let Some(member) = self.class_member(metaclass, &Name::new_static(method), &mut BTreeSet::new()) {
                    self.call_bound(&member, &made, &Args::default(), def.name.range());
                }
            }
        }
    }

    /// Names of the annotated fields, inherited ones first: what a dataclass or a named tuple takes, in order.
    fn fields_of(&self, class: ObjId, def: &StmtClassDef) -> Vec<Val> {
        let bases = self.heap.get(class).rare().bases.iter().flat_map(|base| &base.objs);
        let mut fields: Vec<Val> = bases.filter_map(|&base| self.heap.get(base).rare().parts.clone()).flatten().collect();
        for statement in &def.body {
            if let Stmt::AnnAssign(field) = statement
                && let Expr::Name(name) = &*field.target
            {
                let name = Val::string(name.id.as_str());
                if !fields.contains(&name) {
                    fields.push(name);
                }
            }
        }
        fields
    }

    /// Calling a class of the notebook.
    pub(super) fn instantiate(&mut self, class: ObjId, args: &Args, range: TextRange) -> Val {
        let instance = self.add(Kind::Instance(class));
        let val = Val::of(instance);
        self.heap.link(instance, &Val::of(class), true);
        let mut constructed = false;
        for method in ["__new__", "__init__", "__post_init__"] {
            if let Some(member) = self.class_member(class, &Name::new_static(method), &mut BTreeSet::new()) {
                let no_args = Args::default();
                let args = if method == "__post_init__" { &no_args } else { args };
                self.call_bound(&member, &val, args, range);
                constructed |= method == "__init__";
            }
        }
        // A dataclass, a named tuple or an inherited constructor keeps what it is given.
        if !constructed {
            for held in args.all() {
                self.heap.hold(instance, held);
            }
            for (name, held) in &args.keywords {
                self.heap.set_attr(instance, name, held);
            }
            let fields = self.heap.get(class).rare().parts.clone().unwrap_or_default();
            for (field, held) in fields.iter().zip(&args.positional) {
                if let Some(name) = field.as_str() {
                    self.heap.set_attr(instance, &Name::new(name), held);
                }
            }
            self.heap.get_mut(instance).rare_mut().parts = Some(args.positional.clone()).filter(|parts| !parts.is_empty());
            for field in fields.iter().skip(args.positional.len()) {
                self.make_default(instance, class, field, range);
            }
        }
        if self.has_foreign_base(class, &mut BTreeSet::new()) {
            for held in args.all() {
                self.heap.hold(instance, held);
            }
        }
        val
    }

    /// What `field(default_factory=list)` makes for each new value.
    fn make_default(&mut self, instance: ObjId, class: ObjId, field: &Val, range: TextRange) {
        let Some(name) = field.as_str().map(Name::new) else { return };
        if self.heap.attr(instance, &name).is_some() {
            return;
        }
        let Some(default) = self.class_member(class, &name, &mut BTreeSet::new()) else { return };
        let is_field = |id: &&ObjId| matches!(&self.heap.get(**id).kind, Kind::Lib(path) if &**path == "dataclasses.Field");
        let held: Vec<ObjId> = default.objs.iter().filter(is_field).flat_map(|&id| self.heap.get(id).elems.objs.clone()).collect();
        let mut made = Val::default();
        for factory in held {
            if matches!(self.heap.get(factory).kind, Kind::Path(_) | Kind::Function(_) | Kind::Class) {
                made.join(&self.call_object(factory, &Args::default(), range));
            }
        }
        if !made.objs.is_empty() {
            self.heap.set_attr(instance, &name, &made);
        }
    }

    /// Whether a class inherits from something that is not in the notebook.
    pub(super) fn has_foreign_base(&self, class: ObjId, seen: &mut BTreeSet<ObjId>) -> bool {
        if !seen.insert(class) {
            return false;
        }
        self.heap.get(class).rare().bases.iter().flat_map(|base| &base.objs).any(|&base| match &self.heap.get(base).kind {
            Kind::Class => self.has_foreign_base(base, seen),
            Kind::Path(path) => {
                !matches!(&**path, "builtins.object" | "abc.ABC" | "enum.Enum" | "typing.Generic" | "typing.NamedTuple" | "typing.Protocol")
            }
            _ => true,
        })
    }

    pub(super) fn class_member(&self, class: ObjId, name: &Name, seen: &mut BTreeSet<ObjId>) -> Option<Val> {
        if !seen.insert(class) {
            return None;
        }
        if let Some(val) = self.heap.attr(class, name) {
            return Some(val.clone());
        }
        let bases = &self.heap.get(class).rare().bases;
        bases.iter().flat_map(|base| &base.objs).find_map(|&base| self.class_member(base, name, seen))
    }

    pub(super) fn instance_attribute(&mut self, id: ObjId, class: ObjId, attr: &Name, range: TextRange) -> Val {
        let own = self.heap.attr(id, attr).cloned();
        let from_class = self.class_member(class, attr, &mut BTreeSet::new());
        let mut val = match (&own, from_class) {
            (Some(own), Some(_)) if self.calls.is_empty() => own.clone(),
            (own, Some(member)) => {
                let receiver = Val::of(id);
                let bound = self.bind_or_get(&member, &receiver, range);
                own.clone().unwrap_or_default().joined(&bound)
            }
            (Some(own), None) => own.clone(),
            (None, None) => {
                if let Some(member) = self.class_member(class, &Name::new_static("__getattr__"), &mut BTreeSet::new()) {
                    self.call_bound(&member, &Val::of(id), &Args::default(), range)
                } else if self.has_foreign_base(class, &mut BTreeSet::new()) {
                    self.fresh(Kind::Member { receiver: Val::of(id), name: attr.clone() })
                } else {
                    self.lazy_attribute(id, attr)
                }
            }
        };
        val.literal = own.and_then(|own| own.literal);
        val
    }

    /// A class attribute seen through a value: methods bind, properties run.
    fn bind_or_get(&mut self, member: &Val, receiver: &Val, range: TextRange) -> Val {
        let mut val = Val { objs: super::heap::Objs::new(), literal: member.literal.clone() };
        for &id in &member.objs {
            if let Kind::Function(number) = self.heap.get(id).kind
                && self.role(number) == Role::Property
            {
                let got = self.call_function(number, Some(receiver), &Args::default(), range);
                val.join(&got);
            } else {
                let bound = self.bind_to(&Val::of(id), receiver);
                val.join(&bound);
            }
        }
        val
    }

    /// Setting an attribute that is a property runs its setter.
    pub(super) fn set_property(&mut self, id: ObjId, class: ObjId, attr: &Name, val: &Val, range: TextRange) {
        let Some(member) = self.class_member(class, attr, &mut BTreeSet::new()) else { return };
        for &function in &member.objs {
            if let Kind::Function(number) = self.heap.get(function).kind
                && self.role(number) == Role::Property
                && !self.calls.iter().any(|call| call.function == number)
            {
                self.call_function(number, Some(&Val::of(id)), &Args::positional(vec![val.clone()]), range);
            }
        }
    }

    pub(super) fn bind_to(&mut self, member: &Val, receiver: &Val) -> Val {
        let mut val = Val { objs: super::heap::Objs::new(), literal: member.literal.clone() };
        for &id in &member.objs {
            let bound = match self.heap.get(id).kind {
                Kind::Function(number) if self.role(number) == Role::Static => Val::of(id),
                Kind::Function(_) => {
                    let bound = self.fresh(Kind::Bound { function: id, receiver: receiver.clone() });
                    for &holder in &bound.objs {
                        self.heap.hold(holder, receiver);
                    }
                    bound
                }
                _ => Val::of(id),
            };
            val.join(&bound);
        }
        val
    }

    /// A member taken from the class itself: only class methods bind.
    pub(super) fn bind_class_member(&mut self, class: ObjId, member: &Val) -> Val {
        let mut val = Val { objs: super::heap::Objs::new(), literal: member.literal.clone() };
        for &id in &member.objs {
            let part = match self.heap.get(id).kind {
                Kind::Function(number) if self.role(number) == Role::Class => {
                    self.fresh(Kind::Bound { function: id, receiver: Val::of(class) })
                }
                _ => Val::of(id),
            };
            val.join(&part);
        }
        val
    }

    pub(super) fn call_bound(&mut self, member: &Val, receiver: &Val, args: &Args, range: TextRange) -> Val {
        let mut val = Val::default();
        for &id in &member.objs {
            if let Kind::Function(number) = self.heap.get(id).kind {
                let role = self.role(number);
                let result = self.call_function(number, (role != Role::Static).then_some(receiver), args, range);
                val.join(&result);
            }
        }
        val
    }

    /// Runs a special method where a value is of a class of the notebook that has it.
    pub(super) fn call_special(&mut self, receiver: &Val, method: &str, args: &[Val], range: TextRange) -> Option<Val> {
        let mut val: Option<Val> = None;
        for &id in &receiver.objs {
            let Kind::Instance(class) = self.heap.get(id).kind else { continue };
            let Some(member) = self.class_member(class, &Name::new(method), &mut BTreeSet::new()) else { continue };
            let result = self.call_bound(&member, &Val::of(id), &Args::positional(args.to_vec()), range);
            match &mut val {
                Some(known) => known.join(&result),
                None => val = Some(result),
            }
        }
        val
    }

    /// A library gets a value of a notebook's class: any of its methods may run. Once in a cell is enough to learn what they need and
    /// change, until the value holds something else or a name of the notebook is bound anew.
    pub(super) fn call_all_methods(&mut self, id: ObjId, class: ObjId, range: TextRange) {
        let state = self.methods_state(id, class);
        let runs = match self.methods_run.get(&id) {
            Some(known) if known.state.is_none_or(|known| known == state) || known.runs >= MAX_METHODS_RUNS => return,
            Some(known) => known.runs,
            None => 0,
        };
        self.methods_run.insert(id, MethodsRun { runs: runs + 1, state: None });
        self.run_methods(id, class, range, &mut BTreeSet::new());
        let state = Some(self.methods_state(id, class));
        self.methods_run.insert(id, MethodsRun { runs: runs + 1, state });
    }

    /// What the run of a value's methods depends on.
    fn methods_state(&self, id: ObjId, class: ObjId) -> MethodsState {
        let held = |id: ObjId| {
            let object = self.heap.get(id);
            object.elems.objs.len() + object.attrs.iter().map(|(_, val)| 1 + val.objs.len()).sum::<usize>()
        };
        MethodsState { class, rebound: self.rebound, held: held(id) + held(class) }
    }

    fn run_methods(&mut self, id: ObjId, class: ObjId, range: TextRange, seen: &mut BTreeSet<ObjId>) {
        if !seen.insert(class) {
            return;
        }
        let members: Vec<Val> = self.heap.get(class).attrs.iter().map(|(_, val)| val.clone()).collect();
        for member in members {
            let functions: Vec<ObjId> =
                member.objs.iter().copied().filter(|&object| matches!(self.heap.get(object).kind, Kind::Function(_))).collect();
            for function in functions {
                self.call_bound(&Val::of(function), &Val::of(id), &Args::default(), range);
            }
        }
        let bases: Vec<ObjId> = self.heap.get(class).rare().bases.iter().flat_map(|base| base.objs.clone()).collect();
        for base in bases {
            if self.heap.get(base).kind == Kind::Class {
                self.run_methods(id, base, range, seen);
            }
        }
    }
}
