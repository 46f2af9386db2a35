//! Shapes of what operators between arrays and attributes of them give.

use ruff_python_ast::Operator;
use ruff_python_ast::name::Name;

use super::super::Interp;
use super::super::heap::Val;
use super::super::memory::Memory;
use super::NUMBER;

impl Interp<'_> {
    /// What an operator between arrays gives, by the rules of broadcasting.
    pub(in crate::interp) fn combined(&self, left: &Val, right: &Val, op: Option<Operator>) -> Option<Memory> {
        let scalar = |val: &Val| val.objs.is_empty();
        let (one, other) = match (self.memory_of(left), self.memory_of(right)) {
            (Some(one), Some(other)) => (one, other),
            (Some(one), None) if scalar(right) => (one, one),
            (None, Some(other)) if scalar(left) => (other, other),
            _ => return None,
        };
        if op == Some(Operator::MatMult) {
            return multiplied(one, other);
        }
        let known = broadcast(one, other);
        // Comparisons give one byte each; a division gives numbers with a point.
        Some(match op {
            None => known.with_item(1.0),
            Some(Operator::Div) => {
                let item = known.item.max(4.0);
                known.with_item(if item < NUMBER && one.item < 4.0 { NUMBER } else { item })
            }
            Some(_) => known,
        })
    }
}

pub(super) fn multiplied(one: &Memory, other: &Memory) -> Option<Memory> {
    let shape = match (one.shape.as_slice(), other.shape.as_slice()) {
        ([front @ .., _], [_, columns]) => [front, &[*columns]].concat(),
        ([front @ .., _], [_]) => front.to_vec(),
        _ => return None,
    };
    let item = one.item.max(other.item);
    Some(Memory::of_shape(shape, item).about(one.spread.max(other.spread)))
}

fn broadcast(one: &Memory, other: &Memory) -> Memory {
    if one.shape.is_empty() || other.shape.is_empty() {
        // Tables from files: operators keep their size.
        return if one.bytes() >= other.bytes() { one.clone() } else { other.clone() };
    }
    let length = one.shape.len().max(other.shape.len());
    let side = |memory: &Memory, place: usize| memory.shape.len().checked_sub(length - place).map_or(1.0, |at| memory.shape[at]);
    let shape = (0..length).map(|place| side(one, place).max(side(other, place))).collect();
    Memory { item: one.item.max(other.item), spread: one.spread.max(other.spread), ..one.shaped(shape) }
}

/// What an attribute of a known value takes.
pub(in crate::interp) fn of_attribute(known: &Memory, name: &Name) -> Option<Memory> {
    match name.as_str() {
        "T" => Some(known.shaped(known.shape.iter().rev().copied().collect())),
        "values" | "real" | "imag" => Some(known.clone()),
        _ => None,
    }
}
