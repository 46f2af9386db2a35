//! Finding a function's text again: a value holds where its function starts, not the syntax tree, which belongs to the facts.

use ruff_python_ast::visitor::{self, Visitor};
use ruff_python_ast::{Expr, ExprLambda, Parameters, Stmt, StmtFunctionDef};
use ruff_text_size::{Ranged, TextRange, TextSize};

use super::CellFacts;

/// A function or lambda in the text of a cell.
#[derive(Clone, Copy, Debug)]
pub(crate) enum FunctionNode<'f> {
    /// `def`.
    Def(&'f StmtFunctionDef),
    /// `lambda`.
    Lambda(&'f ExprLambda),
}

impl<'f> FunctionNode<'f> {
    /// Its parameters; none for a lambda without any.
    pub(crate) fn parameters(self) -> Option<&'f Parameters> {
        match self {
            Self::Def(node) => Some(&node.parameters),
            Self::Lambda(node) => node.parameters.as_deref(),
        }
    }
}

impl CellFacts {
    /// The function that starts here.
    pub(crate) fn function_at(&self, start: TextSize) -> Option<FunctionNode<'_>> {
        let escapes = self.syntax.escapes.values().map(|escape| &escape.code[..]);
        let magic = self.syntax.cell_magic.iter().map(|magic| &magic.line_code[..]);
        let mut search = Search { start, found: None };
        std::iter::once(&self.syntax.body[..]).chain(escapes).chain(magic).find_map(|body| {
            search.visit_body(body);
            search.found
        })
    }
}

struct Search<'f> {
    start: TextSize,
    found: Option<FunctionNode<'f>>,
}

impl Search<'_> {
    fn covers(&self, range: TextRange) -> bool {
        self.found.is_none() && range.start() <= self.start && self.start < range.end()
    }
}

impl<'f> Visitor<'f> for Search<'f> {
    fn visit_body(&mut self, body: &'f [Stmt]) {
        // Statements follow one another.
        let start = self.start;
        let at = body.partition_point(|statement| statement.end() <= start);
        for statement in body[at..].iter().take_while(|statement| statement.start() <= start) {
            self.visit_stmt(statement);
        }
    }

    fn visit_stmt(&mut self, statement: &'f Stmt) {
        if !self.covers(statement.range()) {
            return;
        }
        match statement {
            Stmt::FunctionDef(def) if def.start() == self.start => self.found = Some(FunctionNode::Def(def)),
            _ => visitor::walk_stmt(self, statement),
        }
    }

    fn visit_expr(&mut self, expression: &'f Expr) {
        if !self.covers(expression.range()) {
            return;
        }
        match expression {
            Expr::Lambda(lambda) if lambda.start() == self.start => self.found = Some(FunctionNode::Lambda(lambda)),
            _ => visitor::walk_expr(self, expression),
        }
    }
}
