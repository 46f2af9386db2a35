//! Where the text of a cell binds a name.

use ruff_python_ast::visitor::{self, Visitor};
use ruff_python_ast::{Expr, Stmt};
use ruff_text_size::{Ranged, TextRange, TextSize};

/// Whether a statement that starts before this place gives the name a value.
pub(super) fn is_bound_before(body: &[Stmt], name: &str, place: TextSize) -> bool {
    let mut search = Bindings { name, before: place, found: false };
    search.visit_body(body);
    search.found
}

/// Whether a reading is under a condition in a loop that binds the name: an earlier turn may have bound it.
pub(super) fn may_be_of_an_earlier_turn(body: &[Stmt], name: &str, place: TextRange) -> bool {
    let mut search = Turns { place, loops: Vec::new() };
    search.visit_body(body);
    search
        .loops
        .iter()
        .any(|(each, conditional)| *conditional && is_bound_before(std::slice::from_ref(*each), name, TextSize::new(u32::MAX)))
}

/// The statement of a body that holds a place. They stand in the order of the text; a cell may have very many, and as many places that are asked about.
pub(super) fn around(body: &[Stmt], place: TextRange) -> Option<&Stmt> {
    let at = body.partition_point(|statement| statement.end() < place.end());
    body.get(at).filter(|statement| statement.range().contains_range(place))
}

struct Bindings<'b> {
    name: &'b str,
    before: TextSize,
    found: bool,
}

impl<'a> Visitor<'a> for Bindings<'_> {
    fn visit_stmt(&mut self, statement: &'a Stmt) {
        if statement.range().start() >= self.before {
            return;
        }
        self.found |= match statement {
            Stmt::Assign(assign) => assign.targets.iter().any(|target| self.is_in(target)),
            Stmt::AnnAssign(assign) => self.is_in(&assign.target),
            Stmt::For(each) => self.is_in(&each.target),
            Stmt::With(with) => with.items.iter().any(|item| item.optional_vars.as_deref().is_some_and(|target| self.is_in(target))),
            _ => false,
        };
        visitor::walk_stmt(self, statement);
    }
}

impl Bindings<'_> {
    fn is_in(&self, target: &Expr) -> bool {
        match target {
            Expr::Name(name) => name.id.as_str() == self.name,
            Expr::Tuple(tuple) => tuple.elts.iter().any(|part| self.is_in(part)),
            Expr::List(list) => list.elts.iter().any(|part| self.is_in(part)),
            Expr::Starred(starred) => self.is_in(&starred.value),
            _ => false,
        }
    }
}

/// The loops around a place, and whether it is under a condition in each.
struct Turns<'a> {
    place: TextRange,
    loops: Vec<(&'a Stmt, bool)>,
}

impl Turns<'_> {
    fn under_condition(&mut self) {
        self.loops.iter_mut().for_each(|(_, conditional)| *conditional = true);
    }
}

impl<'a> Visitor<'a> for Turns<'a> {
    fn visit_body(&mut self, body: &'a [Stmt]) {
        around(body, self.place).into_iter().for_each(|statement| self.visit_stmt(statement));
    }

    fn visit_stmt(&mut self, statement: &'a Stmt) {
        match statement {
            Stmt::For(_) | Stmt::While(_) => self.loops.push((statement, false)),
            Stmt::If(branch) if !branch.test.range().contains_range(self.place) => self.under_condition(),
            Stmt::Try(_) | Stmt::Match(_) => self.under_condition(),
            _ => {}
        }
        visitor::walk_stmt(self, statement);
    }

    fn visit_expr(&mut self, expression: &'a Expr) {
        if !expression.range().contains_range(self.place) {
            return;
        }
        match expression {
            Expr::If(choice) if !choice.test.range().contains_range(self.place) => self.under_condition(),
            Expr::BoolOp(operation) if operation.values.first().is_some_and(|first| !first.range().contains_range(self.place)) => {
                self.under_condition();
            }
            _ => {}
        }
        visitor::walk_expr(self, expression);
    }
}
