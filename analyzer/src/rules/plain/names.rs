//! Which names earlier cells bind on some path to their end, and which this one surely has bound.

use std::cell::Cell;

use ruff_python_ast::name::Name;
use ruff_python_ast::visitor::{self, Visitor};
use ruff_python_ast::{Alias, ExceptHandler, Expr, InterpolatedStringElement, Stmt, StmtIf, StmtTry};
use ruff_text_size::{Ranged, TextSize};
use rustc_hash::{FxHashMap, FxHashSet};
use smallvec::SmallVec;

use super::local::Local;
use crate::facts::CellFacts;
use crate::interp::{constant_truth, is_builtin};
use crate::minimal_state::is_history;

/// Magics whose Python runs as if it stood in the cell.
const RUNNING_MAGICS: &[&str] = &["time", "prun"];

/// What a name is, by the cells that may bind it.
#[derive(Clone, Copy, Debug)]
struct Binders {
    first: usize,
    last: usize,
    /// The first that may bind it to something else than a module, a function or a class.
    data: Option<usize>,
}

/// What the rules can say about a name, by the place that reads it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    Nothing,
    /// Nothing unless the function around the place is called before the name is bound.
    NothingIfCalledLater,
    Something,
}

/// Names of a notebook, while its cells are gone through in order.
#[derive(Debug, Default)]
pub(super) struct Names<'f> {
    /// Of each name that some statement may bind, the cells that do.
    binders: FxHashMap<&'f str, Binders>,
    /// Dotted paths that imports bind each name to.
    pub(super) imports: FxHashMap<&'f str, SmallVec<[String; 1]>>,
    /// Modules at the top that are imported.
    pub(super) modules: FxHashSet<&'f str>,
    /// Names of functions and classes.
    defined: FxHashSet<&'f str>,
    /// Names that an earlier cell binds on some path to its end.
    bound: FxHashSet<&'f Name>,
    /// The same of the cell that is gone through.
    here: FxHashSet<&'f Name>,
    /// Names that some cell deletes.
    deleted: FxHashSet<&'f Name>,
    /// Those of them that an earlier cell deleted and none surely has bound since.
    gone: FxHashSet<&'f Name>,
    at: usize,
    is_python: bool,
    /// Whether any text names IPython's shell, through which code runs and names are bound.
    pub(super) mentions_shell: bool,
    /// Whether something was seeded in front of the place.
    pub(super) is_seeded: Cell<bool>,
    /// The modules of its folder; none where the code is one of them.
    local: Option<&'f Local>,
}

impl<'f> Names<'f> {
    /// Nothing where statements do what is not followed here: take all names of a module, delete names, or never return.
    pub(super) fn of(cells: impl Iterator<Item = &'f CellFacts>, is_python: bool, local: Option<&'f Local>) -> Option<Self> {
        let mut names = Self { is_python, local, ..Self::default() };
        let shells = [memchr::memmem::Finder::new("get_ipython"), memchr::memmem::Finder::new("InteractiveShell")];
        for (at, facts) in cells.enumerate() {
            names.mentions_shell |= shells.iter().any(|shell| shell.find(facts.source.as_bytes()).is_some());
            let mut statements =
                Statements { names: &mut names, facts, code: FxHashSet::default(), data: FxHashSet::default(), is_followed: true };
            for statement in &facts.syntax.body {
                // A deletion that is part of another statement may not happen, or more than once.
                match statement {
                    Stmt::Delete(delete) if delete.targets.iter().all(is_plain_target) => {
                        let deleted = delete.targets.iter().filter_map(Expr::as_name_expr).map(|name| &name.id);
                        statements.names.deleted.extend(deleted);
                    }
                    _ => statements.visit_stmt(statement),
                }
            }
            facts.syntax.escapes.values().for_each(|escape| statements.visit_body(&escape.code));
            if !statements.is_followed {
                return None;
            }
            let (code, data) = (statements.code, statements.data);
            for name in &facts.binds {
                let binders = names.binders.entry(name.as_str()).or_insert(Binders { first: at, last: at, data: None });
                binders.last = at;
                if binders.data.is_none() && (!code.contains(name) || data.contains(name)) {
                    binders.data = Some(at);
                }
            }
        }
        Some(names)
    }

