//! Facts: what one cell's source says on its own, before any other cell is looked at. They depend on the text alone, so
//! they can be kept by text and an edit recomputes those of the edited cell only.

mod function;
mod scope;

use std::borrow::Borrow;
use std::collections::{BTreeMap, BTreeSet};
use std::hash::{Hash, Hasher};
use std::sync::{Arc, OnceLock};

use ruff_python_ast::name::Name;
use ruff_python_ast::visitor::{self, Visitor};
use ruff_python_ast::{Expr, IpyEscapeKind, Stmt};
use ruff_text_size::{Ranged, TextRange, TextSize};
use rustc_hash::FxHashSet;

pub(crate) use function::FunctionNode;
pub(crate) use scope::{Scope, comprehension_targets};

use crate::cost::{Predicted, Text};
use crate::interp::Memo;
use crate::rules::NamesInFunctions;
use crate::syntax::{self, CellSyntax, Holds};

/// What one cell says on its own.
#[derive(Debug, Default)]
pub struct CellFacts {
    /// Syntax trees.
    pub(crate) syntax: CellSyntax,
    /// Names that some statement of the cell binds in the notebook's namespace, called functions' `global` names included.
    pub(crate) binds: BTreeSet<Name>,
    /// Those of them that are builtins.
    pub(crate) binds_builtins: Vec<Name>,
    /// Scopes of functions, lambdas and classes, by the offset at which they start.
    pub(crate) scopes: BTreeMap<u32, Arc<Scope>>,
    /// Whether it does nothing but import, line magics beside that included.
    pub(crate) imports_only: bool,
    /// What its text says about its cost, once somebody has asked.
    text: OnceLock<Text>,
    pub(crate) source: Box<str>,
    /// Texts that are paths of one machine, once a rule has asked.
    pub(crate) local_paths: OnceLock<Vec<(String, TextRange)>>,
    /// Whether any statement may give something else when it runs twice, once a rule has asked.
    pub(crate) may_differ_again: OnceLock<bool>,
    /// What its functions read, once a rule has asked.
    pub(crate) in_functions: OnceLock<NamesInFunctions>,
    /// What its comprehensions bind, once a rule has asked.
    pub(crate) comprehended: OnceLock<BTreeSet<Name>>,
}

impl CellFacts {
    /// Reads the facts of a cell.
    pub fn of(source: &str) -> Self {
        let syntax = syntax::parse_cell(source);
        let mut collector = Collector { scopes: BTreeMap::new(), globals: BTreeSet::new(), holds: syntax.holds };
        let mut top = Scope::default();
        top.collect_holding(syntax.holds, &syntax.body);
        collector.visit_body(&syntax.body);
        collector.holds = Holds::ANYTHING;
        for escape in syntax.escapes.values() {
            top.collect_body(&escape.code);
            collector.visit_body(&escape.code);
        }
        if let Some(magic) = &syntax.cell_magic {
            collector.visit_body(&magic.line_code);
        }
        let mut binds = top.locals;
        binds.extend(collector.globals);
        let binds_builtins = binds.iter().filter(|name| crate::interp::is_builtin(name)).cloned().collect();
        let imports_only = imports_only(&syntax);
        Self { binds, binds_builtins, scopes: collector.scopes, syntax, imports_only, source: source.into(), ..Self::default() }
    }

    /// What its text says about its cost.
    pub(crate) fn text(&self) -> &Text {
        self.text.get_or_init(|| Text::of(&self.source, &self.syntax))
    }

    /// Whether a statement at the top takes all names of a module.
    pub(crate) fn imports_star(&self) -> bool {
        self.syntax
            .body
            .iter()
            .any(|statement| matches!(statement, Stmt::ImportFrom(import) if import.names.iter().any(|alias| alias.name.as_str() == "*")))
    }
}

/// Whether a cell does nothing but import, line magics beside that included.
fn imports_only(syntax: &CellSyntax) -> bool {
    let is_import = |statement: &Stmt| matches!(statement, Stmt::Import(_) | Stmt::ImportFrom(_));
    let is_beside = |statement: &Stmt| match statement {
        Stmt::Expr(expression) => expression.value.is_string_literal_expr(),
        Stmt::IpyEscapeCommand(escape) => escape.kind == IpyEscapeKind::Magic,
        _ => false,
    };
    let body = &syntax.body;
    syntax.cell_magic.is_none() && body.iter().any(is_import) && body.iter().all(|statement| is_import(statement) || is_beside(statement))
}

