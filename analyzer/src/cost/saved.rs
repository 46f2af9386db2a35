//! What the last run took, where the notebook says so.

use crate::notebook::Cell;
use crate::report::{Because, Cost, CostBasis};

pub(super) fn cost(cell: &Cell, budget: f64) -> Option<Cost> {
    let seconds = cell.saved_seconds?;
    let text = format!("took {} when it was saved", crate::words::seconds(seconds));
    Some(Cost {
        seconds: Some(seconds),
        low: None,
        high: None,
        basis: CostBasis::Metadata,
        heavy: seconds > budget,
        because: vec![Because { text, cell: cell.number, start: 0, end: 0 }],
    })
}
