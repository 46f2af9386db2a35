//! What a cell that takes long does: its statements' calls, sorted into work and drawing.

use ruff_python_ast::visitor::{self, Visitor};
use ruff_python_ast::{Expr, Stmt};
use ruff_text_size::{Ranged, TextRange};

use crate::interp::CellTrace;

/// Libraries whose calls draw.
const DRAWING: &[&str] = &["altair.", "bokeh.", "cartopy.", "holoviews.", "hvplot.", "matplotlib.", "plotly.", "seaborn."];
/// Methods of data that draw: `frame.plot(...)`, `frame.plot.bar(...)`.
const DRAWING_METHODS: &[&str] = &[".plot", ".hist", ".boxplot", ".plot."];

/// What a call is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Purpose {
    /// It may take long.
    Work,
    /// It draws.
    Drawing,
    /// It is as quick as anything: `print`, `len`.
    Nothing,
}

/// The outermost calls of a statement, those in functions and classes that it only defines left out.
pub(super) fn calls(statement: &Stmt) -> Vec<&Expr> {
    struct Search<'a>(Vec<&'a Expr>);
    impl<'a> Visitor<'a> for Search<'a> {
        fn visit_stmt(&mut self, statement: &'a Stmt) {
            if !matches!(statement, Stmt::FunctionDef(_) | Stmt::ClassDef(_)) {
                visitor::walk_stmt(self, statement);
            }
        }

        fn visit_expr(&mut self, expression: &'a Expr) {
            match expression {
                Expr::Call(_) => self.0.push(expression),
                Expr::Lambda(_) => {}
                _ => visitor::walk_expr(self, expression),
            }
        }
    }
    let mut search = Search(Vec::new());
    search.visit_stmt(statement);
    search.0
}

/// What the call in this range is for, by the libraries that it calls.
pub(super) fn purpose(trace: &CellTrace, call: TextRange) -> Purpose {
    let inside: Vec<&str> = trace.calls.iter().filter(|known| call.contains_range(known.range)).map(|known| &*known.path).collect();
    let whole = trace.calls.iter().filter(|known| known.range == call).map(|known| &*known.path);
    if whole.clone().any(draws) {
        return Purpose::Drawing;
    }
    let quick = |path: &&str| path.starts_with("builtins.") || path.starts_with("IPython.");
    // Nothing is known of a call without a path: a function of the notebook, or of a library that nobody described.
    if whole.clone().next().is_some() && inside.iter().all(quick) { Purpose::Nothing } else { Purpose::Work }
}

fn draws(path: &str) -> bool {
    DRAWING.iter().any(|library| path.starts_with(library))
        || DRAWING_METHODS.iter().any(|method| if method.ends_with('.') { path.contains(method) } else { path.ends_with(method) })
}

/// The call's text with all white space made one.
pub(super) fn text(source: &str, call: &Expr) -> String {
    source[call.range()].split_whitespace().collect::<Vec<_>>().join(" ")
}