    /// Whether texts in the code of a cell, which libraries and the shell may read names from, say nothing of deleted names.
    pub(super) fn texts_are_quiet(&self, facts: &CellFacts) -> bool {
        if self.deleted.is_empty() {
            return true;
        }
        let mut texts = Texts { names: self, facts, are_quiet: true };
        texts.visit_body(&facts.syntax.body);
        let escapes = facts.syntax.escapes.values();
        let mut told = escapes.map(|escape| escape.arguments.as_str()).chain(facts.syntax.cell_magic.as_ref().map(|_| &*facts.source));
        texts.are_quiet && !told.any(|text| self.tells_of_deleted(text))
    }

    fn tells_of_deleted(&self, text: &str) -> bool {
        words(text).any(|word| self.deleted.contains(&Name::new(word)))
    }

    /// Goes on with this cell.
    pub(super) fn enter(&mut self, at: usize, facts: &'f CellFacts) {
        self.at = at;
        self.here.clear();
        let magic = facts.syntax.cell_magic.as_ref();
        if magic.is_none_or(|magic| magic.name == "time") {
            let line = magic.map(|magic| magic.line_code.as_slice()).unwrap_or_default();
            collect_all(line, facts, &mut self.here);
            collect_all(&facts.syntax.body, facts, &mut self.here);
        }
    }

    /// Its names are those of an earlier cell from now on. `deletes` are those that it deleted last, `binds` those that it surely has bound.
    pub(super) fn leave(&mut self, deletes: &[&'f Name], binds: &[&'f Name]) {
        self.bound.extend(self.here.drain());
        if !self.deleted.is_empty() {
            self.gone.extend(deletes);
            self.gone.retain(|name| !binds.contains(name));
        }
    }

    /// Whether the cell that is gone through binds the name on some path to its end.
    pub(super) fn binds_here(&self, name: &Name) -> bool {
        self.here.contains(name)
    }

    /// Whether the name stands for what a library has, and for nothing else.
    pub(super) fn is_of_library(&self, name: &str) -> bool {
        let is_only_imported = || !self.defined.contains(name) && self.binders.get(name).is_some_and(|binders| binders.data.is_none());
        self.is_imported_from_library(name) && is_only_imported()
    }

    /// Whether all imports of the name are from elsewhere than the folder of the notebook.
    pub(super) fn is_imported_from_library(&self, name: &str) -> bool {
        self.imports.get(name).is_some_and(|paths| !paths.iter().any(|path| self.is_local(path)))
    }

    fn is_local(&self, path: &str) -> bool {
        self.local.is_some_and(|local| local.has(path))
    }

    /// Whether a local module may have this name from elsewhere.
    pub(super) fn is_passed_on(&self, name: &str) -> bool {
        self.local.is_some_and(|local| local.passes_on(name))
    }

    /// Whether values of this module may be met: the notebook imports it, or a local module does. A local module may be handed anything.
    pub(super) fn may_meet(&self, module: &str) -> bool {
        self.local.is_none_or(|local| local.imports(module)) || self.modules.contains(module)
    }

    pub(super) fn may_be_of_an_earlier_cell(&self, name: &str) -> bool {
        self.binders.get(name).is_some_and(|binders| binders.first < self.at)
    }

    /// Whether the name stands for the module `sys`.
    pub(super) fn is_sys(&self, name: &str) -> bool {
        self.imports.get(name).is_some_and(|paths| paths.iter().any(|path| path == "sys"))
    }

    /// The same as `is_quiet` for a name in a text, which counts only where something binds it.
    pub(super) fn is_quiet_in_text(&self, name: &str, in_function: bool) -> bool {
        let Some(binders) = self.binders.get(name) else { return true };
        let name = Name::new(name);
        self.bound.contains(&name) && !self.deleted.contains(&name) && !(in_function && binders.last > self.at)
    }

    /// What rules can say about this name, read at a place of the notebook's own code, or of a function.
    pub(super) fn judge(&self, name: &Name, in_function: bool, place: &impl Place) -> Verdict {
        let quiet = |is_quiet| if is_quiet { Verdict::Nothing } else { Verdict::Something };
        if !self.deleted.is_empty() && self.deleted.contains(name) && (in_function || self.gone.contains(name)) {
            return quiet(!in_function && place.is_surely_bound(name));
        }
        if !in_function && self.bound.contains(name) {
            return Verdict::Nothing;
        }
        let binders = self.binders.get(name.as_str());
        // A function that reads a value which a later cell may bind anew.
        if in_function && binders.is_some_and(|binders| binders.data.is_some_and(|data| data <= self.at) && binders.last > self.at) {
            return Verdict::Something;
        }
        if self.bound.contains(name) || !self.is_python || is_builtin(name) {
            return Verdict::Nothing;
        }
        let Some(binders) = binders else { return quiet(is_history(name)) };
        // Where no later cell binds it, it does not matter which statement of this one does.
        let is_bound = self.here.contains(name) && (binders.last <= self.at || !in_function && place.is_behind_binding(name));
        if is_bound || place.is_surely_bound(name) {
            Verdict::Nothing
        } else if in_function && binders.last >= self.at {
            Verdict::NothingIfCalledLater
        } else {
            Verdict::Something
        }
    }
}

