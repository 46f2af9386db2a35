//! While a line is half typed, the rest of the cell still counts: tree-sitter finds the intact statements, ruff's parser reads them.

use ruff_python_ast::Suite;
use ruff_text_size::{TextRange, TextSize};
use tree_sitter::{Node, Parser};

/// Deeper nesting than this is left alone; the walk is recursive.
const MAX_DEPTH: u32 = 60;

/// Statements that parse on their own, and whether anything of the range was really broken
/// (a line of IPython's automagic such as `cd data` is not).
pub(super) fn intact_statements(source: &str, range: TextRange) -> (Suite, bool) {
    let (masked, automagic) = mask_escapes(source, range);
    if automagic {
        let (body, problems) = super::parse_range(&masked, range);
        if problems.is_empty() {
            return (body, false);
        }
    }
    let mut found = Found::default();
    let mut parser = Parser::new();
    if parser.set_language(&tree_sitter_python::LANGUAGE.into()).is_ok()
        && let Some(tree) = parser.parse(masked.as_bytes(), None)
    {
        collect(tree.root_node(), 0, &mut found);
    }
    // Tree-sitter's grammar is wider than Python's: it lets an attribute continue on the next line.
    found.statements.retain(|statement| super::parse_range(source, *statement).1.is_empty());
    let mut ranges = found.statements.clone();
    ranges.extend(loose_lines(source, range, &found));
    ranges.sort_by_key(|range| range.start());
    let mut body = Suite::new();
    for intact in ranges {
        // The escapes were masked for tree-sitter only; the real text is what is read.
        let (statements, problems) = super::parse_range(source, intact);
        if problems.is_empty() {
            body.extend(statements);
        }
    }
    (body, true)
}

/// What tree-sitter recognises in broken text.
#[derive(Default)]
struct Found {
    statements: Vec<TextRange>,
    strings: Vec<TextRange>,
}

/// Unindented lines that tree-sitter drew into an error: `y = x.` swallows the line below it. Each is tried together with the indented lines
/// that follow it.
fn loose_lines(source: &str, range: TextRange, found: &Found) -> Vec<TextRange> {
    let inside = |ranges: &[TextRange], at: TextSize| ranges.iter().any(|range| range.start() <= at && at < range.end());
    let mut chunks: Vec<TextRange> = Vec::new();
    let mut at = range.start().to_usize();
    for line in source[range].split_inclusive('\n') {
        let start = TextSize::new(at as u32);
        at += line.len();
        let end = TextSize::new((at - (line.len() - line.trim_end().len())) as u32);
        if line.trim().is_empty() {
            continue;
        }
        let starts_chunk = !line.starts_with([' ', '\t', ')', ']', '}']) && !inside(&found.strings, start);
        match chunks.last_mut() {
            Some(chunk) if !starts_chunk => *chunk = TextRange::new(chunk.start(), end),
            _ => chunks.push(TextRange::new(start, end)),
        }
    }
    chunks.retain(|chunk| !found.statements.iter().any(|known| known.start() < chunk.end() && chunk.start() < known.end()));
    chunks
}

fn collect(node: Node<'_>, depth: u32, found: &mut Found) {
    if depth > MAX_DEPTH {
        return;
    }
    let mut cursor = node.walk();
    for child in node.named_children(&mut cursor) {
        let (Ok(start), Ok(end)) = (u32::try_from(child.start_byte()), u32::try_from(child.end_byte())) else { continue };
        let range = TextRange::new(TextSize::new(start), TextSize::new(end));
        if child.kind() == "string" && !child.has_error() {
            // The line on which a string starts is not inside it.
            found.strings.push(TextRange::new(TextSize::new(start + 1).min(range.end()), range.end()));
        } else if is_statement(child.kind()) && !child.has_error() {
            found.statements.push(range);
        } else {
            collect(child, depth + 1, found);
        }
    }
}

fn is_statement(kind: &str) -> bool {
    kind.ends_with("_statement") || kind.ends_with("_definition") || matches!(kind, "print_statement" | "expression_statement")
}

/// Replaces lines that only IPython understands by spaces, length and line breaks kept. The flag says whether a line of automagic was among them.
fn mask_escapes(source: &str, range: TextRange) -> (String, bool) {
    let mut masked = String::with_capacity(source.len());
    let mut automagic = false;
    for (index, line) in source.split_inclusive('\n').enumerate() {
        let offset = masked.len();
        let inside = offset >= range.start().to_usize() && offset < range.end().to_usize();
        let trimmed = line.trim_start();
        let automagical = inside && is_automagic(trimmed);
        automagic |= automagical;
        if !inside || automagical || (index > 0 || !trimmed.is_empty()) && trimmed.starts_with(['%', '!', '?']) {
            masked.extend(line.chars().flat_map(|c| {
                let fill = if c == '\n' { '\n' } else { ' ' };
                std::iter::repeat_n(fill, c.len_utf8())
            }));
        } else {
            masked.push_str(line);
        }
    }
    (masked, automagic)
}

/// Lines such as `cd data` or `pip install x`, which IPython takes for magics when no variable has that name.
fn is_automagic(line: &str) -> bool {
    const COMMANDS: &[&str] = &[
        "cd",
        "ls",
        "pip",
        "conda",
        "mamba",
        "uv",
        "mkdir",
        "rm",
        "cp",
        "mv",
        "cat",
        "pwd",
        "rmdir",
        "ll",
        "less",
        "more",
        "man",
        "env",
        "run",
        "who",
        "whos",
        "matplotlib",
        "pylab",
        "load_ext",
        "autoreload",
        "time",
        "timeit",
    ];
    let Some((head, rest)) = line.split_once(char::is_whitespace) else { return false };
    COMMANDS.contains(&head) && !rest.trim_start().starts_with(['=', '(', '[', '.', ',', ':', '+', '-', '*', '/'])
        || COMMANDS.contains(&head) && rest.trim_start().starts_with("..")
}
