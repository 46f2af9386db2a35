//! Which names a function, class or module body binds, and which it declares `global` or `nonlocal`.

use std::collections::BTreeSet;

use ruff_python_ast::name::Name;
use ruff_python_ast::visitor::{self, Visitor};
use ruff_python_ast::{Comprehension, ExceptHandler, Expr, ExprContext, ExprLambda, Parameters, Pattern, Stmt};

use crate::syntax::Holds;

/// The binding structure of one scope.
#[derive(Clone, Debug, Default)]
pub(crate) struct Scope {
    /// Names bound here.
    pub(crate) locals: BTreeSet<Name>,
    /// Names declared `global`.
    pub(crate) globals: BTreeSet<Name>,
    /// Names declared `nonlocal`.
    pub(crate) nonlocals: BTreeSet<Name>,
    /// Names bound here that turned out to be declared `global`.
    pub(crate) assigned_globals: BTreeSet<Name>,
    /// Whether the body yields.
    pub(crate) is_generator: bool,
}

impl Scope {
    pub(crate) fn of_function(parameters: &Parameters, body: &[Stmt]) -> Self {
        Self::of_function_holding(Holds::ANYTHING, parameters, body)
    }

    /// The same where it is known what may stand in the body.
    pub(super) fn of_function_holding(holds: Holds, parameters: &Parameters, body: &[Stmt]) -> Self {
        let mut scope = Self::default();
        scope.collect_parameters(parameters);
        scope.collect_holding(holds, body);
        scope
    }

    pub(crate) fn of_lambda(lambda: &ExprLambda) -> Self {
        let mut scope = Self::default();
        if let Some(parameters) = &lambda.parameters {
            scope.collect_parameters(parameters);
        }
        Binder { scope: &mut scope, is_deep: true }.visit_expr(&lambda.body);
        scope.settle();
        scope
    }

    pub(crate) fn collect_body(&mut self, body: &[Stmt]) {
        self.collect_holding(Holds::ANYTHING, body);
    }

    /// The same where it is known what may stand in the statements.
    pub(super) fn collect_holding(&mut self, holds: Holds, body: &[Stmt]) {
        let mut binder = Binder { scope: self, is_deep: holds.inner_effects };
        for statement in body {
            binder.visit_stmt(statement);
        }
        self.settle();
    }

    fn collect_parameters(&mut self, parameters: &Parameters) {
        for parameter in parameters {
            self.locals.insert(parameter.name().id.clone());
        }
    }

    /// A name that is declared `global` or `nonlocal` is not local, wherever the declaration stands.
    fn settle(&mut self) {
        self.assigned_globals.extend(self.locals.intersection(&self.globals).cloned());
        self.locals.retain(|name| !self.globals.contains(name) && !self.nonlocals.contains(name));
    }
}

/// The names that the targets of a comprehension's generators bind.
pub(crate) fn comprehension_targets(generators: &[Comprehension]) -> BTreeSet<Name> {
    let mut scope = Scope::default();
    for generator in generators {
        Binder { scope: &mut scope, is_deep: true }.visit_expr(&generator.target);
    }
    scope.locals
}

struct Binder<'s> {
    scope: &'s mut Scope,
    /// Whether expressions are looked into that are no targets.
    is_deep: bool,
}

impl Binder<'_> {
    fn bind(&mut self, name: &Name) {
        self.scope.locals.insert(name.clone());
    }
}

