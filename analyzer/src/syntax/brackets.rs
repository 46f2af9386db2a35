//! Broken brackets behind which ruff's parser cannot go on.
//!
//! For ruff's lexer any closing bracket ends the nesting, for its parser only the right one does; and what its parser gives up inside of brackets
//! counts as closed for its lexer. When the next line begins as an escape of IPython (`?name`, `, x`, `; x`, `/ x`), the parser meets an escape in
//! the middle of an expression and panics (0.0.10): `f(x}`, then `, y)`. So it does behind a `lambda`, whose colon it looks for in the next line.

use ruff_python_ast::ModModule;
use ruff_python_ast::token::TokenKind;
use ruff_python_parser::{
    InterpolatedStringErrorType, LexicalErrorType, Mode, ParseErrorType, ParseOptions, Parsed, lexer, parse_cells_unchecked,
    parse_unchecked,
};
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
    let all = &text[..*lines.last()?];
    if errors(all, Mode::Module).is_empty() && brackets(all) != Brackets::Wrong {
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
    let starts = std::iter::once(0).chain(memchr::memchr_iter(b'\n', text.as_bytes()).map(|end| end + 1));
    starts.filter(|start| {
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

/// What is wrong with a text, but that it ends too early, be it inside of a string.
fn errors(text: &str, mode: Mode) -> Vec<TextRange> {
    let (parsed, all) = (parse_unchecked(text, ParseOptions::from(mode)), TextSize::of(text));
    let open_string = parsed.errors().iter().find(|error| is_of_open_string(&error.error) && error.location.end() == all);
    let end = open_string.map_or_else(|| TextSize::of(text.trim_end()), |error| error.location.start());
    parsed.errors().iter().map(|error| error.location).filter(|location| location.start() < end).collect()
}

/// Whether the error is that a string does not end.
fn is_of_open_string(error: &ParseErrorType) -> bool {
    use InterpolatedStringErrorType::UnterminatedTripleQuotedString;
    let ParseErrorType::Lexical(error) = error else { return false };
    matches!(
        error,
        LexicalErrorType::UnclosedStringError
            | LexicalErrorType::FStringError(UnterminatedTripleQuotedString)
            | LexicalErrorType::TStringError(UnterminatedTripleQuotedString)
    )
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
    /// One closes another one's kind, or a `lambda` lacks its colon: the parser looks for that in the next lines, too.
    Wrong,
}

fn brackets(text: &str) -> Brackets {
    let (mut lexer, mut open) = (lexer::lex(text, Mode::Ipython), Vec::new());
    // How many brackets are open around a `lambda` without its colon.
    let mut lambda: Option<usize> = None;
    loop {
        let kind = lexer.next_token();
        let opens = match kind {
            TokenKind::EndOfFile if lambda.is_some() => return Brackets::Wrong,
            TokenKind::EndOfFile if open.is_empty() => return Brackets::Closed,
            TokenKind::EndOfFile => return Brackets::Open,
            TokenKind::Lpar | TokenKind::Lsqb | TokenKind::Lbrace => {
                open.push(kind);
                continue;
            }
            TokenKind::Lambda => {
                lambda = Some(open.len());
                continue;
            }
            TokenKind::Colon => {
                lambda = lambda.filter(|around| *around < open.len());
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
        lambda = lambda.filter(|around| *around <= open.len());
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
            "g = lambda",
            "g = lambda x, y",
            "g = [lambda: 1, lambda",
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

    /// As in SQL whose lines begin with their commas.
    #[test]
    fn a_line_of_a_string_may_begin_as_an_escape() {
        for quotes in ["\"\"\"", "'''"] {
            for prefix in ["", "f", "r", "b", "rf"] {
                for line in ["/ path", ", b", "; c", "?d", "  , b", ", (b", ", [b}"] {
                    for around in ["x = Q", "f(Q)", "f([Q, Q], {1: Q})", "f(a,\n  Q\n, Q)"] {
                        let string = format!("{prefix}{quotes}select (a\n{line}\n{quotes}");
                        let string = if prefix.contains('f') { string.replace('}', "") } else { string };
                        let source = format!("{}\ny = 1\n", around.replace('Q', &string));
                        let syntax = parse_cell(&source);
                        assert!(syntax.problems.is_empty() && syntax.body.len() == 2, "{source}: {:?}", syntax.problems);
                    }
                }
            }
        }
    }

    /// In millions of these the parser panicked behind brackets, strings and `lambda` alone.
    #[test]
    fn texts_of_random_pieces_are_read() {
        let words = "lambda for with del import from except match case class def global return yield async if else try: in not";
        let signs = "( [ { ) ] } , : = := * ** -> @ . # $ \0 1 a f( \" ' \"\"\" ''' f\"\"\" rf''' t\"\"\" b\"\"\" %time !ls";
        let mut pieces: Vec<String> = words.split(' ').map(|word| format!("{word} ")).collect();
        pieces.extend(signs.split(' ').map(str::to_owned));
        pieces.extend(["\n", "\n", "\n", "\\\n", "    ", "\n, x", "\n/ 2", "\n?n", "\n; y"].map(str::to_owned));
        let mut state = 1u64;
        let mut below = |bound: usize| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            (state >> 33) as usize % bound
        };
        for _ in 0..20_000 {
            let text: String = (0..3 + below(14)).map(|_| pieces[below(pieces.len())].as_str()).collect();
            parse_cell(&text);
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
