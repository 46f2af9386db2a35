//! Library calls: carrying out what the table of library effects says, and the builtins that need more than a table.

use std::sync::Arc;

use ruff_python_ast::ExprCall;
use ruff_python_ast::name::Name;
use ruff_text_size::{Ranged, TextRange};

use super::Draw;
use super::Interp;
use super::arguments::Args;
use super::heap::{Const, Kind, ObjId, Val};
use super::main_module::MAIN;
use crate::library_effects::{ArgRef, Entry, Found, Gives, dotted};
use crate::report::EffectKind;

/// Stands for a name that is computed; no entry of the table has it.
pub(super) const COMPUTED: &str = "(computed)";

impl<'a> Interp<'a> {
    /// What a member of a library value does. Answers are kept: the patterns of the table are slow to match.
    pub(super) fn member(&mut self, kind: &str, name: &str) -> Found<'a> {
        if let Some(found) = self.members.get(kind).and_then(|members| members.get(name)) {
            return *found;
        }
        let found = self.table.member(kind, name);
        self.members.entry(kind.to_owned()).or_default().insert(name.to_owned(), found);
        found
    }

    /// What calling a dotted path does.
    pub(super) fn function_effects(&mut self, path: &str) -> Found<'a> {
        if let Some(found) = self.effects_of.get(path) {
            return *found;
        }
        let found = self.table.function(path);
        self.effects_of.insert(path.to_owned(), found);
        found
    }

    /// Carries out an entry of the table.
    pub(super) fn apply(&mut self, entry: &'a Entry, path: &str, receiver: Option<&Val>, args: &Args, range: TextRange) -> Val {
        self.apply_changes(entry, path, receiver, args, range);
        self.apply_effects(entry, path, receiver, args, range);
        self.apply_callbacks(entry, receiver, args, range);
        let mut needs = Vec::new();
        for (which, how) in &entry.names_in {
            let at = args.range_of(which).unwrap_or(range);
            for text in args.select(which, receiver) {
                if how == "code" {
                    if let Some(code) = text.as_str().map(str::to_owned) {
                        self.run_text(&code, None, at);
                    }
                } else {
                    let names = self.read_names_in(text, how, args, at);
                    if how == "formula" {
                        needs.extend(names);
                    }
                }
            }
        }
        if let Some(receiver) = receiver {
            for which in &entry.keeps {
                for val in args.select(which, Some(receiver)) {
                    self.hold_in(receiver, val);
                }
            }
        }
        let mut result = self.result_of(entry, path, receiver, args, range);
        for &id in result.objs.iter().filter(|_| !needs.is_empty()) {
            self.heap.get_mut(id).rare_mut().needs.clone_from(&needs);
        }
        if matches!(&entry.gives, Some(Gives::One(kind)) if kind.starts_with("elem:") || kind.starts_with("arg:")) {
            // `d.get(key, default)`: the result is one of them, it holds neither.
            for val in entry.holds.iter().flat_map(|which| args.select(which, receiver)) {
                result.join(val);
            }
        } else {
            self.apply_links(entry, &result, receiver, args);
        }
        result
    }

    fn apply_changes(&mut self, entry: &Entry, path: &str, receiver: Option<&Val>, args: &Args, range: TextRange) {
        let short = short_name(path);
        for which in &entry.mutates {
            for val in args.select(which, receiver) {
                self.change(val, range, format_args!("`{short}` changes it in place"));
            }
        }
        for (condition, targets) in &entry.mutates_if {
            let Some(sure) = args.meets(condition) else { continue };
            for val in targets.iter().flat_map(|which| args.select(which, receiver)) {
                if sure {
                    self.change(val, range, format_args!("`{short}` with `{condition}` changes it in place"));
                } else {
                    let wanted = if condition.contains('=') { String::new() } else { " is true".to_owned() };
                    self.change_assumed(val, range, format_args!("`{short}` changes it in place when `{condition}`{wanted}"));
                }
            }
        }
    }

    fn apply_effects(&mut self, entry: &Entry, path: &str, receiver: Option<&Val>, args: &Args, range: TextRange) {
        for (targets, kind) in [(&entry.reads, EffectKind::FileRead), (&entry.writes, EffectKind::FileWrite)] {
            for which in targets {
                for val in args.select(which, receiver) {
                    let detail = val.as_str().unwrap_or("?").to_owned();
                    if detail.contains("://") {
                        self.effect(EffectKind::Network, &detail, range);
                    } else {
                        self.effect(kind, &detail, range);
                    }
                }
            }
        }
        let flags = [
            (entry.network, EffectKind::Network),
            (entry.subprocess, EffectKind::Subprocess),
            (entry.clock, EffectKind::Clock),
            (entry.input, EffectKind::Input),
            (entry.display, EffectKind::Display),
        ];
        for (set, kind) in flags {
            if set {
                self.effect(kind, path, range);
            }
        }
        if entry.input {
            self.stay("it asks the person at the keyboard", range);
        }
        if let Some(generator) = &entry.draws {
            let seeded =
                entry.draws_unless.as_ref().and_then(|keyword| args.keyword(keyword)).is_some_and(|val| val.literal != Some(Const::None));
            if !seeded {
                self.effect(EffectKind::RandomRead, generator, range);
                let call = self.library_call(path, args, range);
                self.trace.draw(Draw { generator: generator.as_str().into(), call });
            }
        }
        for generator in &entry.seeds {
            self.effect(EffectKind::RandomWrite, generator, range);
        }
        for (detail, kind) in [(&entry.options_read, EffectKind::OptionsRead), (&entry.options_write, EffectKind::OptionsWrite)] {
            if let Some(detail) = detail {
                self.effect(kind, detail, range);
            }
        }
        let access = [
            (&entry.plot, EffectKind::PlotRead, EffectKind::PlotWrite),
            (&entry.environment, EffectKind::EnvironmentRead, EffectKind::EnvironmentWrite),
            (&entry.directory, EffectKind::DirectoryRead, EffectKind::DirectoryWrite),
        ];
        for (value, read, write) in access {
            match value.as_deref() {
                Some("read") => self.effect(read, short_name(path), range),
                Some("write") => self.effect(write, short_name(path), range),
                Some("both") => {
                    self.effect(read, short_name(path), range);
                    self.effect(write, short_name(path), range);
                }
                _ => {}
            }
        }
    }

    fn apply_callbacks(&mut self, entry: &Entry, receiver: Option<&Val>, args: &Args, range: TextRange) {
        if entry.calls.is_empty() {
            self.hand_over(args, range);
            return;
        }
        let mut given = self.unknown();
        for val in args.all().chain(receiver) {
            let part = self.element(val, range);
            given.join(&part);
        }
        let given = self.narrow(given);
        for which in &entry.calls {
            for val in args.select(which, receiver) {
                for &id in &val.objs {
                    if self.may_be_called(id) {
                        self.call_back(id, &given, range);
                    }
                }
            }
        }
    }

    fn result_of(&mut self, entry: &Entry, path: &str, receiver: Option<&Val>, args: &Args, range: TextRange) -> Val {
        if let Some(keyword) = &entry.gives_none_if
            && let Some(flag) = args.keyword(keyword)
            && flag.literal == Some(Const::Bool(true))
        {
            return Val::literal(Const::None);
        }
        match &entry.gives {
            None if super::call::is_class_name(path) && receiver.is_none() => self.lib(path),
            None => self.unknown(),
            Some(Gives::One(kind)) => self.give(kind, receiver, args, range),
            Some(Gives::Many(kinds)) => {
                let parts: Vec<Val> = kinds.iter().map(|kind| self.give(kind, receiver, args, range)).collect();
                let val = self.container("builtins.tuple", &parts);
                for &id in &val.objs {
                    self.heap.get_mut(id).rare_mut().parts = Some(parts.clone());
                }
                // Parts that come together usually know each other: a figure and its axes.
                for part in &parts {
                    for &id in &part.objs {
                        for other in &parts {
                            let others = Val { objs: other.objs.iter().copied().filter(|&other| other != id).collect(), literal: None };
                            self.heap.hold(id, &others);
                        }
                    }
                }
                val
            }
        }
    }

    fn give(&mut self, kind: &str, receiver: Option<&Val>, args: &Args, range: TextRange) -> Val {
        match kind {
            "scalar" => Val::scalar(),
            "none" => Val::literal(Const::None),
            "self" => receiver.cloned().unwrap_or_default(),
            "self-kind" => {
                let path = receiver.and_then(|val| val.objs.first()).and_then(|&id| match &self.heap.get(id).kind {
                    Kind::Lib(path) => Some(Arc::clone(path)),
                    _ => None,
                });
                match path {
                    Some(path) => self.lib(&path),
                    None => self.unknown(),
                }
            }
            "list" | "tuple" | "dict" | "set" => self.lib(&format!("builtins.{kind}")),
            "iterator" => self.lib("builtins.iterator"),
            "array" => self.lib("numpy.ndarray"),
            _ => {
                if let Some(reference) = kind.strip_prefix("arg:") {
                    let which = ArgRef::from(reference.to_owned());
                    return args.select(&which, receiver).into_iter().cloned().reduce(|a, b| a.joined(&b)).unwrap_or_default();
                }
                if let Some(reference) = kind.strip_prefix("like:") {
                    let which = ArgRef::from(reference.to_owned());
                    return self.give_like(&args.select(&which, receiver));
                }
                if let Some(reference) = kind.strip_prefix("elem:") {
                    let which = ArgRef::from(reference.to_owned());
                    let held = args.select(&which, receiver);
                    let mut val = Val::default();
                    for part in held {
                        let element = self.element(part, range);
                        val.join(&element);
                    }
                    return val;
                }
                self.lib(kind)
            }
        }
    }

    /// New values of the kinds that these have.
    fn give_like(&mut self, given: &[&Val]) -> Val {
        let mut result = Val::default();
        for id in given.iter().flat_map(|val| val.objs.clone()) {
            let one = match self.heap.get(id).kind.clone() {
                Kind::Lib(path) => self.lib(&path),
                _ => self.unknown(),
            };
            result.join(&one);
        }
        if result.objs.is_empty() { self.unknown() } else { result }
    }

    fn apply_links(&mut self, entry: &Entry, result: &Val, receiver: Option<&Val>, args: &Args) {
        let always = entry.views.iter().map(|which| (which, true));
        let conditional = entry.views_if.iter().filter_map(|(condition, targets)| Some((targets, args.meets(condition)?)));
        let conditional = conditional.flat_map(|(targets, sure)| targets.iter().map(move |which| (which, sure)));
        for (which, sure) in always.chain(conditional) {
            for val in args.select(which, receiver) {
                for &id in &result.objs {
                    for &base in &val.objs {
                        if !matches!(self.heap.get(id).kind, Kind::Path(_)) && id != base {
                            let born = self.heap.get(base).born.min(self.heap.get(id).born);
                            self.heap.get_mut(id).born = born;
                            self.heap.view(id, base, sure);
                        }
                    }
                }
            }
        }
        for which in &entry.holds {
            for val in args.select(which, receiver) {
                self.hold_in(result, val);
            }
        }
    }

    /// The holder keeps the value, and, as constructors such as `list(x)` do, what the value holds.
    pub(super) fn hold_in(&mut self, holder: &Val, held: &Val) {
        for &id in &holder.objs {
            self.heap.hold(id, held);
        }
    }

    /// What entering a context of this kind gives, when the table says so.
    pub(super) fn member_entry_gives(&mut self, id: ObjId, name: &str, range: TextRange) -> Option<Val> {
        let Kind::Lib(path) = self.heap.get(id).kind.clone() else { return None };
        match self.member(&path, name) {
            Found::Entry(entry) => {
                let receiver = Val::of(id);
                Some(self.apply(entry, &dotted(&path, name), Some(&receiver), &Args::default(), range))
            }
            _ => None,
        }
    }

    /// A method of a string or another immutable value.
    pub(super) fn call_string_method(&mut self, receiver: &Val, name: &Name, args: &Args, range: TextRange) -> Val {
        self.hand_over(args, range);
        if name.as_str() == "format" {
            for val in args.all() {
                self.show(val, range);
            }
        }
        match (name.as_str(), receiver.as_str(), args.positional.first().and_then(Val::as_str)) {
            ("strip", Some(text), None) => Val::string(text.trim()),
            ("lower", Some(text), None) => Val::string(text.to_lowercase()),
            ("split" | "rsplit" | "splitlines" | "partition", ..) => self.container("builtins.list", &[]),
            _ => Val::scalar(),
        }
    }

    // --- builtins that a table cannot describe ---------------------------------------------------

    /// `globals()`, `exec("...")`, `super()` and the like; `None` for everything else.
    pub(super) fn call_reflective(&mut self, callee: &Val, call: &ExprCall, args: &Args, range: TextRange) -> Option<Val> {
        if self.is_path(callee, "sys.modules.get") && args.positional.first().and_then(Val::as_str) == Some(MAIN) {
            return Some(self.path(MAIN));
        }
        let path = match callee.objs.as_slice() {
            [id] => match &self.heap.get(*id).kind {
                Kind::Path(path) => Arc::clone(path),
                Kind::Member { receiver, name }
                    if matches!(
                        name.as_str(),
                        "run_line_magic"
                            | "run_cell_magic"
                            | "magic"
                            | "system"
                            | "getoutput"
                            | "run_cell"
                            | "ex"
                            | "ev"
                            | "user_ns"
                            | "push"
                            | "reset"
                    ) =>
                {
                    let is_shell =
                        receiver.objs.iter().any(|&id| matches!(&self.heap.get(id).kind, Kind::Lib(path) if &**path == "IPython.Shell"));
                    if !is_shell {
                        return None;
                    }
                    format!("IPython.Shell.{name}").into()
                }
                _ => return None,
            },
            _ => return None,
        };
        match &*path {
            "builtins.globals" => Some(self.fresh(Kind::Namespace)),
            "builtins.locals" | "builtins.vars" if args.positional.is_empty() => {
                if self.frames.is_empty() {
                    Some(self.fresh(Kind::Namespace))
                } else {
                    let mut held = Val::default();
                    if let Some(names) = self.flow.frames.last() {
                        names.values().for_each(|slot| held.join(&slot.val));
                    }
                    Some(self.container("builtins.dict", &[held]))
                }
            }
            "builtins.vars" if args.positional.first().is_some_and(|module| self.is_main(module)) => Some(self.fresh(Kind::Namespace)),
            "importlib.import_module" | "builtins.__import__" if args.positional.first().and_then(Val::as_str) == Some(MAIN) => {
                Some(self.path(MAIN))
            }
            "builtins.dir" if args.positional.is_empty() => {
                self.effect(EffectKind::Session, "dir", range);
                Some(Val::scalar())
            }
            "builtins.super" => {
                let method = self
                    .frames
                    .iter()
                    .rev()
                    .find(|frame| frame.kind == super::FrameKind::Function)
                    .and_then(|frame| frame.method_of.clone());
                let (class, receiver) = method?;
                Some(self.fresh(Kind::Super { class, receiver }))
            }
            "builtins.exec" | "builtins.eval" | "IPython.Shell.run_cell" | "IPython.Shell.ex" | "IPython.Shell.ev" => {
                let at = call.arguments.args.first()?.range();
                let code = args.positional.first().and_then(Val::as_str).map(str::to_owned);
                let namespace = args.positional.get(1).or_else(|| args.keyword("globals"));
                let followed = code.and_then(|code| self.run_text(&code, namespace, at));
                Some(followed.unwrap_or_else(|| self.run_hidden_text(short_name(&path), range)))
            }
            "builtins.get_ipython" => Some(self.lib("IPython.Shell")),
            "IPython.Shell.system" | "IPython.Shell.getoutput" => {
                self.effect(EffectKind::Subprocess, args.positional.first().and_then(Val::as_str).unwrap_or("?"), range);
                Some(self.unknown())
            }
            "IPython.Shell.run_line_magic" | "IPython.Shell.magic" | "IPython.Shell.run_cell_magic" => {
                let words = args.positional.iter().filter_map(Val::as_str).collect::<Vec<_>>().join(" ");
                let (name, rest) = words.split_once(' ').unwrap_or((words.as_str(), ""));
                self.line_magic(name.trim_start_matches('%'), rest, range);
                Some(self.unknown())
            }
            "IPython.Shell.push" | "IPython.Shell.reset" => {
                let cell = self.cell;
                self.opaque.push((cell, format!("`{}`", short_name(&path))));
                Some(Val::scalar())
            }
            _ => None,
        }
    }
}

pub(super) fn short_name(path: &str) -> &str {
    path.rsplit('.').next().unwrap_or(path)
}
