//! Numbers that the source says.

use ruff_python_ast::Operator;

use super::heap::Const;

impl Const {
    /// The number it is.
    pub(crate) fn number(&self) -> Option<f64> {
        match self {
            Self::Int(value) => Some(*value as f64),
            Self::Float(value) | Self::About(value) => Some(*value),
            Self::Str(_) | Self::Bool(_) | Self::None | Self::FileThere(_) => None,
        }
    }
}

/// What an operator gives for two known numbers; none where it would not fit.
pub(super) fn arithmetic(op: Operator, left: &Const, right: &Const) -> Option<Const> {
    if let (Const::Int(a), Const::Int(b)) = (left, right) {
        let exact = match op {
            Operator::Add => a.checked_add(*b),
            Operator::Sub => a.checked_sub(*b),
            Operator::Mult => a.checked_mul(*b),
            Operator::FloorDiv if *b > 0 => a.checked_div_euclid(*b),
            Operator::Mod if *b > 0 => a.checked_rem_euclid(*b),
            Operator::Pow => u32::try_from(*b).ok().and_then(|power| a.checked_pow(power)),
            _ => None,
        };
        if let Some(value) = exact {
            return Some(Const::Int(value));
        }
    }
    let about = matches!(left, Const::About(_)) || matches!(right, Const::About(_));
    let (a, b) = (left.number()?, right.number()?);
    let value = match op {
        Operator::Add => a + b,
        Operator::Sub => a - b,
        Operator::Mult => a * b,
        Operator::Div => a / b,
        Operator::FloorDiv => (a / b).floor(),
        Operator::Pow => a.powf(b),
        _ => return None,
    };
    let literal = if about { Const::About(value) } else { Const::Float(value) };
    value.is_finite().then_some(literal)
}
