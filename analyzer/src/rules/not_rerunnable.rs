//! A cell that does something else when it runs again.

use std::collections::HashMap;

use ruff_python_ast::visitor::{self, Visitor};
use ruff_python_ast::{Expr, ExprCall, Operator, Stmt};
use ruff_text_size::{Ranged, TextRange};

use super::{Context, Rule};
use crate::facts::CellFacts;
use crate::finding::{Finding, Severity};
use crate::interp::{CellTrace, Kind};
use crate::report::Because;

pub(super) const RULE: Rule = Rule {
    code: "NBH204",
    name: "not-rerunnable",
    severity: Severity::Info,
    opt_in: false,
    summary: "A cell changes a value of another cell, so that running it again gives something else.",
    explanation: include_str!("not_rerunnable.md"),
    check,
};

fn check(context: &Context<'_>, rule: &Rule) -> Vec<Finding> {
    let mut findings: Vec<Finding> = Vec::new();
    // One finding for each name: a notebook that collects results in every cell does so on purpose, or learns it once.
    let mut of_name: HashMap<String, (usize, u32)> = HashMap::new();
    for (cell, facts, trace) in context.code() {
        if !facts.may_differ_again() {
            continue;
        }
        let mut search = Search { known: Known::Trace(context, trace), source: &cell.source, found: None };
        search.visit_body(&facts.syntax.body);
        let Some(found) = search.found else { continue };
        if let Some((_, more)) = of_name.get_mut(&found.name) {
            *more += 1;
            continue;
        }
        of_name.insert(found.name.clone(), (findings.len(), 0));
        let maker = trace.reads.get(found.name.as_str()).and_then(|read| read.cells.last()).copied().unwrap_or(cell.number);
        let mut finding = rule.finding(
            format!("running this cell again {}", found.what),
            Some(format!("make the change in cell {maker}, which makes `{}`, or bind the result to a new name", found.name)),
            cell.number,
            found.range.start().to_u32(),
            found.range.end().to_u32(),
        );
        finding.related.push(Because { text: format!("`{}` is made here", found.name), cell: maker, start: 0, end: 0 });
        findings.push(finding);
    }
    for (name, (at, more)) in of_name.into_iter().filter(|(_, (_, more))| *more > 0) {
        let cells = if more == 1 { "one more cell does".to_owned() } else { format!("{more} more cells do") };
        findings[at].message = format!("{}; {cells} this to `{name}`", findings[at].message);
    }
    findings
}

struct Found {
    name: String,
    what: String,
    range: TextRange,
}

impl CellFacts {
    /// Whether any statement may give something else when it runs twice, whatever its names stand for.
    fn may_differ_again(&self) -> bool {
        *self.may_differ_again.get_or_init(|| {
            let mut search = Search { known: Known::Nothing, source: &self.source, found: None };
            search.visit_body(&self.syntax.body);
            search.found.is_some()
        })
    }
}

/// Whether a statement of the cell may be found by this rule, where `is_earlier` says which names an earlier cell may bind.
pub(super) fn may_find(facts: &CellFacts, is_earlier: impl Fn(&str) -> bool) -> bool {
    if !facts.may_differ_again() {
        return false;
    }
    let mut search = Search { known: Known::Text(facts, &is_earlier), source: &facts.source, found: None };
    search.visit_body(&facts.syntax.body);
    search.found.is_some()
}

/// What is known of the names of a cell.
#[derive(Clone, Copy)]
enum Known<'x, 'c> {
    /// They may stand for anything.
    Nothing,
    /// What the text says: which names an earlier cell may bind.
    Text(&'x CellFacts, &'x dyn Fn(&str) -> bool),
    /// What they stand for.
    Trace(&'x Context<'c>, &'x CellTrace),
}

/// Looks for the first statement, outside of functions and classes, that does not give the same when it runs twice.
struct Search<'x, 'c> {
    known: Known<'x, 'c>,
    source: &'x str,
    found: Option<Found>,
}

impl<'a> Visitor<'a> for Search<'_, '_> {
    fn visit_stmt(&mut self, statement: &'a Stmt) {
        // Under a condition the second run may take another path: `if "x" in df: del df["x"]`.
        let elsewhere =
            matches!(statement, Stmt::FunctionDef(_) | Stmt::ClassDef(_) | Stmt::If(_) | Stmt::While(_) | Stmt::Try(_) | Stmt::Match(_));
        if self.found.is_some() || elsewhere {
            return;
        }
        self.found = self.judge(statement);
        if self.found.is_none() {
            visitor::walk_stmt(self, statement);
        }
    }

    fn visit_expr(&mut self, _: &'a Expr) {}
}

impl Search<'_, '_> {
    fn judge(&self, statement: &Stmt) -> Option<Found> {
        match statement {
            Stmt::AugAssign(assign) => {
                if !accumulates(assign.op) {
                    return None;
                }
                let name = self.outside(&assign.target)?;
                let text = &self.source[assign.target.range()];
                Some(Found { what: format!("changes `{}` once more", crate::words::shorten(text, 40)), name, range: assign.range() })
            }
            Stmt::Assign(assign) => {
                let [target] = assign.targets.as_slice() else { return None };
                let name = self.outside(target)?;
                let what = self.repeated(target, &assign.value, &name)?;
                Some(Found { what, name, range: assign.range() })
            }
            Stmt::Expr(statement) => self.call(statement.value.as_call_expr()?),
            Stmt::Delete(delete) => delete.targets.iter().find_map(|target| {
                let Expr::Subscript(subscript) = target else { return None };
                let name = self.outside(&subscript.value)?;
                let text = &self.source[target.range()];
                Some(Found { what: format!("fails: `{text}` is gone by then"), name, range: delete.range() })
            }),
            _ => None,
        }
    }