/// A place in a cell, by what stands in front of it.
pub(super) trait Place {
    /// Whether the cell surely has bound the name here.
    fn is_surely_bound(&self, name: &Name) -> bool;
    /// Whether a statement in front of the one around this place binds the name on some path.
    fn is_behind_binding(&self, name: &Name) -> bool;
}

/// Whether deleting this deletes a name, or no name at all.
fn is_plain_target(target: &Expr) -> bool {
    matches!(target, Expr::Name(_) | Expr::Attribute(_) | Expr::Subscript(_))
}

/// What may be a name in a text.
pub(super) fn words(text: &str) -> impl Iterator<Item = &str> {
    text.split(|c: char| !c.is_alphanumeric() && c != '_').filter(|word| !word.is_empty())
}

struct Texts<'n, 'f> {
    names: &'n Names<'f>,
    facts: &'n CellFacts,
    are_quiet: bool,
}

impl Visitor<'_> for Texts<'_, '_> {
    fn visit_expr(&mut self, expression: &Expr) {
        if matches!(expression, Expr::StringLiteral(_)) {
            let text = self.facts.source.get(expression.range().to_std_range()).unwrap_or_default();
            self.are_quiet &= !self.names.tells_of_deleted(text);
        }
        visitor::walk_expr(self, expression);
    }

    fn visit_interpolated_string_element(&mut self, element: &InterpolatedStringElement) {
        if let InterpolatedStringElement::Literal(literal) = element {
            self.are_quiet &= !self.names.tells_of_deleted(&literal.value);
        }
        visitor::walk_interpolated_string_element(self, element);
    }
}

/// Looks at every statement for what it imports and binds, and for what is not followed.
struct Statements<'n, 'f> {
    names: &'n mut Names<'f>,
    facts: &'f CellFacts,
    /// Names of modules, functions and classes.
    code: FxHashSet<&'f Name>,
    /// Names that a statement gives another value.
    data: FxHashSet<&'f Name>,
    is_followed: bool,
}

impl<'f> Visitor<'f> for Statements<'_, 'f> {
    fn visit_stmt(&mut self, statement: &'f Stmt) {
        let is_plain = match statement {
            Stmt::FunctionDef(def) => def.decorator_list.is_empty(),
            Stmt::ClassDef(def) => def.decorator_list.is_empty(),
            Stmt::Import(_) | Stmt::ImportFrom(_) => true,
            _ => false,
        };
        let names = if is_plain { &mut self.code } else { &mut self.data };
        collect_own(statement, self.facts, &mut |name| names.extend([name]));
        match statement {
            Stmt::AugAssign(assign) => collect_target(&assign.target, &mut |name| self.data.extend([name])),
            Stmt::For(each) => collect_target(&each.target, &mut |name| self.data.extend([name])),
            Stmt::With(with) => {
                let targets = with.items.iter().filter_map(|item| item.optional_vars.as_deref());
                targets.for_each(|target| collect_target(target, &mut |name| self.data.extend([name])));
            }
            _ => {}
        }
        match statement {
            Stmt::Import(import) => {
                for alias in &import.names {
                    let top = alias.name.split('.').next().unwrap_or_default();
                    self.names.modules.insert(top);
                    let (name, path) = alias.asname.as_ref().map_or((top, top), |name| (name.as_str(), alias.name.as_str()));
                    self.names.imports.entry(name).or_default().push(path.to_owned());
                }
            }
            Stmt::ImportFrom(import) => {
                let module = import.module.as_ref().map(ruff_python_ast::Identifier::as_str).unwrap_or_default();
                let reaches_modules = |alias: &Alias| module == "sys" && matches!(alias.name.as_str(), "modules" | "_getframe");
                self.is_followed &= import.level == 0 && module != "__main__" && !import.names.iter().any(reaches_modules);
                self.names.modules.insert(module.split('.').next().unwrap_or_default());
                for alias in &import.names {
                    self.is_followed &= alias.name.as_str() != "*";
                    self.is_followed &= !(self.names.is_passed_on(&alias.name) && self.names.is_local(module));
                    let bound = alias.asname.as_ref().unwrap_or(&alias.name);
                    self.names.imports.entry(bound.as_str()).or_default().push(crate::library_effects::dotted(module, &alias.name));
                }
            }
            Stmt::Delete(delete) => {
                self.is_followed &= delete.targets.iter().all(|target| is_plain_target(target) && !target.is_name_expr());
            }
            Stmt::ClassDef(def) => {
                self.names.defined.insert(def.name.as_str());
                visitor::walk_body(self, &def.body);
            }
            Stmt::FunctionDef(def) => {
                self.names.defined.insert(def.name.as_str());
                self.is_followed &= returns(&def.body);
                visitor::walk_body(self, &def.body);
            }
            _ => visitor::walk_stmt(self, statement),
        }
    }

