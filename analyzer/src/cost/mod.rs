//! What a cell costs: before it ran, from its source alone; where a time was saved or measured, from that.
//!
//! The interpreter's trace says what a cell does and how often; `features` turns that into numbers and words, `model` (learned) says what cells of that
//! kind take, and `growth` makes the estimate grow with what the source says about sizes. Times saved in the notebook count more than the model.

mod context;
mod features;
mod forest;
mod growth;
mod hints;
mod model;
mod reader;
mod reasons;
mod saved;
mod words;

use std::sync::Arc;

pub use features::{CellFeatures, FEATURES};
use model::Judged;
pub use model::{Model, ModelError, Prediction, feature_hash};
pub(crate) use words::Text;

use crate::Request;
use crate::facts::{CellFacts, FactsCache};
use crate::interp::{CellTrace, Wanted};
use crate::linked::Linked;
use crate::notebook::{Cell, CellKind};
use crate::report::{CellReport, Cost, CostBasis};

/// A cell is heavy on the model's word alone when the low end of its interval, times this, is above the budget.
const SURE: f64 = 4.0;
/// Below this no reasons are given, seconds.
const WORTH_A_REASON: f64 = 0.2;

/// What each cell costs as far as the notebook says what it took.
pub(crate) fn saved(request: &Request<'_>) -> Vec<Cost> {
    let saved = |cell: &Cell| saved::cost(cell, request.config.heavy_seconds).filter(|_| cell.kind == CellKind::Code);
    request.notebook.cells.iter().map(|cell| saved(cell).unwrap_or(Cost::unknown())).collect()
}

/// Fills in the cost of every code cell that has none yet; gives what stands for the work of each when its versions are compared
/// ([`Prediction::work`], seconds), whatever else is known. Nothing when it is no more `wanted`.
pub(crate) fn estimate(
    request: &Request<'_>,
    facts: &[Arc<CellFacts>],
    traces: &[Arc<CellTrace>],
    reports: &mut [CellReport],
    known: Option<&mut Predicted>,
    wanted: &dyn Fn() -> bool,
) -> Option<Vec<Option<f64>>> {
    let budget = request.config.heavy_seconds;
    if !request.weighs {
        return Some(vec![None; reports.len()]);
    }
    let model = request.cost_model.as_deref().or_else(|| Model::embedded());
    let all = features::of(request.notebook, facts, traces, wanted)?;
    let mut traces = traces.iter();
    let mut cold = vec![None; reports.len()];
    let mut known = known.filter(|_| request.cost_model.is_none());
    if let Some(known) = &mut known {
        known.by_cell.resize(request.notebook.cells.len() + 1, None);
    }
    for (((cell, report), features), cold) in request.notebook.cells.iter().zip(reports).zip(all).zip(&mut cold) {
        if !wanted() {
            return None;
        }
        if cell.kind != CellKind::Code {
            continue;
        }
        let Some(trace) = traces.next() else { break };
        let predict = |(model, features): (&Model, CellFeatures)| {
            let prediction = match &mut known {
                Some(known) => known.predict(model, cell.number, &features),
                None => model.predict(&features),
            };
            (predicted(prediction, trace, budget), prediction.work)
        };
        let (supposed, work) = model.zip(features).map(predict).unzip();
        *cold = work;
        if report.cost.basis == CostBasis::Unknown
            && let Some(supposed) = supposed
        {
            report.cost = supposed;
        }
    }
    Some(cold)
}

/// What the model says about a cell. It is heavy only when the model is sure enough: a false alarm costs more trust than a missed one.
fn predicted(prediction: Prediction, trace: &CellTrace, budget: f64) -> Cost {
    Cost {
        seconds: Some(prediction.seconds),
        low: Some(prediction.low),
        high: Some(prediction.high),
        basis: CostBasis::Model,
        heavy: prediction.seconds > budget && prediction.low * SURE > budget,
        because: if prediction.seconds < WORTH_A_REASON { Vec::new() } else { reasons::of(trace) },
    }
}

/// What the embedded model said of the cells of one notebook, which an edit of one cell seldom changes for the others.
#[derive(Debug, Default)]
pub(crate) struct Predicted {
    by_cell: Vec<Option<Judged>>,
}

impl Predicted {
    fn predict(&mut self, model: &Model, cell: u32, features: &CellFeatures) -> Prediction {
        let Some(known) = self.by_cell.get_mut(cell as usize) else { return model.predict(features) };
        match known {
            Some(before) if model.says_the_same(before, features) => before.prediction(features),
            _ => known.insert(model.judge(features)).prediction(features),
        }
    }
}

/// The features of every code cell of a notebook, by cell number: what a model is trained with.
pub fn features(request: &Request<'_>) -> Vec<(u32, CellFeatures)> {
    let mut cache = FactsCache::default();
    let facts: Vec<Arc<CellFacts>> = crate::facts_of(request.notebook, &mut cache);
    let linked = Linked::of(request, &facts, Wanted { work: request.weighs, reasons: false, changes: true }, None);
    let all = features::of(request.notebook, &facts, linked.traces(), &|| true).unwrap_or_default();
    request.notebook.cells.iter().zip(all).filter_map(|(cell, features)| Some((cell.number, features?))).collect()
}
