//! Local modules that a notebook imports: whether what they do is nothing to the rules.

use std::collections::BTreeMap;

use ruff_python_ast::name::Name;
use rustc_hash::FxHashSet;

use super::calls::HOOK;
use super::draws::Draws;
use super::names::Names;
use super::walk;
use crate::facts::CellFacts;

/// What the code of a notebook can meet in local modules that reach nothing of it but what they are handed.
#[derive(Debug, Default)]
pub(super) struct Local {
    /// First parts of their paths.
    tops: FxHashSet<String>,
    /// Names that they import themselves, and that others can take from them.
    passed_on: FxHashSet<Name>,
    /// Modules at the top that they import.
    modules: FxHashSet<String>,
    /// Whether any of their code may draw random numbers.
    pub(super) draws: bool,
}

impl Local {
    /// Nothing where one of these files, by path, may do what rules speak of: take names of the notebook, or never return.
    pub(super) fn of(files: &BTreeMap<String, String>) -> Option<Self> {
        let mut local = Self::default();
        files.iter().all(|(path, text)| local.add(path, text)).then_some(local)
    }

    /// Whether this file is nothing to the rules.
    fn add(&mut self, path: &str, text: &str) -> bool {
        let Some(path) = path.strip_suffix(".py") else { return false };
        self.tops.insert(path.split('/').next().unwrap_or_default().to_owned());
        if text.contains(HOOK) {
            return false;
        }
        let facts = CellFacts::of(text);
        let Some(mut names) = Names::of(std::iter::once(&facts), true, None) else { return false };
        names.enter(0, &facts);
        let seen = walk::walk(&names, &facts);
        self.draws |= seen.draws != Draws::Never;
        self.passed_on.extend(names.imports.keys().map(Name::new));
        self.modules.extend(names.modules.iter().map(|module| (*module).to_owned()));
        seen.is_quiet && !names.mentions_shell
    }

    pub(super) fn is_empty(&self) -> bool {
        self.tops.is_empty()
    }

    /// Whether a dotted path is that of a local module, or of what is in one.
    pub(super) fn has(&self, path: &str) -> bool {
        !self.is_empty() && self.tops.contains(path.split('.').next().unwrap_or_default())
    }

    /// Whether a local module may have this name from elsewhere.
    pub(super) fn passes_on(&self, name: &str) -> bool {
        !self.is_empty() && self.passed_on.contains(name)
    }

    pub(super) fn imports(&self, module: &str) -> bool {
        self.modules.contains(module)
    }
}
