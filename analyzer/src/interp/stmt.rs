//! Statements.

use std::sync::Arc;

use ruff_python_ast::name::Name;
use ruff_python_ast::{Expr, Operator, Stmt};
use ruff_text_size::{Ranged, TextRange};

use super::Interp;
use super::heap::{Const, Kind, Val};
use super::main_module::MAIN;
use crate::library_effects::dotted;
use crate::report::{Because, EffectKind};

impl Interp<'_> {
    pub(super) fn run_body(&mut self, body: &[Stmt]) {
        for statement in body {
            if self.flow.dead {
                return;
            }
            self.run_stmt(statement);
        }
    }

    pub(super) fn run_stmt(&mut self, statement: &Stmt) {
        if !self.step() || self.depth > super::MAX_DEPTH {
            self.summarise_statement(statement);
            return;
        }
        self.depth += 1;
        self.run_stmt_inner(statement);
        self.depth -= 1;
    }

    fn run_stmt_inner(&mut self, statement: &Stmt) {
        match statement {
            Stmt::FunctionDef(def) => self.define_function(def),
            Stmt::ClassDef(def) => self.define_class(def),
            Stmt::Return(inner) => {
                let val = inner.value.as_deref().map_or_else(|| Val::literal(Const::None), |value| self.eval(value));
                self.leave_function(&val);
            }
            Stmt::Delete(inner) => {
                for target in &inner.targets {
                    self.delete(target);
                }
            }
            Stmt::TypeAlias(inner) => {
                // The value is evaluated lazily, but nothing is lost by reading it now.
                let val = self.unknown();
                if let Expr::Name(name) = &*inner.name {
                    self.bind_name(&name.id, val);
                }
            }
            Stmt::Assign(inner) => {
                let val = self.eval(&inner.value);
                let mut val = self.settle(val);
                self.keep_answer(&inner.value, &mut val);
                for target in &inner.targets {
                    self.assign(target, &val);
                }
            }
            Stmt::AugAssign(inner) => self.augment(&inner.target, inner.op, &inner.value, inner.range()),
            Stmt::AnnAssign(inner) => {
                // Annotations of simple names are evaluated at module level, and harmless to read elsewhere.
                if self.frames.is_empty() {
                    self.eval(&inner.annotation);
                }
                if let Some(value) = &inner.value {
                    let val = self.eval(value);
                    self.assign(&inner.target, &val);
                }
            }
            Stmt::For(inner) => self.run_for(inner),
            Stmt::While(inner) => self.run_while(inner),
            Stmt::If(inner) => self.run_if(inner),
            Stmt::With(inner) => self.run_with(inner),
            Stmt::Match(inner) => self.run_match(inner),
            Stmt::Raise(inner) => {
                for part in [&inner.exc, &inner.cause].into_iter().flatten() {
                    self.eval(part);
                }
                self.raised.join(&self.flow);
                self.flow.dead = true;
            }
            Stmt::Try(inner) => self.run_try(inner),
            Stmt::Assert(inner) => {
                self.eval(&inner.test);
                if let Some(message) = &inner.msg {
                    let before = self.flow.clone();
                    self.eval(message);
                    self.flow = before;
                }
            }
            Stmt::Import(inner) => {
                for alias in &inner.names {
                    let (bound, path) = match &alias.asname {
                        Some(name) => (name.id.clone(), alias.name.as_str()),
                        None => {
                            (Name::new(alias.name.split('.').next().unwrap_or_default()), alias.name.split('.').next().unwrap_or_default())
                        }
                    };
                    let line = match &alias.asname {
                        Some(name) => format!("import {} as {}", alias.name, name),
                        None => format!("import {}", alias.name),
                    };
                    let val = self.module_value(path, alias.range());
                    self.import(&bound, val, &line);
                }
            }
            Stmt::ImportFrom(inner) => {
                let module = format!("{}{}", ".".repeat(inner.level as usize), inner.module.as_deref().unwrap_or_default());
                for alias in &inner.names {
                    if alias.name.as_str() == "*" {
                        self.import_star(&module, alias.range());
                        continue;
                    }
                    let bound = alias.asname.as_ref().unwrap_or(&alias.name).id.clone();
                    if module == MAIN {
                        let val = self.read_global(&alias.name.id, alias.range());
                        self.bind_name(&bound, val);
                        continue;
                    }
                    let line = match &alias.asname {
                        Some(name) => format!("from {module} import {} as {name}", alias.name),
                        None => format!("from {module} import {}", alias.name),
                    };
                    let local =
                        self.local_module(&module, alias.range()).and_then(|(space, _)| self.heap.attr(space, &alias.name.id).cloned());
                    let val = local.unwrap_or_else(|| self.path(&dotted(&module, &alias.name)));
                    self.import(&bound, val, &line);
                }
            }
            Stmt::Global(_) | Stmt::Nonlocal(_) | Stmt::Pass(_) => {}
            Stmt::Expr(inner) => self.run_expression(&inner.value),
            Stmt::Break(_) => {
                if let Some(exit) = self.loop_exits.last_mut() {
                    exit.breaks.join(&self.flow);
                }
                self.flow.dead = true;
            }
            Stmt::Continue(_) => {
                if let Some(exit) = self.loop_exits.last_mut() {
                    exit.continues.join(&self.flow);
                }
                self.flow.dead = true;
            }
            Stmt::IpyEscapeCommand(inner) => {
                self.run_escape(inner.range());
            }
        }
    }

    /// An expression on its own line: at the top of a cell IPython may show its value.
    fn run_expression(&mut self, value: &Expr) {
        let val = self.eval(value);
        if self.frames.is_empty() {
            self.show(&val, value.range());
        }
    }

    /// The value is printed or displayed: the notebook's own `__repr__` and the like run.
    pub(super) fn show(&mut self, val: &Val, range: TextRange) {
        for method in ["_repr_html_", "__repr__", "__str__", "_repr_mimebundle_", "_ipython_display_"] {
            self.call_special(val, method, &[], range);
        }
    }

    /// The same for a container, which shows what it holds.
    pub(super) fn show_with_elements(&mut self, val: &Val, range: TextRange) {
        self.show(val, range);
        let held = val
            .objs
            .iter()
            .filter(|&&id| matches!(&self.heap.get(id).kind, Kind::Lib(path) if path.starts_with("builtins.")))
            .fold(Val::default(), |all, &id| all.joined(&self.heap.get(id).elems));
        self.show(&held, range);
    }

    fn import(&mut self, bound: &Name, val: Val, line: &str) {
        if self.local_frame(bound).is_some() || self.module().is_some() {
            self.bind_name(bound, val);
        } else {
            self.bind_global(bound, val, Some(Arc::from(line)));
        }
    }

    /// A module; of a local one whose text is known also what is in it.
    fn module_value(&mut self, path: &str, range: TextRange) -> Val {
        let val = self.path(path);
        if let Some((space, _)) = self.local_module(path, range) {
            for (name, member) in self.heap.get(space).attrs.clone() {
                for &id in &val.objs {
                    self.heap.set_attr(id, &name, &member);
                }
            }
        }
        val
    }

    fn import_star(&mut self, module: &str, range: TextRange) {
        if let Some(names) = self.star_names(module, range) {
            for (name, val) in names {
                let line = format!("from {module} import {name}");
                self.import(&name, val, &line);
            }
            return;
        }
        let cell = self.cell;
        self.stars.push((cell, format!("from {module} import *")));
        if self.table.library(module).is_none() {
            self.opaque.push((cell, format!("`from {module} import *`")));
        }
    }

    // --- assignment ------------------------------------------------------------------------------

    pub(super) fn assign(&mut self, target: &Expr, val: &Val) {
        match target {
            Expr::Name(name) => self.bind_name(&name.id, val.clone()),
            Expr::Starred(inner) => {
                let list = self.lib("builtins.list");
                let element = self.element(val, inner.range());
                for &object in &list.objs {
                    self.heap.hold(object, &element);
                }
                self.assign(&inner.value, &list);
            }
            Expr::Tuple(inner) => self.unpack(&inner.elts, val),
            Expr::List(inner) => self.unpack(&inner.elts, val),
            Expr::Attribute(inner) => {
                let holder = self.eval(&inner.value);
                self.store_attribute(&holder, &inner.attr.id, val, inner.range());
            }
            Expr::Subscript(inner) => {
                let holder = self.eval(&inner.value);
                let index = self.eval(&inner.slice);
                self.store_item(&holder, &index, val, inner.range());
            }
            _ => {
                self.eval(target);
            }
        }
    }

    fn unpack(&mut self, targets: &[Expr], val: &Val) {
        let star = targets.iter().position(Expr::is_starred_expr);
        for (index, target) in targets.iter().enumerate() {
            let part = match star {
                None => self.part(val, index, target.range()),
                Some(at) if index < at => self.part(val, index, target.range()),
                Some(at) if index == at => val.clone(),
                Some(_) => self.element(val, target.range()),
            };
            self.assign(target, &part);
        }
    }

    fn store_attribute(&mut self, holder: &Val, attr: &Name, val: &Val, range: TextRange) {
        for &object in &holder.objs {
            match self.heap.get(object).kind.clone() {
                Kind::Path(path) => self.store_module_attribute(&path, attr, val, range),
                Kind::Namespace => {}
                Kind::Instance(class) => {
                    self.heap.set_attr(object, attr, val);
                    self.heap.hold(object, val);
                    self.set_property(object, class, attr, val, range);
                }
                _ => {
                    self.heap.set_attr(object, attr, val);
                    // A frame's new column is held like any element.
                    self.heap.hold(object, val);
                }
            }
        }
        self.change(holder, range, format_args!("attribute `{attr}` is set"));
        self.call_special(holder, "__setattr__", &[], range);
    }

    fn store_module_attribute(&mut self, path: &Arc<str>, attr: &Name, val: &Val, range: TextRange) {
        if &**path == MAIN {
            self.bind_global(attr, val.clone(), None);
            return;
        }
        let detail = dotted(path, attr);
        let library = path.split('.').next().unwrap_or(path).to_owned();
        let module = self.path(path);
        for &object in &module.objs {
            self.heap.set_attr(object, attr, val);
        }
        self.effect(EffectKind::OptionsWrite, if self.table.library(path).is_some() { &library } else { &detail }, range);
    }

    fn store_item(&mut self, holder: &Val, index: &Val, val: &Val, range: TextRange) {
        for &object in &holder.objs {
            match self.heap.get(object).kind.clone() {
                Kind::Namespace => {
                    if let Some(name) = index.as_str() {
                        self.bind_global(&Name::new(name), val.clone(), None);
                    } else {
                        let cell = self.cell;
                        self.opaque.push((cell, "`globals()[...] = ...`".to_owned()));
                    }
                }
                Kind::Path(path) => self.store_in_module_object(&path, range),
                Kind::Lib(path) if path.ends_with("RcParams") => self.store_in_module_object(&path, range),
                _ => {
                    self.heap.hold(object, val);
                    self.heap.hold(object, index);
                    self.set_part(object, index, val);
                }
            }
        }
        self.change(holder, range, "an item is set");
        self.call_special(holder, "__setitem__", std::slice::from_ref(val), range);
    }

    /// `plt.rcParams["x"] = 1`, `os.environ["X"] = "1"`.
    pub(super) fn store_in_module_object(&mut self, path: &str, range: TextRange) {
        if path == "os.environ" {
            self.effect(EffectKind::EnvironmentWrite, "", range);
        } else {
            let library = path.split('.').next().unwrap_or(path).to_owned();
            self.effect(EffectKind::OptionsWrite, &library, range);
        }
    }

    fn set_part(&mut self, object: super::ObjId, index: &Val, val: &Val) {
        if let Some(Const::Int(at)) = index.literal
            && let Some(parts) = self.heap.get_mut(object).parts_mut()
            && let Some(part) = usize::try_from(at).ok().and_then(|at| parts.get_mut(at))
        {
            part.join(val);
        }
    }

    fn augment(&mut self, target: &Expr, op: Operator, value: &Expr, range: TextRange) {
        let old = match target {
            Expr::Name(name) => self.read_name(&name.id, name.range()),
            _ => self.eval(target),
        };
        let operand = self.eval(value);
        let in_place: Vec<_> = old.objs.iter().copied().filter(|&object| self.changes_under_augmentation(object)).collect();
        let fresh = self.operate(&old, &operand, op, range);
        let mut result = fresh.clone();
        for object in in_place {
            let known = !matches!(self.heap.get(object).kind, Kind::Unknown);
            let val = Val::of(object);
            if known {
                self.change(&val, range, "augmented assignment changes it in place");
            } else {
                self.change_assumed(&val, range, "augmented assignment may change it in place");
            }
            self.heap.hold(object, &operand);
            result.join(&val);
        }
        self.call_special(&old, "__iadd__", std::slice::from_ref(&operand), range);
        match target {
            Expr::Name(name) => self.bind_name(&name.id, result),
            _ => self.assign(target, &result),
        }
    }

    fn changes_under_augmentation(&self, object: super::ObjId) -> bool {
        match &self.heap.get(object).kind {
            Kind::Unknown | Kind::Instance(_) => true,
            Kind::Lib(path) => !matches!(
                &**path,
                "builtins.str"
                    | "builtins.tuple"
                    | "builtins.bytes"
                    | "builtins.int"
                    | "builtins.float"
                    | "builtins.frozenset"
                    | "pathlib.Path"
            ),
            _ => false,
        }
    }

    fn delete(&mut self, target: &Expr) {
        match target {
            Expr::Name(name) => self.unbind_name(&name.id, name.range()),
            Expr::Tuple(inner) => inner.elts.iter().for_each(|part| self.delete(part)),
            Expr::List(inner) => inner.elts.iter().for_each(|part| self.delete(part)),
            Expr::Attribute(inner) => {
                let holder = self.eval(&inner.value);
                if self.is_main(&holder) {
                    self.unbind_name(&inner.attr.id, inner.range());
                    return;
                }
                self.change(&holder, inner.range(), "an attribute is deleted");
            }
            Expr::Subscript(inner) => {
                let holder = self.eval(&inner.value);
                let index = self.eval(&inner.slice);
                let is_namespace = holder.objs.iter().any(|&object| self.heap.get(object).kind == Kind::Namespace);
                if let (true, Some(name)) = (is_namespace, index.as_str().map(Name::new)) {
                    self.unbind_name(&name, inner.range());
                    return;
                }
                if holder.objs.iter().any(|&object| matches!(&self.heap.get(object).kind, Kind::Path(path) if &**path == "os.environ")) {
                    self.effect(EffectKind::EnvironmentWrite, "", inner.range());
                }
                self.change(&holder, inner.range(), "an item is deleted");
            }
            _ => {}
        }
    }

    /// Notes something that must stay in the kernel's own process.
    pub(super) fn stay(&mut self, why: &str, range: TextRange) {
        let because: Vec<Because> = self.because(why, range);
        self.trace.stays.extend(because.into_iter().take(1));
    }
}
