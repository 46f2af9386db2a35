//! Functions and lambdas of the notebook: making them, calling them, and summarising what cannot be followed.

use std::collections::BTreeSet;
use std::sync::Arc;

use ruff_python_ast::name::Name;
use ruff_python_ast::visitor::{self, Visitor};
use ruff_python_ast::{Expr, ExprLambda, Parameters, Stmt, StmtFunctionDef};
use ruff_text_size::{Ranged, TextRange, TextSize};

use super::arguments::Args;
use super::flow::{Flow, Names, Slot};
use super::heap::{Kind, ObjId, Val};
use super::{CallSite, Frame, FrameKind, Interp, MAX_CALLS};
use crate::facts::{CellFacts, FunctionNode, Scope};

/// What a function decorated with `contextlib.contextmanager` gives.
pub(super) const CONTEXT: &str = "contextlib._GeneratorContextManager";

/// How often one function is followed in one cell before its calls are summarised.
const MAX_FOLLOWED: u32 = 40;
/// The same where the rules alone ask and the cell has taken `LATE` steps: what functions read they have shown by then, and no rule looks at
/// what is only assumed to change. Plans do, so for them a function is followed to the end.
const FOLLOWED_LATE: u32 = 3;
/// Steps after which a cell is one of the few that take most of the time.
const LATE: u32 = 1500;

/// A function or lambda of the notebook.
#[derive(Clone, Debug)]
pub(super) struct FunctionDef {
    pub(super) name: Name,
    /// Where it starts in the text that it stands in.
    pub(super) start: TextSize,
    pub(super) scope: Arc<Scope>,
    pub(super) cell: u32,
    /// Of the text that it stands in.
    pub(super) facts: Option<Arc<CellFacts>>,
    pub(super) closure: Option<ObjId>,
    pub(super) defaults: Vec<(Name, Val)>,
    /// The class in whose body it stands.
    pub(super) class: Option<ObjId>,
    /// `staticmethod`, `classmethod`, `property`, as its decorators say.
    pub(super) role: Role,
    /// Namespace of the module it stands in; none for the notebook's own.
    pub(super) module: Option<ObjId>,
    /// Where in the cell the text it stands in is named, when that is not the cell's own.
    pub(super) pin: Option<TextRange>,
}

impl PartialEq for FunctionDef {
    fn eq(&self, other: &Self) -> bool {
        let same_text = match (&self.facts, &other.facts) {
            (Some(facts), Some(others)) => Arc::ptr_eq(facts, others),
            (None, None) => true,
            _ => false,
        };
        same_text
            && (self.start, self.cell, self.closure, self.class) == (other.start, other.cell, other.closure, other.class)
            && (self.role, self.module, self.pin) == (other.role, other.module, other.pin)
            && self.defaults == other.defaults
    }
}

impl FunctionDef {
    /// Its text.
    fn node(&self) -> Option<FunctionNode<'_>> {
        self.facts.as_ref()?.function_at(self.start)
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Role {
    Plain,
    Static,
    Class,
    Property,
    /// `contextlib.contextmanager`
    Context,
}

impl Interp<'_> {
    pub(super) fn define_function(&mut self, def: &StmtFunctionDef) {
        let decorators: Vec<Val> = def.decorator_list.iter().map(|decorator| self.eval(&decorator.expression)).collect();
        self.read_annotations(&def.parameters, def.returns.as_deref(), def.type_params.is_some());
        let scope = self.scope_at(def.start());
        let id = self.make_function(&def.name.id, def.start(), Some(&def.parameters), scope);
        let mut val = Val::of(id);
        for (decorator, node) in decorators.iter().zip(&def.decorator_list).rev() {
            if let Expr::Attribute(attribute) = &node.expression
                && matches!(attribute.attr.as_str(), "setter" | "getter" | "deleter")
            {
                // `@value.setter` gives the property that `value` is, with one more function in it.
                let property = self.eval(&attribute.value);
                self.make_property(id);
                val.join(&property);
                continue;
            }
            val = self.decorate(decorator, &val, id, node.range());
        }
        self.bind_name(&def.name.id, val);
    }

    /// Annotations are evaluated when the function is made, before Python 3.14.
    fn read_annotations(&mut self, parameters: &Parameters, returns: Option<&Expr>, generic: bool) {
        if generic {
            return;
        }
        let of_parameters = parameters.iter().filter_map(ruff_python_ast::AnyParameterRef::annotation);
        for annotation in of_parameters.chain(returns) {
            self.eval(annotation);
        }
    }

    fn make_property(&mut self, id: ObjId) {
        self.set_role(id, Role::Property);
    }

