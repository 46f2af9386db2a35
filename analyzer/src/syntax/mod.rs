//! From the text of a cell to syntax trees that keep their byte offsets into the cell.

mod brackets;
mod escape;
mod recover;

use std::collections::BTreeMap;

use ruff_python_ast::token::{Token, TokenKind};
use ruff_python_ast::{ModModule, Suite};
use ruff_python_parser::Parsed;
use ruff_text_size::{Ranged, TextRange, TextSize};

pub(crate) use brackets::parse_for_tokens;
pub(crate) use escape::{CellMagic, CellMagicKind, Escape, EscapeKind};

use crate::report::Problem;

/// The syntax of one code cell.
#[derive(Clone, Debug, Default)]
pub(crate) struct CellSyntax {
    /// Statements of the cell, those inside a Python cell magic included.
    pub(crate) body: Suite,
    /// What those may hold.
    pub(crate) holds: Holds,
    /// The `%%magic` on the first line.
    pub(crate) cell_magic: Option<CellMagic>,
    /// Line magics and shell escapes, by the offset at which their node starts.
    pub(crate) escapes: BTreeMap<u32, Escape>,
    /// What could not be parsed.
    pub(crate) problems: Vec<Problem>,
}

/// What may stand somewhere in statements. A walk that looks for nothing else can do without.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Holds {
    escapes: bool,
    pub(crate) lambdas: bool,
    /// `:=` or `yield`: what an expression does to the scope that it stands in.
    pub(crate) inner_effects: bool,
}

impl Holds {
    pub(crate) const ANYTHING: Self = Self { escapes: true, lambdas: true, inner_effects: true };

    fn of(tokens: &[Token]) -> Self {
        let mut holds = Self { escapes: false, lambdas: false, inner_effects: false };
        for token in tokens {
            match token.kind() {
                // The parser makes an escape of a question mark.
                TokenKind::IpyEscapeCommand | TokenKind::Question => holds.escapes = true,
                TokenKind::Lambda => holds.lambdas = true,
                TokenKind::ColonEqual | TokenKind::Yield => holds.inner_effects = true,
                _ => {}
            }
        }
        holds
    }
}

impl Default for Holds {
    fn default() -> Self {
        Self::ANYTHING
    }
}

/// Parses a code cell. Never fails: what cannot be parsed becomes a problem and the intact statements remain.
pub(crate) fn parse_cell(source: &str) -> CellSyntax {
    let mut syntax = CellSyntax::default();
    let mut code = TextRange::new(TextSize::new(0), TextSize::of(source));
    if let Some((magic, body_start)) = CellMagic::at_start(source) {
        if !magic.body_is_python() {
            syntax.cell_magic = Some(magic);
            return syntax;
        }
        code = TextRange::new(TextSize::new(body_start), TextSize::of(source));
        syntax.cell_magic = Some(magic);
    }
    let certain = syntax.cell_magic.as_ref().is_none_or(CellMagic::is_known);
    let (body, holds, problems) = parse_body(source, code);
    // The body of a magic nobody knows may be in any language: not parsing is no error then.
    if !certain && !problems.is_empty() {
        return syntax;
    }
    syntax.body = body;
    syntax.holds = holds;
    syntax.problems = problems;
    if holds.escapes {
        syntax.escapes = escape::collect(source, &syntax.body);
    }
    syntax
}

/// Where a cell's body starts, behind the magic that it may start with, and whether it is Python.
pub(crate) fn body(source: &str) -> (usize, bool) {
    CellMagic::at_start(source).map_or((0, true), |(magic, start)| (start as usize, magic.body_is_python()))
}

/// Calls `take` with each token of the Python that starts at a byte, with its place in `source`.
pub(crate) fn each_token(source: &str, start: usize, mut take: impl FnMut(TokenKind, TextRange)) {
    let range = TextRange::new(TextSize::new(start as u32), TextSize::of(source));
    let parsed = parse_for_tokens(source, range);
    parsed.tokens().iter().for_each(|token| take(token.kind(), token.range()));
}

/// Parses a range of `source` as statements; on errors keeps the intact ones.
pub(crate) fn parse_statements(source: &str, range: TextRange) -> (Suite, Vec<Problem>) {
    let (body, _, problems) = parse_body(source, range);
    (body, problems)
}

/// The same, with what the statements may hold.
fn parse_body(source: &str, range: TextRange) -> (Suite, Holds, Vec<Problem>) {
    let parsed = brackets::parse(source, range);
    let problems = problems(source, &parsed);
    if problems.is_empty() {
        let holds = Holds::of(parsed.tokens());
        return (parsed.into_syntax().body, holds, problems);
    }
    let (body, kept) = recover::intact_statements(source, range);
    (body, Holds::ANYTHING, if kept { problems } else { Vec::new() })
}

/// Parses a range as it stands.
fn parse_range(source: &str, range: TextRange) -> (Suite, Vec<Problem>) {
    let parsed = brackets::parse(source, range);
    let problems = problems(source, &parsed);
    (parsed.into_syntax().body, problems)
}

/// The first thing that could not be parsed.
fn problems(source: &str, parsed: &Parsed<ModModule>) -> Vec<Problem> {
    let first = parsed.errors().first().map(|error| Problem {
        text: format!("cannot be parsed: {}", error.error),
        start: error.range().start().to_u32(),
        end: error.range().end().to_u32().min(source.len() as u32),
    });
    first.into_iter().collect()
}
