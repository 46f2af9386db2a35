//! Broken brackets behind which ruff's parser cannot go on.
//!
//! For ruff's lexer any closing bracket ends the nesting, for its parser only the right one does; and what its parser gives up inside of brackets
//! counts as closed for its lexer. When the next line begins as an escape of IPython (`?name`, `, x`, `; x`, `/ x`), the parser meets an escape in
//! the middle of an expression and panics (0.0.10): `f(x}`, then `, y)`.

use ruff_python_ast::ModModule;
use ruff_python_ast::token::TokenKind;
use ruff_python_parser::{Mode, ParseOptions, Parsed, lexer, parse_cells_unchecked, parse_unchecked};
use ruff_text_size::{TextRange, TextSize};

/// What a line begins with that is an escape outside of brackets, and nothing that an expression can begin with.
const ESCAPES: [char; 4] = ['?', '/', ';', ','];

/// Parses a range as far as that can be done; what is left out stands behind an error.
pub(super) fn parse(source: &str, range: TextRange) -> Parsed<ModModule> {
    let range = readable(source, range).map_or(range, |end| TextRange::new(range.start(), end));
    parse_cells_unchecked(source, [range], &ParseOptions::from(Mode::Ipython))
}

/// Parses a whole range for its tokens; where it cannot be read as IPython, as plain Python.
pub(crate) fn parse_for_tokens(source: &str, range: TextRange) -> Parsed<ModModule> {
    let mode = if readable(source, range).is_some() { Mode::Module } else { Mode::Ipython };
    parse_cells_unchecked(source, [range], &ParseOptions::from(mode))
}

/// Where the first escape begins that the parser would meet inside brackets; `None` when there is none.
fn readable(source: &str, range: TextRange) -> Option<TextSize> {
    let text = &source[range];
    // Hardly any cell has such lines, and of those hardly any is broken before one. As plain Python everything can be parsed.
    let lines: Vec<usize> = escape_lines(text).collect();
    if errors(&text[..*lines.last()?], Mode::Module).is_empty() {
        return None;
    }
    let mut left = MOST;
    // The lines before this one were found harmless, so that what is before it can be parsed.
    let first = lines.into_iter().find(|end| {
        let before = &text[..*end];
        left = left.saturating_sub(before.len());
        left == 0 || brackets(before) == Brackets::Wrong || is_broken_in_brackets(before)
    })?;
    Some(range.start() + TextSize::new(u32::try_from(first).unwrap_or(u32::MAX)))
}

/// Where the lines start that begin as an escape.
fn escape_lines(text: &str) -> impl Iterator<Item = usize> {
    let mut next = Some(0);
    std::iter::from_fn(move || {
        let start = next?;
        next = memchr::memchr(b'\n', &text.as_bytes()[start..]).map(|end| start + end + 1);
        Some(start)
    })
    .filter(|start| {
        let blank = text.as_bytes()[*start..].iter().take_while(|byte| matches!(byte, b' ' | b'\t')).count();
        match text.as_bytes().get(start + blank) {
            Some(byte) if byte.is_ascii_graphic() => ESCAPES.contains(&char::from(*byte)),
            // A blank of another kind, or the end of the line.
            Some(_) => text[start + blank..].split('\n').next().is_some_and(|line| line.trim_start().starts_with(ESCAPES)),
            None => false,
        }
    })
}

/// How much text is looked at for the lines of one cell, bytes; what is behind counts as unreadable.
const MOST: usize = 4 << 20;

/// How many errors before one of them are looked at.
const MOST_ERRORS: usize = 16;

/// What is wrong with a text, but that it ends too early.
fn errors(text: &str, mode: Mode) -> Vec<TextRange> {
    let (parsed, end) = (parse_unchecked(text, ParseOptions::from(mode)), TextSize::of(text.trim_end()));
    parsed.errors().iter().map(|error| error.location).filter(|location| location.start() < end).collect()
}

/// Whether something is wrong with a text inside of brackets.
fn is_broken_in_brackets(text: &str) -> bool {
    let is_inside = |at: TextSize| brackets(&text[..at.to_usize()]) != Brackets::Closed;
    errors(text, Mode::Ipython).into_iter().rev().take(MOST_ERRORS).any(|error| is_inside(error.start()) || is_inside(error.end()))
}

