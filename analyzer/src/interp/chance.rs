//! How likely a branch runs, for estimates alone: what a known flag switches off does not, and what only makes again what a file already holds seldom does.
//!
//! ```text
//! if os.path.isfile(checkpoint):        asks for a file
//!     model = load(checkpoint)
//! else:
//!     trainer.fit(model)                seldom: the file is there as a rule
//! ```
//!
//! Dependencies are followed on all paths; nothing here decides what a cell reads or changes.

use ruff_python_ast::{BoolOp, CmpOp, Expr, UnaryOp};

use super::Interp;
use super::heap::{Const, Kind, Val};

/// Share of the runs in which a branch is entered that a file makes needless, or an error reaches.
pub(super) const KEPT: f64 = 0.05;
/// Tests that are looked into so deep.
const MAX_DEPTH: u32 = 6;

/// What a test asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Answer {
    /// Nothing that anybody knows.
    Open,
    /// Its value is known.
    Known(bool),
    /// Whether a file is there (true), or is not (false).
    File(bool),
}

impl Answer {
    const fn not(self) -> Self {
        match self {
            Self::Open => Self::Open,
            Self::Known(is) => Self::Known(!is),
            Self::File(is) => Self::File(!is),
        }
    }

    /// The share of runs in which what stands behind the test runs.
    pub(super) const fn chance(self) -> f64 {
        match self {
            Self::Open | Self::Known(true) | Self::File(true) => 1.0,
            Self::Known(false) => 0.0,
            Self::File(false) => KEPT,
        }
    }

    /// The share in which what stands in the `else` runs.
    pub(super) const fn otherwise(self) -> f64 {
        self.not().chance()
    }
}

impl Interp<'_> {
    /// What a test that has been evaluated asks.
    pub(super) fn answer(&mut self, test: &Expr) -> Answer {
        if !self.weighs {
            return Answer::Open;
        }
        let answer = self.answer_at(test, 0);
        if matches!(answer, Answer::File(_)) {
            self.note_guard();
        }
        answer
    }

    fn answer_at(&mut self, test: &Expr, depth: u32) -> Answer {
        if depth > MAX_DEPTH {
            return Answer::Open;
        }
        match test {
            Expr::UnaryOp(inner) if inner.op == UnaryOp::Not => self.answer_at(&inner.operand, depth + 1).not(),
            Expr::BoolOp(inner) => {
                let answers: Vec<Answer> = inner.values.iter().map(|value| self.answer_at(value, depth + 1)).collect();
                let decides = Answer::Known(inner.op == BoolOp::Or);
                let all_known = answers.iter().all(|answer| matches!(answer, Answer::Known(_)));
                let file = answers.iter().copied().find(|answer| matches!(answer, Answer::File(_)));
                match file {
                    _ if answers.contains(&decides) => decides,
                    Some(file) => file,
                    None if all_known => decides.not(),
                    None => Answer::Open,
                }
            }
            Expr::Compare(inner) => {
                let ([op], [right]) = (&*inner.ops, &*inner.comparators) else { return Answer::Open };
                let same = match (self.known_literal(&inner.left), self.known_literal(right)) {
                    (Some(Const::FileThere(there)), Some(Const::Bool(is))) => {
                        let answer = Answer::File(there == is);
                        return if matches!(op, CmpOp::Eq | CmpOp::Is) { answer } else { answer.not() };
                    }
                    (Some(left), Some(right)) => left == right,
                    _ => return Answer::Open,
                };
                match op {
                    CmpOp::Eq | CmpOp::Is => Answer::Known(same),
                    CmpOp::NotEq | CmpOp::IsNot => Answer::Known(!same),
                    _ => Answer::Open,
                }
            }
            Expr::Call(call) => {
                if asks_for_a_file(&call.func) {
                    Answer::File(true)
                } else {
                    Answer::Open
                }
            }
            _ => match self.known_literal(test) {
                Some(Const::FileThere(there)) => Answer::File(there),
                Some(Const::Bool(is)) => Answer::Known(is),
                Some(Const::None) => Answer::Known(false),
                Some(Const::Int(number)) => Answer::Known(number != 0),
                _ => Answer::Open,
            },
        }
    }

    /// The literal that a flag is: a name, an attribute of a value of the notebook, a literal.
    fn known_literal(&mut self, expression: &Expr) -> Option<Const> {
        match expression {
            Expr::BooleanLiteral(inner) => Some(Const::Bool(inner.value)),
            Expr::NoneLiteral(_) => Some(Const::None),
            Expr::StringLiteral(inner) => Some(Const::Str(inner.value.to_str().into())),
            Expr::Name(name) => self.read_name(&name.id, name.range).literal,
            Expr::Attribute(attribute) => {
                let Expr::Name(name) = &*attribute.value else { return None };
                let holders = self.read_name(&name.id, name.range).objs;
                let of = |id| {
                    let own = self.heap.attr(id, &attribute.attr);
                    let inherited = || match self.heap.get(id).kind {
                        Kind::Instance(class) => self.heap.attr(class, &attribute.attr),
                        _ => None,
                    };
                    own.or_else(inherited)?.literal.clone()
                };
                let mut found = holders.into_iter().map(of);
                let first = found.next()??;
                found.all(|other| other.as_ref() == Some(&first)).then_some(first)
            }
            _ => None,
        }
    }

    /// The value of a test that is kept in a name: `trained = os.path.exists(path)`.
    pub(super) fn keep_answer(&mut self, value: &Expr, val: &mut Val) {
        if !self.weighs
            || !val.objs.is_empty()
            || val.literal.is_some()
            || !matches!(value, Expr::Call(_) | Expr::UnaryOp(_) | Expr::BoolOp(_))
        {
            return;
        }
        if let Answer::File(there) = self.answer_at(value, 0) {
            val.literal = Some(Const::FileThere(there));
        }
    }

    /// Runs something that runs so often only.
    pub(super) fn with_chance<T>(&mut self, chance: f64, run: impl FnOnce(&mut Self) -> T) -> T {
        let before = self.scale_chance(chance);
        let result = run(self);
        self.set_chance(before);
        result
    }
}

/// `os.path.exists(p)`, `path.is_file()`.
fn asks_for_a_file(function: &Expr) -> bool {
    let name = match function {
        Expr::Attribute(attribute) => attribute.attr.as_str(),
        Expr::Name(name) => name.id.as_str(),
        _ => return false,
    };
    matches!(name, "exists" | "isfile" | "isdir" | "lexists" | "is_file" | "is_dir" | "path_exists" | "file_exists")
}
