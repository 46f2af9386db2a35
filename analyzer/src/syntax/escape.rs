//! IPython's escapes: `%magic`, `%%magic`, `!command`, `name?`.

use std::collections::BTreeMap;

use ruff_python_ast::visitor::{self, Visitor};
use ruff_python_ast::{Expr, IpyEscapeKind, Stmt, Suite};
use ruff_text_size::{Ranged, TextRange, TextSize};

use super::parse_statements;

/// What a cell magic does with its body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum CellMagicKind {
    /// Runs it as Python in the notebook's namespace.
    Runs,
    /// Runs it as Python, but what it binds stays inside (`%%timeit`).
    RunsInside,
    /// Hands it to another language or writes it to a file.
    Foreign,
    /// Nobody knows this magic.
    Unknown,
}

/// The magic on the first line of a cell.
#[derive(Clone, Debug)]
pub(crate) struct CellMagic {
    /// Name without `%%`.
    pub(crate) name: String,
    /// Rest of the line.
    pub(crate) arguments: String,
    /// Offset at which the arguments start.
    pub(crate) arguments_start: u32,
    /// What it does with the body.
    pub(crate) kind: CellMagicKind,
    /// Python on the magic's own line (`%%timeit x = 1`).
    pub(crate) line_code: Suite,
}

impl CellMagic {
    /// The magic at the start of a cell, and the offset of its body.
    pub(super) fn at_start(source: &str) -> Option<(Self, u32)> {
        let start = source.len() - source.trim_start_matches(['\n', '\r', ' ', '\t']).len();
        // Hardly any cell has one.
        if !source[start..].starts_with("%%") {
            return None;
        }
        let line = source[start..].lines().next()?;
        let text = line.strip_prefix("%%")?;
        let name: String = text.chars().take_while(|c| !c.is_whitespace()).collect();
        if name.is_empty() {
            return None;
        }
        let arguments_at = start + 2 + name.len();
        let line_end = start + line.len();
        let arguments = source[arguments_at..line_end].trim();
        let kind = match name.as_str() {
            "time" | "capture" | "prun" | "memit" | "mprun" | "snakeviz" | "scalene" | "heat" | "px" | "wurlitzer" | "hoist"
            | "pyinstrument" | "profile" | "filprofile" => CellMagicKind::Runs,
            "timeit" => CellMagicKind::RunsInside,
            "bash" | "sh" | "script" | "system" | "sx" | "!" | "cmd" | "html" | "HTML" | "javascript" | "js" | "latex" | "markdown"
            | "svg" | "SVG" | "writefile" | "file" | "perl" | "ruby" | "pypy" | "python" | "python2" | "python3" | "R" | "r" | "julia"
            | "sql" | "bigquery" | "cython" | "cython_inline" | "cu" | "opts" | "output" | "mermaid" | "dot" | "manim" | "ai"
            | "sparksql" | "matlab" | "octave" | "stata" | "ocl" | "cpp" => CellMagicKind::Foreign,
            _ => CellMagicKind::Unknown,
        };
        let mut magic = Self { arguments: arguments.to_owned(), arguments_start: arguments_at as u32, kind, line_code: Suite::new(), name };
        if matches!(kind, CellMagicKind::RunsInside) || magic.name == "time" {
            let code = skip_options(source, arguments_at, line_end);
            magic.line_code = parse_statements(source, code).0;
        }
        let body = (line_end + usize::from(source[line_end..].starts_with("\r\n")) + 1).min(source.len());
        Some((magic, body as u32))
    }

    /// Whether the body is Python, or may be.
    pub(super) fn body_is_python(&self) -> bool {
        self.kind != CellMagicKind::Foreign
    }

    /// Whether it is known what the magic does.
    pub(crate) fn is_known(&self) -> bool {
        self.kind != CellMagicKind::Unknown
    }
}

/// What an escape inside a cell is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum EscapeKind {
    /// `!command` or `!!command`.
    Shell,
    /// `%magic`.
    Magic,
    /// `name?`.
    Help,
    /// `/f x`, `,f x`, `;f x`.
    Call,
}

/// A line magic or shell escape.
#[derive(Clone, Debug)]
pub(crate) struct Escape {
    /// What it is.
    pub(crate) kind: EscapeKind,
    /// Name of the magic; empty for the others.
    pub(crate) name: String,
    /// Text after the name, or the whole command.
    pub(crate) arguments: String,
    /// Range of the whole escape.
    pub(crate) range: TextRange,
    /// Python inside (`%time x = f()`, `%timeit f()`).
    pub(crate) code: Suite,
    /// Names that IPython fills in (`{x}`, `$x`), with their ranges.
    pub(crate) interpolated: Vec<(String, TextRange)>,
}

/// Finds all escapes of a tree and parses what Python they hold.
pub(super) fn collect(source: &str, body: &[Stmt]) -> BTreeMap<u32, Escape> {
    let mut finder = Finder { source, found: BTreeMap::new() };
    for statement in body {
        finder.visit_stmt(statement);
    }
    finder.found
}

struct Finder<'a> {
    source: &'a str,
    found: BTreeMap<u32, Escape>,
}

