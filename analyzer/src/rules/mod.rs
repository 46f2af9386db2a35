//! The rules of `nbhoist check`: one file each, with its explanation beside it.

mod apply;
mod bindings;
mod block_summary;
mod cannot_travel;
mod clock_in_data;
mod comments;
mod counts_decrease;
mod defined_nowhere;
mod defined_only_later;
mod deletes_used_name;
mod device_bound;
mod duplicate_counts;
mod file_from_earlier_cell;
mod heavy_cell;
mod heavy_work;
mod hidden_state;
mod home_path_in_output;
mod ignore;
mod in_functions;
mod index;
mod large_output;
mod late_bound_global;
mod machine_local_path;
mod malformed_ids;
mod meant;
mod mutual_dependence;
mod not_rerunnable;
mod partly_executed;
mod plain;
mod plot_in_heavy_cell;
mod relies_on_ambient_state;
mod repeated_heavy_call;
mod saved_error;
mod secret_in_output;
mod shipping_costs_more;
mod stale_output;
mod suppress;
mod unparsable_cell;
mod unpinned_install;
mod unseeded_randomness;
mod unused_suppression;

use std::collections::BTreeSet;
use std::sync::Arc;

use ruff_python_ast::Stmt;

use crate::Request;
use crate::facts::CellFacts;
use crate::finding::{Applicability, Edit, Finding, Fix, Severity};
use crate::interp::{CellTrace, Uses};
use crate::linked::Linked;
use crate::minimal_state::{self, After};
use crate::notebook::{Cell, CellKind};
use crate::report::{Cost, Edge as Dependency, Plan};

/// What a rule looks at.
pub(crate) struct Context<'c> {
    pub(crate) request: &'c Request<'c>,
    /// What the cells cost, as far as a run has shown it, in their order.
    pub(crate) costs: &'c [Cost],
    pub(crate) linked: &'c Linked,
    /// Facts of the cells, in their order.
    pub(crate) facts: &'c [Arc<CellFacts>],
    /// Where names are bound and deleted, when that is kept from one analysis to the next.
    pub(crate) uses: Option<&'c Uses>,
    pub(crate) index: Index<'c>,
}

impl<'c> Context<'c> {
    /// The cell with this number, its facts and what it did.
    fn code(&self) -> impl Iterator<Item = (&'c Cell, &'c CellFacts, &'c CellTrace)> {
        let mut traces = self.linked.traces().iter();
        self.request.notebook.cells.iter().zip(self.facts).filter(|(cell, _)| cell.kind == CellKind::Code).filter_map(
            move |(cell, facts)| {
                let trace = traces.next()?;
                Some((cell, facts.as_ref(), trace.as_ref()))
            },
        )
    }

    /// The same without what they did, which is not known where no rule could say anything about it.
    fn code_cells(&self) -> impl Iterator<Item = (&'c Cell, &'c CellFacts)> {
        let cells = self.request.notebook.cells.iter().zip(self.facts);
        cells.filter(|(cell, _)| cell.kind == CellKind::Code).map(|(cell, facts)| (cell, facts.as_ref()))
    }

    /// The facts of the cell with this number, where it is code.
    fn facts_of(&self, number: u32) -> Option<&'c CellFacts> {
        self.position(number)?;
        self.facts.get((number as usize).checked_sub(1)?).map(Arc::as_ref)
    }

    /// What the cell with this number costs.
    fn cost(&self, number: u32) -> Option<&'c Cost> {
        self.costs.get((number as usize).checked_sub(1)?)
    }

    /// Whether the code is Python for all that is known. Files that do not say so, and files that say so and do not parse, hold R or Julia
    /// at times, and much of that reads as Python: then there must be a statement that only Python has.
    fn seems_python(&self) -> bool {
        let surely = |statement: &Stmt| {
            matches!(
                statement,
                Stmt::Import(_) | Stmt::ImportFrom(_) | Stmt::FunctionDef(_) | Stmt::ClassDef(_) | Stmt::With(_) | Stmt::Try(_)
            )
        };
        let parses = || self.facts.iter().all(|facts| facts.syntax.problems.is_empty());
        self.request.notebook.language_declared && parses() || self.facts.iter().any(|facts| facts.syntax.body.iter().any(surely))
    }

    /// Code cells with a saved count, and the count. A blank cell is left out: running it raises no count, so it shows that of another.
    fn counted(&self) -> impl Iterator<Item = (&'c Cell, u32)> {
        let counted = self.request.notebook.code_cells().filter_map(|cell| Some((cell, cell.execution_count?)));
        counted.filter(|(cell, _)| !cell.source.trim().is_empty())
    }

    fn edges(&self) -> &'c [Dependency] {
        self.linked.edges()
    }

    /// Whether two cells have the same count: then the counts are of several sessions, and say nothing about each other.
    fn has_several_sessions(&self) -> bool {
        let mut seen = BTreeSet::new();
        self.counted().any(|(_, count)| !seen.insert(count))
    }

    fn cell(&self, number: u32) -> Option<&'c Cell> {
        self.request.notebook.cell(number)
    }
}

