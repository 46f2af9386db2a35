//! The blocks that may be worth moving, and what a lens over them says.

use std::fmt::Write as _;

use nbhoist_analyzer::notebook::marked_blocks;
use nbhoist_analyzer::report::{Cost, Plan, ValueKind};
use nbhoist_analyzer::words::{bytes, named, roughly, seconds, shorten};
use nbhoist_settings::{Backend, Settings};

use crate::snapshot::Snapshot;
use crate::status::SHORT;

/// A block over which a lens stands.
#[derive(Clone, Debug)]
pub(crate) struct Lens {
    /// Its cells.
    pub(crate) cells: Vec<u32>,
    /// Where it would run; `None` when it must stay.
    pub(crate) executor: Option<String>,
    /// What the lens says.
    pub(crate) title: String,
}

/// Marked blocks and heavy cells that belong to none.
pub(crate) fn of(snapshot: &Snapshot, costs: &[Cost]) -> Vec<(Option<String>, Vec<u32>)> {
    let mut blocks: Vec<(Option<String>, Vec<u32>)> = Vec::new();
    for (name, cells) in marked_blocks(&snapshot.source.notebook) {
        blocks.push((Some(name), snapshot.runnable(cells)));
    }
    for (cell, _) in snapshot.analysis.cells.iter().zip(costs).filter(|(_, cost)| cost.heavy) {
        if !blocks.iter().any(|(_, cells)| cells.contains(&cell.cell)) {
            blocks.push((None, snapshot.runnable([cell.cell])));
        }
    }
    blocks.retain(|(_, cells)| !cells.is_empty());
    blocks
}

/// What cells take together; nothing where it is not known of all, or is short and only supposed.
fn takes<'c>(costs: impl Iterator<Item = &'c Cost>) -> Option<String> {
    let mut measured = true;
    let each = costs.map(|cost| {
        measured &= cost.was_measured();
        cost.seconds
    });
    let total = each.sum::<Option<f64>>()?;
    if measured {
        return Some(format!("~{}", seconds(total)));
    }
    (total >= SHORT).then(|| format!("about {}", roughly(total)))
}

/// The lens over a block: what it costs, what would move, where, how much faster.
pub(crate) fn lens(snapshot: &Snapshot, cells: Vec<u32>, name: Option<&str>, costs: &[Cost], size: impl Fn(&str) -> Option<u64>) -> Lens {
    let plan = snapshot.plan(&cells);
    let mut parts: Vec<String> = takes(cells.iter().filter_map(|cell| costs.get(*cell as usize - 1))).into_iter().collect();
    let block = name.map_or_else(|| named(&cells), |name| format!("block {name}"));
    if let Some(refusal) = &plan.refusal {
        parts.push(format!("{block} must stay here: {}", shorten(&refusal.text, 80)));
        return Lens { cells, executor: None, title: parts.join(" \u{b7} ") };
    }
    let executor = preferred(&plan, &snapshot.settings);
    parts.push(format!("run {block} on {executor}"));
    parts.push(luggage(&plan, size));
    if let Some(gain) = plan.decision.gain.filter(|gain| *gain > 1.05 && plan.decision.executor == executor) {
        parts.push(format!("about {gain:.1}x as fast"));
    }
    Lens { cells, executor: Some(executor), title: parts.join(" \u{b7} ") }
}

/// The plan's choice; where it makes none, the first place that is another machine, else a process here.
pub(crate) fn preferred(plan: &Plan, settings: &Settings) -> String {
    if plan.decision.executor != "here" {
        return plan.decision.executor.clone();
    }
    let elsewhere = settings.executors.values().find(|place| place.backend != Backend::Local && place.drivable().is_ok());
    elsewhere.map_or_else(|| "local".to_owned(), |place| place.name.clone())
}

/// `takes df, model (12 MB)`.
fn luggage(plan: &Plan, size: impl Fn(&str) -> Option<u64>) -> String {
    let data: Vec<&str> = plan
        .inputs
        .iter()
        .filter(|input| !matches!(input.kind, ValueKind::Function | ValueKind::Class))
        .map(|input| input.name.as_str())
        .collect();
    if data.is_empty() {
        return "takes nothing along".to_owned();
    }
    let size: Option<u64> = data.iter().map(|name| size(name)).sum();
    let size = size.map(|size| format!(" ({})", bytes(size))).unwrap_or_default();
    format!("takes {}{size}", shorten(&data.join(", "), 40))
}

/// A plan in Markdown.
pub(crate) fn explain(snapshot: &Snapshot, plan: &Plan) -> String {
    let mut text = format!("### Moving {}\n", named(&plan.cells));
    let reason = |because: &[nbhoist_analyzer::report::Because]| {
        because.first().map(|because| format!(": {} (cell {})", because.text, because.cell)).unwrap_or_default()
    };
    let mut section = |title: &str, lines: Vec<String>| {
        if !lines.is_empty() {
            let _ = write!(text, "\n**{title}**\n\n- {}\n", lines.join("\n- "));
        }
    };
    if let Some(refusal) = &plan.refusal {
        section("Must stay here", vec![format!("{}{}", refusal.text, reason(&refusal.because))]);
    }
    let needs = plan.inputs.iter().map(|input| {
        let from = input.defined_in.map(|cell| format!(", from cell {cell}")).unwrap_or_default();
        let size = input.size.as_ref().map(|size| format!(", {}", bytes(size.bytes))).unwrap_or_default();
        format!("`{}`{from}{size}, {}{}", input.name, input.certainty.as_str(), reason(&input.because))
    });
    section("Needs", needs.collect());
    let gives = plan.returns.iter().map(|entry| {
        let used = nbhoist_analyzer::words::ranges(&entry.needed_by);
        let used = if used.is_empty() { ", not read by a cell yet".to_owned() } else { format!(", for {used}") };
        format!("`{}`{used}, {}{}", entry.name, entry.certainty.as_str(), reason(&entry.because))
    });
    section("Gives back", gives.collect());
    section("Removes", plan.deletes.iter().map(|name| format!("`{name}`")).collect());
    section("Imports there", plan.imports.iter().map(|line| format!("`{line}`")).collect());
    section("State that goes along", plan.ambient.clone());
    let file = |file: &nbhoist_analyzer::report::BlockFile| {
        let what = if file.written { "writes" } else { "reads" };
        format!("{what} `{}`", file.path)
    };
    section("Files", plan.files.iter().map(file).collect());
    section("Worth knowing", plan.warnings.clone());
    let because = plan.decision.because.iter().map(|because| because.text.clone());
    section("Decision", std::iter::once(preferred(plan, &snapshot.settings)).chain(because).collect());
    text
}
