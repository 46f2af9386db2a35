//! Calls.

use std::collections::BTreeSet;
use std::fmt::Display;
use std::sync::Arc;

use ruff_python_ast::name::Name;
use ruff_python_ast::{Expr, ExprCall};
use ruff_text_size::{Ranged, TextRange};
use smallvec::SmallVec;

use super::Interp;
use super::arguments::Args;
use super::heap::{Kind, ObjId, Objs, Val};
use crate::library_effects::{Default_, Found, dotted};

/// Functions behind a library's value that are run when it is used.
const MAX_HELD: usize = 16;
/// Objects behind an argument that an unknown function is assumed to change.
const MAX_DEEP: usize = 60;

/// What a call calls.
enum Callee<'e> {
    Value(Val),
    Method { receiver: Val, name: &'e Name },
}

impl Interp<'_> {
    pub(super) fn eval_call(&mut self, call: &ExprCall) -> Val {
        let range = call.range();
        let callee = self.eval_callee(&call.func);
        let mut args = self.eval_arguments(call);
        if let Callee::Value(callee) = &callee {
            if let Some(val) = self.call_reflective(callee, call, &args, range) {
                return val;
            }
            self.note_call_of_value(callee, &call.func, &args, range);
        }
        for val in args.positional.iter_mut().chain(args.keywords.iter_mut().map(|(_, val)| val)) {
            *val = self.settle(std::mem::take(val));
        }
        match callee {
            Callee::Value(callee) => self.call(&callee, &args, range),
            Callee::Method { receiver, name } => {
                let val = self.call_member(&receiver, name, &args, range);
                self.drop_dead_state();
                val
            }
        }
    }

    /// What is called. A method that is only called needs no object of its own; steps are counted as `eval` and `attribute` count them, since
    /// costs are learned from their number.
    fn eval_callee<'e>(&mut self, function: &'e Expr) -> Callee<'e> {
        let Expr::Attribute(attribute) = function else { return Callee::Value(self.eval(function)) };
        if self.depth > super::MAX_DEPTH || !self.step() {
            return Callee::Value(self.unknown());
        }
        self.depth += 1;
        let holder = self.eval(&attribute.value);
        let callee = match self.plain_receiver(&holder, &attribute.attr.id) {
            Some(receiver) if self.step() => Callee::Method { receiver, name: &attribute.attr.id },
            Some(_) => Callee::Value(Val::default()),
            None => {
                let val = self.attribute(&holder, &attribute.attr.id, attribute.range());
                Callee::Value(self.narrow(val))
            }
        };
        self.depth -= 1;
        callee
    }

    /// What a method is called on, where it is one value of a library or of unknown kind, and nobody has set the attribute.
    fn plain_receiver(&mut self, holder: &Val, name: &Name) -> Option<Val> {
        let [id] = holder.objs[..] else { return None };
        let (path, literal) = match &self.heap.get(id).kind {
            Kind::Lib(path) if &**path != "IPython.Shell" => (Some(Arc::clone(path)), holder.literal.clone()),
            Kind::Unknown => (None, None),
            _ => return None,
        };
        let is_value = path.is_some_and(|path| matches!(self.member(&path, name), Found::Entry(entry) if entry.attribute));
        (!is_value && self.heap.attr(id, name).is_none()).then(|| Val { literal, ..Val::of(id) })
    }

    /// No state leads behind a call that never returns.
    fn drop_dead_state(&mut self) {
        if self.flow.dead {
            self.flow = super::flow::Flow::dead();
        }
    }

    fn eval_arguments(&mut self, call: &ExprCall) -> Args {
        let (positional, keywords) = (call.arguments.args.len(), call.arguments.keywords.len());
        let mut args = Args {
            positional: Vec::with_capacity(positional),
            keywords: Vec::with_capacity(keywords),
            ranges: Vec::with_capacity(positional + keywords),
            ..Args::default()
        };
        let mut keyword_ranges = Vec::with_capacity(keywords);
        for argument in &call.arguments.args {
            if let Expr::Starred(starred) = argument {
                let val = self.eval(&starred.value);
                args.spread.push(val);
            } else {
                let val = self.eval(argument);
                args.positional.push(val);
                args.ranges.push(argument.range());
            }
        }
        for keyword in &call.arguments.keywords {
            let val = self.eval(&keyword.value);
            match &keyword.arg {
                Some(name) => {
                    args.keywords.push((name.id.clone(), val));
                    keyword_ranges.push(keyword.value.range());
                }
                None => args.spread.push(val),
            }
        }
        args.ranges.extend(keyword_ranges);
        args
    }

    pub(super) fn call(&mut self, callee: &Val, args: &Args, range: TextRange) -> Val {
        if callee.objs.is_empty() {
            // Calling what is not known to be anything: an unbound local, a number.
            return self.unknown();
        }
        if let [id] = callee.objs[..] {
            let val = self.call_object(id, args, range);
            self.drop_dead_state();
            return val;
        }
        let before = self.flow.clone();
        let mut after = super::flow::Flow::dead();
        let mut val: Option<Val> = None;
        // One of several candidates is called, nobody knows which.
        for &id in &callee.objs {
            self.flow = before.clone();
            let result = self.call_object(id, args, range);
            match &mut val {
                Some(known) => known.join(&result),
                None => val = Some(result),
            }
            after.join(&self.flow);
        }
        self.flow = after;
        val.unwrap_or_default()
    }

    pub(super) fn call_object(&mut self, id: ObjId, args: &Args, range: TextRange) -> Val {
        match self.heap.get(id).kind.clone() {
            Kind::Function(number) => self.call_function(number, None, args, range),
            Kind::Bound { function, receiver } => match self.heap.get(function).kind {
                Kind::Function(number) => self.call_function(number, Some(&receiver), args, range),
                _ => self.unknown(),
            },
            Kind::Class => self.instantiate(id, args, range),
            Kind::Instance(class) => {
                let receiver = Val::of(id);
                let mut val = self.call_special(&receiver, "__call__", &args.positional, range);
                if val.is_none() && self.has_foreign_base(class, &mut BTreeSet::new()) {
                    // `model(x)` of a torch module runs `forward`.
                    self.assuming("its base class may call any of its methods", |interp| {
                        interp.call_all_methods(id, class, range);
                    });
                    val = Some(self.unknown());
                }
                val.unwrap_or_default()
            }
            Kind::Path(path) => {
                let val = self.call_path(&path, args, range);
                self.note_result(&path, None, args, &val, range);
                val
            }
            Kind::Member { receiver, name } => self.call_member(&receiver, &name, args, range),
            Kind::Lib(path) if &*path == "functools.partial" => self.call_partial(id, args, range),
            Kind::Lib(path) => {
                let receiver = Val::of(id);
                match self.member(&path, "__call__") {
                    Found::Entry(entry) => self.apply(entry, &format!("{path}.__call__"), Some(&receiver), args, range),
                    Found::Pure => {
                        self.hand_over(args, range);
                        self.unknown()
                    }
                    Found::Unknown => self.call_unknown("the value", Some(&receiver), args, range),
                }
            }
            Kind::Unknown => self.call_unknown("the function", None, args, range),
            Kind::Super { .. } | Kind::Environment | Kind::Namespace => self.unknown(),
        }
    }

    /// A function, class or constant of a module.
    fn call_path(&mut self, path: &Arc<str>, args: &Args, range: TextRange) -> Val {
        if let Some(val) = self.call_builtin(path, args, range) {
            return val;
        }
        self.trace.runs_libraries |= !path.starts_with("builtins.");
        let call = self.library_call(path, args, range);
        self.trace.call(call);
        self.note_call(path, None, args, range);
        // `list.append(rows, 1)`: a method taken from its class gets its receiver as the first argument.
        if let Some((class, name)) = path.rsplit_once('.')
            && let Some(receiver) = args.positional.first()
            && !receiver.objs.is_empty()
            && is_kind(class)
        {
            let mut rest = args.clone();
            let receiver = rest.positional.remove(0);
            if !rest.ranges.is_empty() {
                rest.ranges.remove(0);
            }
            return self.call_member(&receiver, &Name::new(name), &rest, range);
        }
        match self.function_effects(path) {
            Found::Entry(entry) => self.apply(entry, path, None, args, range),
            Found::Pure => {
                self.hand_over(args, range);
                if is_class_name(path) {
                    let val = self.lib(path);
                    // A constructor most likely keeps what it is given.
                    for &id in &val.objs {
                        for held in args.all() {
                            self.heap.may_hold(id, held);
                        }
                    }
                    val
                } else {
                    self.unknown()
                }
            }
            Found::Unknown if is_class_name(path) => {
                self.trace.runs_unknown = true;
                self.hand_over(args, range);
                let val = self.lib(path);
                for &id in &val.objs {
                    for held in args.all() {
                        self.heap.may_hold(id, held);
                    }
                }
                val
            }
            Found::Unknown => {
                let short = path.rsplit('.').next().unwrap_or(path);
                self.call_unknown(format_args!("`{short}`"), None, args, range)
            }
        }
    }

    /// A method of a library value, or of a value of unknown kind.
    fn call_member(&mut self, receiver: &Val, name: &Name, args: &Args, range: TextRange) -> Val {
        let mut val: Option<Val> = None;
        if receiver.objs.is_empty() {
            return self.call_string_method(receiver, name, args, range);
        }
        for &id in &receiver.objs {
            let one = Val { literal: receiver.literal.clone(), ..Val::of(id) };
            let result = match self.heap.get(id).kind.clone() {
                _ if name.as_str() == super::library::COMPUTED => self.call_unknown("the method", Some(&one), args, range),
                Kind::Lib(path) => {
                    let val = self.call_library_member(&one, &path, name, args, range);
                    self.note_result(name, Some(&one), args, &val, range);
                    val
                }
                Kind::Namespace => self.call_namespace_method(name, args, range),
                Kind::Member { .. } => {
                    let (values, members) = self.opened(id);
                    let mut val = if values.objs.is_empty() && !members.is_empty() {
                        Val::default()
                    } else {
                        self.call_member(&values, name, args, range)
                    };
                    for member in members {
                        let part = self.call_member_of_unknown(&Val::of(member), name, args, range);
                        val.join(&part);
                    }
                    val
                }
                _ => self.call_member_of_unknown(&one, name, args, range),
            };
            match &mut val {
                Some(known) => known.join(&result),
                None => val = Some(result),
            }
        }
        val.unwrap_or_default()
    }

    fn call_member_of_unknown(&mut self, receiver: &Val, name: &Name, args: &Args, range: TextRange) -> Val {
        if self.weighs {
            self.note_call(&dotted("?", name).into(), Some(receiver), args, range);
        }
        let val = self.call_unknown_member(receiver, name, args, range);
        self.note_result(name, Some(receiver), args, &val, range);
        val
    }

    fn call_library_member(&mut self, receiver: &Val, path: &str, name: &Name, args: &Args, range: TextRange) -> Val {
        let full = dotted(path, name);
        self.trace.runs_libraries |= !path.starts_with("builtins.");
        let call = self.library_call(&full, args, range);
        self.note_call(&call.path, Some(receiver), args, range);
        self.trace.call(call);
        if name.as_str() == "items" && args.all().next().is_none() && self.is_dict(path) {
            return self.items_of(receiver, range);
        }
        self.run_held_functions(receiver, range);
        match self.member(path, name) {
            Found::Entry(entry) => self.apply(entry, &full, Some(receiver), args, range),
            Found::Pure => {
                self.hand_over(args, range);
                self.unknown()
            }
            Found::Unknown => self.call_unknown_member(receiver, name, args, range),
        }
    }

    fn is_dict(&self, path: &str) -> bool {
        path == "builtins.dict" || self.table.exact(path).is_some_and(|entry| entry.base.iter().any(|base| base == "builtins.dict"))
    }

    /// `d.items()`: pairs of what the dictionary holds; keys and values are not told apart.
    fn items_of(&mut self, receiver: &Val, range: TextRange) -> Val {
        let element = self.element(receiver, range);
        let pair = self.container("builtins.tuple", std::slice::from_ref(&element));
        for &id in &pair.objs {
            self.heap.get_mut(id).rare_mut().parts = Some(vec![element.clone(), element.clone()]);
        }
        let items = self.container("builtins.dict_items", &[pair]);
        for &id in &items.objs {
            for &base in &receiver.objs {
                self.heap.view(id, base, true);
            }
        }
        items
    }

    /// These values may change, and whatever they hold.
    fn change_deep(&mut self, val: &Val, range: TextRange, why: impl Display) {
        if self.wanted.ignores_changes() {
            return;
        }
        let mut all = self.heap.reach_some(&val.objs, MAX_DEEP);
        all.truncate(MAX_DEEP);
        all.retain(|&id| !matches!(self.heap.get(id).kind, Kind::Function(_) | Kind::Class | Kind::Environment));
        let val = Val { objs: all.into(), literal: None };
        self.change_assumed(&val, range, why);
    }

    /// A method of something whose kind is not known: judged by its name.
    fn call_unknown_member(&mut self, receiver: &Val, name: &Name, args: &Args, range: TextRange) -> Val {
        self.run_held_functions(receiver, range);
        match self.table.by_method_name(name) {
            Some(Default_::Pure) => {
                self.hand_over(args, range);
                let result = self.unknown();
                for &id in &result.objs {
                    // What an unknown method gives may show its receiver's memory.
                    if matches!(
                        name.as_str(),
                        "reshape"
                            | "ravel"
                            | "view"
                            | "squeeze"
                            | "transpose"
                            | "swapaxes"
                            | "get"
                            | "values"
                            | "items"
                            | "setdefault"
                            | "pop"
                            | "T"
                            | "loc"
                            | "iloc"
                    ) {
                        self.heap.may_hold(id, receiver);
                        let born = receiver.objs.iter().map(|&base| self.heap.get(base).born).min().unwrap_or(self.cell);
                        self.heap.get_mut(id).born = born;
                        for &base in &receiver.objs {
                            self.heap.view(id, base, false);
                        }
                    }
                }
                result
            }
            _ => {
                self.change_deep(receiver, range, format_args!("`.{name}()` may change it"));
                let result = self.call_unknown(format_args!("`.{name}()`"), None, args, range);
                for &id in &result.objs {
                    self.heap.may_hold(id, receiver);
                }
                for &id in &receiver.objs {
                    for val in args.all() {
                        self.heap.may_hold(id, val);
                    }
                }
                result
            }
        }
    }

    /// A call that nothing is known about: it may change its arguments and call what is callable.
    pub(super) fn call_unknown(&mut self, what: impl Display, receiver: Option<&Val>, args: &Args, range: TextRange) -> Val {
        self.trace.runs_unknown = true;
        for val in args.all().chain(receiver) {
            self.change_deep(val, range, format_args!("{what} is not known and may change it"));
        }
        self.hand_over(args, range);
        let result = self.unknown();
        for val in args.all().chain(receiver) {
            for &id in &result.objs {
                self.heap.may_hold(id, val);
                // It may even be the very argument.
                for &base in &val.objs {
                    let born = self.heap.get(base).born.min(self.heap.get(id).born);
                    if !matches!(self.heap.get(base).kind, Kind::Path(_) | Kind::Function(_) | Kind::Class) {
                        self.heap.get_mut(id).born = born;
                        self.heap.view(id, base, false);
                    }
                }
            }
        }
        result
    }

    /// A library gets these arguments: functions among them are assumed to be called, and methods of the notebook's values to run.
    pub(super) fn hand_over(&mut self, args: &Args, range: TextRange) {
        for val in args.all() {
            self.run_held_functions(val, range);
        }
        let mut element: Option<Val> = None;
        for val in args.all() {
            for &id in &val.objs {
                if self.may_be_called(id) {
                    let given = match &element {
                        Some(given) => given.clone(),
                        None => {
                            let mut given = Val::default();
                            for other in args.all() {
                                let part = self.element(other, range);
                                given.join(&part);
                                if self.is_enough(&given) {
                                    break;
                                }
                            }
                            let fresh = self.unknown();
                            given.join(&fresh);
                            given = self.narrow(given);
                            element = Some(given.clone());
                            given
                        }
                    };
                    self.call_back(id, &given, range);
                } else if self.heap.holds_callables()
                    && matches!(&self.heap.get(id).kind, Kind::Lib(path) if path.starts_with("builtins."))
                    && self.is_worth_a_search(id)
                {
                    // A list of functions, a dict of callbacks, pairs of a name and a function.
                    let held: Vec<ObjId> = self
                        .heap
                        .reach_some(&[id], MAX_DEEP)
                        .into_iter()
                        .filter(|&part| part != id && matches!(self.heap.get(part).kind, Kind::Function(_) | Kind::Instance(_)))
                        .take(MAX_HELD)
                        .filter(|&part| self.held_run.insert(part))
                        .collect();
                    for part in held {
                        let given = self.unknown();
                        self.call_back(part, &given, range);
                    }
                }
            }
        }
    }

    /// A library value that was given functions of the notebook earlier (a simulated system, a pipeline) may call them when it is used.
    pub(super) fn run_held_functions(&mut self, val: &Val, range: TextRange) {
        if val.objs.is_empty() || self.calls.len() > 2 || !self.holds_functions() {
            return;
        }
        let is_wrapper = |id: &ObjId| match &self.heap.get(*id).kind {
            Kind::Lib(path) => !path.starts_with("builtins."),
            Kind::Unknown | Kind::Instance(_) => true,
            _ => false,
        };
        let mut wrappers: Objs = val.objs.iter().copied().filter(is_wrapper).collect();
        wrappers.retain(|id| self.is_worth_a_search(*id));
        if wrappers.is_empty() {
            return;
        }
        // Nearly all are something else.
        let may_be = |kind: &Kind| matches!(kind, Kind::Function(_) | Kind::Bound { .. } | Kind::Member { .. });
        let reached = self.heap.reach(&wrappers).into_iter();
        let held: Vec<ObjId> = reached.filter(|&id| may_be(&self.heap.get(id).kind) && self.is_held_function(id)).take(MAX_HELD).collect();
        for function in held {
            // Once in a cell is enough to learn what it needs.
            if !self.held_run.insert(function) {
                continue;
            }
            self.call_held(function, range);
        }
    }

    /// Whether to look for functions behind a value. Where the rules alone ask, once in a cell is enough until the value holds more: what a
    /// function reads it shows in one run.
    fn is_worth_a_search(&mut self, id: ObjId) -> bool {
        if !self.wanted.by_rules_alone() {
            return true;
        }
        let object = self.heap.get(id);
        let held = object.elems.objs.len() + object.attrs.iter().map(|(_, val)| 1 + val.objs.len()).sum::<usize>() + object.views.len();
        self.searched.insert(id, held) != Some(held)
    }

    /// Whether any value holds what a library may call. In many notebooks none does.
    fn holds_functions(&mut self) -> bool {
        while !self.heap.holds_callables() {
            let Some(member) = self.heap.held_members.pop() else { return false };
            if self.is_held_function(member) {
                self.heap.note_callables();
            }
        }
        true
    }

    /// A function of the notebook, or a method that surely is one and not an attribute.
    fn is_held_function(&mut self, id: ObjId) -> bool {
        match &self.heap.get(id).kind {
            Kind::Function(_) | Kind::Bound { .. } => true,
            Kind::Member { receiver, name } => {
                let kind_of = |id: &ObjId| match &self.heap.get(*id).kind {
                    Kind::Lib(path) => Some(Arc::clone(path)),
                    _ => None,
                };
                let kinds: SmallVec<[Arc<str>; 2]> = receiver.objs.iter().filter_map(kind_of).collect();
                let name = name.clone();
                kinds.iter().any(|path| matches!(self.member(path, &name), Found::Entry(entry) if !entry.attribute))
            }
            _ => false,
        }
    }

    /// Whether a library that gets this value may run code of the notebook, or change a value of it, by calling it.
    pub(super) fn may_be_called(&mut self, id: ObjId) -> bool {
        match &self.heap.get(id).kind {
            Kind::Class | Kind::Instance(_) => true,
            Kind::Lib(path) => &**path == "functools.partial",
            _ => self.is_held_function(id),
        }
    }

    /// A library may call this value, with anything.
    pub(super) fn call_back(&mut self, id: ObjId, given: &Val, range: TextRange) {
        let before = self.flow.clone();
        let args = Args { rest: Some(given.clone()), ..Args::default() };
        // Once for each element, most likely.
        let around = self.enter_loop(None, range);
        self.assuming("a library may call it", |interp| match interp.heap.get(id).kind.clone() {
            Kind::Instance(class) => interp.call_all_methods(id, class, range),
            _ => {
                interp.call_object(id, &args, range);
            }
        });
        self.leave_loop(around);
        // It may also not be called.
        self.flow.join(&before);
    }
}

/// Whether what is called is a class, by the way the last part of its path is written: `DataFrame`, `SVC`.
pub(super) fn is_class_name(path: &str) -> bool {
    path.rsplit('.').next().unwrap_or(path).starts_with(|c: char| c.is_ascii_uppercase())
}

/// Whether a name is written like a constant, or like a module such as `PIL`.
fn is_constant_name(name: &str) -> bool {
    !name.chars().any(|c| c.is_ascii_lowercase())
}

/// Whether a path names a class rather than a module.
fn is_kind(path: &str) -> bool {
    matches!(
        path,
        "builtins.list" | "builtins.dict" | "builtins.set" | "builtins.str" | "builtins.bytearray" | "builtins.tuple" | "numpy.ndarray"
    ) || is_class_name(path) && path.contains('.') && !path.rsplit('.').next().is_some_and(is_constant_name)
}
