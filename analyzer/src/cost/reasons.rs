//! Why a cell takes what it is expected to take, in words.

use super::growth::{Weight, repeats};
use crate::interp::{Call, CellTrace, Work};
use crate::library_effects::cost::Class;
use crate::report::{Because, EffectKind};

/// Reasons given for one cell.
const MAX_REASONS: usize = 3;
/// A call that is expected to take less of the cell's time than this is no reason.
const SHARE: f64 = 0.15;

/// The heaviest parts of a cell, heaviest first.
pub(super) fn of(trace: &CellTrace) -> Vec<Because> {
    let mut found: Vec<(f64, Because)> = Vec::new();
    let work = &trace.work;
    let all = Weight::of_cell(work).now;
    for call in &work.calls {
        let weight = Weight::of_call(call).now;
        if weight > all * SHARE
            && let Some(text) = of_call(call)
        {
            found.push((weight, reason(trace.cell, text, call.range)));
        }
    }
    found.extend(loops(trace.cell, work, all));
    found.extend(effects(trace));
    found.sort_by(|(a, _), (b, _)| b.total_cmp(a));
    let mut reasons: Vec<Because> = Vec::new();
    for (_, reason) in found {
        if reasons.len() < MAX_REASONS && !reasons.iter().any(|known| known.text == reason.text) {
            reasons.push(reason);
        }
    }
    reasons
}

/// `KMeans.fit over 1.2 M rows, 8 clusters x 10 starts`.
fn of_call(call: &Call) -> Option<String> {
    let plain = matches!(call.class, Class::Cheap | Class::Linear | Class::Plot | Class::Unknown);
    if plain && call.extent.rows < 1e5 && call.depth == 0 {
        return None;
    }
    let mut parts = vec![short(&call.path)];
    if call.extent.rows > 0.0 {
        parts[0] = format!("{} over {} rows", parts[0], amount(call.extent.rows));
    }
    let repeats: Vec<String> = repeats(call).iter().map(|(argument, value)| format!("{} {}", amount(*value), argument.word)).collect();
    if !repeats.is_empty() {
        parts.push(repeats.join(" x "));
    }
    if call.depth > 0 {
        parts.push(if call.open == 0 { format!("{} times", amount(call.times)) } else { "in a loop".to_owned() });
    }
    Some(parts.join(", "))
}

fn loops(cell: u32, work: &Work, all: f64) -> Vec<(f64, Because)> {
    let turning = work.loops.iter().filter_map(|each| Some((each.turns? * each.times, each)));
    let most = turning.max_by(|(a, _), (b, _)| a.total_cmp(b)).filter(|(turns, _)| *turns >= 20.0);
    most.map(|(turns, each)| (all / 2.0, reason(cell, format!("a loop of {} passes", amount(turns)), each.range))).into_iter().collect()
}

fn effects(trace: &CellTrace) -> Vec<(f64, Because)> {
    let mut found = Vec::new();
    for effect in &trace.effects {
        let text = match effect.kind {
            EffectKind::Network if effect.detail.contains("://") => format!("loads {}", crate::words::shorten(&effect.detail, 60)),
            EffectKind::Network => format!("`{}` uses the network", effect.detail),
            EffectKind::Subprocess if matches!(effect.detail.as_str(), "pip" | "pip3" | "conda" | "mamba" | "apt-get" | "uv") => {
                "installs packages".to_owned()
            }
            EffectKind::Subprocess => format!("runs `{}`", effect.detail),
            EffectKind::FileRead if effect.detail != "?" => format!("reads {}", crate::words::shorten(&effect.detail, 60)),
            _ => continue,
        };
        found.push((0.5, Because { text, cell: trace.cell, start: effect.start, end: effect.end }));
    }
    found
}

fn reason(cell: u32, text: String, range: ruff_text_size::TextRange) -> Because {
    Because { text, cell, start: range.start().to_u32(), end: range.end().to_u32() }
}

/// `KMeans.fit` of `sklearn.cluster.KMeans.fit`, `fit` of a method of something unknown.
fn short(path: &str) -> String {
    let parts: Vec<&str> = path.split('.').filter(|part| *part != "?").collect();
    parts[parts.len().saturating_sub(2)..].join(".")
}

/// `812`, `12 k`, `1.2 M`.
fn amount(number: f64) -> String {
    for (size, unit) in [(1e9, "G"), (1e6, "M"), (1e4, "k")] {
        if number >= size {
            let value = number / if unit == "k" { 1e3 } else { size };
            return if value < 10.0 { format!("{value:.1} {unit}") } else { format!("{value:.0} {unit}") };
        }
    }
    if number.fract() == 0.0 { format!("{number:.0}") } else { format!("{number:.1}") }
}
