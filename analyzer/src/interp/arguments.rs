//! Arguments of a call.

use ruff_python_ast::name::Name;
use ruff_text_size::TextRange;

use smallvec::SmallVec;

use super::heap::{Const, Val};
use crate::library_effects::ArgRef;

/// Evaluated arguments.
#[derive(Clone, Debug, Default)]
pub(super) struct Args {
    pub(super) positional: Vec<Val>,
    pub(super) keywords: Vec<(Name, Val)>,
    /// Values behind `*` and `**`.
    pub(super) spread: Vec<Val>,
    /// Ranges of the positional arguments, then of the keywords'.
    pub(super) ranges: Vec<TextRange>,
    /// What a parameter without an argument gets, when it is a library that calls.
    pub(super) rest: Option<Val>,
}

impl Args {
    pub(super) fn positional(positional: Vec<Val>) -> Self {
        Self { positional, ..Self::default() }
    }

    pub(super) fn keyword(&self, name: &str) -> Option<&Val> {
        self.keywords.iter().find(|(known, _)| known == name).map(|(_, val)| val)
    }

    /// Whether a condition of the table holds: `inplace`, a keyword that is true or an object, or `copy=False`. `Some(true)`: surely.
    pub(super) fn meets(&self, condition: &str) -> Option<bool> {
        let (keyword, wanted) = condition.strip_suffix("=False").map_or((condition, true), |keyword| (keyword, false));
        match (&self.keyword(keyword)?.literal, wanted) {
            (Some(Const::Bool(given)), _) => (*given == wanted).then_some(true),
            (Some(Const::None), true) => None,
            _ => Some(matches!(keyword, "out" | "ax")),
        }
    }

    /// Every value handed over.
    pub(super) fn all(&self) -> impl Iterator<Item = &Val> + Clone {
        self.positional.iter().chain(self.keywords.iter().map(|(_, val)| val)).chain(&self.spread)
    }

    /// The values that an entry of the table means.
    pub(super) fn select<'a>(&'a self, which: &ArgRef, receiver: Option<&'a Val>) -> SmallVec<[&'a Val; 4]> {
        match which {
            ArgRef::Receiver => receiver.into_iter().collect(),
            ArgRef::All => self.all().collect(),
            ArgRef::From(at) => self.positional.iter().skip(*at).chain(&self.spread).collect(),
            ArgRef::Named(name, position) => {
                self.keyword(name).or_else(|| position.and_then(|at| self.positional.get(at))).into_iter().collect()
            }
        }
    }

    /// The range of the argument that an entry means.
    pub(super) fn range_of(&self, which: &ArgRef) -> Option<TextRange> {
        match which {
            ArgRef::Named(name, position) => match self.keywords.iter().position(|(known, _)| known == name) {
                Some(at) => self.ranges.get(self.positional.len() + at).copied(),
                None => position.filter(|at| *at < self.positional.len()).and_then(|at| self.ranges.get(at).copied()),
            },
            _ => None,
        }
    }
}