impl<'a> Visitor<'a> for Finder<'a> {
    fn visit_stmt(&mut self, statement: &'a Stmt) {
        if let Stmt::IpyEscapeCommand(escape) = statement {
            self.add(escape.kind, &escape.value, escape.range());
        }
        visitor::walk_stmt(self, statement);
    }

    fn visit_expr(&mut self, expression: &'a Expr) {
        if let Expr::IpyEscapeCommand(escape) = expression {
            self.add(escape.kind, &escape.value, escape.range());
        }
        visitor::walk_expr(self, expression);
    }
}

impl Finder<'_> {
    fn add(&mut self, kind: IpyEscapeKind, value: &str, range: TextRange) {
        let kind = match kind {
            IpyEscapeKind::Shell | IpyEscapeKind::ShCap => EscapeKind::Shell,
            IpyEscapeKind::Help | IpyEscapeKind::Help2 => EscapeKind::Help,
            IpyEscapeKind::Magic | IpyEscapeKind::Magic2 => EscapeKind::Magic,
            IpyEscapeKind::Quote | IpyEscapeKind::Quote2 | IpyEscapeKind::Paren => EscapeKind::Call,
        };
        let mut escape =
            Escape { kind, name: String::new(), arguments: value.trim().to_owned(), range, code: Suite::new(), interpolated: Vec::new() };
        if kind == EscapeKind::Magic {
            let (name, rest) = value.trim_start().split_once(char::is_whitespace).unwrap_or((value.trim(), ""));
            name.clone_into(&mut escape.name);
            rest.trim().clone_into(&mut escape.arguments);
            if matches!(name, "time" | "timeit" | "prun" | "memit" | "mprun" | "lprun" | "pdb" | "debug") {
                escape.code = self.code_of(&escape);
            }
        }
        if kind != EscapeKind::Help && escape.code.is_empty() {
            escape.interpolated = interpolated(self.source, range);
        }
        self.found.insert(range.start().to_u32(), escape);
    }

    /// The Python after the name and options of a magic, parsed at its place in the cell.
    fn code_of(&self, escape: &Escape) -> Suite {
        let text = &self.source[escape.range];
        let Some(name_at) = text.find(escape.name.as_str()) else { return Suite::new() };
        let start = escape.range.start().to_usize() + name_at + escape.name.len();
        let code = skip_options(self.source, start, escape.range.end().to_usize());
        parse_statements(self.source, code).0
    }
}

/// Skips `-n 10 -r3 -o` in front of code.
fn skip_options(source: &str, start: usize, end: usize) -> TextRange {
    const WITH_VALUE: &[&str] = &["-n", "-r", "-s", "-l", "-T", "-D", "-f", "-m", "-u"];
    let mut at = start;
    loop {
        let rest = &source[at..end];
        let trimmed = rest.trim_start();
        at = end - trimmed.len();
        if !trimmed.starts_with('-') || trimmed[1..].starts_with(|c: char| c.is_ascii_digit() || c == '(' || c == ' ') {
            break;
        }
        let word = trimmed.split(char::is_whitespace).next().unwrap_or(trimmed);
        at += word.len();
        if WITH_VALUE.contains(&word) {
            let value = source[at..end].trim_start();
            let word = value.split(char::is_whitespace).next().unwrap_or(value);
            at = end - value.len() + word.len();
        }
    }
    TextRange::new(TextSize::new(at as u32), TextSize::new(end as u32))
}

/// Names in `{expression}` and `$name` of a command line, as `IPython.core.magic`'s variable expansion reads them.
fn interpolated(source: &str, range: TextRange) -> Vec<(String, TextRange)> {
    let text = &source[range];
    let bytes = text.as_bytes();
    let base = range.start().to_u32();
    let mut names = Vec::new();
    let mut at = 0;
    while at < bytes.len() {
        match bytes[at] {
            b'{' if bytes.get(at + 1) == Some(&b'{') => at += 2,
            b'{' => {
                let Some(length) = text[at + 1..].find('}') else { break };
                let inside = TextRange::new(TextSize::new(base + at as u32 + 1), TextSize::new(base + (at + 1 + length) as u32));
                names_of_expression(source, inside, &mut names);
                at += length + 2;
            }
            b'$' if bytes.get(at + 1) == Some(&b'$') => at += 2,
            b'$' => {
                let name: String = text[at + 1..].chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect();
                if name.starts_with(|c: char| c.is_alphabetic() || c == '_') {
                    let start = base + at as u32 + 1;
                    names.push((name.clone(), TextRange::at(TextSize::new(start), TextSize::of(name.as_str()))));
                }
                at += 1 + name.len();
            }
            _ => at += 1,
        }
    }
    names
}

fn names_of_expression(source: &str, range: TextRange, names: &mut Vec<(String, TextRange)>) {
    struct Names<'n>(&'n mut Vec<(String, TextRange)>);
    impl<'a> Visitor<'a> for Names<'_> {
        fn visit_expr(&mut self, expression: &'a Expr) {
            if let Expr::Name(name) = expression {
                self.0.push((name.id.to_string(), name.range()));
            }
            visitor::walk_expr(self, expression);
        }
    }
    // `awk '{print $1}'` is no Python; only what parses as an expression counts.
    let (body, problems) = super::parse_range(source, range);
    if problems.is_empty()
        && let [Stmt::Expr(statement)] = body.as_slice()
    {
        Names(names).visit_expr(&statement.value);
    }
}
