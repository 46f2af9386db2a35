//! A path that exists on one machine only.

use ruff_python_ast::visitor::{self, Visitor};
use ruff_python_ast::{Expr, Stmt, StringLiteral};
use ruff_text_size::{Ranged, TextRange};

use super::{Context, Rule};
use crate::facts::CellFacts;
use crate::finding::{Finding, Severity};
use crate::words::shorten;

pub(super) const RULE: Rule = Rule {
    code: "NBH502",
    name: "machine-local-path",
    severity: Severity::Warning,
    opt_in: false,
    summary: "A path in somebody's home folder or on a drive of one machine.",
    explanation: include_str!("machine_local_path.md"),
    check,
};

/// Accounts that images of whole platforms have: their paths are the same for every user.
const PLATFORM: &[&str] = &["jovyan", "vscode", "sagemaker-user", "ec2-user", "hadoop", "runner", "user"];

fn check(context: &Context<'_>, rule: &Rule) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (cell, facts) in context.code_cells() {
        findings.extend(facts.local_paths().iter().map(|(path, range)| {
            rule.finding(
                format!("`{}` exists on one machine only", shorten(path, 60)),
                Some("use a path relative to the notebook, or a parameter".to_owned()),
                cell.number,
                range.start().to_u32(),
                range.end().to_u32(),
            )
        }));
    }
    findings
}

impl CellFacts {
    /// Texts that are paths of one machine.
    fn local_paths(&self) -> &[(String, TextRange)] {
        self.local_paths.get_or_init(|| {
            let mut search = Search { found: Vec::new() };
            // Few cells hold any of this, and their trees lie far apart in memory; with a backslash a literal's value is not its text.
            if may_hold_path(&self.source) {
                search.visit_body(&self.syntax.body);
            }
            search.found
        })
    }
}

/// Whether a text holds `/home/`, `/Users/`, `:/` or a backslash.
fn may_hold_path(text: &str) -> bool {
    let text = text.as_bytes();
    memchr::memchr2_iter(b'/', b'\\', text).any(|at| {
        let before = &text[..at];
        text[at] == b'\\' || before.ends_with(b":") || before.ends_with(b"/home") || before.ends_with(b"/Users")
    })
}

struct Search {
    found: Vec<(String, TextRange)>,
}

impl<'a> Visitor<'a> for Search {
    fn visit_stmt(&mut self, statement: &'a Stmt) {
        // A text that stands alone is a comment.
        if !matches!(statement, Stmt::Expr(expression) if expression.value.is_string_literal_expr()) {
            visitor::walk_stmt(self, statement);
        }
    }

    fn visit_expr(&mut self, expression: &'a Expr) {
        // Text that is printed is about a path, and opens nothing.
        if let Expr::Call(call) = expression
            && matches!(call.func.as_ref(), Expr::Name(name) if name.id.as_str() == "print")
        {
            return;
        }
        visitor::walk_expr(self, expression);
    }

    fn visit_string_literal(&mut self, literal: &'a StringLiteral) {
        if is_local(&literal.value) {
            self.found.push((literal.value.to_string(), literal.range()));
        }
    }
}

fn is_local(text: &str) -> bool {
    if text.len() > 300 || text.contains('\n') {
        return false;
    }
    let account = |rest: &str| {
        let (name, inside) = rest.split_once(['/', '\\']).unwrap_or((rest, ""));
        !name.is_empty() && !inside.is_empty() && !PLATFORM.contains(&name) && !name.contains(['{', '<', '$', '*', ' '])
    };
    if let Some(rest) = text.strip_prefix("/home/").or_else(|| text.strip_prefix("/Users/")) {
        return account(rest);
    }
    let bytes = text.as_bytes();
    let drive = bytes.len() > 4 && bytes[0].is_ascii_alphabetic() && bytes[1] == b':' && matches!(bytes[2], b'/' | b'\\');
    // `x:/y` alone may be anything; `C:\Users\...` and `D:/data/x.csv` are paths.
    drive && bytes[3] != b'/' && text[3..].chars().all(|c| !matches!(c, ':' | '*' | '?' | '"' | '<' | '>' | '|'))
}

#[cfg(test)]
mod tests {
    use super::{is_local, may_hold_path};

    #[test]
    fn texts_that_hold_no_path_are_told() {
        for text in ["'/home/'", "a/Users/", ":/", "x\\n", "//home/"] {
            assert!(may_hold_path(text), "{text}");
        }
        for text in ["", "/", "/home", "home/ Users/", "a / b: c", "/homes/ /users/", "/", ": /"] {
            assert!(!may_hold_path(text), "{text}");
        }
    }

    #[test]
    fn home_folders_and_drives_are_local() {
        for path in ["/home/ada/x.csv", "/Users/ada/data", r"C:\Users\ada\x.csv", "D:/data/x.csv"] {
            assert!(is_local(path), "{path}");
        }
        for path in
            ["/home/jovyan/x", "/home/ada", "/home/{user}/x", "data/x.csv", "/tmp/x", "http://x.org/a", "a:b", "C:", "s3://x/y", "x:/:y"]
        {
            assert!(!is_local(path), "{path}");
        }
    }
}