    fn visit_expr(&mut self, _: &'f Expr) {}
}

/// Whether a call of a function with this body may come to an end.
fn returns(body: &[Stmt]) -> bool {
    body.iter().position(stops).is_none_or(|last| body[..=last].iter().any(holds_return))
}

/// Whether what stands behind a statement is out of reach, or nearly so: all branches leave, or a loop does once it runs.
fn stops(statement: &Stmt) -> bool {
    let any = |body: &[Stmt]| body.iter().any(stops);
    match statement {
        Stmt::If(inner) => {
            let tests = || std::iter::once(Some(&*inner.test)).chain(inner.elif_else_clauses.iter().map(|clause| clause.test.as_ref()));
            if tests().flatten().any(|test| constant_truth(test).is_some()) {
                return leaves(statement);
            }
            tests().any(|test| test.is_none()) && any(&inner.body) && inner.elif_else_clauses.iter().all(|clause| any(&clause.body))
        }
        Stmt::With(inner) => any(&inner.body),
        Stmt::For(inner) => any(&inner.body),
        _ => leaves(statement),
    }
}

fn holds_return(statement: &Stmt) -> bool {
    struct Search(bool);
    impl<'a> Visitor<'a> for Search {
        fn visit_stmt(&mut self, statement: &'a Stmt) {
            match statement {
                Stmt::Return(_) => self.0 = true,
                Stmt::FunctionDef(_) | Stmt::ClassDef(_) => {}
                _ => visitor::walk_stmt(self, statement),
            }
        }

        fn visit_expr(&mut self, _: &'a Expr) {}
    }
    let mut search = Search(false);
    search.visit_stmt(statement);
    search.0
}

/// Whether what stands behind a statement may be out of reach.
pub(super) fn leaves(statement: &Stmt) -> bool {
    let any = |body: &[Stmt]| body.iter().any(leaves);
    match statement {
        Stmt::Raise(_) | Stmt::Return(_) | Stmt::Break(_) | Stmt::Continue(_) => true,
        Stmt::If(inner) => branches_leave(inner),
        Stmt::With(inner) => any(&inner.body),
        Stmt::For(inner) => any(&inner.body),
        Stmt::While(inner) => constant_truth(&inner.test) == Some(true) || any(&inner.body),
        Stmt::Match(inner) => inner.cases.iter().any(|case| any(&case.body)),
        Stmt::Try(inner) => try_leaves(inner),
        _ => false,
    }
}

fn branches_leave(inner: &StmtIf) -> bool {
    let any = |body: &[Stmt]| body.iter().any(leaves);
    let is_total = constant_truth(&inner.test).is_some()
        || inner.elif_else_clauses.iter().any(|clause| clause.test.as_ref().is_none_or(|test| constant_truth(test).is_some()));
    is_total && (any(&inner.body) || inner.elif_else_clauses.iter().any(|clause| any(&clause.body)))
}

fn try_leaves(inner: &StmtTry) -> bool {
    let any = |body: &[Stmt]| body.iter().any(leaves);
    let handler_leaves = |handler: &ExceptHandler| {
        let ExceptHandler::ExceptHandler(handler) = handler;
        any(&handler.body)
    };
    (any(&inner.body) || any(&inner.orelse)) && inner.handlers.iter().all(handler_leaves) || any(&inner.finalbody)
}

/// Adds the names that statements bind on some path to their end. What runs under a condition that is never met binds nothing.
fn collect_all<'f>(body: &'f [Stmt], facts: &'f CellFacts, found: &mut FxHashSet<&'f Name>) {
    body.iter().take_while(|statement| !stops(statement)).for_each(|statement| collect(statement, facts, found));
}

/// Where the first statement of the cell ends that binds the name on some path.
pub(super) fn end_of_binding(facts: &CellFacts, name: &Name) -> Option<TextSize> {
    let mut found = FxHashSet::default();
    let mut statements = facts.syntax.body.iter().take_while(|statement| !stops(statement));
    let binding = statements.find(|statement| {
        collect(statement, facts, &mut found);
        found.contains(name)
    });
    binding.map(Ranged::end)
}

/// The same for a body that runs on some paths only.
fn collect_block<'f>(body: &'f [Stmt], facts: &'f CellFacts, found: &mut FxHashSet<&'f Name>) {
    if !body.iter().any(stops) {
        body.iter().for_each(|statement| collect(statement, facts, found));
    }
}