/// The plan of each marked block, with the first cell of the block.
fn marked_plans<'c>(context: &Context<'c>) -> impl Iterator<Item = (&'c Cell, Plan)> {
    let (linked, notebook) = (context.linked, context.request.notebook);
    linked.marked.iter().filter_map(move |block| {
        let cell = notebook.cell(*block.first()?)?;
        Some((cell, minimal_state::plan(linked, block, After::FollowingCells)))
    })
}

/// Removes what a cell saved; running it brings back what is worth keeping.
fn clear_outputs(cell: u32) -> Fix {
    Fix {
        title: "Clear the saved outputs of the cell".to_owned(),
        applicability: Applicability::Safe,
        edits: vec![Edit::ClearOutputs { cell }],
    }
}

/// The bytes of the first line of a cell that says something: where findings about the whole cell stand.
fn first_line(cell: &Cell) -> (u32, u32) {
    let mut start = 0;
    for line in cell.source.split_inclusive('\n') {
        if !line.trim().is_empty() {
            let indent = line.len() - line.trim_start().len();
            return (offset(start + indent), offset(start + line.trim_end().len()));
        }
        start += line.len();
    }
    (0, 0)
}

/// An offset in a cell; longer texts than 4 GiB are not read.
fn offset(at: usize) -> u32 {
    u32::try_from(at).unwrap_or(u32::MAX)
}

/// A rule.
#[derive(Clone)]
pub struct Rule {
    /// Code, such as `NBH101`.
    pub code: &'static str,
    /// Name, such as `unparsable-cell`.
    pub name: &'static str,
    /// How bad its findings are.
    pub severity: Severity,
    /// Whether it applies only where it is selected.
    pub opt_in: bool,
    /// One line.
    pub summary: &'static str,
    /// What, why, examples, how to fix, when to ignore; markdown.
    pub explanation: &'static str,
    check: fn(&Context<'_>, &Rule) -> Vec<Finding>,
}

impl std::fmt::Debug for Rule {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Rule").field("code", &self.code).field("name", &self.name).finish_non_exhaustive()
    }
}

pub(crate) use apply::run;
pub use apply::{is_known, nearest};
pub use ignore::{comment as ignore_comment, edit as ignore_edit};
pub(crate) use in_functions::Names as NamesInFunctions;
pub(crate) use index::Index;
pub(crate) use plain::{Needed, look_at_changes, needed};

/// Every rule, by code.
pub fn all() -> &'static [Rule] {
    &[
        unused_suppression::RULE,
        unparsable_cell::RULE,
        counts_decrease::RULE,
        partly_executed::RULE,
        duplicate_counts::RULE,
        stale_output::RULE,
        defined_only_later::RULE,
        defined_nowhere::RULE,
        hidden_state::RULE,
        not_rerunnable::RULE,
        deletes_used_name::RULE,
        late_bound_global::RULE,
        mutual_dependence::RULE,
        heavy_cell::RULE,
        repeated_heavy_call::RULE,
        plot_in_heavy_cell::RULE,
        cannot_travel::RULE,
        device_bound::RULE,
        relies_on_ambient_state::RULE,
        file_from_earlier_cell::RULE,
        shipping_costs_more::RULE,
        block_summary::RULE,
        unseeded_randomness::RULE,
        machine_local_path::RULE,
        unpinned_install::RULE,
        clock_in_data::RULE,
        saved_error::RULE,
        large_output::RULE,
        secret_in_output::RULE,
        home_path_in_output::RULE,
        malformed_ids::RULE,
    ]
}

/// The rule with this code or name.
pub fn find(code_or_name: &str) -> Option<&'static Rule> {
    all().iter().find(|rule| rule.code.eq_ignore_ascii_case(code_or_name) || rule.name == code_or_name)
}

impl Rule {
    /// Where its explanation can be read.
    pub fn page(&self) -> String {
        format!("{}/blob/main/docs/rules/{}.md", env!("CARGO_PKG_REPOSITORY"), self.name)
    }

    /// A finding about a whole cell.
    fn about(&self, cell: &Cell, message: String, help: Option<String>) -> Finding {
        let (start, end) = first_line(cell);
        self.finding(message, help, cell.number, start, end)
    }

    /// A finding of this rule.
    fn finding(&self, message: String, help: Option<String>, cell: u32, start: u32, end: u32) -> Finding {
        Finding {
            code: self.code,
            rule: self.name,
            severity: self.severity,
            message,
            help,
            cell,
            start,
            end,
            related: Vec::new(),
            fix: None,
        }
    }
}
