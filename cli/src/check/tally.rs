//! Counts, for the last line and the exit code.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use nbhoist_analyzer::finding::{Applicability, Severity};

use super::args::CheckArgs;
use super::work::{Checked, Outcome};
use crate::error::{Exit, FAINT, GOOD};
use crate::terminal::count;

#[derive(Debug, Default)]
pub(crate) struct Tally {
    pub(crate) notebooks: usize,
    with_findings: usize,
    left_out: usize,
    unchanged: usize,
    failed: usize,
    fixed: usize,
    stubborn: usize,
    known: usize,
    safe: usize,
    unsafe_fixes: usize,
    pub(crate) severities: BTreeMap<&'static str, usize>,
    worst: Option<Severity>,
}

impl Tally {
    pub(crate) fn of(outcomes: &[Outcome]) -> Self {
        let mut tally = Self::default();
        for outcome in outcomes {
            match outcome {
                Outcome::LeftOut => tally.left_out += 1,
                Outcome::Unchanged => tally.unchanged += 1,
                Outcome::Failed { .. } => tally.failed += 1,
                Outcome::Checked(checked) => tally.add(checked),
            }
        }
        tally
    }

    fn add(&mut self, checked: &Checked) {
        self.notebooks += 1;
        self.with_findings += usize::from(!checked.findings.is_empty());
        self.fixed += checked.fixed;
        self.stubborn += checked.stubborn;
        self.known += checked.known;
        for finding in &checked.findings {
            *self.severities.entry(finding.severity.as_str()).or_default() += 1;
            self.worst = self.worst.max(Some(finding.severity));
            match finding.fix.as_ref().map(|fix| fix.applicability) {
                Some(Applicability::Safe) => self.safe += 1,
                Some(Applicability::Unsafe) => self.unsafe_fixes += 1,
                None => {}
            }
        }
    }

    pub(crate) fn exit(&self, args: &CheckArgs) -> Exit {
        if self.failed > 0 {
            Exit::CouldNotRun
        } else if !args.exit_zero && self.worst.is_some_and(|worst| args.fail_on.includes(worst)) {
            Exit::Findings
        } else {
            Exit::Success
        }
    }

    pub(crate) fn summary(&self, args: &CheckArgs, verbose: bool) -> String {
        let mut text = self.result(args);
        if args.add_ignores && self.stubborn > 0 {
            let _ = writeln!(text, "{} no comment fits: use the cell tag `nbhoist-ignore:CODE`.", remaining(self.stubborn));
        }
        if self.failed > 0 {
            let _ = writeln!(text, "{} could not be read.", count(self.failed, "file"));
        }
        if !args.fix && !args.add_ignores {
            text.push_str(&self.fixable());
        }
        if verbose {
            for (number, what) in [(self.left_out, "in other languages left out"), (self.unchanged, "unchanged since then left out")] {
                if number > 0 {
                    let _ = writeln!(text, "{} {what}.", count(number, "notebook"));
                }
            }
            if self.known > 0 {
                let _ = writeln!(text, "{} of the baseline left out.", count(self.known, "finding"));
            }
        }
        text
    }

    fn result(&self, args: &CheckArgs) -> String {
        let total: usize = self.severities.values().sum();
        let checked = count(self.notebooks, "notebook");
        let verb = if args.add_ignores { "Added comments to" } else { "Fixed" };
        let fixed = if self.fixed > 0 { format!("{verb} {}. ", count(self.fixed, "finding")) } else { String::new() };
        match (total, self.notebooks) {
            (0, 0) if self.failed > 0 => String::new(),
            (0, 0) if self.unchanged > 0 => format!("{GOOD}All good{GOOD:#}: no notebook has changed.\n"),
            (0, 0) => "No notebooks found.\n".to_owned(),
            (0, _) if self.fixed > 0 => format!("{fixed}{GOOD}Nothing{GOOD:#} remains in {checked}.\n"),
            (0, _) => format!("{GOOD}All good{GOOD:#}: nothing found in {checked}.\n"),
            _ => {
                let kinds = ["error", "warning", "info"].into_iter().filter_map(|severity| {
                    let number = *self.severities.get(severity)?;
                    Some(if severity == "info" { format!("{number} info") } else { count(number, severity) })
                });
                let kinds = kinds.collect::<Vec<_>>().join(", ");
                format!("{fixed}Found {kinds} in {} of {checked}.\n", self.with_findings)
            }
        }
    }

    fn fixable(&self) -> String {
        match (self.safe, self.unsafe_fixes) {
            (0, 0) => String::new(),
            (safe, 0) => format!("{FAINT}{safe} fixable with --fix.{FAINT:#}\n"),
            (0, more) => format!("{FAINT}{more} fixable with --fix --unsafe-fixes.{FAINT:#}\n"),
            (safe, more) => format!("{FAINT}{safe} fixable with --fix, {more} more with --unsafe-fixes.{FAINT:#}\n"),
        }
    }
}

fn remaining(number: usize) -> String {
    if number == 1 { "There is 1 finding where".to_owned() } else { format!("There are {number} findings where") }
}
