//! Names in the text of a cell: which one stands at a place, and which ones are plainly no data.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use ruff_python_ast::name::Name;
use ruff_python_ast::visitor::{self, Visitor};
use ruff_python_ast::{Alias, Comprehension, Expr, Parameters, Stmt};
use ruff_text_size::{Ranged, TextRange};

use crate::facts::{Scope, comprehension_targets};
use crate::syntax;

/// The name of the notebook's namespace at this byte offset of a cell, with its range. `None` where there is none: in strings and
/// comments, at attributes and keywords, and at names that a function, class or comprehension keeps for itself.
pub fn name_at(source: &str, offset: u32) -> Option<(String, Range<u32>)> {
    let syntax = syntax::parse_cell(source);
    let mut search = Search { offset, local: Vec::new(), found: None };
    search.visit_body(&syntax.body);
    for escape in syntax.escapes.values() {
        search.visit_body(&escape.code);
    }
    if let Some(magic) = &syntax.cell_magic {
        search.visit_body(&magic.line_code);
    }
    search.found.map(|(name, range)| (name.to_string(), range.start().to_u32()..range.end().to_u32()))
}

/// What a statement makes of a name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Declared {
    /// `import` or `from ... import`.
    Module,
    /// `def`.
    Function,
    /// `class`.
    Class,
}

/// The names that statements at the top level of a cell import or define.
pub fn declared(source: &str) -> BTreeMap<String, Declared> {
    let mut names = BTreeMap::new();
    for statement in syntax::parse_cell(source).body {
        match statement {
            Stmt::Import(import) => names.extend(import.names.iter().map(|alias| {
                let whole = alias.name.id.as_str();
                let first = || whole.split('.').next().unwrap_or(whole);
                (alias.asname.as_ref().map_or_else(first, |name| name.id.as_str()).to_owned(), Declared::Module)
            })),
            Stmt::ImportFrom(import) => {
                let name = |alias: &Alias| alias.asname.as_ref().unwrap_or(&alias.name).id.to_string();
                names.extend(import.names.iter().map(|alias| (name(alias), Declared::Module)));
            }
            Stmt::FunctionDef(def) => {
                names.insert(def.name.id.to_string(), Declared::Function);
            }
            Stmt::ClassDef(def) => {
                names.insert(def.name.id.to_string(), Declared::Class);
            }
            _ => {}
        }
    }
    names
}

struct Search {
    offset: u32,
    /// What each scope around keeps for itself.
    local: Vec<Scope>,
    found: Option<(Name, TextRange)>,
}

impl Search {
    fn covers(&self, range: TextRange) -> bool {
        // The place behind the last character belongs to a name, too: that is where a cursor stands after typing it.
        range.start().to_u32() <= self.offset && self.offset <= range.end().to_u32()
    }

    fn meet(&mut self, name: &Name, range: TextRange) {
        if self.found.is_none() && self.covers(range) && self.is_global(name) {
            self.found = Some((name.clone(), range));
        }
    }

    /// Whether the name is the notebook's here, seen from the innermost scope.
    fn is_global(&self, name: &Name) -> bool {
        for scope in self.local.iter().rev() {
            if scope.globals.contains(name) {
                return true;
            }
            if scope.locals.contains(name) {
                return false;
            }
        }
        true
    }

    fn visit_body(&mut self, body: &[Stmt]) {
        for statement in body {
            self.visit_stmt(statement);
        }
    }

    fn within(&mut self, scope: Scope, visit: impl FnOnce(&mut Self)) {
        self.local.push(scope);
        visit(self);
        self.local.pop();
    }

    /// Defaults and annotations belong to the scope around.
    fn outer_parts(&mut self, parameters: &Parameters) {
        for parameter in parameters.iter_non_variadic_params() {
            for part in [parameter.default.as_deref(), parameter.annotation()].into_iter().flatten() {
                self.visit_expr(part);
            }
        }
    }

    fn comprehension(&mut self, generators: &[Comprehension], visit: impl FnOnce(&mut Self)) {
        let locals: BTreeSet<Name> = comprehension_targets(generators);
        // The first iterable is evaluated outside.
        if let Some(first) = generators.first() {
            self.visit_expr(&first.iter);
        }
        self.within(Scope { locals, ..Scope::default() }, visit);
    }
}

