//! Whether functions may be called before the names that they read are bound.

use ruff_python_ast::name::Name;
use ruff_python_ast::visitor::{self, Visitor};
use ruff_python_ast::{Decorator, Expr, ExprContext, Stmt, StmtClassDef, StmtFunctionDef};
use ruff_text_size::{Ranged, TextSize};
use rustc_hash::{FxHashMap, FxHashSet};

use super::names::{self, Names};
use crate::facts::CellFacts;

/// Decorators of Python's own that do not call what they decorate.
const QUIET_DECORATORS: &[&str] = &["classmethod", "property", "staticmethod"];

/// With this method, making a class runs code of the class that it is made from.
pub(super) const HOOK: &str = "__init_subclass__";

/// A name that a function or a method reads, which no cell has bound where the function is made.
#[derive(Clone, Copy, Debug)]
pub(super) struct Deferred<'f> {
    pub(super) name: &'f Name,
    /// The function, or the class with the method.
    pub(super) owner: &'f Name,
}

/// Calls of functions that read names which are bound only later. Code that nobody has named yet does not run, so a function can be called
/// only behind a place that names it, or another whose body does.
pub(super) struct Calls<'c, 'f> {
    cells: &'c [&'f CellFacts],
    open: Vec<Deferred<'f>>,
    mentions: Option<Mentions<'f>>,
}

impl<'c, 'f> Calls<'c, 'f> {
    pub(super) const fn new(cells: &'c [&'f CellFacts]) -> Self {
        Self { cells, open: Vec::new(), mentions: None }
    }

    pub(super) fn defer(&mut self, reads: Vec<Deferred<'f>>) {
        self.open.extend(reads);
    }

    /// Whether names are left that no cell has bound.
    pub(super) const fn are_open(&self) -> bool {
        !self.open.is_empty()
    }

    /// Whether functions that read what this cell binds surely are not called before that.
    pub(super) fn come_behind(&mut self, at: usize, names: &Names<'f>) -> bool {
        if self.open.is_empty() {
            return true;
        }
        let (bound, open) = std::mem::take(&mut self.open).into_iter().partition(|read: &Deferred<'_>| names.binds_here(read.name));
        self.open = open;
        let mentions = self.mentions.get_or_insert_with(|| Mentions::of(self.cells, names));
        let facts = self.cells[at];
        let not_before = |read: &Deferred<'_>| {
            // Where that is not known, all of the cell may stand in front of it.
            let end = names::end_of_binding(facts, read.name).unwrap_or(TextSize::new(u32::MAX));
            !mentions.before(at, end).contains(read.owner.as_str())
        };
        let bound: Vec<Deferred<'_>> = bound;
        !mentions.has_hooks && bound.iter().all(not_before)
    }
}

/// Whether the function runs only after somebody has named it.
pub(super) fn is_plain_function(def: &StmtFunctionDef, names: &Names<'_>) -> bool {
    def.decorator_list.iter().all(|decorator| is_quiet(decorator, names))
}

/// Whether methods of the class run only after somebody has named it.
pub(super) fn is_plain_class(def: &StmtClassDef, names: &Names<'_>) -> bool {
    let is_plain = |statement: &Stmt| match statement {
        Stmt::FunctionDef(method) => is_plain_function(method, names),
        Stmt::Pass(_) => true,
        Stmt::Expr(statement) => statement.value.is_literal_expr(),
        Stmt::Assign(assign) => assign.value.is_literal_expr(),
        Stmt::AnnAssign(assign) => assign.value.as_deref().is_none_or(Expr::is_literal_expr),
        _ => false,
    };
    let has_keywords = def.arguments.as_ref().is_some_and(|arguments| !arguments.keywords.is_empty());
    def.decorator_list.is_empty() && !has_keywords && def.body.iter().all(is_plain)
}

/// A library's decorator gives back something that calls the function; one of the notebook, and what a value keeps, may call it at once.
fn is_quiet(decorator: &Decorator, names: &Names<'_>) -> bool {
    let mut inner = &decorator.expression;
    if matches!(inner, Expr::Name(name) if QUIET_DECORATORS.contains(&name.id.as_str())) {
        return true;
    }
    while let Expr::Attribute(attribute) = inner {
        inner = &attribute.value;
    }
    matches!(inner, Expr::Name(name) if names.is_of_library(&name.id))
}

/// Which names code mentions: what runs at once by its place, bodies by the name of their function or class.
#[derive(Default)]
struct Mentions<'f> {
    at_once: Vec<(usize, TextSize, &'f str)>,
    bodies: FxHashMap<&'f str, Vec<&'f str>>,
    has_hooks: bool,
}

