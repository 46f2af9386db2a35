//! Brackets that close one of another kind, where ruff's parser cannot go on.
//!
//! For ruff's lexer any closing bracket ends the nesting, for its parser only the right one does. When the next line begins as an escape of IPython
//! (`?name`, `, x`, `; x`, `/ x`), the parser meets an escape in the middle of an expression and panics (0.0.10): `f(x}`, then `, y)`.

use ruff_python_ast::ModModule;
use ruff_python_ast::token::TokenKind;
use ruff_python_parser::{Mode, ParseOptions, Parsed, lexer, parse_cells_unchecked};
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
    let (text, mut at) = (&source[range], 0);
    let lines = text.split_inclusive('\n').filter_map(|line| {
        let start = at;
        at += line.len();
        line.trim_start().starts_with(ESCAPES).then_some(start)
    });
    // Hardly any cell has such lines, and of those hardly any a wrong bracket.
    let lines: Vec<usize> = lines.collect();
    let is_wrong = |end: &usize| has_wrong_bracket(&text[..*end]);
    if !lines.last().is_some_and(is_wrong) {
        return None;
    }
    let first = lines[lines.partition_point(|end| !is_wrong(end))];
    Some(range.start() + TextSize::new(u32::try_from(first).unwrap_or(u32::MAX)))
}

/// Whether a bracket closes one of another kind.
fn has_wrong_bracket(text: &str) -> bool {
    let (mut lexer, mut open) = (lexer::lex(text, Mode::Ipython), Vec::new());
    loop {
        let kind = lexer.next_token();
        let opens = match kind {
            TokenKind::EndOfFile => return false,
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
            return true;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::parse_cell;

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

    #[test]
    fn intact_code_is_read_as_it_was() {
        for source in ["f(x\n, y)\n", "?f\n", ", f a b\n", "x = (1\n/ 2)\n!ls (a]\n?x\n", "f'{a[0]:{b}}'\n;f a\n"] {
            let syntax = parse_cell(source);
            assert!(syntax.problems.is_empty() && !syntax.body.is_empty(), "{source:?}: {:?}", syntax.problems);
        }
    }
}