fn collect<'f>(statement: &'f Stmt, facts: &'f CellFacts, found: &mut FxHashSet<&'f Name>) {
    collect_own(statement, facts, &mut |name| found.extend([name]));
    match statement {
        Stmt::For(inner) => {
            collect_target(&inner.target, &mut |name| found.extend([name]));
            collect_block(&inner.body, facts, found);
        }
        Stmt::While(inner) if constant_truth(&inner.test) != Some(false) => collect_block(&inner.body, facts, found),
        Stmt::With(inner) => {
            let targets = inner.items.iter().filter_map(|item| item.optional_vars.as_deref());
            targets.for_each(|target| collect_target(target, &mut |name| found.extend([name])));
            collect_block(&inner.body, facts, found);
        }
        Stmt::If(inner) => {
            let clauses = inner.elif_else_clauses.iter().map(|clause| (clause.test.as_ref(), &clause.body));
            for (test, body) in std::iter::once((Some(&*inner.test), &inner.body)).chain(clauses) {
                let truth = test.and_then(constant_truth);
                if truth != Some(false) {
                    collect_block(body, facts, found);
                }
                // The branches behind it never run.
                if truth == Some(true) {
                    break;
                }
            }
        }
        Stmt::Try(inner) => {
            for body in [&inner.body, &inner.orelse, &inner.finalbody] {
                collect_block(body, facts, found);
            }
        }
        Stmt::IpyEscapeCommand(escape) => {
            let escape = facts.syntax.escapes.get(&escape.start().to_u32());
            if let Some(escape) = escape.filter(|escape| RUNNING_MAGICS.contains(&escape.name.as_str())) {
                collect_all(&escape.code, facts, found);
            }
        }
        _ => {}
    }
}

/// Names that a statement binds itself, not one inside of it, whenever it runs to its end.
pub(super) fn collect_own<'f>(statement: &'f Stmt, facts: &'f CellFacts, found: &mut impl FnMut(&'f Name)) {
    match statement {
        Stmt::FunctionDef(def) => found(&def.name.id),
        Stmt::ClassDef(def) => found(&def.name.id),
        Stmt::Assign(assign) => assign.targets.iter().for_each(|target| collect_target(target, found)),
        Stmt::AnnAssign(assign) if assign.value.is_some() => collect_target(&assign.target, found),
        Stmt::Import(import) => {
            let bound = |alias: &'f Alias| match &alias.asname {
                Some(name) => Some(&name.id),
                // The first part of a dotted module, which no node holds.
                None => facts.binds.get(alias.name.split('.').next().unwrap_or_default()),
            };
            import.names.iter().filter_map(bound).for_each(found);
        }
        Stmt::ImportFrom(import) => import.names.iter().for_each(|alias| found(&alias.asname.as_ref().unwrap_or(&alias.name).id)),
        _ => {}
    }
}

pub(super) fn collect_target<'f>(target: &'f Expr, found: &mut impl FnMut(&'f Name)) {
    match target {
        Expr::Name(name) => found(&name.id),
        Expr::Tuple(tuple) => tuple.elts.iter().for_each(|part| collect_target(part, found)),
        Expr::List(list) => list.elts.iter().for_each(|part| collect_target(part, found)),
        Expr::Starred(starred) => collect_target(&starred.value, found),
        _ => {}
    }
}
