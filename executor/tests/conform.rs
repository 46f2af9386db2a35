//! The conformance suite: the template passes it, and each clause is seen when it is broken.
#![cfg(unix)]

mod common;

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use nbhoist_executor::backends::plugin::PluginBackend;
use nbhoist_executor::conform::{Subject, Verdict, conform};

/// A broken clause is seen by silence of a part of this; a machine that tests is busy.
const PATIENCE: Duration = Duration::from_secs(80);

/// Runs the suite on a plugin of this repository and gives the clauses with their verdicts.
async fn tried(plugin: &str, folder: &str, broken: &str) -> Vec<(&'static str, Verdict)> {
    let python = common::test_python().await;
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let program = root.join(folder).join(format!("nbhoist-executor-{plugin}"));
    let place = tempfile::tempdir().unwrap();
    // A script of its own names the interpreter and what is to be broken; a path is as good as a name on PATH.
    let wrapper = place.path().join(format!("nbhoist-executor-{plugin}"));
    let text = format!("#!/bin/sh\nNBHOIST_BREAK={broken} exec {} {} \"$@\"\n", python.display(), program.display());
    common::write_program(&wrapper, &text);
    let uri = place.path().join("places").display().to_string();
    let folder = Some(place.path().to_path_buf());
    let backend = PluginBackend { plugin: plugin.to_owned(), uri, options: BTreeMap::new(), python: python.clone(), folder };
    let findings = conform(&Subject { backend, patience: PATIENCE }, &python, &mut |_| {}).await;
    findings.into_iter().map(|finding| (finding.clause, finding.verdict)).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn template_meets_every_clause() {
    for (clause, verdict) in tried("template", "plugins", "nothing").await {
        assert_eq!(verdict, Verdict::Met, "{clause}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn each_broken_clause_is_the_one_that_is_seen() {
    let clauses: Vec<_> = tried("broken", "tests/engines", "nothing").await.into_iter().map(|(clause, _)| clause).collect();
    let mut trying = tokio::task::JoinSet::new();
    // A broken clause shows itself by silence, so nearly all of the time is waiting.
    let lanes = std::sync::Arc::new(tokio::sync::Semaphore::new(14));
    for clause in clauses.into_iter().filter(|clause| *clause != "worker") {
        let lanes = std::sync::Arc::clone(&lanes);
        trying.spawn(async move {
            let _lane = lanes.acquire().await.unwrap();
            (clause, tried("broken", "tests/engines", clause).await)
        });
    }
    let mut seen = 0;
    while let Some(done) = trying.join_next().await {
        let (clause, verdicts) = done.unwrap();
        let broken: Vec<_> = verdicts.iter().filter(|(_, verdict)| matches!(verdict, Verdict::Broken(_))).collect();
        assert!(broken.len() == 1 && broken[0].0 == clause, "broken in {clause}: {broken:?}");
        seen += 1;
    }
    assert_eq!(seen, 14);
}
