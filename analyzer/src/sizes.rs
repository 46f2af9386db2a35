//! From what the interpreter knows about memory to what a report says, with a reason in words.

use ruff_python_ast::name::Name;

use crate::interp::{Bind, CellTrace, Peak, Weighed};
use crate::report::{Because, CostBasis, Memory, Size};
use crate::words;

/// The size of what a name is bound to, where that is known.
pub(crate) fn of(bind: &Bind) -> Option<Size> {
    bind.weighed.as_ref().map(of_weighed)
}

/// The size of a value that may be any of these; nothing where one of them is not known.
pub(crate) fn of_either<'b>(binds: impl Iterator<Item = &'b Bind>) -> Option<Size> {
    let sizes: Option<Vec<Size>> = binds.map(of).collect();
    sizes?.into_iter().reduce(|one, other| {
        let (low, high) = (one.low.min(other.low), one.high.max(other.high));
        Size { low, high, ..if one.bytes >= other.bytes { one } else { other } }
    })
}

/// The size of what these cells, run in order, leave under a name; nothing where it is not known.
pub(crate) fn of_any<'t>(cells: impl Iterator<Item = &'t CellTrace>, name: &Name) -> Option<Size> {
    let mut last: Vec<&Bind> = Vec::new();
    for bind in cells.flat_map(|trace| &trace.binds).filter(|bind| bind.name == *name) {
        if bind.must {
            last.clear();
        }
        last.push(bind);
    }
    of_either(last.into_iter())
}

fn of_weighed(weighed: &Weighed) -> Size {
    let because = weighed.memory.as_ref().map(|memory| {
        let (cell, range) = memory.made;
        Because {
            text: reason(&memory.shape, memory.item, memory.file.as_deref()),
            cell,
            start: range.start().to_u32(),
            end: range.end().to_u32(),
        }
    });
    Size {
        bytes: whole(weighed.bytes),
        low: whole(weighed.low),
        high: whole(weighed.high),
        basis: CostBasis::Model,
        because: because.into_iter().collect(),
    }
}

/// `640 x 640 elements of 8 bytes`, `read from data.csv`.
fn reason(shape: &[f64], item: f64, file: Option<&str>) -> String {
    if let Some(file) = file {
        return format!("read from {}", words::shorten(file, 60));
    }
    if shape.is_empty() {
        return "what it is made of".to_owned();
    }
    let sides: Vec<String> = shape.iter().map(|side| format!("{side:.0}")).collect();
    format!("{} elements of {item:.0} bytes", sides.join(" x "))
}

/// What a cell takes at most at one time.
pub(crate) fn memory(peak: &Peak) -> Memory {
    let known = peak.low > 0.0;
    Memory {
        bytes: (known && peak.complete).then(|| whole(peak.bytes)),
        low: known.then(|| whole(peak.low)),
        high: (known && peak.complete).then(|| whole(peak.high)),
    }
}

#[expect(clippy::cast_sign_loss, reason = "sizes are not negative")]
fn whole(bytes: f64) -> u64 {
    bytes.round() as u64
}
