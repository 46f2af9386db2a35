//! What the text of one cell says about its cost, before any other cell is looked at: how much of what syntax it has, and which words.

use ruff_python_ast::visitor::{self, Visitor};
use ruff_python_ast::{Expr, ExprCall, Stmt};

use super::hints::Hints;
use crate::syntax::{CellSyntax, EscapeKind};

/// Words kept of one cell.
const MAX_WORDS: usize = 400;

/// Counts of syntax, and words.
#[derive(Clone, Debug, Default)]
pub(crate) struct Text {
    pub(crate) counts: Counts,
    /// Hashes of the words, ascending, each once.
    pub(crate) words: Vec<u32>,
    /// Top-level modules that are imported.
    pub(crate) modules: Vec<String>,
    /// What the names in its calls say.
    pub(crate) hints: Hints,
}

/// How much of what syntax a cell has.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Counts {
    pub(crate) lines: u32,
    pub(crate) comments: u32,
    /// Comments that say that it takes long.
    pub(crate) warned: u32,
    pub(crate) statements: u32,
    pub(crate) imports: u32,
    pub(crate) functions: u32,
    pub(crate) classes: u32,
    pub(crate) assignments: u32,
    pub(crate) bare: u32,
    pub(crate) calls: u32,
    pub(crate) keywords: u32,
    pub(crate) attributes: u32,
    pub(crate) subscripts: u32,
    pub(crate) operators: u32,
    pub(crate) strings: u32,
    pub(crate) comprehensions: u32,
    pub(crate) loops: u32,
    pub(crate) withs: u32,
    pub(crate) branches: u32,
    pub(crate) magics: u32,
    pub(crate) shells: u32,
    pub(crate) installs: u32,
    /// `%%time`, `%time`.
    pub(crate) timed: u32,
    /// `%timeit`.
    pub(crate) repeated: u32,
}

impl Text {
    /// Reads a cell.
    pub(crate) fn of(source: &str, syntax: &CellSyntax) -> Self {
        let mut reader = TextReader::default();
        for line in source.lines().map(str::trim).filter(|line| !line.is_empty()) {
            reader.text.counts.lines += 1;
            if let Some((_, comment)) = line.split_once('#') {
                reader.text.counts.comments += u32::from(line.starts_with('#'));
                reader.text.counts.warned += u32::from(warns(comment));
            }
        }
        reader.escapes(syntax);
        for statement in &syntax.body {
            reader.visit_stmt(statement);
        }
        let mut text = reader.text;
        text.words.sort_unstable();
        text.words.dedup();
        text
    }
}

#[derive(Default)]
struct TextReader {
    text: Text,
    /// Bodies of functions around what is read.
    inside: u32,
    /// Loops around it.
    turning: u32,
}

impl TextReader {
    fn word(&mut self, kind: &str, word: &str) {
        if self.text.words.len() < MAX_WORDS {
            self.text.words.push(hash(kind, word));
        }
    }

    /// A name, and the parts it is made of: `train_model`, `train`, `model`.
    fn name(&mut self, kind: &str, name: &str) {
        self.word(kind, name);
        for part in name.split('_').filter(|part| part.len() > 2 && part.len() < name.len()) {
            self.word("p", part);
        }
    }

    fn escapes(&mut self, syntax: &CellSyntax) {
        if let Some(magic) = &syntax.cell_magic {
            self.text.counts.magics += 1;
            self.text.counts.timed += u32::from(magic.name == "time");
            self.text.counts.repeated += u32::from(magic.name == "timeit");
            self.word("%%", &magic.name);
            magic.line_code.iter().for_each(|statement| self.visit_stmt(statement));
        }
        for escape in syntax.escapes.values() {
            let counts = &mut self.text.counts;
            match escape.kind {
                EscapeKind::Shell => counts.shells += 1,
                _ => counts.magics += 1,
            }
            counts.timed += u32::from(escape.name == "time");
            counts.repeated += u32::from(escape.name == "timeit");
            let mut words = escape.arguments.split_whitespace().filter(|word| !word.starts_with('-'));
            let program = match escape.kind {
                EscapeKind::Shell => words.next().unwrap_or_default(),
                _ => escape.name.as_str(),
            };
            let is_install = matches!(program, "pip" | "pip3" | "conda" | "mamba" | "apt-get" | "apt" | "npm" | "python" | "uv")
                && escape.arguments.contains("install");
            counts.installs += u32::from(is_install);
            self.word("!", program);
            if escape.kind == EscapeKind::Shell {
                self.text.hints.command(&escape.arguments);
            }
            escape.code.iter().for_each(|statement| self.visit_stmt(statement));
        }
    }