/// The brackets of a text that may end inside of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Brackets {
    Closed,
    Open,
    /// One closes another one's kind.
    Wrong,
}

fn brackets(text: &str) -> Brackets {
    let (mut lexer, mut open) = (lexer::lex(text, Mode::Ipython), Vec::new());
    loop {
        let kind = lexer.next_token();
        let opens = match kind {
            TokenKind::EndOfFile if open.is_empty() => return Brackets::Closed,
            TokenKind::EndOfFile => return Brackets::Open,
            TokenKind::Lpar | TokenKind::Lsqb | TokenKind::Lbrace => {
                open.push(kind);
                continue;
            }
            TokenKind::Rpar => TokenKind::Lpar,
            TokenKind::Rsqb => TokenKind::Lsqb,
            TokenKind::Rbrace => TokenKind::Lbrace,
            _ => continue,
        };
        if open.pop().is_some_and(|last| last != opens) {
            return Brackets::Wrong;
        }
    }
}

#[cfg(test)]
mod tests {
    use ruff_python_ast::Stmt;

    use super::super::parse_cell;
    use super::{ESCAPES, escape_lines};

    #[test]
    fn lines_that_begin_as_an_escape_are_found() {
        let pieces = ["", " ", "\t", "\n", "\r\n", "\u{b}", "\u{c}", "\u{a0}", "\u{2003}", "?", "/", ";x", ", é", "é", "a", "#?"];
        let mut texts = vec![String::new()];
        for _ in 0..4 {
            texts = texts.iter().flat_map(|text| pieces.iter().map(move |piece| format!("{text}{piece}"))).collect();
            for text in &texts {
                let mut at = 0;
                let starts = text.split_inclusive('\n').filter_map(|line| {
                    at += line.len();
                    line.trim_start().starts_with(ESCAPES).then_some(at - line.len())
                });
                assert!(escape_lines(text).eq(starts), "{text:?}");
            }
        }
    }

    /// Found by fuzzing: each of them made ruff's parser panic.
    #[test]
    fn a_line_behind_a_wrong_bracket_may_begin_as_an_escape() {
        for line in [", y)", "?name", "; y", "/ 2)", "    , y)"] {
            for start in ["f(x}", "f[x)", "a = 1\n%time b = 2\nf({x)", "?help\ng((x]"] {
                let source = format!("{start}\n{line}\nz = 3\n");
                let syntax = parse_cell(&source);
                assert!(!syntax.problems.is_empty(), "{source:?} is broken");
                let wrong = source.lines().take_while(|text| *text != line).map(|text| text.len() + 1).sum::<usize>();
                assert!((syntax.problems[0].start as usize) < wrong, "{source:?}: {:?}", syntax.problems);
            }
        }
    }

    /// The parser gives up inside of brackets, and the line behind begins as an escape.
    #[test]
    fn a_line_behind_something_unreadable_in_brackets_may_begin_as_an_escape() {
        let starts = [
            "f({x: y)\0\0",
            "f({x: y\0",
            "f([x\0",
            "f(\0",
            "f(a=",
            "f(,",
            "[x for",
            "f(x:",
            "{**",
            "(lambda",
            "f(x y",
            "f(x, $",
            "d[{1: 2 3",
            "f(1 1)(",
            "f'{a\0",
        ];
        for start in starts {
            for line in [", \"c\"]", ", y)", "?name", "; y", "/ 2)", "    , y)}"] {
                parse_cell(&format!("{start}\n{line}\nz = 3\n"));
                parse_cell(&format!("a = [1\n, 2]\n{start}\n{line}\n{line}\nz = (3\n, 4)\n"));
            }
        }
    }

    #[test]
    fn an_escape_behind_a_broken_statement_is_still_read() {
        let syntax = parse_cell("x = = 1\n?help\ny = 2\n");
        assert!(syntax.body.last().is_some_and(Stmt::is_assign_stmt), "{:?}", syntax.body);
    }

    #[test]
    fn intact_code_is_read_as_it_was() {
        for source in ["f(x\n, y)\n", "?f\n", ", f a b\n", "x = (1\n/ 2)\n!ls (a]\n?x\n", "f'{a[0]:{b}}'\n;f a\n"] {
            let syntax = parse_cell(source);
            assert!(syntax.problems.is_empty() && !syntax.body.is_empty(), "{source:?}: {:?}", syntax.problems);
        }
    }
}
