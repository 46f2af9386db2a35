//! A value on a device crosses a marked block.

use ruff_python_ast::{Expr, ExprCall, Stmt};
use ruff_text_size::{Ranged, TextRange};

use super::{Context, Rule};
use crate::finding::{Finding, Severity};
use crate::report::Because;

pub(super) const RULE: Rule = Rule {
    code: "NBH402",
    name: "device-bound",
    severity: Severity::Warning,
    opt_in: false,
    summary: "A marked block needs or gives a value that was moved to a device.",
    explanation: include_str!("device_bound.md"),
    check,
};

fn check(context: &Context<'_>, rule: &Rule) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (cell, plan) in super::marked_plans(context) {
        let needed = plan.inputs.iter().filter_map(|input| Some((input.name.as_str(), input.defined_in?, "needs")));
        let inside = |name: &str| plan.cells.iter().rev().copied().find(|&number| moved_in(context, number, name).is_some());
        let given = plan.returns.iter().filter(|given| !given.needed_by.is_empty());
        let given = given.filter_map(|given| Some((given.name.as_str(), inside(&given.name)?, "gives back")));
        for (name, maker, verb) in needed.chain(given) {
            let Some(range) = moved_in(context, maker, name) else { continue };
            let help = format!("move it with `.cpu()` before it crosses, and to the device inside the block; cell {maker}");
            let mut finding = rule.about(cell, format!("this block {verb} `{name}`, which is on a device"), Some(help));
            let (start, end) = (range.start().to_u32(), range.end().to_u32());
            finding.related.push(Because { text: format!("`{name}` is moved to a device here"), cell: maker, start, end });
            findings.push(finding);
        }
    }
    findings
}

/// Where the last statement of a cell that binds or moves the name puts it on a device.
fn moved_in(context: &Context<'_>, number: u32, name: &str) -> Option<TextRange> {
    let (_, facts) = context.code_cells().find(|(cell, _)| cell.number == number)?;
    let mut found = None;
    for statement in &facts.syntax.body {
        match statement {
            Stmt::Assign(assign) if assign.targets.iter().any(|target| is_name(target, name)) => {
                found = assign.value.as_call_expr().filter(|call| to_device(call)).map(Ranged::range);
            }
            // `model.cuda()` moves a module where it stands.
            Stmt::Expr(expression) => {
                if let Expr::Call(call) = expression.value.as_ref()
                    && let Expr::Attribute(attribute) = call.func.as_ref()
                    && is_name(&attribute.value, name)
                    && to_device(call)
                {
                    found = Some(call.range());
                }
            }
            _ => {}
        }
    }
    found
}

fn is_name(expression: &Expr, name: &str) -> bool {
    matches!(expression, Expr::Name(known) if known.id.as_str() == name)
}

/// `x.cuda()`, `x.to("cuda:0")`; `x.to(device)` may be the CPU, and counts as nothing.
fn to_device(call: &ExprCall) -> bool {
    let Expr::Attribute(attribute) = call.func.as_ref() else { return false };
    match attribute.attr.as_str() {
        "cuda" => true,
        "to" => call.arguments.args.first().and_then(Expr::as_string_literal_expr).is_some_and(|literal| {
            let device = literal.value.to_str();
            ["cuda", "mps", "xpu"].iter().any(|kind| device.starts_with(kind))
        }),
        _ => false,
    }
}
