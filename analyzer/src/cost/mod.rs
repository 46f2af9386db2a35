//! What a cell costs: before it ran, from its source alone; where a time was saved or measured, from that.
//!
//! The interpreter's trace says what a cell does and how often; `features` turns that into numbers and words, `model` (learned) says what cells of that
//! kind take, and `growth` makes the estimate grow with what the source says about sizes. Times saved in the notebook count more than the model.

mod context;
mod features;
mod growth;
mod hints;
mod model;
mod reader;
mod reasons;
mod saved;
mod words;

use std::sync::Arc;

pub use features::{CellFeatures, FEATURES};
pub use model::{Model, ModelError, Prediction, feature_hash};
pub(crate) use words::Text;

use crate::Request;
use crate::facts::{CellFacts, FactsCache};
use crate::interp::CellTrace;
use crate::linked::Linked;
use crate::notebook::CellKind;
use crate::report::{CellReport, Cost, CostBasis};

/// A cell is heavy on the model's word alone when the low end of its interval, times this, is above the budget.
const SURE: f64 = 4.0;
/// Below this no reasons are given, seconds.
const WORTH_A_REASON: f64 = 0.2;

/// Fills in the cost of every code cell; gives what the model says of each cell, seconds, whatever else is known.
pub(crate) fn estimate(
    request: &Request<'_>,
    facts: &[Arc<CellFacts>],
    traces: &[CellTrace],
    reports: &mut [CellReport],
) -> Vec<Option<f64>> {
    let budget = request.config.heavy_seconds;
    if !request.weighs {
        for (cell, report) in request.notebook.cells.iter().zip(reports.iter_mut()).filter(|(cell, _)| cell.kind == CellKind::Code) {
            report.cost = saved::cost(cell, budget).unwrap_or(Cost::unknown());
        }
        return vec![None; reports.len()];
    }
    let model = request.cost_model.as_deref().or_else(|| Model::embedded());
    let all = features::of(request.notebook, facts, traces);
    let mut traces = traces.iter();
    let mut cold = vec![None; reports.len()];
    for (((cell, report), features), cold) in request.notebook.cells.iter().zip(reports).zip(&all).zip(&mut cold) {
        if cell.kind != CellKind::Code {
            continue;
        }
        let Some(trace) = traces.next() else { break };
        let supposed = model.zip(features.as_ref()).map(|(model, features)| predicted(model, features, trace, budget));
        *cold = supposed.as_ref().and_then(|cost| cost.seconds);
        report.cost = saved::cost(cell, budget).or(supposed).unwrap_or(Cost::unknown());
    }
    cold
}

/// What the model says about a cell. It is heavy only when the model is sure enough: a false alarm costs more trust than a missed one.
fn predicted(model: &Model, features: &CellFeatures, trace: &CellTrace, budget: f64) -> Cost {
    let prediction = model.predict(features);
    Cost {
        seconds: Some(prediction.seconds),
        low: Some(prediction.low),
        high: Some(prediction.high),
        basis: CostBasis::Model,
        heavy: prediction.seconds > budget && prediction.low * SURE > budget,
        because: if prediction.seconds < WORTH_A_REASON { Vec::new() } else { reasons::of(trace) },
    }
}

/// The features of every code cell of a notebook, by cell number: what a model is trained with.
pub fn features(request: &Request<'_>) -> Vec<(u32, CellFeatures)> {
    let mut cache = FactsCache::default();
    let facts: Vec<Arc<CellFacts>> = crate::facts_of(request.notebook, &mut cache);
    let linked = Linked::of(request, &facts);
    let all = features::of(request.notebook, &facts, linked.traces());
    request.notebook.cells.iter().zip(all).filter_map(|(cell, features)| Some((cell.number, features?))).collect()
}
