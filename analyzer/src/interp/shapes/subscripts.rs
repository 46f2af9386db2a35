//! Shapes of what subscripts of arrays and tables give.

use ruff_python_ast::{Expr, UnaryOp};

use super::super::Interp;
use super::super::heap::Val;
use super::super::memory::Memory;

impl Interp<'_> {
    /// `x[3]`, `x[1:5]`, `x[:, 0]`, `x[None]`, `x[mask]`, `x[order]`.
    pub(in crate::interp) fn item_of_array(&self, known: &Memory, slice: &Expr, index: &Val) -> Option<Memory> {
        let axes: &[Expr] = match slice {
            Expr::Tuple(tuple) => &tuple.elts,
            other => std::slice::from_ref(other),
        };
        let mut rest = known.shape.iter().copied();
        let (mut shape, mut spread) = (Vec::new(), 1.0);
        for axis in axes {
            match axis {
                Expr::NoneLiteral(_) => shape.push(1.0),
                Expr::NumberLiteral(_) => drop(rest.next()?),
                Expr::UnaryOp(inner) if inner.op == UnaryOp::USub => drop(rest.next()?),
                Expr::Slice(inner) => {
                    let all = rest.next()?;
                    let bound = |part: &Option<Box<Expr>>| part.as_deref().map(|part| literal(part).ok_or(())).transpose();
                    let (Ok(lower), Ok(upper), Ok(step)) = (bound(&inner.lower), bound(&inner.upper), bound(&inner.step)) else {
                        return None;
                    };
                    let place = |at: f64| if at < 0.0 { (all + at).max(0.0) } else { at.min(all) };
                    let length = (upper.map_or(all, place) - lower.map_or(0.0, place)).max(0.0);
                    shape.push((length / step.unwrap_or(1.0).abs().max(1.0)).ceil());
                }
                _ if axes.len() == 1 => {
                    let chosen = self.memory_of(index)?;
                    // A mask keeps some of them, nobody knows how many.
                    if chosen.item <= 1.0 {
                        let all = known.shape.iter().take(chosen.shape.len()).product::<f64>();
                        rest.by_ref().take(chosen.shape.len()).for_each(drop);
                        shape.push(all / 2.0);
                        spread = 2.0;
                    } else {
                        rest.next()?;
                        shape.extend(&chosen.shape);
                    }
                }
                _ => return None,
            }
        }
        shape.extend(rest);
        Some(known.shaped(shape).about(spread))
    }

    /// `frame["a"]`, `frame[["a", "b"]]`, `frame[frame.a > 1]`.
    pub(in crate::interp) fn item_of_frame(&self, known: &Memory, slice: &Expr, index: &Val) -> Option<Memory> {
        match (slice, known.shape.as_slice()) {
            (Expr::List(list), [rows, _]) => Some(known.shaped(vec![*rows, list.elts.len() as f64])),
            (Expr::Slice(_), _) => None,
            (_, [rows, _]) if index.as_str().is_some() => Some(known.shaped(vec![*rows])),
            (_, _) if self.memory_of(index).is_some_and(|mask| mask.item <= 1.0) => {
                let half = known.clone().with_item(known.item / 2.0);
                Some(if let [rows, columns] = known.shape[..] { known.shaped(vec![rows / 2.0, columns]) } else { half }.about(2.0))
            }
            _ => None,
        }
    }
}

/// The whole number that an expression is.
pub(in crate::interp) fn literal(expression: &Expr) -> Option<f64> {
    match expression {
        Expr::NumberLiteral(literal) => match &literal.value {
            ruff_python_ast::Number::Int(value) => value.as_i64().map(|value| value as f64),
            _ => None,
        },
        Expr::UnaryOp(inner) if inner.op == UnaryOp::USub => literal(&inner.operand).map(|value| -value),
        _ => None,
    }
}