    fn set_role(&mut self, id: ObjId, role: Role) {
        if let Some(function) = &mut self.heap.get_mut(id).rare_mut().function {
            Arc::make_mut(function).role = role;
        }
    }

    /// What the decorators of a function make of it.
    pub(super) fn role(&self, number: u32) -> Role {
        self.heap.get(ObjId(number)).rare().function.as_ref().map_or(Role::Plain, |function| function.role)
    }

    fn decorate(&mut self, decorator: &Val, function: &Val, id: ObjId, range: TextRange) -> Val {
        let mut result = Val::default();
        for &object in &decorator.objs {
            match self.heap.get(object).kind.clone() {
                Kind::Path(path) => {
                    let role = match path.rsplit('.').next().unwrap_or_default() {
                        "staticmethod" => Role::Static,
                        "classmethod" => Role::Class,
                        "property" | "cached_property" | "setter" | "getter" | "deleter" => Role::Property,
                        "contextmanager" | "asynccontextmanager" => Role::Context,
                        _ => Role::Plain,
                    };
                    if role != Role::Plain {
                        self.set_role(id, role);
                    }
                    // A library's decorator gives back something that calls the function; it is followed as the function itself.
                    result.join(function);
                }
                Kind::Member { .. } => {
                    result.join(function);
                    // `@app.route(...)`, `@event.connect`: the receiver keeps the function.
                    self.heap.hold(object, function);
                }
                Kind::Function(_) | Kind::Class | Kind::Bound { .. } | Kind::Instance(_) => {
                    let args = Args::positional(vec![function.clone()]);
                    let val = self.call_object(object, &args, range);
                    result.join(&val);
                }
                _ => result.join(function),
            }
        }
        if decorator.objs.is_empty() { function.clone() } else { result }
    }

    pub(super) fn make_lambda(&mut self, lambda: &ExprLambda) -> Val {
        let scope = self.scope_at(lambda.start());
        let id = self.make_function(&Name::new_static("<lambda>"), lambda.start(), lambda.parameters.as_deref(), scope);
        Val::of(id)
    }

    fn make_function(&mut self, name: &Name, start: TextSize, parameters: Option<&Parameters>, scope: Arc<Scope>) -> ObjId {
        let mut defaults = Vec::new();
        for parameter in parameters.iter().flat_map(|parameters| parameters.iter_non_variadic_params()) {
            if let Some(default) = &parameter.default {
                let val = self.eval(default);
                defaults.push((parameter.parameter.name.id.clone(), val));
            }
        }
        let closure = self.environment();
        let class = self
            .frames
            .last()
            .filter(|frame| frame.kind == FrameKind::Class)
            .and_then(|frame| frame.method_of.as_ref().map(|(class, _)| *class));
        let id = self.add(Kind::Function(self.heap.next as u32));
        for (_, val) in &defaults {
            self.heap.hold(id, val);
        }
        if let Some(environment) = closure {
            self.heap.hold(id, &Val::of(environment));
        }
        let cell = self.text_cell();
        let function = FunctionDef {
            name: name.clone(),
            start,
            scope,
            cell,
            facts: self.facts.clone(),
            closure,
            defaults,
            class,
            role: Role::Plain,
            module: self.module(),
            pin: self.pin,
        };
        self.heap.get_mut(id).rare_mut().function = Some(Arc::new(function));
        id
    }

    pub(super) fn scope_at(&self, start: ruff_text_size::TextSize) -> Arc<Scope> {
        self.facts.as_ref().and_then(|facts| facts.scopes.get(&start.to_u32())).cloned().unwrap_or_default()
    }

    /// The environment that a function made here closes over.
    fn environment(&mut self) -> Option<ObjId> {
        let index = self.frames.iter().rposition(|frame| frame.kind != FrameKind::Class)?;
        Some(self.environment_of(index))
    }

    fn environment_of(&mut self, index: usize) -> ObjId {
        if let Some(own) = self.frames[index].own {
            return own;
        }
        let around = match self.frames[index].kind {
            FrameKind::Comprehension => {
                self.frames[..index].iter().rposition(|frame| frame.kind != FrameKind::Class).map(|outer| self.environment_of(outer))
            }
            _ => self.frames[index].closure,
        };
        let id = self.add(Kind::Environment);
        if let Some(around) = around {
            self.heap.get_mut(id).rare_mut().bases.push(Val::of(around));
            self.heap.hold(id, &Val::of(around));
        }
        let names: Vec<(Name, Val)> = self
            .flow
            .frames
            .get(index)
            .map(|names| names.iter().map(|(name, slot)| (name.clone(), slot.val.clone())).collect())
            .unwrap_or_default();
        for (name, val) in names {
            self.heap.set_attr(id, &name, &val);
        }
        self.frames[index].own = Some(id);
        id
    }

