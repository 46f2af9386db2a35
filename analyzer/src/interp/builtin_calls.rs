//! Calls whose effect depends on their arguments in ways that the table of library effects cannot say.

use ruff_python_ast::name::Name;
use ruff_text_size::TextRange;

use super::Interp;
use super::arguments::Args;
use super::flow::Slot;
use super::heap::{Const, Kind, ObjId, Val};
use super::library::{COMPUTED, short_name};
use crate::library_effects::dotted;
use crate::report::EffectKind;

impl Interp<'_> {
    /// Builtins whose effect depends on their arguments in ways that the table cannot say.
    pub(super) fn call_builtin(&mut self, path: &str, args: &Args, range: TextRange) -> Option<Val> {
        let first = args.positional.first();
        match path {
            "builtins.open" | "io.open" => {
                let mode = args.positional.get(1).or_else(|| args.keyword("mode")).and_then(Val::as_str).unwrap_or("r").to_owned();
                let file = first.or_else(|| args.keyword("file")).and_then(Val::as_str).unwrap_or("?").to_owned();
                if mode.contains(['r', '+']) {
                    self.effect(EffectKind::FileRead, &file, range);
                }
                if mode.contains(['w', 'a', 'x', '+']) {
                    self.effect(EffectKind::FileWrite, &file, range);
                }
                Some(self.lib("builtins.file"))
            }
            "builtins.print" | "builtins.str" | "builtins.repr" | "builtins.format" | "IPython.display.display" | "builtins.display" => {
                for val in args.all() {
                    self.show_with_elements(val, range);
                }
                if path.ends_with("str") && first.is_some_and(|val| val.as_str().is_some()) {
                    return first.map(|val| Val { objs: super::heap::Objs::new(), literal: val.literal.clone() });
                }
                Some(Val::scalar())
            }
            "builtins.len" | "builtins.bool" | "builtins.int" | "builtins.float" | "builtins.hash" | "builtins.abs" | "builtins.round"
            | "builtins.sum" | "builtins.complex" => {
                let method = format!("__{}__", short_name(path));
                for val in args.all() {
                    self.call_special(val, &method, &[], range);
                    if path == "builtins.sum" {
                        let element = self.element(val, range);
                        self.call_special(&element, "__add__", &[], range);
                        self.call_special(&element, "__radd__", &[], range);
                    }
                }
                if let Some(number) = self.number_from(short_name(path), args) {
                    return Some(number);
                }
                let given = args.all().cloned().reduce(|a, b| a.joined(&b)).unwrap_or_default();
                let arrays = given.objs.iter().any(|&id| {
                    matches!(&self.heap.get(id).kind, Kind::Lib(kind) if !kind.starts_with("builtins."))
                        || matches!(self.heap.get(id).kind, Kind::Unknown)
                });
                Some(if arrays && matches!(path, "builtins.abs" | "builtins.round" | "builtins.sum") {
                    self.unknown()
                } else {
                    Val::scalar()
                })
            }
            "builtins.getattr" => {
                let name = args.positional.get(1).and_then(Val::as_str).map(Name::new);
                let holder = first?.clone();
                let mut val = match name {
                    Some(name) => self.attribute(&holder, &name, range),
                    None => self.computed_attribute(&holder, range),
                };
                if let Some(default) = args.positional.get(2) {
                    val.join(default);
                }
                Some(val)
            }
            "builtins.setattr" | "builtins.delattr" => {
                let holder = first?.clone();
                let name = args.positional.get(1).and_then(Val::as_str).map(Name::new);
                if self.is_main(&holder) {
                    match (name, args.positional.get(2)) {
                        (Some(name), Some(val)) => self.bind_global(&name, val.clone(), None),
                        (Some(name), None) => self.unbind_name(&name, range),
                        (None, _) => {
                            let cell = self.cell;
                            self.opaque.push((cell, "`setattr(__main__, ...)`".to_owned()));
                        }
                    }
                    return Some(Val::literal(Const::None));
                }
                if let Some(val) = args.positional.get(2) {
                    self.hold_in(&holder, val);
                    if let Some(name) = &name {
                        for &id in &holder.objs {
                            self.heap.set_attr(id, name, val);
                        }
                    }
                }
                for &id in &holder.objs {
                    if let Kind::Path(path) = self.heap.get(id).kind.clone() {
                        self.store_in_module_object(&path, range);
                    }
                }
                self.change(&holder, range, "an attribute is set");
                Some(Val::literal(Const::None))
            }
            "builtins.list" | "builtins.tuple" | "builtins.set" | "builtins.frozenset" | "builtins.dict" | "builtins.iter"
            | "builtins.enumerate" | "builtins.zip" | "builtins.reversed" | "builtins.sorted" | "builtins.filter" | "builtins.map"
            | "builtins.next" | "builtins.max" | "builtins.min" => Some(self.call_iterating(path, args, range)),
            "builtins.object.__new__" => {
                let classes: Vec<ObjId> = first?.objs.iter().copied().filter(|&id| self.heap.get(id).kind == Kind::Class).collect();
                let mut val = Val::default();
                for class in classes {
                    let instance = self.fresh(Kind::Instance(class));
                    val.join(&instance);
                }
                Some(if val.objs.is_empty() { self.unknown() } else { val })
            }
            "builtins.range" => {
                let range = self.lib("builtins.range");
                let extent = super::extent::span(args);
                self.note_rows(&range, extent.rows);
                Some(range)
            }
            "functools.partial" => Some(self.partial(args)),
            "collections.namedtuple" | "typing.NamedTuple" | "dataclasses.make_dataclass" => Some(self.class_of_fields(args)),
            "builtins.input" => {
                self.effect(EffectKind::Input, "input", range);
                self.stay("`input()` asks the person at the keyboard", range);
                Some(Val::scalar())
            }
            "builtins.isinstance" | "builtins.issubclass" | "builtins.id" | "builtins.callable" | "builtins.hasattr" | "builtins.type" => {
                Some(match path {
                    "builtins.type" if args.positional.len() == 1 => {
                        let classes = first?
                            .objs
                            .iter()
                            .filter_map(|&id| match self.heap.get(id).kind {
                                Kind::Instance(class) => Some(class),
                                _ => None,
                            })
                            .collect();
                        Val { objs: classes, literal: None }
                    }
                    _ => Val::scalar(),
                })
            }
            "pathlib.Path" | "pathlib.PurePath" | "pathlib.PosixPath" => {
                let mut parts: Vec<&str> = Vec::new();
                let known = args.positional.iter().all(|val| {
                    val.as_str().is_some_and(|text| {
                        parts.push(text);
                        true
                    })
                });
                let joined = known.then(|| parts.join("/"));
                let mut val = self.lib("pathlib.Path");
                val.literal = joined.map(|text| Const::Str(text.into()));
                Some(val)
            }
            "os.path.join" => {
                let mut parts: Vec<&str> = Vec::new();
                let known = args.spread.is_empty()
                    && args.positional.iter().all(|val| {
                        val.as_str().is_some_and(|text| {
                            parts.push(text.trim_end_matches('/'));
                            true
                        })
                    });
                Some(if known { Val::string(parts.join("/")) } else { Val::scalar() })
            }
            _ => None,
        }
    }

    /// `len(x)`, `int(1e6)`, `round(2.5)` where the number is known.
    fn number_from(&self, name: &str, args: &Args) -> Option<Val> {
        let [given] = args.positional.as_slice() else { return None };
        if name == "len" {
            let shape = || self.memory_of(given).and_then(|memory| memory.shape.first().copied());
            let rows = Some(self.extent_of(given).rows).filter(|rows| *rows > 0.0).or_else(shape).unwrap_or_default();
            return (rows > 0.0).then(|| Val::literal(Const::About(rows)));
        }
        let literal = given.literal.as_ref()?;
        let number = literal.number().filter(|number| number.abs() < 1e15)?;
        if matches!(literal, Const::About(_)) {
            return Some(Val::literal(Const::About(number)));
        }
        match name {
            "int" => Some(Val::literal(Const::Int(number.trunc() as i64))),
            "round" => Some(Val::literal(Const::Int(number.round() as i64))),
            "float" => Some(Val::literal(Const::Float(number))),
            _ => None,
        }
    }

    /// A function with some of its arguments: they are its parts, those with names its attributes.
    pub(super) fn partial(&mut self, args: &Args) -> Val {
        let val = self.container("functools.partial", &args.all().cloned().collect::<Vec<_>>());
        for &id in &val.objs {
            self.heap.get_mut(id).rare_mut().parts = Some(args.positional.clone());
            for (name, given) in &args.keywords {
                self.heap.set_attr(id, name, given);
            }
        }
        val
    }

    /// Calls what `functools.partial` made.
    pub(super) fn call_partial(&mut self, id: ObjId, args: &Args, range: TextRange) -> Val {
        let object = self.heap.get(id);
        let mut positional = object.rare().parts.clone().unwrap_or_default();
        let keywords: Vec<_> = object.attrs.iter().filter(|(name, _)| args.keyword(name).is_none()).cloned().collect();
        if positional.is_empty() {
            return self.call_unknown("the function", Some(&Val::of(id)), args, range);
        }
        let function = positional.remove(0);
        positional.extend(args.positional.iter().cloned());
        let all =
            Args { positional, keywords: args.keywords.iter().cloned().chain(keywords).collect(), ranges: Vec::new(), ..args.clone() };
        self.call(&function, &all, range)
    }

    /// `namedtuple("Point", "x y")`: a class that keeps what it is given under these names.
    pub(super) fn class_of_fields(&mut self, args: &Args) -> Val {
        let fields: Vec<Val> = match args.positional.get(1).map(|fields| (fields.as_str(), fields.objs.first())) {
            Some((Some(text), _)) => text.replace(',', " ").split_whitespace().map(Val::string).collect(),
            Some((None, Some(&id))) => {
                let parts = self.heap.get(id).rare().parts.clone().unwrap_or_default();
                // `[("x", int), ("y", int)]` or `["x", "y"]`.
                let name_of = |part: &Val| match part.objs.first() {
                    Some(&pair) => self.heap.get(pair).rare().parts.as_ref().and_then(|parts| parts.first().cloned()).unwrap_or_default(),
                    None => part.clone(),
                };
                parts.iter().map(name_of).collect()
            }
            _ => Vec::new(),
        };
        let class = self.fresh(Kind::Class);
        for &id in &class.objs {
            self.heap.get_mut(id).rare_mut().parts = Some(fields.clone());
        }
        class
    }

    /// An attribute or method whose name is computed.
    pub(super) fn computed_attribute(&mut self, holder: &Val, range: TextRange) -> Val {
        let mut val = Val::default();
        for &id in &holder.objs {
            let part = match self.heap.get(id).kind.clone() {
                // `getattr(np, name)`: what a library's functions do as a rule.
                Kind::Path(path) => self.path(&dotted(&path, COMPUTED)),
                Kind::Instance(class) => {
                    self.assuming("the method's name is computed", |interp| {
                        interp.call_all_methods(id, class, range);
                    });
                    self.known_or_summary(id)
                }
                _ => self.fresh(Kind::Member { receiver: Val::of(id), name: Name::new_static(COMPUTED) }),
            };
            val.join(&part);
        }
        val
    }

    pub(super) fn call_iterating(&mut self, path: &str, args: &Args, range: TextRange) -> Val {
        let name = short_name(path);
        let mut inputs = args.positional.clone();
        if matches!(name, "map" | "filter") && !inputs.is_empty() {
            let function = inputs.remove(0);
            let elements: Vec<Val> = inputs.iter().map(|val| self.element(val, range)).collect();
            let result = self.call_if_callable(&function, &elements, range);
            let held = if name == "map" { result } else { elements.into_iter().reduce(|a, b| a.joined(&b)).unwrap_or_default() };
            return self.container("builtins.iterator", &[held]);
        }
        if let Some(key) = args.keyword("key").cloned() {
            let elements: Vec<Val> = inputs.iter().map(|val| self.element(val, range)).collect();
            self.call_if_callable(&key, &elements, range);
        }
        if matches!(name, "max" | "min") && inputs.len() > 1 {
            return inputs.into_iter().reduce(|a, b| a.joined(&b)).unwrap_or_default();
        }
        let mut held = Vec::new();
        for val in inputs.iter().chain(&args.spread) {
            held.push(self.element(val, range));
            self.call_special(val, "__iter__", &[], range);
        }
        for (keyword, val) in &args.keywords {
            if name == "dict" || keyword == "default" {
                held.push(val.clone());
            }
        }
        if name == "dict" {
            // Of pairs it keeps what they hold.
            let pairs: Vec<Val> = held.iter().map(|val| self.element_of_pairs(val, range)).collect();
            held.extend(pairs);
        }
        match name {
            "list" | "sorted" => self.container("builtins.list", &held),
            "tuple" | "set" | "frozenset" | "dict" => self.container(&format!("builtins.{name}"), &held),
            "next" => {
                // Taking from an iterator uses it up.
                if let Some(iterator) = inputs.first() {
                    self.change(iterator, range, "`next` advances it");
                    self.call_special(iterator, "__next__", &[], range);
                }
                held.into_iter().reduce(|a, b| a.joined(&b)).unwrap_or_default()
            }
            "max" | "min" => held.into_iter().reduce(|a, b| a.joined(&b)).unwrap_or_default(),
            "enumerate" | "zip" => {
                if name == "enumerate" {
                    held.insert(0, Val::scalar());
                }
                let tuple = self.container("builtins.tuple", &held);
                for &id in &tuple.objs {
                    self.heap.get_mut(id).rare_mut().parts = Some(held.clone());
                }
                let iterator = self.container("builtins.iterator", &[tuple]);
                for &id in &iterator.objs {
                    for val in &inputs {
                        self.heap.link(id, val, true);
                    }
                }
                iterator
            }
            _ => self.container("builtins.iterator", &held),
        }
    }

    pub(super) fn element_of_pairs(&mut self, val: &Val, range: TextRange) -> Val {
        let objs = val
            .objs
            .iter()
            .copied()
            .filter(|&id| matches!(&self.heap.get(id).kind, Kind::Lib(path) if matches!(&**path, "builtins.tuple" | "builtins.list")));
        let pairs = Val { objs: objs.collect(), literal: None };
        self.element(&pairs, range)
    }

    pub(super) fn call_if_callable(&mut self, function: &Val, args: &[Val], range: TextRange) -> Val {
        if function.objs.is_empty() {
            return Val::scalar();
        }
        self.call(function, &Args::positional(args.to_vec()), range)
    }

    /// A method of `globals()`.
    pub(super) fn call_namespace_method(&mut self, name: &Name, args: &Args, range: TextRange) -> Val {
        let key = args.positional.first().and_then(Val::as_str).map(Name::new);
        match (name.as_str(), key) {
            ("get" | "__getitem__", Some(key)) => self.read_global(&key, range),
            ("pop", Some(key)) => {
                let val = self.read_global(&key, range);
                let cell = self.cell;
                self.flow.delta.insert(key, Slot::deleted(cell));
                val
            }
            ("setdefault", Some(key)) => {
                let mut val = self.read_global(&key, range);
                if let Some(default) = args.positional.get(1) {
                    val.join(default);
                }
                self.bind_global(&key, val.clone(), None);
                val
            }
            ("update", _) => {
                for (name, val) in &args.keywords {
                    self.bind_global(name, val.clone(), None);
                }
                if !args.positional.is_empty() || !args.spread.is_empty() {
                    let cell = self.cell;
                    self.opaque.push((cell, "`globals().update(...)`".to_owned()));
                }
                Val::literal(Const::None)
            }
            // Listing the names is not reading their values.
            ("keys" | "__contains__", _) => Val::scalar(),
            _ => self.read_everything(range),
        }
    }
}
