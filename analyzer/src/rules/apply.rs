//! Which rules apply, how bad their findings are, and what remains of them.

use super::suppress::Suppressions;
use super::{Context, Rule, all, unused_suppression};
use crate::Config;
use crate::finding::{Finding, Severity};
use crate::nearest::tolerance;

/// How exactly a pattern names a rule, more for a longer prefix; nothing where it does not.
///
/// A pattern is a code, the beginning of one, a name, or `ALL`.
pub(super) fn weight(pattern: &str, rule: &Rule) -> Option<usize> {
    if pattern == rule.name {
        return Some(usize::MAX);
    }
    if pattern.eq_ignore_ascii_case("all") {
        return Some(0);
    }
    let start = rule.code.get(..pattern.len()).filter(|start| !start.is_empty())?;
    start.eq_ignore_ascii_case(pattern).then_some(pattern.len())
}

/// Whether a pattern names any rule.
pub fn is_known(pattern: &str) -> bool {
    all().iter().any(|rule| weight(pattern, rule).is_some())
}

/// The code or name that was probably meant by a pattern that names no rule.
pub fn nearest(pattern: &str) -> Option<&'static str> {
    let upper = pattern.to_ascii_uppercase();
    let slips = tolerance(pattern);
    let code = || crate::nearest::nearest(&upper, all().iter().map(|rule| rule.code), slips);
    crate::nearest::nearest(pattern, all().iter().map(|rule| rule.name), slips).or_else(code)
}

impl Config {
    /// How bad the findings of a rule are; nothing when it does not apply.
    ///
    /// A longer code counts more than a shorter one, a name more than any code, and `ignore` more than the others where
    /// both say the same. A rule that is opt-in applies only where something names it.
    pub fn severity_of(&self, rule: &Rule) -> Option<Severity> {
        let heaviest = |patterns: &[String]| patterns.iter().filter_map(|pattern| weight(pattern, rule)).max();
        let by_default = (self.select.is_empty() && !rule.opt_in).then_some(0);
        let selected = heaviest(&self.select).max(by_default).max(heaviest(&self.extend_select))?;
        if heaviest(&self.ignore).is_some_and(|ignored| ignored >= selected) {
            return None;
        }
        let own = self.severity.iter().filter_map(|(pattern, severity)| Some((weight(pattern, rule)?, *severity)));
        // Of two that say the same, the later one.
        Some(own.max_by_key(|(weight, _)| *weight).map_or(rule.severity, |(_, severity)| severity))
    }
}

/// What the rules that apply find and nobody has said to be meant, in order.
#[inline(never)]
pub(crate) fn run(context: &Context<'_>) -> Vec<Finding> {
    let config = &context.request.config;
    let applied: Vec<(&Rule, Severity)> = all().iter().filter_map(|rule| Some((rule, config.severity_of(rule)?))).collect();
    let mut findings: Vec<Finding> = Vec::new();
    for (rule, severity) in &applied {
        let found = (rule.check)(context, rule).into_iter();
        findings.extend(found.map(|finding| Finding { severity: *severity, ..finding }));
    }
    let mut suppressions = Suppressions::of(context.request.notebook);
    findings.retain(|finding| !suppressions.cover(finding));
    if let Some((rule, severity)) = applied.iter().find(|(rule, _)| rule.code == unused_suppression::RULE.code) {
        let unused = unused_suppression::unused(rule, &applied, &suppressions, context.request.notebook);
        let unused: Vec<Finding> = unused.into_iter().map(|finding| Finding { severity: *severity, ..finding }).collect();
        findings.extend(unused.into_iter().filter(|finding| !suppressions.cover(finding)));
    }
    findings.sort_by_key(|finding| (finding.cell, finding.start, finding.code));
    findings
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rules::find;

    fn config(select: &[&str], extend: &[&str], ignore: &[&str]) -> Config {
        let owned = |words: &[&str]| words.iter().map(|&word| word.to_owned()).collect();
        Config { select: owned(select), extend_select: owned(extend), ignore: owned(ignore), ..Config::default() }
    }

    #[test]
    fn rules_are_chosen_by_code_prefix_or_name() {
        let rule = find("NBH201").unwrap();
        let chosen = |select: &[&str], ignore: &[&str]| config(select, &[], ignore).severity_of(rule).is_some();
        assert!(chosen(&[], &[]));
        assert!(!chosen(&["NBH1"], &[]));
        assert!(chosen(&["nbh2"], &[]));
        assert!(!chosen(&[], &["NBH2"]));
        assert!(chosen(&["NBH201"], &["NBH2"]));
        assert!(!chosen(&["NBH2"], &["NBH201"]));
        assert!(!chosen(&["NBH201"], &["defined-only-later"]));
        assert!(chosen(&["ALL"], &["NBH3"]));
        assert!(!chosen(&[""], &[]));
    }

    #[test]
    fn opt_in_rules_want_to_be_named() {
        let rule = Rule { opt_in: true, ..find("NBH201").unwrap().clone() };
        let chosen = |config: Config| config.severity_of(&rule).is_some();
        assert!(!chosen(config(&[], &[], &[])));
        assert!(!chosen(config(&[], &["NBH1"], &[])));
        for pattern in ["NBH201", "NBH2", "ALL", "defined-only-later"] {
            assert!(chosen(config(&[], &[pattern], &[])) && chosen(config(&[pattern], &[], &[])), "{pattern}");
        }
        assert!(!chosen(config(&[], &["NBH2"], &["NBH201"])));
    }

    #[test]
    fn what_is_added_leaves_the_defaults() {
        let rule = find("NBH101").unwrap();
        assert!(config(&[], &["NBH201"], &[]).severity_of(rule).is_some());
        assert!(config(&["NBH201"], &[], &[]).severity_of(rule).is_none());
        assert!(config(&["NBH201"], &["NBH1"], &[]).severity_of(rule).is_some());
    }

    #[test]
    fn the_severity_of_the_longest_pattern_counts() {
        let rule = find("NBH201").unwrap();
        let severity = |entries: &[(&str, Severity)]| {
            let severity = entries.iter().map(|(pattern, severity)| ((*pattern).to_owned(), *severity)).collect();
            Config { severity, ..Config::default() }.severity_of(rule)
        };
        assert_eq!(severity(&[("NBH201", Severity::Info), ("NBH2", Severity::Warning)]), Some(Severity::Info));
        assert_eq!(severity(&[("ALL", Severity::Warning)]), Some(Severity::Warning));
        assert_eq!(severity(&[("NBH3", Severity::Warning)]), Some(Severity::Error));
    }

    #[test]
    fn misspelt_rules_have_a_nearest_one() {
        assert_eq!(nearest("defined-nowere"), Some("defined-nowhere"));
        assert_eq!(nearest("nbh22"), Some("NBH202"));
        assert_eq!(nearest("E501"), None);
        assert!(is_known("nbh2") && is_known("ALL") && !is_known("") && !is_known("NBH9999"));
    }
}
