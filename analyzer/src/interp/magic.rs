//! IPython: cell magics, line magics and shell escapes.

use ruff_python_ast::name::Name;
use ruff_text_size::{TextRange, TextSize};

use super::flow::Names;
use super::heap::Val;
use super::{FrameKind, Interp};
use crate::facts::{CellFacts, Scope};
use crate::report::EffectKind;
use crate::syntax::{CellMagicKind, Escape, EscapeKind};

impl Interp<'_> {
    /// Runs the statements of a cell the way its magic does.
    pub(super) fn run_cell_body(&mut self, facts: &CellFacts) {
        let Some(magic) = &facts.syntax.cell_magic else {
            self.run_body(&facts.syntax.body);
            return;
        };
        let start = TextSize::new(magic.arguments_start);
        let line = TextRange::at(start, TextSize::new(0));
        let words: Vec<&str> = magic.arguments.split_whitespace().collect();
        match magic.kind {
            CellMagicKind::Runs => {
                if magic.name != "time" {
                    self.interpolate(&magic.arguments, line);
                }
                self.run_body(&magic.line_code);
                self.run_body(&facts.syntax.body);
                if magic.name == "capture"
                    && let Some(name) = words.iter().find(|word| !word.starts_with('-'))
                {
                    let captured = self.lib("IPython.utils.capture.CapturedIO");
                    self.bind_global(&Name::new(*name), captured, None);
                }
            }
            CellMagicKind::RunsInside => {
                self.run_inside(&magic.line_code, &facts.syntax.body);
            }
            CellMagicKind::Unknown => {
                self.effect(EffectKind::Session, &format!("%%{}", magic.name), line);
                self.interpolate(&magic.arguments, line);
                self.assuming("what this cell magic does is not known", |interp| interp.run_body(&facts.syntax.body));
            }
            CellMagicKind::Foreign => self.run_foreign(&magic.name, &words, &magic.arguments, line),
        }
    }

    fn run_foreign(&mut self, name: &str, words: &[&str], arguments: &str, range: TextRange) {
        self.interpolate(arguments, range);
        let after = |flags: &[&str]| -> Vec<String> {
            words
                .iter()
                .zip(words.iter().skip(1))
                .filter(|(flag, _)| flags.contains(flag))
                .flat_map(|(_, value)| value.split(',').map(|part| part.split('=').next_back().unwrap_or(part).to_owned()))
                .collect()
        };
        match name {
            "writefile" | "file" => {
                let append = words.contains(&"-a");
                if let Some(path) = words.iter().find(|word| !word.starts_with('-')) {
                    self.effect(EffectKind::FileWrite, path, range);
                    if append {
                        self.effect(EffectKind::FileRead, path, range);
                    }
                }
            }
            "bash" | "sh" | "script" | "system" | "sx" | "!" | "cmd" | "perl" | "ruby" | "pypy" | "python" | "python2" | "python3" => {
                self.effect(EffectKind::Subprocess, name, range);
                for bound in after(&["--out", "--err", "--proc"]) {
                    let val = self.unknown();
                    self.bind_global(&Name::new(bound), val, None);
                }
            }
            "R" | "r" | "julia" | "octave" | "matlab" => {
                for read in after(&["-i", "--input"]) {
                    self.read_global(&Name::new(read), range);
                }
                for bound in after(&["-o", "--output"]) {
                    let val = self.unknown();
                    self.bind_global(&Name::new(bound), val, None);
                }
                self.effect(EffectKind::Session, name, range);
                self.stay(&format!("`%%{name}` keeps its own session beside the kernel"), range);
            }
            "sql" | "bigquery" | "sparksql" => {
                let bound = words
                    .iter()
                    .zip(words.iter().skip(1))
                    .find(|(_, next)| **next == "<<")
                    .map(|(name, _)| *name)
                    .or_else(|| (name == "bigquery").then(|| words.first().copied()).flatten());
                if let Some(bound) = bound {
                    let val = self.lib("pandas.DataFrame");
                    self.bind_global(&Name::new(bound), val, None);
                }
                self.effect(EffectKind::Session, name, range);
            }
            "cython" | "cython_inline" | "cu" | "ocl" => {
                let cell = self.cell;
                self.opaque.push((cell, format!("`%%{name}`")));
            }
            _ => self.effect(EffectKind::Display, name, range),
        }
    }

    /// Code of `%timeit`: it runs in a function of its own, so what it binds stays there.
    fn run_inside(&mut self, line: &[ruff_python_ast::Stmt], body: &[ruff_python_ast::Stmt]) {
        let mut scope = Scope::default();
        scope.collect_body(line);
        scope.collect_body(body);
        let frame = self.frame(scope, FrameKind::Comprehension);
        self.frames.push(frame);
        self.flow.frames.push(Names::new());
        self.run_body(line);
        self.run_body(body);
        self.flow.frames.pop();
        self.frames.pop();
    }

    /// The escape that starts here, as a statement or as a value.
    pub(super) fn run_escape(&mut self, range: TextRange) -> Val {
        let Some(facts) = self.facts.clone() else { return Val::default() };
        let Some(escape) = facts.syntax.escapes.get(&range.start().to_u32()) else { return Val::default() };
        for (name, at) in &escape.interpolated {
            // A shell's own `$HOME` is no name of the notebook.
            let name = Name::new(name);
            if self.base.contains(&name)
                || self.flow.delta.contains_key(&name)
                || self.frames.iter().any(|frame| frame.scope.locals.contains(&name))
            {
                self.read_name(&name, *at);
            }
        }
        match escape.kind {
            EscapeKind::Shell => {
                self.effect(EffectKind::Subprocess, escape.arguments.split_whitespace().next().unwrap_or(""), range);
                self.container("builtins.list", &[])
            }
            EscapeKind::Help => {
                let root: String = escape.arguments.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect();
                let name = Name::new(&root);
                if self.base.contains(&name) || self.flow.delta.contains_key(&name) {
                    self.read_name(&name, range);
                }
                Val::default()
            }
            EscapeKind::Call => {
                let root: String = escape.arguments.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect();
                if !root.is_empty() {
                    self.read_name(&Name::new(root), range);
                }
                self.unknown()
            }
            EscapeKind::Magic => self.run_magic(escape, range),
        }
    }

    fn run_magic(&mut self, escape: &Escape, range: TextRange) -> Val {
        match escape.name.as_str() {
            "time" | "prun" | "pdb" | "debug" => {
                self.run_body(&escape.code);
                Val::default()
            }
            "timeit" | "memit" | "mprun" | "lprun" => {
                self.run_inside(&[], &escape.code);
                self.unknown()
            }
            name => {
                self.line_magic(name, &escape.arguments, range);
                self.unknown()
            }
        }
    }

    /// A line magic that holds no Python.
    pub(super) fn line_magic(&mut self, name: &str, arguments: &str, range: TextRange) {
        let words: Vec<&str> = arguments.split_whitespace().collect();
        let first = words.first().copied().unwrap_or_default();
        let cell = self.cell;
        match name {
            "matplotlib" => self.effect(EffectKind::OptionsWrite, "matplotlib", range),
            "pylab" => {
                self.effect(EffectKind::OptionsWrite, "matplotlib", range);
                self.stars.push((cell, "from pylab import *".to_owned()));
            }
            "config" | "load_ext" | "reload_ext" | "unload_ext" | "autoreload" | "alias" | "xmode" | "colors" | "precision" | "gui"
            | "aimport" | "doctest_mode" | "rerun" | "recall" | "macro" => {
                self.effect(EffectKind::Session, &format!("%{name} {first}"), range);
                if matches!(name, "rerun" | "recall" | "macro") {
                    self.opaque.push((cell, format!("`%{name}`")));
                }
            }
            "env" | "set_env" => {
                let writes = arguments.contains('=') || words.len() > 1;
                self.effect(
                    if writes { EffectKind::EnvironmentWrite } else { EffectKind::EnvironmentRead },
                    first.split('=').next().unwrap_or(first),
                    range,
                );
            }
            "cd" | "pushd" | "popd" => self.effect(EffectKind::DirectoryWrite, first, range),
            "pwd" | "ls" | "ll" | "dhist" => self.effect(EffectKind::DirectoryRead, name, range),
            "pip" | "conda" | "mamba" | "micromamba" | "uv" | "sx" | "system" | "sc" | "killbgscripts" | "writefile" | "mkdir" | "rm"
            | "cp" | "mv" | "cat" => self.effect(EffectKind::Subprocess, name, range),
            "run" => {
                let script = words.iter().find(|word| !word.starts_with('-')).copied().unwrap_or(first);
                self.run_file(script, range);
            }
            "load" | "loadpy" => self.effect(EffectKind::FileRead, first, range),
            "store" => self.store_magic(&words, range),
            "reset" | "reset_selective" | "clear" => {
                for name in self.all_names() {
                    self.flow.delta.insert(name, super::Slot::deleted(cell));
                }
            }
            "xdel" => self.unbind_name(&Name::new(first), range),
            "px" | "pxconfig" | "sql" | "R" | "Rpush" | "Rpull" | "Rget" | "julia" | "octave" => {
                self.effect(EffectKind::Session, name, range);
                self.opaque.push((cell, format!("`%{name}`")));
            }
            "who" | "whos" | "who_ls" | "history" | "hist" | "notebook" | "save" | "lsmagic" | "magic" | "quickref" | "pinfo"
            | "pinfo2" | "pdoc" | "psource" | "pfile" | "pycat" | "page" | "logstart" | "logstop" | "tb" => {
                self.effect(EffectKind::Session, name, range);
            }
            _ => self.effect(EffectKind::Session, &format!("%{name}"), range),
        }
    }

    fn store_magic(&mut self, words: &[&str], range: TextRange) {
        self.effect(EffectKind::Session, "store", range);
        let restores = words.first() == Some(&"-r");
        for name in words.iter().filter(|word| !word.starts_with(['-', '>'])) {
            if restores {
                let val = self.unknown();
                self.bind_global(&Name::new(*name), val, None);
            } else {
                self.read_global(&Name::new(*name), range);
            }
        }
        if restores && words.len() == 1 {
            let cell = self.cell;
            self.opaque.push((cell, "`%store -r`".to_owned()));
        }
    }

    /// `%run file`: the names of a script whose text is known, or names that nobody can see.
    fn run_file(&mut self, path: &str, range: TextRange) {
        self.effect(EffectKind::FileRead, path, range);
        let cell = self.cell;
        if !self.run_script(path, range) {
            self.opaque.push((cell, format!("`%run {path}`")));
        }
    }

    /// Names in `{x}` and `$x` of a magic's line.
    fn interpolate(&mut self, text: &str, range: TextRange) {
        for (at, c) in text.char_indices() {
            if c == '{' || c == '$' {
                let name: String = text[at + 1..].chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect();
                let name = Name::new(name);
                if self.base.contains(&name) || self.flow.delta.contains_key(&name) {
                    self.read_global(&name, range);
                }
            }
        }
    }
}
