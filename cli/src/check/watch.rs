//! `--watch`: everything again whenever a notebook or the configuration changes.

use std::collections::BTreeSet;
use std::io::IsTerminal as _;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use notify::{EventKind, RecursiveMode, Watcher};

use super::args::CheckArgs;
use crate::error::{Exit, FAINT, Failure};
use crate::input::folder_of;
use crate::terminal::Terminal;

/// One saving is several events, and an editor may save several files.
const QUIET: Duration = Duration::from_millis(100);

/// Checks until it is interrupted.
pub(crate) fn watch(args: &CheckArgs, terminal: &Terminal) -> Result<Exit, Failure> {
    let (sender, events) = channel();
    let failed = |error: notify::Error| Failure::new(format!("cannot watch: {error}")).help("check without --watch");
    let mut watcher = notify::recommended_watcher(move |event| {
        // The other end is gone only when the process ends.
        let _ = sender.send(event);
    })
    .map_err(failed)?;
    for (folder, mode) in folders(args) {
        watcher.watch(&folder, mode).map_err(failed)?;
    }
    loop {
        if std::io::stdout().is_terminal() {
            terminal.clear()?;
        }
        // What is wrong with a file today is no reason not to look tomorrow.
        if let Err(failure) = super::once(args, terminal) {
            failure.print();
        }
        if !terminal.quiet {
            anstream::eprintln!("{FAINT}Watching; Ctrl-C ends it.{FAINT:#}");
        }
        if !changed(&events) {
            return Ok(Exit::Success);
        }
    }
}

/// Folders to watch, whole or only their own files.
fn folders(args: &CheckArgs) -> BTreeSet<(PathBuf, RecursiveMode)> {
    let of = |path: &PathBuf| {
        if path.is_dir() { (path.clone(), RecursiveMode::Recursive) } else { (folder_of(path), RecursiveMode::NonRecursive) }
    };
    args.paths.iter().map(of).collect()
}

/// Waits for a change and for what comes with it; false when none can come any more.
fn changed(events: &Receiver<notify::Result<notify::Event>>) -> bool {
    loop {
        match events.recv() {
            Ok(event) if counts(&event) => break,
            Ok(_) => {}
            Err(_) => return false,
        }
    }
    while events.recv_timeout(QUIET).is_ok() {}
    true
}

fn counts(event: &notify::Result<notify::Event>) -> bool {
    match event {
        Ok(event) => !matches!(event.kind, EventKind::Access(_)) && event.paths.iter().any(|path| is_ours(path)),
        // Something was missed.
        Err(_) => true,
    }
}

/// Notebooks, modules beside them, configuration.
fn is_ours(path: &Path) -> bool {
    let hidden = path.components().any(|part| matches!(part.as_os_str().to_str(), Some(".git" | ".ipynb_checkpoints" | "__pycache__")));
    !hidden && path.extension().is_some_and(|ending| ["ipynb", "py", "toml"].iter().any(|known| ending == *known))
}