    /// What `target = value` does the second time, when the value is made from the target itself.
    fn repeated(&self, target: &Expr, value: &Expr, name: &str) -> Option<String> {
        let text = &self.source[target.range()];
        match value {
            Expr::BinOp(operation) if accumulates(operation.op) => {
                let same = |side: &Expr| &self.source[side.range()] == text;
                (same(&operation.left) || same(&operation.right))
                    .then(|| format!("changes `{}` once more", crate::words::shorten(text, 40)))
            }
            // `df = df.drop(columns="x")`
            Expr::Call(call) if text == name => {
                let Expr::Attribute(attribute) = call.func.as_ref() else { return None };
                (&self.source[attribute.value.range()] == name && self.is_frame(name)).then_some(())?;
                frame_method(attribute.attr.as_str(), call)
            }
            _ => None,
        }
    }

    fn call(&self, call: &ExprCall) -> Option<Found> {
        let Expr::Attribute(attribute) = call.func.as_ref() else { return None };
        let name = self.outside(&attribute.value)?;
        let method = attribute.attr.as_str();
        // Only a name itself has a kind that is known here.
        let plain = matches!(attribute.value.as_ref(), Expr::Name(_));
        let what = if plain && self.is_list(&name) && matches!(method, "append" | "extend" | "insert") {
            format!("adds to `{name}` once more")
        } else if plain && self.is_list(&name) && method == "pop" {
            format!("takes one more out of `{name}`")
        } else if plain && self.is_frame(&name) && flag(call, "inplace") == Some(true) {
            frame_method(method, call)?
        } else {
            return None;
        };
        Some(Found { what, name, range: call.range() })
    }

    /// The name of another cell's value behind this expression, which the cell changes before it binds the name anew.
    fn outside(&self, target: &Expr) -> Option<String> {
        let mut expression = target;
        let name = loop {
            match expression {
                Expr::Name(name) => break name,
                Expr::Attribute(attribute) => expression = &attribute.value,
                Expr::Subscript(subscript) => expression = &subscript.value,
                _ => return None,
            }
        };
        let trace = match self.known {
            Known::Nothing => return Some(name.id.to_string()),
            Known::Text(_, is_earlier) => {
                let is_outside = is_earlier(&name.id) && !self.is_bound_before(&name.id, target.range());
                return is_outside.then(|| name.id.to_string());
            }
            Known::Trace(_, trace) => trace,
        };
        let read = trace.reads.get(&name.id).filter(|read| !read.cells.is_empty() && !read.cells.contains(&trace.cell))?;
        // The cell binds the name first and only then changes it; the reading comes from elsewhere.
        let bound_before = read.range.start() > target.range().start() && read.text_cell == trace.cell;
        (!bound_before && self.is_data(&name.id) && !self.is_bound_before(name.id.as_str(), target.range())).then(|| name.id.to_string())
    }

    /// Whether a statement of the cell in front of this one gives the name a value of its own.
    fn is_bound_before(&self, name: &str, range: TextRange) -> bool {
        let facts = match self.known {
            Known::Nothing => None,
            Known::Text(facts, _) => Some(facts),
            Known::Trace(context, trace) => context.facts_of(trace.cell),
        };
        facts.is_some_and(|facts| super::bindings::is_bound_before(&facts.syntax.body, name, range.start()))
    }

    /// Whether the name stands for a value, not for a module: `plt.rcParams["x"] *= 2` is about the library.
    fn is_data(&self, name: &str) -> bool {
        let Known::Trace(context, trace) = self.known else { return true };
        let heap = &context.linked.world.heap;
        let read = trace.reads.get(name);
        read.is_some_and(|read| !read.objs.iter().any(|&id| matches!(heap.get(id).kind, Kind::Path(_))))
    }

    fn is_list(&self, name: &str) -> bool {
        self.is_kind(name, |path| path == "builtins.list")
    }

    fn is_frame(&self, name: &str) -> bool {
        self.is_kind(name, |path| path == "pandas.DataFrame")
    }

    fn is_kind(&self, name: &str, test: fn(&str) -> bool) -> bool {
        let Known::Trace(context, trace) = self.known else { return true };
        let heap = &context.linked.world.heap;
        let read = trace.reads.get(name);
        read.is_some_and(|read| {
            !read.objs.is_empty() && read.objs.iter().all(|&id| matches!(&heap.get(id).kind, Kind::Lib(path) if test(path)))
        })
    }
}

/// Whether doing it twice gives something else than doing it once.
const fn accumulates(operator: Operator) -> bool {
    matches!(operator, Operator::Add | Operator::Sub | Operator::Mult | Operator::Div | Operator::Pow | Operator::FloorDiv)
}

fn flag(call: &ExprCall, name: &str) -> Option<bool> {
    let keyword = call.arguments.find_keyword(name)?;
    keyword.value.as_boolean_literal_expr().map(|literal| literal.value)
}

/// What a method of a frame whose result replaces the frame does the second time.
fn frame_method(method: &str, call: &ExprCall) -> Option<String> {
    let arguments = &call.arguments;
    let ignores = arguments.find_keyword("errors").is_some();
    let label = |at: usize| arguments.args.get(at).filter(|arg| arg.is_string_literal_expr() || arg.is_list_expr());
    match method {
        "drop" if !ignores && (arguments.find_keyword("columns").is_some() || label(0).is_some()) => {
            Some("fails: what it drops is gone by then".to_owned())
        }
        "set_index" if label(0).is_some() && flag(call, "drop") != Some(false) => Some("fails: the column is the index by then".to_owned()),
        "reset_index" if flag(call, "drop") != Some(true) => Some("moves the new index into one more column".to_owned()),
        _ => None,
    }
}
