//! The JSON contract: fields may be added, never renamed; what is unknown is null.

use std::collections::BTreeMap;

use nbhoist_analyzer::finding::{Applicability, Edit, Finding, Fix};
use nbhoist_analyzer::report::{
    Because, BlockFile, CellReport, Cost, Decision, Edge, Effect, Estimate, Input, NameFact, Plan, Problem, Refusal, Return, Size,
};
use serde_json::{Map, Value, json};

/// Version of the contract; stands in every object that is printed.
pub const SCHEMA: u32 = 1;

/// What `analyze` prints.
pub fn analysis(notebook: &str, cells: &[CellReport], edges: &[Edge]) -> Value {
    json!({
        "schema": SCHEMA,
        "notebook": notebook,
        "cells": cells.iter().map(cell).collect::<Vec<_>>(),
        "edges": edges.iter().map(edge).collect::<Vec<_>>(),
    })
}

fn cell(cell: &CellReport) -> Value {
    json!({
        "cell": cell.cell,
        "id": cell.id,
        "kind": cell.kind.as_str(),
        "defines": names(&cell.defines),
        "reads": names(&cell.reads),
        "mutates": names(&cell.mutates),
        "deletes": names(&cell.deletes),
        "effects": cell.effects.iter().map(effect).collect::<Vec<_>>(),
        "problems": cell.problems.iter().map(problem).collect::<Vec<_>>(),
        "cost": cost(&cell.cost),
        "sizes": cell.sizes.iter().map(|(name, known)| with_name(name, size(known))).collect::<Vec<_>>(),
        "memory": {"bytes": cell.memory.bytes, "low": cell.memory.low, "high": cell.memory.high},
        "facts": facts(cell),
    })
}

fn names(facts: &[NameFact]) -> Vec<&str> {
    facts.iter().map(|fact| fact.name.as_str()).collect()
}

/// The names once more, with how sure each is and why.
fn facts(cell: &CellReport) -> Vec<Value> {
    let roles = [("defines", &cell.defines), ("reads", &cell.reads), ("mutates", &cell.mutates), ("deletes", &cell.deletes)];
    let fact = |role: &str, fact: &NameFact| {
        json!({
            "name": fact.name,
            "role": role,
            "certainty": fact.certainty.as_str(),
            "because": reasons(&fact.because),
        })
    };
    roles.iter().flat_map(|(role, facts)| facts.iter().map(|entry| fact(role, entry))).collect()
}

fn effect(effect: &Effect) -> Value {
    json!({
        "kind": effect.kind.as_str(),
        "detail": effect.detail,
        "certainty": effect.certainty.as_str(),
        "start": effect.start,
        "end": effect.end,
    })
}

fn problem(problem: &Problem) -> Value {
    json!({"text": problem.text, "start": problem.start, "end": problem.end})
}

/// The cost object of the contract.
pub fn cost(cost: &Cost) -> Value {
    json!({
        "seconds": cost.seconds,
        "low": cost.low,
        "high": cost.high,
        "basis": cost.basis.as_str(),
        "heavy": cost.heavy,
        "because": reasons(&cost.because),
    })
}

/// How large a value is.
fn size(size: &Size) -> Value {
    json!({
        "bytes": size.bytes,
        "low": size.low,
        "high": size.high,
        "basis": size.basis.as_str(),
        "because": reasons(&size.because),
    })
}

fn with_name(name: &str, value: Value) -> Value {
    let mut object = Map::from_iter([("name".to_owned(), name.into())]);
    if let Value::Object(fields) = value {
        object.extend(fields);
    }
    Value::Object(object)
}

fn edge(edge: &Edge) -> Value {
    json!({"from": edge.from, "to": edge.to, "names": edge.names, "kind": edge.kind.as_str()})
}

fn reasons(reasons: &[Because]) -> Vec<Value> {
    let reason = |reason: &Because| json!({"text": reason.text, "cell": reason.cell, "start": reason.start, "end": reason.end});
    reasons.iter().map(reason).collect()
}

/// What `plan --cells` prints.
pub fn plan(notebook: &str, plan: &Plan) -> Value {
    let mut object = Map::new();
    object.insert("schema".to_owned(), SCHEMA.into());
    object.insert("notebook".to_owned(), notebook.into());
    let fields = json!({
        "block": {"cells": plan.cells},
        "inputs": plan.inputs.iter().map(input).collect::<Vec<_>>(),
        "returns": plan.returns.iter().map(returned).collect::<Vec<_>>(),
        "deletes": plan.deletes,
        "imports": plan.imports,
        "ambient": plan.ambient,
        "files": plan.files.iter().map(file).collect::<Vec<_>>(),
        "warnings": plan.warnings,
        "refusal": plan.refusal.as_ref().map(refusal),
        "estimates": plan.estimates.iter().map(estimate).collect::<Vec<_>>(),
        "decision": decision(&plan.decision),
    });
    if let Value::Object(fields) = fields {
        object.extend(fields);
    }
    Value::Object(object)
}

