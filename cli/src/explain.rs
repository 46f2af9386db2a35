//! `nbhoist explain`.

use std::fmt::Write as _;

use nbhoist_analyzer::rules;

use crate::args::ExplainArgs;
use crate::docs::rule_pages::facts;
use crate::error::{Exit, FAINT, Failure, HELP, STRONG};
use crate::json::SCHEMA;
use crate::terminal::{Terminal, WIDTH, wrap};

pub(crate) fn explain(args: &ExplainArgs, terminal: &Terminal) -> Result<Exit, Failure> {
    let Some(wanted) = &args.rule else { return list(terminal) };
    let Some(rule) = rules::find(wanted) else {
        let (text, help) = nbhoist_settings::unknown_rule(wanted)
            .unwrap_or_else(|| (format!("`{wanted}` is more than one rule"), "`nbhoist explain --all` lists all rules".to_owned()));
        return Err(Failure::new(text).help(help));
    };
    if terminal.is_json() {
        terminal.print_json(&serde_json::json!({
            "schema": SCHEMA,
            "code": rule.code,
            "name": rule.name,
            "summary": rule.summary,
            "severity": rule.severity.as_str(),
            "opt_in": rule.opt_in,
            "url": rule.page(),
            "explanation": rule.explanation,
        }))?;
        return Ok(Exit::Success);
    }
    let code = terminal.link(rule.code, &rule.page());
    let title = format!("{STRONG}{code}{STRONG:#} {}\n{}\n\n", rule.name, facts(rule));
    terminal.print(&(title + &markdown(rule.explanation)))?;
    Ok(Exit::Success)
}

fn list(terminal: &Terminal) -> Result<Exit, Failure> {
    if terminal.is_json() {
        let rule = |rule: &rules::Rule| {
            serde_json::json!({
                "code": rule.code, "name": rule.name, "summary": rule.summary, "severity": rule.severity.as_str(), "opt_in": rule.opt_in,
            })
        };
        let rules: Vec<_> = rules::all().iter().map(rule).collect();
        terminal.print_json(&serde_json::json!({"schema": SCHEMA, "rules": rules}))?;
        return Ok(Exit::Success);
    }
    let mut text = String::new();
    for rule in rules::all() {
        let _ = writeln!(text, "{STRONG}{}{STRONG:#} {}{}", rule.code, rule.name, if rule.opt_in { " (opt-in)" } else { "" });
        text.push_str(&wrap(rule.summary, "    ", "    ", WIDTH));
    }
    terminal.print(&text)?;
    Ok(Exit::Success)
}

/// Markdown as a terminal shows it: headings bold, code blocks indented, paragraphs wrapped.
fn markdown(text: &str) -> String {
    let mut result = String::new();
    let mut paragraph = String::new();
    let mut in_code = false;
    let flush = |paragraph: &mut String, result: &mut String| {
        if !paragraph.is_empty() {
            let item = paragraph.starts_with("- ") || paragraph.starts_with("* ");
            result.push_str(&wrap(paragraph, "", if item { "  " } else { "" }, WIDTH));
            paragraph.clear();
        }
    };
    for line in text.lines() {
        if line.trim_start().starts_with("```") {
            flush(&mut paragraph, &mut result);
            in_code = !in_code;
        } else if in_code {
            let _ = writeln!(result, "    {FAINT}{line}{FAINT:#}");
        } else if line.starts_with('#') {
            flush(&mut paragraph, &mut result);
            let _ = writeln!(result, "{HELP}{}{HELP:#}", line.trim_start_matches('#').trim());
        } else if line.trim().is_empty() {
            flush(&mut paragraph, &mut result);
            result.push('\n');
        } else {
            if line.starts_with("- ") || line.starts_with("* ") {
                flush(&mut paragraph, &mut result);
            }
            if !paragraph.is_empty() {
                paragraph.push(' ');
            }
            paragraph.push_str(line.trim());
        }
    }
    flush(&mut paragraph, &mut result);
    result
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn markdown_becomes_plain_lines() {
        let text = "## What\nOne\ntwo.\n- a\n- b\n  c\n\n```python\nx = 1\n```\n";
        let shown = anstream::adapter::strip_str(&markdown(text)).to_string();
        assert_eq!(shown, "What\nOne two.\n- a\n- b c\n\n    x = 1\n");
    }
}