impl<'a> Visitor<'a> for Binder<'_> {
    fn visit_stmt(&mut self, statement: &'a Stmt) {
        match statement {
            Stmt::FunctionDef(def) => {
                self.bind(&def.name.id);
                for decorator in &def.decorator_list {
                    self.visit_expr(&decorator.expression);
                }
                for default in def.parameters.iter_non_variadic_params().filter_map(|parameter| parameter.default.as_deref()) {
                    self.visit_expr(default);
                }
            }
            Stmt::ClassDef(def) => {
                self.bind(&def.name.id);
                for decorator in &def.decorator_list {
                    self.visit_expr(&decorator.expression);
                }
                if let Some(arguments) = &def.arguments {
                    self.visit_arguments(arguments);
                }
            }
            Stmt::Global(global) => self.scope.globals.extend(global.names.iter().map(|name| name.id.clone())),
            Stmt::Nonlocal(nonlocal) => self.scope.nonlocals.extend(nonlocal.names.iter().map(|name| name.id.clone())),
            Stmt::Import(import) => {
                for alias in &import.names {
                    let full = alias
                        .asname
                        .as_ref()
                        .map_or_else(|| Name::new(alias.name.split('.').next().unwrap_or_default()), |name| name.id.clone());
                    self.bind(&full);
                }
            }
            Stmt::ImportFrom(import) => {
                for alias in import.names.iter().filter(|alias| alias.name.as_str() != "*") {
                    self.bind(&alias.asname.as_ref().unwrap_or(&alias.name).id);
                }
            }
            _ => visitor::walk_stmt(self, statement),
        }
    }

    fn visit_expr(&mut self, expression: &'a Expr) {
        match expression {
            Expr::Name(name) if !matches!(name.ctx, ExprContext::Load) => self.bind(&name.id),
            _ if !(self.is_deep || matches!(expression, Expr::Tuple(_) | Expr::List(_) | Expr::Starred(_))) => {}
            Expr::Yield(_) | Expr::YieldFrom(_) => {
                self.scope.is_generator = true;
                visitor::walk_expr(self, expression);
            }
            Expr::Lambda(lambda) => {
                for default in lambda
                    .parameters
                    .iter()
                    .flat_map(|parameters| parameters.iter_non_variadic_params())
                    .filter_map(|parameter| parameter.default.as_deref())
                {
                    self.visit_expr(default);
                }
            }
            // A comprehension's targets are its own; only a walrus inside it binds here.
            Expr::ListComp(_) | Expr::SetComp(_) | Expr::DictComp(_) | Expr::Generator(_) => Walrus(self.scope).visit_expr(expression),
            _ => visitor::walk_expr(self, expression),
        }
    }

    fn visit_except_handler(&mut self, handler: &'a ExceptHandler) {
        let ExceptHandler::ExceptHandler(inner) = handler;
        if let Some(name) = &inner.name {
            self.bind(&name.id);
        }
        visitor::walk_except_handler(self, handler);
    }

    fn visit_pattern(&mut self, pattern: &'a Pattern) {
        let name = match pattern {
            Pattern::MatchAs(inner) => inner.name.as_ref(),
            Pattern::MatchStar(inner) => inner.name.as_ref(),
            Pattern::MatchMapping(inner) => inner.rest.as_ref(),
            _ => None,
        };
        if let Some(name) = name {
            self.bind(&name.id);
        }
        visitor::walk_pattern(self, pattern);
    }
}

struct Walrus<'s>(&'s mut Scope);

impl<'a> Visitor<'a> for Walrus<'_> {
    fn visit_expr(&mut self, expression: &'a Expr) {
        match expression {
            Expr::Named(named) => {
                if let Expr::Name(name) = &*named.target {
                    self.0.locals.insert(name.id.clone());
                }
                self.visit_expr(&named.value);
            }
            Expr::Lambda(_) => {}
            _ => visitor::walk_expr(self, expression),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::syntax::parse_cell;

    /// Whatever binds is found where nothing that is not held is looked for.
    #[test]
    fn what_is_not_held_is_not_missed() {
        let parts = [
            "x = y = 1",
            "(a, [b, *c]), d.e, f[g] = h",
            "i: int = 2",
            "j += 1",
            "del k, (l, m)",
            "for n, (o, p) in q: r = 1",
            "with s as t, u() as (v, w): pass",
            "import aa.bb, cc as dd\nfrom ee import ff as gg",
            "try: pass\nexcept hh as ii: jj = 1",
            "match kk:\n    case [ll, *mm] | {'a': nn, **oo}: pass",
            "if (pp := 1): pass",
            "qq([rr for ss in tt if (uu := ss)])",
            "f'{(vv := 1)}'",
            "def ww(xx=(yy := 1)): yield zz",
            "async def aaa():\n    global bbb\n    bbb = await ccc\n    yield from ddd",
            "class eee(fff):\n    ggg = lambda hhh=(iii := 1): jjj",
            "kkk = %lll",
            "mmm?",
        ];
        let texts = parts.iter().flat_map(|one| parts.iter().map(move |other| format!("{one}\n{other}\n")));
        for text in parts.iter().map(|part| format!("{part}\n")).chain(texts) {
            let syntax = parse_cell(&text);
            let (mut all, mut held) = (Scope::default(), Scope::default());
            all.collect_body(&syntax.body);
            held.collect_holding(syntax.holds, &syntax.body);
            assert_eq!(format!("{held:?}"), format!("{all:?}"), "{text}");
            for statement in &syntax.body {
                if let Stmt::FunctionDef(def) = statement {
                    let all = Scope::of_function(&def.parameters, &def.body);
                    let held = Scope::of_function_holding(syntax.holds, &def.parameters, &def.body);
                    assert_eq!(format!("{held:?}"), format!("{all:?}"), "{text}");
                }
            }
            let has_escape = text.contains("%lll") || text.contains("mmm?");
            assert_eq!(!syntax.escapes.is_empty(), has_escape && !syntax.body.is_empty(), "{text}");
        }
    }
}