/// What `plan` without a block prints.
pub fn plans(notebook: &str, plans: &[Plan]) -> Value {
    let plans: Vec<_> = plans.iter().map(|entry| plan(notebook, entry)).collect();
    json!({"schema": SCHEMA, "notebook": notebook, "plans": plans})
}

fn input(input: &Input) -> Value {
    json!({
        "name": input.name,
        "kind": input.kind.as_str(),
        "defined_in": input.defined_in,
        "bytes": input.size.as_ref().map(|size| size.bytes),
        "size": input.size.as_ref().map(size),
        "certainty": input.certainty.as_str(),
        "because": reasons(&input.because),
    })
}

fn returned(entry: &Return) -> Value {
    json!({
        "name": entry.name,
        "kind": entry.kind.as_str(),
        "needed_by": entry.needed_by,
        "bytes": entry.size.as_ref().map(|size| size.bytes),
        "size": entry.size.as_ref().map(size),
        "certainty": entry.certainty.as_str(),
        "because": reasons(&entry.because),
    })
}

fn file(file: &BlockFile) -> Value {
    json!({
        "path": file.path,
        "resolved": file.resolved,
        "read": file.read,
        "written": file.written,
        "certainty": file.certainty.as_str(),
    })
}

fn refusal(refusal: &Refusal) -> Value {
    json!({"text": refusal.text, "because": reasons(&refusal.because)})
}

fn estimate(estimate: &Estimate) -> Value {
    json!({
        "executor": estimate.executor,
        "seconds": estimate.seconds,
        "transfer_in": estimate.transfer_in,
        "transfer_out": estimate.transfer_out,
        "overhead": estimate.overhead,
    })
}

fn decision(decision: &Decision) -> Value {
    json!({"executor": decision.executor, "gain": decision.gain, "because": reasons(&decision.because)})
}

/// A finding with its place in the notebook's cells and in its file.
pub fn finding(notebook: &str, finding: &Finding, place: &FindingPlace) -> Value {
    json!({
        "schema": SCHEMA,
        "notebook": notebook,
        "cell": finding.cell,
        "id": place.id,
        "code": finding.code,
        "rule": finding.rule,
        "severity": finding.severity.as_str(),
        "message": finding.message,
        "help": finding.help,
        "start": finding.start,
        "end": finding.end,
        "line": place.line,
        "column": place.column,
        "end_line": place.end_line,
        "end_column": place.end_column,
        "file_line": place.file_line,
        "file_end_line": place.file_end_line,
        "related": reasons(&finding.related),
        "fix": finding.fix.as_ref().map(fix),
    })
}

fn fix(fix: &Fix) -> Value {
    let edit = |edit: &Edit| match edit {
        Edit::Source { cell, start, end, text } => json!({"kind": "source", "cell": cell, "start": start, "end": end, "text": text}),
        Edit::ClearOutputs { cell } => json!({"kind": "clear-outputs", "cell": cell}),
        Edit::Id { cell, id } => json!({"kind": "id", "cell": cell, "id": id}),
    };
    let applicability = match fix.applicability {
        Applicability::Safe => "safe",
        Applicability::Unsafe => "unsafe",
    };
    json!({"title": fix.title, "applicability": applicability, "edits": fix.edits.iter().map(edit).collect::<Vec<_>>()})
}

/// Where a finding is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FindingPlace {
    /// nbformat id of the cell.
    pub id: Option<String>,
    /// Line in the cell, from 1.
    pub line: usize,
    /// Column in characters, from 1.
    pub column: usize,
    /// Line of its end, from 1.
    pub end_line: usize,
    /// Column of its end, from 1.
    pub end_column: usize,
    /// Line in the file, from 1.
    pub file_line: u32,
    /// Line of its end in the file, from 1.
    pub file_end_line: u32,
}

/// What `check` prints in `json`.
pub fn check(findings: &[Value], errors: &[Value], severities: &BTreeMap<&str, usize>, notebooks: usize) -> Value {
    json!({
        "schema": SCHEMA,
        "notebooks": notebooks,
        "counts": severities,
        "findings": findings,
        "errors": errors,
    })
}