/// Facts that are known by their text.
#[derive(Debug)]
struct BySource(Arc<CellFacts>);

impl Borrow<str> for BySource {
    fn borrow(&self) -> &str {
        &self.0.source
    }
}

impl Hash for BySource {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.0.source.hash(state);
    }
}

impl PartialEq for BySource {
    fn eq(&self, other: &Self) -> bool {
        self.0.source == other.0.source
    }
}

impl Eq for BySource {}

/// Facts kept by text.
#[derive(Debug, Default)]
pub struct FactsCache {
    entries: FxHashSet<BySource>,
    /// Those that each place of a notebook had the last time; an edit leaves most places alone.
    pub(crate) places: Vec<Option<Arc<CellFacts>>>,
    computed: u64,
    /// Of the last interpretation.
    pub(crate) memo: Option<Memo>,
    /// What the cost model said of each cell.
    pub(crate) predicted: Option<Predicted>,
}

impl FactsCache {
    /// A cache for a notebook that is edited and analyzed again and again: besides facts it keeps what each cell did when it was
    /// interpreted, and in the next analysis only those are interpreted for which something is different.
    pub fn for_edits() -> Self {
        Self { memo: Some(Memo::default()), predicted: Some(Predicted::default()), ..Self::default() }
    }

    /// How many cells were interpreted, where that is kept.
    pub fn interpreted(&self) -> Option<u64> {
        self.memo.as_ref().map(Memo::ran)
    }

    /// The facts of a source, computed when they are not there yet.
    pub fn get(&mut self, source: &str) -> Arc<CellFacts> {
        if let Some(BySource(facts)) = self.entries.get(source) {
            return Arc::clone(facts);
        }
        self.computed += 1;
        let facts = Arc::new(CellFacts::of(source));
        self.entries.insert(BySource(Arc::clone(&facts)));
        facts
    }

    /// The same for the cell at this place of the notebook.
    pub(crate) fn get_at(&mut self, place: usize, source: &str) -> Arc<CellFacts> {
        if self.memo.is_none() {
            return self.get(source);
        }
        if let Some(Some(facts)) = self.places.get(place)
            && *facts.source == *source
        {
            return Arc::clone(facts);
        }
        let facts = self.get(source);
        if self.places.len() <= place {
            self.places.resize(place + 1, None);
        }
        self.places[place] = Some(Arc::clone(&facts));
        facts
    }

    /// Forgets what no source of `sources` needs.
    pub fn retain<'s>(&mut self, sources: impl Iterator<Item = &'s str>) {
        let keep: FxHashSet<&str> = sources.collect();
        self.entries.retain(|BySource(facts)| keep.contains(&*facts.source));
    }

    /// How often facts were computed rather than found.
    pub const fn computed(&self) -> u64 {
        self.computed
    }
}

struct Collector {
    scopes: BTreeMap<u32, Arc<Scope>>,
    globals: BTreeSet<Name>,
    /// What may stand in the statements.
    holds: Holds,
}

impl Collector {
    fn visit_body(&mut self, body: &[Stmt]) {
        for statement in body {
            self.visit_stmt(statement);
        }
    }

    fn add_scope(&mut self, start: TextSize, scope: Scope) {
        self.globals.extend(scope.globals.iter().filter(|name| scope.assigned_globals.contains(*name)).cloned());
        self.scopes.insert(start.to_u32(), Arc::new(scope));
    }
}

impl<'a> Visitor<'a> for Collector {
    fn visit_stmt(&mut self, statement: &'a Stmt) {
        match statement {
            Stmt::FunctionDef(def) => self.add_scope(def.start(), Scope::of_function_holding(self.holds, &def.parameters, &def.body)),
            Stmt::ClassDef(def) => {
                let mut scope = Scope::default();
                scope.collect_holding(self.holds, &def.body);
                self.add_scope(def.start(), scope);
            }
            _ => {}
        }
        visitor::walk_stmt(self, statement);
    }

    fn visit_expr(&mut self, expression: &'a Expr) {
        // Hardly any cell has one.
        if !self.holds.lambdas {
            return;
        }
        if let Expr::Lambda(lambda) = expression {
            self.add_scope(lambda.start(), Scope::of_lambda(lambda));
        }
        visitor::walk_expr(self, expression);
    }
}
