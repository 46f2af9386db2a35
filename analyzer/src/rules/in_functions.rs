//! Names that functions read and nothing in the notebook binds, in any scope: whoever calls the function, it fails.
//!
//! The interpreter follows calls that it sees; a function that is handed to a library, or called by nobody yet, is read here.

use std::collections::{BTreeMap, BTreeSet};

use ruff_python_ast::name::Name;
use ruff_python_ast::visitor::{self, Visitor};
use ruff_python_ast::{Expr, ExprContext, Stmt};
use ruff_text_size::{Ranged, TextRange};

use super::Context;
use crate::facts::comprehension_targets;

/// The first such reading of each name, with the number of its cell. Nothing where a name may come from what nobody sees.
pub(super) fn unbound(context: &Context<'_>) -> BTreeMap<Name, (u32, TextRange)> {
    let linked = context.linked;
    let sees_all = linked.broken.is_empty() && linked.traces().last().is_some_and(|last| last.opaque.is_empty() && last.stars.is_empty());
    if !sees_all || !context.is_python() {
        return BTreeMap::new();
    }
    let mut names = Names::default();
    for trace in linked.traces() {
        names.bound.extend(trace.binds.iter().map(|bind| bind.name.clone()));
    }
    for (cell, facts, _) in context.code() {
        names.bound.extend(facts.binds.iter().cloned());
        names.bound.extend(facts.scopes.values().flat_map(|scope| scope.locals.iter().cloned()));
        names.cell = cell.number;
        names.visit_body(&facts.syntax.body);
        for escape in facts.syntax.escapes.values() {
            names.visit_body(&escape.code);
        }
    }
    let Names { bound, mut read, .. } = names;
    read.retain(|name, _| !bound.contains(name) && !crate::interp::is_builtin(name) && !crate::minimal_state::is_history(name));
    read
}

#[derive(Default)]
struct Names {
    bound: BTreeSet<Name>,
    read: BTreeMap<Name, (u32, TextRange)>,
    cell: u32,
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
                self.read.entry(name.id.clone()).or_insert((self.cell, expression.range()));
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
