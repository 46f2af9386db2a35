//! `docs/lsp-extensions.md` and the code name the same commands, requests and notifications.

use std::collections::BTreeSet;

use nbhoist_lsp::methods::{command, notice, report, request};

const PAGE: &str = include_str!("../../docs/lsp-extensions.md");

#[test]
fn the_page_has_a_heading_for_every_name_and_no_other() {
    let mut described: [BTreeSet<&str>; 4] = Default::default();
    let mut section = None;
    for line in PAGE.lines() {
        if let Some(title) = line.strip_prefix("## ") {
            section =
                ["Commands", "Requests", "Notifications to the server", "Notifications to the client"].iter().position(|it| *it == title);
        }
        if let (Some(heading), Some(section)) = (line.strip_prefix("### "), section) {
            described[section].insert(heading.trim_matches('`'));
        }
    }
    let known: [BTreeSet<&str>; 4] = [command::ALL.into(), request::ALL.into(), report::ALL.into(), notice::ALL.into()];
    assert_eq!(described, known);
}
