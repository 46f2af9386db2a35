//! `nbhoist executors conform`.

use std::collections::BTreeMap;
use std::path::PathBuf;

use nbhoist_executor::backends::plugin::PluginBackend;
use nbhoist_executor::conform::{Finding, Subject, Verdict, conform};
use nbhoist_executor::python;
use serde_json::{Value, json};

use super::runtime;
use crate::error::{ERROR, Exit, FAINT, Failure, GOOD};
use crate::json::SCHEMA;
use crate::terminal::{Terminal, WIDTH, wrap};

pub(super) fn run(plugin: &str, uri: &str, options: &[String], there: Option<PathBuf>, terminal: &Terminal) -> Result<Exit, Failure> {
    let pair = |option: &String| {
        let pair = option.split_once('=').map(|(key, value)| (key.to_owned(), value.to_owned()));
        pair.ok_or_else(|| Failure::new(format!("`--option {option}` is not KEY=VALUE")))
    };
    let options: BTreeMap<_, _> = options.iter().map(pair).collect::<Result<_, _>>()?;
    let python = there.unwrap_or_else(|| "python3".into());
    let backend = PluginBackend { plugin: plugin.to_owned(), uri: uri.to_owned(), options, python, folder: None };
    let findings = runtime()?.block_on(async {
        let here = python::find_base(None).await.map_err(|error| Failure::from_text(&error.to_string()))?;
        let mut tell = |finding: &Finding| {
            if !terminal.is_json() {
                let _ = terminal.print(&shown(finding));
            }
        };
        Ok::<_, Failure>(conform(&Subject { backend }, &here.path, &mut tell).await)
    })?;
    if terminal.is_json() {
        let clauses: Vec<_> = findings.iter().map(value).collect();
        terminal.print_json(&json!({ "schema": SCHEMA, "plugin": plugin, "clauses": clauses }))?;
    }
    let broken = findings.iter().any(|finding| matches!(finding.verdict, Verdict::Broken(_)));
    Ok(if broken { Exit::Findings } else { Exit::Success })
}

fn shown(finding: &Finding) -> String {
    let (clause, demand) = (finding.clause, finding.demand);
    match &finding.verdict {
        Verdict::Met => format!("{GOOD}met{GOOD:#}      {clause}: {demand}\n"),
        Verdict::Skipped(why) => format!("{FAINT}skipped  {clause}: {why}{FAINT:#}\n"),
        Verdict::Broken(why) => format!("{ERROR}broken{ERROR:#}   {clause}: {demand}\n{}", wrap(why, "         ", "         ", WIDTH)),
    }
}

fn value(finding: &Finding) -> Value {
    let (verdict, why) = match &finding.verdict {
        Verdict::Met => ("met", None),
        Verdict::Broken(why) => ("broken", Some(why.clone())),
        Verdict::Skipped(why) => ("skipped", Some((*why).to_owned())),
    };
    json!({ "clause": finding.clause, "demand": finding.demand, "verdict": verdict, "why": why })
}