    /// Calls a function of the notebook.
    pub(super) fn call_function(&mut self, number: u32, receiver: Option<&Val>, args: &Args, range: TextRange) -> Val {
        self.note_called(ObjId(number));
        let followed = self.counts.entry(number).or_insert(0);
        *followed += 1;
        let followed = *followed;
        let active = self.calls.iter().filter(|call| call.function == number).count();
        self.note_followed(active);
        if active >= 2 {
            return self.result_of_unfollowed(args);
        }
        let most = if !self.explains && self.steps > LATE { FOLLOWED_LATE } else { MAX_FOLLOWED };
        if followed > most || self.calls.len() >= MAX_CALLS || !self.step() {
            self.note_unfollowed();
            self.summarise_function(number, &mut BTreeSet::new());
            for val in args.all().chain(receiver) {
                self.change_assumed(val, range, "handed to a function that is not followed any deeper");
            }
            return self.result_of_unfollowed(args);
        }
        let Some(def) = self.heap.get(ObjId(number)).rare().function.clone() else { return self.result_of_unfollowed(args) };
        let Some(node) = def.node() else { return self.result_of_unfollowed(args) };
        let names = self.bind_parameters(&def, node, receiver, args, range);
        let frame = Frame {
            scope: Arc::clone(&def.scope),
            kind: FrameKind::Function,
            closure: def.closure,
            own: None,
            returned: None,
            yielded: Val::default(),
            exits: Flow::dead(),
            method_of: def.class.map(|class| (class, receiver.cloned().unwrap_or_default())),
            cell: def.cell,
            module: def.module,
        };
        let site = CallSite { function: number, name: def.name.clone(), of: def.cell, cell: self.text_cell(), range };
        self.calls.push(site);
        let (facts, pin) = (self.facts.take(), self.pin);
        let loops = std::mem::take(&mut self.loop_exits);
        self.facts.clone_from(&def.facts);
        self.pin = def.pin;
        self.frames.push(frame);
        self.flow.frames.push(names);
        let depth = self.frames.len();
        let chance = self.scale_chance(1.0);
        match node {
            FunctionNode::Def(node) => {
                self.run_body(&node.body);
                if !self.flow.dead {
                    self.leave_function(&Val::literal(super::Const::None));
                }
            }
            FunctionNode::Lambda(node) => {
                let val = self.eval(&node.body);
                self.leave_function(&val);
            }
        }
        self.set_chance(chance);
        self.facts = facts;
        self.pin = pin;
        self.loop_exits = loops;
        self.calls.pop();
        self.frames.truncate(depth);
        let mut frame = self.frames.pop();
        self.flow = frame.as_mut().map_or_else(Flow::dead, |frame| std::mem::replace(&mut frame.exits, Flow::dead()));
        self.flow.frames.truncate(depth - 1);
        let Some(frame) = frame else { return Val::default() };
        let returned = frame.returned.unwrap_or_default();
        if def.scope.is_generator {
            let generator = self.lib(if self.role(number) == Role::Context { CONTEXT } else { "builtins.generator" });
            for &id in &generator.objs {
                self.heap.hold(id, &frame.yielded);
                self.heap.link(id, &Val { objs: frame.own.into_iter().collect(), literal: None }, true);
            }
            return generator;
        }
        returned
    }

    fn result_of_unfollowed(&mut self, args: &Args) -> Val {
        let result = self.unknown();
        for val in args.all() {
            for &id in &result.objs {
                self.heap.hold(id, val);
            }
        }
        result
    }

    /// A `return`, also the one at the end.
    pub(super) fn leave_function(&mut self, val: &Val) {
        let index = self.frames.iter().rposition(|frame| frame.kind == FrameKind::Function);
        if let Some(index) = index {
            let flow = self.flow.clone();
            let frame = &mut self.frames[index];
            match &mut frame.returned {
                Some(known) => known.join(val),
                None => frame.returned = Some(val.clone()),
            }
            frame.exits.join(&flow);
        } else {
            self.raised.join(&self.flow);
        }
        self.flow.dead = true;
    }

