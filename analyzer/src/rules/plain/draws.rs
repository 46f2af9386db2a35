//! Whether an expression may stand for something that draws random numbers.

use std::sync::LazyLock;

use ruff_python_ast::{Arguments, Expr};
use rustc_hash::{FxHashMap, FxHashSet};
use smallvec::SmallVec;

use super::super::unseeded_randomness;
use super::names::Names;
use crate::library_effects::{Entry, drawing, function, top_level};

/// Modules whose values come out of many libraries.
const COMMON: &[&str] = &["numpy", "pandas", "scipy"];

/// When random numbers may be drawn from a generator that nobody seeded.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Draws {
    Never,
    /// In this cell, or not at all.
    Here,
    /// In this cell or a later one.
    Later,
}

/// What draws, by its path or a part of it.
#[derive(Default)]
struct Known {
    /// Methods, with the modules of the values that have them.
    methods: FxHashMap<&'static str, Vec<&'static str>>,
    /// Modules with functions and classes that do, and those around them: whoever has the module has them.
    modules: FxHashSet<&'static str>,
    /// Last parts of the paths of such functions, classes and modules.
    ends: FxHashSet<&'static str>,
    /// Beginnings of paths of which every one may draw.
    starts: Vec<&'static str>,
}

static DRAWING: LazyLock<Known> = LazyLock::new(|| {
    let mut all = Known::default();
    drawing().filter(|path| unseeded_randomness::is_harmful(path)).for_each(|path| all.add(path));
    for path in unseeded_randomness::MAKERS {
        let (module, name) = path.rsplit_once('.').unwrap_or_default();
        all.ends.insert(name);
        all.add_module(module);
    }
    all
});

impl Known {
    fn add(&mut self, path: &'static str) {
        let (owner, name) = path.rsplit_once('.').unwrap_or_default();
        let top = path.split('.').next().unwrap_or_default();
        if name == "*" || name.starts_with("__") {
            let end = path.find('*').unwrap_or(top.len() + 1);
            self.starts.push(&path[..end]);
        } else if owner.ends_with('*') || owner.rsplit('.').next().is_some_and(|class| class.starts_with(|c: char| c.is_ascii_uppercase()))
        {
            self.methods.entry(name).or_default().push(top);
        } else {
            self.ends.insert(name);
            self.add_module(owner);
        }
    }

    fn add_module(&mut self, mut module: &'static str) {
        while self.modules.insert(module) {
            self.ends.insert(unseeded_randomness::short(module));
            let Some((around, _)) = module.rsplit_once('.') else { return };
            module = around;
        }
    }
}

/// Answers for one notebook.
pub(super) struct Drawing<'n, 'f> {
    names: &'n Names<'f>,
}

impl<'n, 'f> Drawing<'n, 'f> {
    pub(super) const fn new(names: &'n Names<'f>) -> Self {
        Self { names }
    }

    /// Whether calling this surely calls a library's function whose name says that it seeds.
    pub(super) fn seeds(&self, function: &Expr) -> bool {
        let mut inner = function;
        while let Expr::Attribute(attribute) = inner {
            inner = &attribute.value;
        }
        let name = match function {
            Expr::Attribute(attribute) => attribute.attr.as_str(),
            Expr::Name(name) => self.names.imports.get(name.id.as_str()).and_then(|paths| paths.first()).map_or("", String::as_str),
            _ => return false,
        };
        matches!(inner, Expr::Name(name) if self.names.is_imported_from_library(&name.id)) && unseeded_randomness::seeds_by_its_name(name)
    }

    /// When the expression draws, called with these arguments or used in another way.
    pub(super) fn by(&self, expression: &Expr, called: Option<&Arguments>) -> Draws {
        let mut parts: SmallVec<[&str; 8]> = SmallVec::new();
        let mut inner = expression;
        while let Expr::Attribute(attribute) = inner {
            parts.push(attribute.attr.as_str());
            inner = &attribute.value;
        }
        if parts.first().is_some_and(|name| self.is_drawing_method(name)) {
            return if called.is_some() { Draws::Here } else { Draws::Later };
        }
        let imported = match inner {
            Expr::Name(name) => self.names.imports.get(name.id.as_str()),
            _ => None,
        };
        let of_path = |module: &String| {
            let last = parts.first().copied().unwrap_or_else(|| unseeded_randomness::short(module));
            // Nearly all is something else; the whole path tells the others apart.
            if !DRAWING.ends.contains(last) && !DRAWING.starts.iter().any(|start| start.starts_with(top_level(module))) {
                return Draws::Never;
            }
            let path = parts.iter().rev().fold(module.clone(), |path, part| path + "." + part);
            by_path(&path, called)
        };
        imported.into_iter().flatten().map(of_path).max().unwrap_or(Draws::Never)
    }

    /// Whether a method of this name may draw, whatever it is a method of.
    pub(super) fn is_drawing_method(&self, name: &str) -> bool {
        let known = |module: &&str| {
            COMMON.contains(module) || self.names.may_meet(module) || *module == "keras" && self.names.may_meet("tensorflow")
        };
        DRAWING.methods.get(name).is_some_and(|modules| modules.iter().any(known))
    }
}

fn by_path(path: &str, called: Option<&Arguments>) -> Draws {
    if DRAWING.modules.contains(path) || DRAWING.starts.iter().any(|start| path.starts_with(start)) {
        return Draws::Later;
    }
    let is_maker = unseeded_randomness::MAKERS.contains(&path);
    let entry = function(path).filter(|entry| entry.draws.is_some());
    if entry.is_none() && !is_maker {
        return Draws::Never;
    }
    let Some(arguments) = called else { return Draws::Later };
    let is_seeded = |entry: &Entry| {
        let keyword = entry.draws_unless.as_deref().and_then(|keyword| arguments.find_keyword(keyword));
        // What else it is may turn out to be `None`.
        keyword.is_some_and(|keyword| keyword.value.is_number_literal_expr())
    };
    // Generators of their own lack a seed where they are given nothing.
    let is_quiet = entry.is_none_or(is_seeded) && (!is_maker || !arguments.is_empty());
    if is_quiet { Draws::Never } else { Draws::Here }
}