impl<'a> Visitor<'a> for Search {
    fn visit_stmt(&mut self, statement: &'a Stmt) {
        if !self.covers(statement.range()) {
            return;
        }
        match statement {
            Stmt::FunctionDef(def) => {
                self.meet(&def.name.id, def.name.range());
                def.decorator_list.iter().for_each(|decorator| self.visit_expr(&decorator.expression));
                self.outer_parts(&def.parameters);
                def.returns.iter().for_each(|returns| self.visit_expr(returns));
                self.within(Scope::of_function(&def.parameters, &def.body), |search| search.visit_body(&def.body));
            }
            Stmt::ClassDef(def) => {
                self.meet(&def.name.id, def.name.range());
                def.decorator_list.iter().for_each(|decorator| self.visit_expr(&decorator.expression));
                let arguments = def.arguments.iter().flat_map(|arguments| arguments.iter_source_order());
                arguments.for_each(|argument| self.visit_expr(argument.value()));
                let mut scope = Scope::default();
                scope.collect_body(&def.body);
                self.within(scope, |search| search.visit_body(&def.body));
            }
            Stmt::Import(import) => {
                for alias in &import.names {
                    match &alias.asname {
                        Some(name) => self.meet(&name.id, name.range()),
                        None if !alias.name.id.contains('.') => self.meet(&alias.name.id, alias.name.range()),
                        None => {}
                    }
                }
            }
            Stmt::ImportFrom(import) => {
                for alias in &import.names {
                    let name = alias.asname.as_ref().unwrap_or(&alias.name);
                    self.meet(&name.id, name.range());
                }
            }
            Stmt::Global(global) => global.names.iter().for_each(|name| self.meet(&name.id, name.range())),
            _ => visitor::walk_stmt(self, statement),
        }
    }

    fn visit_expr(&mut self, expression: &'a Expr) {
        if !self.covers(expression.range()) {
            return;
        }
        match expression {
            Expr::Name(name) => self.meet(&name.id, name.range()),
            Expr::Lambda(lambda) => {
                lambda.parameters.iter().for_each(|parameters| self.outer_parts(parameters));
                self.within(Scope::of_lambda(lambda), |search| search.visit_expr(&lambda.body));
            }
            Expr::ListComp(comp) => self.comprehension(&comp.generators, |search| visitor::walk_expr(search, expression)),
            Expr::SetComp(comp) => self.comprehension(&comp.generators, |search| visitor::walk_expr(search, expression)),
            Expr::DictComp(comp) => self.comprehension(&comp.generators, |search| visitor::walk_expr(search, expression)),
            Expr::Generator(comp) => self.comprehension(&comp.generators, |search| visitor::walk_expr(search, expression)),
            _ => visitor::walk_expr(self, expression),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(source: &str) -> Option<String> {
        let offset = source.find('|').unwrap();
        name_at(&source.replacen('|', "", 1), u32::try_from(offset).unwrap()).map(|(name, _)| name)
    }

    #[test]
    fn names_of_the_notebook_are_found() {
        for source in [
            "d|f = 1",
            "f(d|f)",
            "df|.head()",
            "import pandas as d|f",
            "def d|f(): pass",
            "%time x = d|f + 1",
            "def g(a=d|f): pass",
            "def g():\n    return d|f",
            "[x for x in d|f]",
            "f(a=d|f)",
            "class A(d|f): pass",
            "def g():\n    global df\n    d|f = 1",
        ] {
            assert_eq!(at(source).as_deref(), Some("df"), "{source}");
        }
    }

    #[test]
    fn what_is_declared_is_known_by_its_statement() {
        let names = declared("import a.b, c as d\nfrom e import f as g\ndef h(): pass\nclass I: pass\nj = 1\nif j:\n    import k");
        let names: Vec<_> = names.iter().map(|(name, what)| (name.as_str(), *what)).collect();
        let (module, function, class) = (Declared::Module, Declared::Function, Declared::Class);
        assert_eq!(names, [("I", class), ("a", module), ("d", module), ("g", module), ("h", function)]);
    }

    #[test]
    fn other_names_are_not() {
        for source in [
            "x.d|f",
            "f(d|f=1)",
            "# d|f",
            "'d|f'",
            "def g(df):\n    return d|f",
            "lambda df: d|f",
            "[d|f for df in x]",
            "x = 1 |+ 2",
            "def g():\n    df = 1\n    def h():\n        return d|f",
        ] {
            assert_eq!(at(source), None, "{source}");
        }
    }
}