    fn hint(&mut self, call: &ExprCall) {
        let name = match &*call.func {
            Expr::Attribute(attribute) => attribute.attr.as_str(),
            Expr::Name(name) => name.id.as_str(),
            _ => "",
        };
        let hints = &mut self.text.hints;
        hints.call(name, self.turning > 0);
        for keyword in call.arguments.keywords.iter().filter_map(|keyword| keyword.arg.as_ref()) {
            hints.keyword(keyword);
        }
    }

    fn import(&mut self, module: &str) {
        let top = module.split('.').next().unwrap_or(module);
        if !top.is_empty() {
            self.text.modules.push(top.to_owned());
        }
        self.word("import", module);
        self.word("import", top);
    }
}

impl<'a> Visitor<'a> for TextReader {
    fn visit_stmt(&mut self, statement: &'a Stmt) {
        let counts = &mut self.text.counts;
        counts.statements += 1;
        match statement {
            Stmt::Import(inner) => {
                counts.imports += 1;
                for alias in &inner.names {
                    self.import(&alias.name);
                }
            }
            Stmt::ImportFrom(inner) => {
                counts.imports += 1;
                self.import(inner.module.as_deref().unwrap_or_default());
                for alias in &inner.names {
                    self.word("from", &alias.name);
                }
            }
            Stmt::FunctionDef(inner) => {
                counts.functions += 1;
                self.name("def", &inner.name);
            }
            Stmt::ClassDef(_) => counts.classes += 1,
            Stmt::Assign(_) | Stmt::AugAssign(_) | Stmt::AnnAssign(_) => counts.assignments += 1,
            Stmt::Expr(_) => counts.bare += 1,
            Stmt::For(_) | Stmt::While(_) => counts.loops += 1,
            Stmt::With(_) => counts.withs += 1,
            Stmt::If(_) | Stmt::Try(_) | Stmt::Match(_) => counts.branches += 1,
            _ => {}
        }
        let (inside, turning) =
            (u32::from(matches!(statement, Stmt::FunctionDef(_))), u32::from(matches!(statement, Stmt::For(_) | Stmt::While(_))));
        self.inside += inside;
        self.turning += turning;
        visitor::walk_stmt(self, statement);
        self.inside -= inside;
        self.turning -= turning;
    }

    fn visit_expr(&mut self, expression: &'a Expr) {
        let counts = &mut self.text.counts;
        match expression {
            Expr::Call(inner) => {
                counts.calls += 1;
                counts.keywords += inner.arguments.keywords.len() as u32;
                for keyword in inner.arguments.keywords.iter().filter_map(|keyword| keyword.arg.as_ref()) {
                    self.name("k", keyword);
                }
                if self.inside == 0 {
                    self.hint(inner);
                }
            }
            Expr::Attribute(inner) => {
                counts.attributes += 1;
                self.name("a", &inner.attr);
            }
            Expr::Subscript(_) => counts.subscripts += 1,
            Expr::BinOp(_) | Expr::UnaryOp(_) | Expr::BoolOp(_) | Expr::Compare(_) => counts.operators += 1,
            Expr::StringLiteral(inner) => {
                counts.strings += 1;
                let text = inner.value.to_str();
                if text.len() <= 24 {
                    self.word("s", text);
                }
                if let Some((_, ending)) = text.rsplit_once('.').filter(|(_, ending)| ending.len() <= 7) {
                    self.word("ending", ending);
                }
                if text.contains("://") {
                    self.word("s", "://");
                }
            }
            Expr::FString(_) => counts.strings += 1,
            Expr::ListComp(_) | Expr::SetComp(_) | Expr::DictComp(_) | Expr::Generator(_) => counts.comprehensions += 1,
            Expr::Name(inner) => self.name("n", &inner.id),
            _ => {}
        }
        let comprehends = matches!(expression, Expr::ListComp(_) | Expr::SetComp(_) | Expr::DictComp(_) | Expr::Generator(_));
        let (inside, turning) = (u32::from(expression.is_lambda_expr()), u32::from(comprehends));
        self.inside += inside;
        self.turning += turning;
        visitor::walk_expr(self, expression);
        self.inside -= inside;
        self.turning -= turning;
    }
}

/// Whether prose says that something takes long.
pub(super) fn warns(text: &str) -> bool {
    let text = text.to_lowercase();
    LONG.iter().any(|word| text.contains(word))
}

const LONG: [&str; 12] = [
    "minute",
    "hour",
    "a while",
    "some time",
    "long time",
    "slow",
    "time consuming",
    "time-consuming",
    "patient",
    "expensive",
    "takes about",
    "takes long",
];

/// FNV-1a of a word of some kind, in lower case.
pub(crate) fn hash(kind: &str, word: &str) -> u32 {
    let bytes = kind.bytes().chain([b':']).chain(word.bytes());
    bytes.fold(0x811c_9dc5, |hash, byte| (hash ^ u32::from(byte.to_ascii_lowercase())).wrapping_mul(0x0100_0193))
}
