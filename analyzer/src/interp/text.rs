//! Code from elsewhere than the cells: strings handed to `exec` and `eval`, scripts that `%run` runs, local modules.

use std::sync::Arc;

use ruff_python_ast::Stmt;
use ruff_python_ast::name::Name;
use ruff_text_size::TextRange;

use super::flow::Names;
use super::heap::{Kind, ObjId, Val};
use super::{FrameKind, Interp};
use crate::facts::{CellFacts, Scope};
use crate::report::EffectKind;

/// Texts longer than this are not followed.
const MAX_BYTES: usize = 200_000;
/// Code that runs code that runs code is followed so far.
const MAX_NESTED: usize = 4;

impl Interp<'_> {
    /// Reads a text; none when it cannot be parsed.
    fn text(&mut self, source: &str) -> Option<Arc<CellFacts>> {
        if let Some(known) = self.known_texts.get(source) {
            return known.clone();
        }
        let usable = source.len() <= MAX_BYTES;
        let facts = usable.then(|| CellFacts::of(source)).filter(|facts| facts.syntax.problems.is_empty());
        let text = facts.map(Arc::new);
        self.known_texts.insert(source.to_owned(), text.clone());
        text
    }

    /// Runs `act` on the statements of a text. What happens in it counts as happening at `at`.
    fn inside<T>(&mut self, text: &Arc<CellFacts>, at: TextRange, act: impl FnOnce(&mut Self, &[Stmt]) -> T) -> T {
        let here = (self.facts.replace(Arc::clone(text)), self.pin.replace(at));
        self.nested += 1;
        let result = act(self, &text.syntax.body);
        self.nested -= 1;
        (self.facts, self.pin) = here;
        result
    }

    /// `exec` or `eval` of a text that is known, in a namespace of its own where one is given. `None` when it cannot be followed.
    pub(super) fn run_text(&mut self, source: &str, namespace: Option<&Val>, at: TextRange) -> Option<Val> {
        if self.nested >= MAX_NESTED {
            return None;
        }
        let text = self.text(source.trim_start())?;
        let own = namespace.filter(|val| !val.objs.iter().any(|&id| self.heap.get(id).kind == Kind::Namespace)).cloned();
        Some(self.inside(&text, at, |interp, body| match own {
            Some(own) => {
                interp.change(&own, at, "code binds names in it");
                interp.run_apart(body, &own)
            }
            None => interp.run_here(body),
        }))
    }

    fn run_here(&mut self, body: &[Stmt]) -> Val {
        if let [Stmt::Expr(only)] = body {
            return self.eval(&only.value);
        }
        self.run_body(body);
        Val::scalar()
    }

    /// Names that the code binds stay in a dictionary.
    fn run_apart(&mut self, body: &[Stmt], namespace: &Val) -> Val {
        let mut scope = Scope::default();
        scope.collect_body(body);
        let frame = self.frame(scope, FrameKind::Comprehension);
        self.frames.push(frame);
        self.flow.frames.push(Names::new());
        let val = self.run_here(body);
        self.frames.pop();
        for (_, slot) in self.flow.frames.pop().unwrap_or_default() {
            for &id in &namespace.objs {
                self.heap.hold(id, &slot.val);
            }
        }
        val
    }

    /// `%run file`: its names, bound here. False when its text is not known.
    pub(super) fn run_script(&mut self, path: &str, range: TextRange) -> bool {
        let texts = self.texts;
        let Some(text) = texts.get(&crate::local_files::script_file(path)).and_then(|source| self.text(source)) else { return false };
        let space = self.run_module(&text, range);
        for name in &text.binds {
            if let Some(val) = self.heap.attr(space, name).cloned() {
                self.bind_global(name, val, None);
            }
        }
        true
    }

    /// The namespace of a local module whose text is known; it runs when it is first imported.
    pub(super) fn local_module(&mut self, module: &str, range: TextRange) -> Option<(ObjId, Arc<CellFacts>)> {
        let stem = module.trim_start_matches('.').replace('.', "/");
        let texts = self.texts;
        let source = [format!("{stem}.py"), format!("{stem}/__init__.py")].iter().find_map(|path| texts.get(path))?;
        let text = self.text(source)?;
        if let Some(space) = self.modules.get(module) {
            return Some((*space, text));
        }
        if self.nested >= MAX_NESTED {
            return None;
        }
        let space = self.run_module(&text, range);
        if self.heap.recorder.is_some() {
            self.new_modules.push((module.to_owned(), space));
        }
        self.modules.insert(module.to_owned(), space);
        Some((space, text))
    }

    /// Names that a local module gives to `from module import *`, with their values.
    pub(super) fn star_names(&mut self, module: &str, range: TextRange) -> Option<Vec<(Name, Val)>> {
        let (space, text) = self.local_module(module, range)?;
        // What such a module takes from others by a star of its own cannot be told here.
        if text.imports_star() {
            return None;
        }
        let names = text.binds.iter().filter(|name| !name.starts_with('_'));
        Some(names.filter_map(|name| self.heap.attr(space, name).map(|val| (name.clone(), val.clone()))).collect())
    }

    /// Runs a text in a new global namespace.
    fn run_module(&mut self, text: &Arc<CellFacts>, range: TextRange) -> ObjId {
        let space = self.heap.add(Kind::Environment, 0);
        let mut frame = self.frame(Scope { locals: text.binds.clone(), ..Scope::default() }, FrameKind::Function);
        frame.own = Some(space);
        frame.module = Some(space);
        let before = std::mem::take(&mut self.flow.frames);
        let frames = std::mem::replace(&mut self.frames, vec![frame]);
        self.flow.frames.push(Names::new());
        self.inside(text, range, Self::run_body);
        self.frames = frames;
        self.flow.frames = before;
        self.flow.dead = false;
        space
    }

    /// The text cannot be told: it may read, change and bind anything.
    pub(super) fn run_hidden_text(&mut self, what: &str, range: TextRange) -> Val {
        self.effect(EffectKind::Session, what, range);
        self.read_everything(range);
        self.opaque.push((self.cell, format!("`{what}` of a computed string")));
        self.unknown()
    }
}
