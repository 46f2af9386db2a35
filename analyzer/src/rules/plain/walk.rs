//! One cell, gone through for what a rule may have to say about it.

use ruff_python_ast::name::Name;
use ruff_python_ast::visitor::{self, Visitor};
use ruff_python_ast::{
    Arguments, Comprehension, ExceptHandler, Expr, ExprAttribute, ExprCall, ExprContext, Parameters, Stmt, StmtDelete, StringLiteral,
};
use ruff_text_size::{Ranged, TextSize};
use rustc_hash::FxHashSet;
use smallvec::SmallVec;

use super::calls::{self, Deferred};
use super::draws::{Drawing, Draws};
use super::names::{self, Names, Place, Verdict};
use crate::facts::{CellFacts, Scope};
use crate::interp::at_names;

/// Whether code reaches through this name what its text does not say.
fn is_dynamic(name: &str) -> bool {
    matches!(
        name,
        "__builtins__"
            | "__import__"
            | "__main__"
            | "builtins"
            | "cProfile"
            | "compile"
            | "eval"
            | "exec"
            | "execfile"
            | "globals"
            | "importlib"
            | "locals"
            | "timeit"
            | "vars"
    )
}

/// The same as attributes of IPython's shell.
const OF_SHELL: &[&str] = &["ev", "ex", "magic", "push", "run_cell", "run_cell_magic", "run_line_magic", "user_global_ns", "user_ns"];

/// What was seen in a cell.
#[derive(Debug)]
pub(super) struct Seen<'f> {
    /// No name that it reads may be one that a rule speaks of, but for those of `deferred`.
    pub(super) is_quiet: bool,
    pub(super) draws: Draws,
    /// Names that functions read and nothing has bound so far.
    pub(super) deferred: Vec<Deferred<'f>>,
    /// Names that it deleted and did not bind anew.
    pub(super) deletes: Vec<&'f Name>,
    /// Names that it surely has bound at its end.
    pub(super) binds: Vec<&'f Name>,
}

/// Goes through a cell.
pub(super) fn walk<'f>(names: &Names<'f>, facts: &'f CellFacts) -> Seen<'f> {
    let mut walk = Walk {
        names,
        facts,
        drawing: Drawing::new(names),
        scopes: SmallVec::new(),
        surely: Vec::new(),
        functions: 0,
        owner: None,
        is_reached: true,
        place: TextSize::new(0),
        seen: Seen { is_quiet: true, draws: Draws::Never, deferred: Vec::new(), deletes: Vec::new(), binds: Vec::new() },
    };
    if let Some(magic) = &facts.syntax.cell_magic {
        walk.visit_body(&magic.line_code);
    }
    for statement in &facts.syntax.body {
        walk.place = statement.start();
        walk.visit_in_order(std::slice::from_ref(statement));
        if names::leaves(statement) {
            // What stands behind it may be out of reach, so that nothing is seeded there.
            walk.is_reached = false;
        }
        walk.look_for_seed(statement);
    }
    if walk.is_reached {
        walk.seen.binds = walk.surely;
    }
    walk.seen
}

