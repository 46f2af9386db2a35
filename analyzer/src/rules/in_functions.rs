//! Names that functions read and nothing in the notebook binds, in any scope: whoever calls the function, it fails.
//!
//! The interpreter follows calls that it sees; a function that is handed to a library, or called by nobody yet, is read here.

use std::collections::{BTreeMap, BTreeSet};

use ruff_python_ast::name::Name;
use ruff_python_ast::visitor::{self, Visitor};
use ruff_python_ast::{Expr, ExprContext, Stmt};
use ruff_text_size::{Ranged, TextRange};

use super::Context;
use crate::facts::{CellFacts, comprehension_targets};

/// The first such reading of each name, with the number of its cell. Nothing where a name may come from what nobody sees.
pub(super) fn unbound(context: &Context<'_>) -> BTreeMap<Name, (u32, TextRange)> {
    let linked = context.linked;
    let sees_all = linked.broken.is_empty() && linked.traces().last().is_some_and(|last| last.opaque.is_empty() && last.stars.is_empty());
    if !sees_all || !context.is_python() {
        return BTreeMap::new();
    }
    let mut read: BTreeMap<Name, (u32, TextRange)> = BTreeMap::new();
    for (cell, facts) in context.code_cells() {
        for (name, range) in &facts.in_functions().read {
            if !read.contains_key(name) {
                read.insert(name.clone(), (cell.number, *range));
            }
        }
    }
    read.retain(|name, _| !crate::interp::is_builtin(name) && !crate::minimal_state::is_history(name) && context.binders(name).is_empty());
    // What remains is rare, so that all else that may bind it is looked at only now.
    if !read.is_empty() {
        for (_, facts) in context.code_cells() {
            let scopes = || facts.scopes.values().flat_map(|scope| &scope.locals);
            for name in facts.binds.iter().chain(facts.comprehended()).chain(scopes()) {
                read.remove(name);
            }
        }
    }
    read
}

impl CellFacts {
    fn in_functions(&self) -> &Names {
        self.in_functions.get_or_init(|| {
            // Most cells have no function, and their trees lie far apart in memory.
            if !self.has_functions() {
                return Names::default();
            }
            let Names { bound, mut read, .. } = self.names();
            // What the cell itself binds in any scope is bound, wherever else it is read.
            let is_local = |name: &Name| self.scopes.values().any(|scope| scope.locals.contains(name));
            read.retain(|name, _| !self.binds.contains(name) && !bound.contains(name) && !is_local(name));
            Names { bound, read, ..Names::default() }
        })
    }

    fn has_functions(&self) -> bool {
        !self.scopes.is_empty()
    }

    /// What its comprehensions bind.
    fn comprehended(&self) -> &BTreeSet<Name> {
        if self.has_functions() { &self.in_functions().bound } else { self.comprehended.get_or_init(|| self.names().bound) }
    }

    fn names(&self) -> Names {
        let mut names = Names::default();
        names.visit_body(&self.syntax.body);
        self.syntax.escapes.values().for_each(|escape| names.visit_body(&escape.code));
        names
    }
}

/// What the functions of one cell read, and what its comprehensions bind.
#[derive(Debug, Default)]
pub(crate) struct Names {
    bound: BTreeSet<Name>,
    /// The first reading of each name that the cell does not bind.
    read: BTreeMap<Name, TextRange>,
    /// How many functions are around.
    depth: u32,
    /// How many `try` statements are around: those may count on an error.
    tries: u32,
}

impl<'a> Visitor<'a> for Names {
    fn visit_stmt(&mut self, statement: &'a Stmt) {
        match statement {
            Stmt::FunctionDef(def) => {
                self.depth += 1;
                self.visit_body(&def.body);
                self.depth -= 1;
            }
            Stmt::Try(_) => {
                self.tries += 1;
                visitor::walk_stmt(self, statement);
                self.tries -= 1;
            }
            _ => visitor::walk_stmt(self, statement),
        }
    }

    fn visit_expr(&mut self, expression: &'a Expr) {
        match expression {
            Expr::Lambda(lambda) => {
                self.depth += 1;
                self.visit_expr(&lambda.body);
                self.depth -= 1;
            }
            Expr::Name(name) if matches!(name.ctx, ExprContext::Load) && self.depth > 0 && self.tries == 0 => {
                self.read.entry(name.id.clone()).or_insert_with(|| expression.range());
            }
            Expr::ListComp(list) => self.bound.extend(comprehension_targets(&list.generators)),
            Expr::SetComp(set) => self.bound.extend(comprehension_targets(&set.generators)),
            Expr::DictComp(dict) => self.bound.extend(comprehension_targets(&dict.generators)),
            Expr::Generator(each) => self.bound.extend(comprehension_targets(&each.generators)),
            _ => {}
        }
        if !matches!(expression, Expr::Lambda(_)) {
            visitor::walk_expr(self, expression);
        }
    }

    // What an annotation names may be left to a type checker.
    fn visit_annotation(&mut self, _: &'a Expr) {}
}