impl<'f> Mentions<'f> {
    fn of(cells: &[&'f CellFacts], names: &Names<'f>) -> Self {
        let mut all = Self::default();
        for (at, facts) in cells.iter().enumerate() {
            all.has_hooks |= facts.source.contains(HOOK);
            let mut collector = Collector { mentions: &mut all, names, facts, at, owner: None, is_inner: false, place: TextSize::new(0) };
            if let Some(magic) = &facts.syntax.cell_magic {
                collector.visit_body(&magic.line_code);
            }
            for statement in &facts.syntax.body {
                collector.place = statement.start();
                collector.visit_stmt(statement);
            }
        }
        all
    }

    /// Functions and classes that may run before this place, and all else that is mentioned.
    fn before(&self, at: usize, place: TextSize) -> FxHashSet<&'f str> {
        let mut waiting: Vec<&str> = self
            .at_once
            .iter()
            .take_while(|(cell, ..)| *cell <= at)
            .filter(|(cell, there, _)| *cell < at || *there < place)
            .map(|(.., name)| *name)
            .collect();
        let mut reached = FxHashSet::default();
        while let Some(name) = waiting.pop() {
            if reached.insert(name) {
                waiting.extend(self.bodies.get(name).into_iter().flatten());
            }
        }
        reached
    }
}

struct Collector<'m, 'n, 'f> {
    mentions: &'m mut Mentions<'f>,
    names: &'n Names<'f>,
    facts: &'f CellFacts,
    at: usize,
    /// Whose body this is; none where it runs at once.
    owner: Option<&'f str>,
    /// Whether a function or class is around, by whose name or not.
    is_inner: bool,
    /// Where the statement of the cell starts.
    place: TextSize,
}

impl<'f> Collector<'_, '_, 'f> {
    fn add(&mut self, name: &'f str) {
        match self.owner {
            Some(owner) => self.mentions.bodies.entry(owner).or_default().push(name),
            None => self.mentions.at_once.push((self.at, self.place, name)),
        }
    }

    /// The body of a function or class; what its header mentions was gone through.
    fn visit_body_of(&mut self, name: &'f Name, is_plain: bool, body: &'f [Stmt]) {
        let (owner, is_inner) = (self.owner, self.is_inner);
        if is_plain && !is_inner {
            self.owner = Some(name.as_str());
        }
        self.is_inner = true;
        self.visit_body(body);
        (self.owner, self.is_inner) = (owner, is_inner);
    }
}

impl<'f> Visitor<'f> for Collector<'_, '_, 'f> {
    fn visit_stmt(&mut self, statement: &'f Stmt) {
        match statement {
            Stmt::FunctionDef(def) => {
                // The header of a method runs when its class is made.
                let owner = self.owner.take();
                def.decorator_list.iter().for_each(|decorator| self.visit_decorator(decorator));
                self.visit_parameters(&def.parameters);
                def.returns.as_deref().into_iter().for_each(|returns| self.visit_annotation(returns));
                self.owner = owner;
                self.visit_body_of(&def.name.id, is_plain_function(def, self.names), &def.body);
            }
            Stmt::ClassDef(def) => {
                let owner = self.owner.take();
                def.decorator_list.iter().for_each(|decorator| self.visit_decorator(decorator));
                def.arguments.as_deref().into_iter().for_each(|arguments| self.visit_arguments(arguments));
                self.owner = owner;
                self.visit_body_of(&def.name.id, is_plain_class(def, self.names), &def.body);
            }
            Stmt::IpyEscapeCommand(escape) => {
                if let Some(escape) = self.facts.syntax.escapes.get(&escape.start().to_u32()) {
                    self.visit_body(&escape.code);
                }
            }
            _ => visitor::walk_stmt(self, statement),
        }
    }

    fn visit_expr(&mut self, expression: &'f Expr) {
        match expression {
            Expr::Name(name) if !matches!(name.ctx, ExprContext::Store) => self.add(name.id.as_str()),
            // Formulas and queries name functions in texts.
            Expr::StringLiteral(_) | Expr::FString(_) | Expr::TString(_) => {
                let text = self.facts.source.get(expression.range().to_std_range()).unwrap_or_default();
                names::words(text).for_each(|word| self.add(word));
            }
            Expr::IpyEscapeCommand(escape) => {
                if let Some(escape) = self.facts.syntax.escapes.get(&escape.start().to_u32()) {
                    self.visit_body(&escape.code);
                }
            }
            _ => visitor::walk_expr(self, expression),
        }
    }
}