/// What is around a place.
enum Around<'f> {
    Function(&'f Scope),
    /// The names that a class body has bound so far.
    Class(FxHashSet<&'f Name>),
    Comprehension(SmallVec<[&'f Name; 4]>),
    /// The name of an exception in its handler, at the top or in a class body.
    Handler(&'f Name),
}

struct Walk<'n, 'f> {
    names: &'n Names<'f>,
    facts: &'f CellFacts,
    drawing: Drawing<'n, 'f>,
    scopes: SmallVec<[Around<'f>; 4]>,
    /// Names that the cell surely has bound at this place.
    surely: Vec<&'f Name>,
    functions: u32,
    /// Whose body this is, when it runs only after somebody has named that function or class.
    owner: Option<&'f Name>,
    is_reached: bool,
    /// Where the statement of the cell starts.
    place: TextSize,
    seen: Seen<'f>,
}

impl Place for Walk<'_, '_> {
    fn is_surely_bound(&self, name: &Name) -> bool {
        self.surely.contains(&name)
    }

    fn is_behind_binding(&self, name: &Name) -> bool {
        names::end_of_binding(self.facts, name).is_some_and(|end| end <= self.place)
    }
}

impl<'f> Walk<'_, 'f> {
    fn read(&mut self, name: &'f Name) {
        if is_dynamic(name) {
            self.seen.is_quiet = false;
        } else if !self.is_local(name) {
            let is_gone = !self.seen.deletes.is_empty() && self.seen.deletes.contains(&name);
            match self.names.judge(name, self.functions > 0, self) {
                Verdict::Nothing => self.seen.is_quiet &= !is_gone || self.is_surely_bound(name),
                Verdict::NothingIfCalledLater => match self.owner {
                    Some(owner) => self.seen.deferred.push(Deferred { name, owner }),
                    None => self.seen.is_quiet = false,
                },
                Verdict::Something => self.seen.is_quiet = false,
            }
        }
    }

    /// What deletes a name reads it, and so does what comes behind unless it is bound anew.
    fn delete(&mut self, delete: &'f StmtDelete) {
        for target in &delete.targets {
            if let Expr::Name(name) = target {
                self.read(&name.id);
                self.surely.retain(|bound| **bound != name.id);
                self.seen.deletes.push(&name.id);
            } else {
                self.visit_expr(target);
            }
        }
    }

    fn look_for_draws(&mut self, expression: &'f Expr, called: Option<&Arguments>) {
        if self.names.is_seeded.get() {
            return;
        }
        let draws = self.drawing.by(expression, called);
        let is_later = draws == Draws::Here && self.functions > 0;
        self.seen.draws = self.seen.draws.max(if is_later { Draws::Later } else { draws });
    }

    fn look_at_attribute(&mut self, attribute: &ExprAttribute) {
        let name = attribute.attr.as_str();
        let of_modules =
            matches!(name, "modules" | "_getframe") && attribute.value.as_name_expr().is_some_and(|name| self.names.is_sys(&name.id));
        let of_shell = self.names.mentions_shell && OF_SHELL.contains(&name);
        let of_others = self.names.is_passed_on(name) && !self.is_of_library(&attribute.value);
        self.seen.is_quiet &= !of_modules && !of_shell && !of_others && name != "__main__";
    }

    /// Whether the value is what a library has.
    fn is_of_library(&self, value: &Expr) -> bool {
        match value {
            Expr::Attribute(attribute) => self.is_of_library(&attribute.value),
            Expr::Name(name) => self.names.is_of_library(&name.id),
            _ => false,
        }
    }

    /// `getattr(df, "sample")` gives what draws.
    fn look_for_named_draws(&mut self, call: &ExprCall) {
        let by_name = call.func.as_name_expr().is_some_and(|name| name.id.as_str() == "getattr");
        let named = call.arguments.args.get(1).and_then(Expr::as_string_literal_expr);
        if by_name && named.is_some_and(|name| self.drawing.is_drawing_method(name.value.to_str())) && !self.names.is_seeded.get() {
            self.seen.draws = Draws::Later;
        }
    }

    /// `np.random.seed(0)` at the top of a cell: the rule says nothing of draws behind it.
    fn look_for_seed(&self, statement: &Stmt) {
        let value = match statement {
            Stmt::Expr(statement) => &statement.value,
            Stmt::Assign(assign) => &assign.value,
            _ => return,
        };
        if self.is_reached && value.as_call_expr().is_some_and(|call| self.drawing.seeds(&call.func)) {
            self.names.is_seeded.set(true);
        }
    }

    fn visit_in_order(&mut self, body: &'f [Stmt]) {
        for statement in body {
            self.visit_stmt(statement);
            names::collect_own(statement, self.facts, &mut |name| self.bind(name));
        }
    }

    /// What a function binds is its own, and no name of the cell.
    fn bind(&mut self, name: &'f Name) {
        if self.functions == 0 {
            self.surely.push(name);
        }
    }

    fn visit_escape(&mut self, start: TextSize) {
        if let Some(escape) = self.facts.syntax.escapes.get(&start.to_u32()) {
            self.visit_body(&escape.code);
        }
    }

    fn is_local(&self, name: &Name) -> bool {
        let mut is_innermost = true;
        for around in self.scopes.iter().rev() {
            match around {
                Around::Function(scope) if scope.globals.contains(name) => return false,
                Around::Function(scope) if scope.locals.contains(name) => return true,
                // Names of a class body are not seen by what is nested in it.
                Around::Class(bound) if is_innermost && bound.contains(name) => return true,
                Around::Comprehension(targets) if targets.contains(&name) => return true,
                Around::Handler(exception) if *exception == name => return true,
                _ => {}
            }
            is_innermost &= matches!(around, Around::Handler(_));
        }
        false
    }

    fn visit_function(&mut self, start: TextSize, inside: impl FnOnce(&mut Self)) {
        let Some(scope) = self.facts.scopes.get(&start.to_u32()) else {
            self.seen.is_quiet = false;
            return;
        };
        self.scopes.push(Around::Function(scope));
        self.functions += 1;
        inside(self);
        self.functions -= 1;
        self.scopes.pop();
    }

    /// Code inside of what has a name runs when the name is bound.
    fn named(&mut self, name: &'f Name, inside: impl FnOnce(&mut Self)) {
        let known = self.surely.len();
        self.bind(name);
        inside(self);
        self.surely.truncate(known);
    }

    fn visit_class(&mut self, body: &'f [Stmt]) {
        self.scopes.push(Around::Class(FxHashSet::default()));
        for inner in body {
            self.visit_stmt(inner);
            if let Some(Around::Class(bound)) = self.scopes.last_mut() {
                names::collect_own(inner, self.facts, &mut |name| bound.extend([name]));
            }
        }
        self.scopes.pop();
    }

    fn visit_outside_of(&mut self, parameters: &'f Parameters) {
        for parameter in parameters.iter_non_variadic_params() {
            parameter.default.as_deref().into_iter().for_each(|default| self.visit_expr(default));
        }
        for annotation in parameters.iter().filter_map(ruff_python_ast::AnyParameterRef::annotation) {
            self.visit_annotation(annotation);
        }
    }

    fn visit_comprehension_of(&mut self, generators: &'f [Comprehension], results: &[&'f Expr]) {
        let Some(first) = generators.first() else { return };
        self.visit_expr(&first.iter);
        let mut targets = SmallVec::new();
        generators.iter().for_each(|each| names::collect_target(&each.target, &mut |name| targets.push(name)));
        self.scopes.push(Around::Comprehension(targets));
        for (at, each) in generators.iter().enumerate() {
            if at > 0 {
                self.visit_expr(&each.iter);
            }
            each.ifs.iter().for_each(|test| self.visit_expr(test));
        }
        results.iter().for_each(|result| self.visit_expr(result));
        self.scopes.pop();
    }
}

impl<'f> Visitor<'f> for Walk<'_, 'f> {
    fn visit_body(&mut self, body: &'f [Stmt]) {
        let known = self.surely.len();
        self.visit_in_order(body);
        // Behind a body that runs on some paths only, what it binds is not sure.
        self.surely.truncate(known);
    }

    fn visit_stmt(&mut self, statement: &'f Stmt) {
        if !self.seen.is_quiet {
            return;
        }
        match statement {
            Stmt::Delete(delete) => self.delete(delete),
            Stmt::FunctionDef(def) => {
                // All but the body runs at once.
                let around = self.owner.take();
                def.decorator_list.iter().for_each(|decorator| self.visit_expr(&decorator.expression));
                self.visit_outside_of(&def.parameters);
                def.returns.as_deref().into_iter().for_each(|returns| self.visit_annotation(returns));
                let is_followed = self.scopes.is_empty() && calls::is_plain_function(def, self.names);
                self.owner = around.or_else(|| is_followed.then_some(&def.name.id));
                self.named(&def.name.id, |walk| walk.visit_function(def.start(), |walk| walk.visit_body(&def.body)));
                self.owner = around;
            }
            Stmt::ClassDef(def) => {
                let around = self.owner.take();
                def.decorator_list.iter().for_each(|decorator| self.visit_expr(&decorator.expression));
                def.arguments.as_deref().into_iter().for_each(|arguments| self.visit_arguments(arguments));
                let is_followed = self.scopes.is_empty() && calls::is_plain_class(def, self.names);
                self.owner = around.or_else(|| is_followed.then_some(&def.name.id));
                self.named(&def.name.id, |walk| walk.visit_class(&def.body));
                self.owner = around;
            }
            Stmt::AugAssign(assign) => {
                if let Expr::Name(name) = &*assign.target {
                    self.read(&name.id);
                }
                visitor::walk_stmt(self, statement);
            }
            Stmt::For(each) => {
                self.visit_expr(&each.iter);
                self.visit_expr(&each.target);
                let known = self.surely.len();
                names::collect_target(&each.target, &mut |name| self.bind(name));
                self.visit_body(&each.body);
                self.surely.truncate(known);
                self.visit_body(&each.orelse);
            }
            Stmt::With(with) => {
                for item in &with.items {
                    self.visit_with_item(item);
                    item.optional_vars.iter().for_each(|target| names::collect_target(target, &mut |name| self.bind(name)));
                }
                self.visit_in_order(&with.body);
            }
            Stmt::IpyEscapeCommand(escape) => self.visit_escape(escape.start()),
            _ => visitor::walk_stmt(self, statement),
        }
    }

    fn visit_expr(&mut self, expression: &'f Expr) {
        if !self.seen.is_quiet {
            return;
        }
        match expression {
            Expr::Name(name) if matches!(name.ctx, ExprContext::Load) => {
                self.read(&name.id);
                self.look_for_draws(expression, None);
            }
            Expr::Attribute(_) => {
                self.look_for_draws(expression, None);
                self.visit_inside(expression);
            }
            Expr::Call(call) => {
                self.look_for_draws(&call.func, Some(&call.arguments));
                self.look_for_named_draws(call);
                match &*call.func {
                    // The attributes of a value; without one, the names around.
                    Expr::Name(name) if name.id.as_str() == "vars" && !call.arguments.is_empty() => {}
                    Expr::Name(name) => self.read(&name.id),
                    Expr::Attribute(_) => self.visit_inside(&call.func),
                    function => self.visit_expr(function),
                }
                self.visit_arguments(&call.arguments);
            }
            Expr::Lambda(lambda) => {
                lambda.parameters.as_deref().into_iter().for_each(|parameters| self.visit_outside_of(parameters));
                self.visit_function(lambda.start(), |walk| walk.visit_expr(&lambda.body));
            }
            Expr::ListComp(list) => self.visit_comprehension_of(&list.generators, &[&list.elt]),
            Expr::SetComp(set) => self.visit_comprehension_of(&set.generators, &[&set.elt]),
            Expr::Generator(each) => self.visit_comprehension_of(&each.generators, &[&each.elt]),
            Expr::DictComp(dict) => {
                let results: SmallVec<[&Expr; 2]> = dict.key.as_deref().into_iter().chain([&*dict.value]).collect();
                self.visit_comprehension_of(&dict.generators, &results);
            }
            Expr::IpyEscapeCommand(escape) => self.visit_escape(escape.start()),
            // `@name` of a pandas query is read like any other.
            Expr::StringLiteral(literal) => {
                let in_function = self.functions > 0;
                let quiet = |part: &StringLiteral| at_names(part).into_iter().all(|name| self.names.is_quiet_in_text(&name, in_function));
                self.seen.is_quiet &= literal.value.iter().all(quiet);
            }
            _ => visitor::walk_expr(self, expression),
        }
    }

    fn visit_except_handler(&mut self, handler: &'f ExceptHandler) {
        let ExceptHandler::ExceptHandler(inner) = handler;
        inner.type_.as_deref().into_iter().for_each(|kind| self.visit_expr(kind));
        if let Some(name) = &inner.name {
            self.scopes.push(Around::Handler(&name.id));
        }
        self.visit_body(&inner.body);
        if inner.name.is_some() {
            self.scopes.pop();
        }
    }
}

impl<'f> Walk<'_, 'f> {
    /// An attribute and what it is taken from; names of a chain that ends in a module are no values of their own.
    fn visit_inside(&mut self, expression: &'f Expr) {
        match expression {
            Expr::Attribute(attribute) => {
                self.look_at_attribute(attribute);
                self.visit_inside(&attribute.value);
            }
            Expr::Name(name) => self.read(&name.id),
            other => self.visit_expr(other),
        }
    }
}