    fn bind_parameters(
        &mut self,
        def: &FunctionDef,
        node: FunctionNode<'_>,
        receiver: Option<&Val>,
        args: &Args,
        range: TextRange,
    ) -> Names {
        let mut names = Names::new();
        let Some(parameters) = node.parameters() else { return names };
        let cell = self.cell;
        let mut positional: Vec<Val> = receiver.iter().map(|val| (*val).clone()).collect();
        positional.extend(args.positional.iter().cloned());
        let mut next = positional.into_iter();
        // What `*args` and `**kwargs` of the call may bring to any parameter.
        let mut spread = Val::default();
        for val in &args.spread {
            let element = self.element(val, range);
            spread.join(&element);
        }
        let has_spread = !args.spread.is_empty();
        for parameter in parameters.posonlyargs.iter().chain(&parameters.args) {
            let name = &parameter.parameter.name.id;
            let val = match next.next() {
                Some(val) => val,
                None => self.keyword_or_default(def, name, args, has_spread, &spread),
            };
            names.insert(name.clone(), Slot::bound(val, cell));
        }
        if let Some(rest) = &parameters.vararg {
            let tuple = self.lib("builtins.tuple");
            for &id in &tuple.objs {
                for val in next.by_ref() {
                    self.heap.hold(id, &val);
                }
                self.heap.hold(id, &spread);
                self.heap.get_mut(id).closed = true;
            }
            names.insert(rest.name.id.clone(), Slot::bound(tuple, cell));
        }
        for parameter in &parameters.kwonlyargs {
            let name = &parameter.parameter.name.id;
            let val = self.keyword_or_default(def, name, args, has_spread, &spread);
            names.insert(name.clone(), Slot::bound(val, cell));
        }
        if let Some(rest) = &parameters.kwarg {
            let dict = self.lib("builtins.dict");
            for &id in &dict.objs {
                for (_, val) in &args.keywords {
                    self.heap.hold(id, val);
                }
                self.heap.hold(id, &spread);
                self.heap.get_mut(id).closed = true;
            }
            names.insert(rest.name.id.clone(), Slot::bound(dict, cell));
        }
        names
    }

    fn keyword_or_default(&mut self, def: &FunctionDef, name: &Name, args: &Args, has_spread: bool, spread: &Val) -> Val {
        if let Some(val) = args.keyword(name) {
            return val.clone();
        }
        let mut val = def.defaults.iter().find(|(known, _)| known == name).map(|(_, val)| val.clone());
        if has_spread {
            val = Some(val.unwrap_or_default().joined(spread));
        }
        match val {
            Some(val) => val,
            None => args.rest.clone().unwrap_or_else(|| self.unknown()),
        }
    }

    // --- summaries -------------------------------------------------------------------------------

    /// Notes every name of the notebook that a function's text mentions, and those of functions it names.
    pub(super) fn summarise_function(&mut self, number: u32, seen: &mut BTreeSet<u32>) {
        if !seen.insert(number) || seen.len() > 200 {
            return;
        }
        let Some(def) = self.heap.get(ObjId(number)).rare().function.clone() else { return };
        let mut mentioned = Mentioned::default();
        match def.node() {
            Some(FunctionNode::Def(node)) => node.body.iter().for_each(|statement| mentioned.visit_stmt(statement)),
            Some(FunctionNode::Lambda(node)) => mentioned.visit_expr(&node.body),
            None => {}
        }
        let names: Vec<(Name, TextRange)> = mentioned.0.into_iter().filter(|(name, _)| !def.scope.locals.contains(name)).collect();
        self.read_mentioned(&names, seen);
    }

    /// What a statement mentions, when it is not followed.
    pub(super) fn summarise_statement(&mut self, statement: &Stmt) {
        let mut mentioned = Mentioned::default();
        mentioned.visit_stmt(statement);
        let names: Vec<(Name, TextRange)> = mentioned.0.into_iter().filter(|(name, _)| self.local_frame(name).is_none()).collect();
        let mut scope = Scope::default();
        if self.frames.is_empty() {
            scope.collect_body(std::slice::from_ref(statement));
        }
        self.read_mentioned(&names, &mut BTreeSet::new());
        for name in scope.locals {
            let val = self.unknown();
            self.bind_global(&name, val, None);
        }
    }

    fn read_mentioned(&mut self, names: &[(Name, TextRange)], seen: &mut BTreeSet<u32>) {
        for (name, range) in names {
            let val = self.assuming("too much code to follow", |interp| interp.read_global(name, *range));
            self.assuming("too much code to follow", |interp| interp.change(&val, *range, "it may be changed"));
            for &object in &val.objs {
                if let Kind::Function(inner) = self.heap.get(object).kind {
                    self.summarise_function(inner, seen);
                }
            }
        }
    }
}

#[derive(Default)]
struct Mentioned(Vec<(Name, TextRange)>);

impl<'n> Visitor<'n> for Mentioned {
    fn visit_expr(&mut self, expression: &'n Expr) {
        if let Expr::Name(name) = expression
            && name.ctx.is_load()
            && !self.0.iter().any(|(known, _)| *known == name.id)
        {
            self.0.push((name.id.clone(), name.range()));
        }
        visitor::walk_expr(self, expression);
    }
}
