//! `nbhoist check`.

pub(crate) mod args;
mod baseline;
mod cache;
mod cached;
mod configured;
mod entry;
mod fixes;
mod formats;
mod hash;
mod ignores;
mod known;
mod local;
mod place;
mod report;
mod since;
mod stamp;
mod statistics;
mod tally;
mod watch;
mod work;

use std::io::Write as _;

use nbhoist_lsp::folders::Folders;

use crate::error::{Exit, Failure, warn};
use crate::save;
use crate::terminal::Terminal;
use crate::walk;
use args::CheckArgs;
use baseline::Baseline;
use cache::Cache;
use configured::Configured;
use report::Report;
use since::Since;
use work::Work;

pub(crate) fn check(args: &CheckArgs, terminal: &Terminal) -> Result<Exit, Failure> {
    if args.watch && args.reads_stdin() {
        return Err(Failure::new("standard input cannot be watched").help("name a file or a folder"));
    }
    if args.statistics && terminal.format.is_report() {
        return Err(Failure::new("this format does not hold statistics").help("use full, concise, json or json-lines"));
    }
    check_rules(args, terminal);
    if args.watch { watch::watch(args, terminal) } else { once(args, terminal) }
}

/// Warns about rules on the command line that do not exist.
fn check_rules(args: &CheckArgs, terminal: &Terminal) {
    let lists = [("--select", &args.select), ("--extend-select", &args.extend_select), ("--ignore", &args.ignore)];
    for (option, patterns) in lists.into_iter().filter(|_| !terminal.quiet) {
        for (text, help) in patterns.iter().filter_map(|pattern| nbhoist_settings::unknown_rule(pattern)) {
            warn(&text, Some(option), Some(&help));
        }
    }
}

/// Checks everything one time.
fn once(args: &CheckArgs, terminal: &Terminal) -> Result<Exit, Failure> {
    let mut configured = Configured::new(args, terminal);
    let own = configured.of_argument(args.paths.first())?;
    let files = walk::notebooks(&args.paths, |path| configured.of_argument(Some(&path.to_path_buf())))?;
    configured.load_all(&files, args)?;
    let files = if args.force_exclude { walk::without_excluded(files, |file| configured.of(file.name(args))) } else { files };
    let baseline = match baseline::path(args, &own) {
        Some(path) if !args.write_baseline || path.exists() => Some(Baseline::read(&path)?),
        _ => None,
    };
    let since = args.since.as_deref().map(|revision| Since::new(revision, args.paths.first())).transpose()?;
    let cache = args.may_use_cache().then(|| Cache::open(args, &own)).flatten();
    let baseline_used = baseline.as_ref().filter(|_| !args.write_baseline);
    let folders = Folders::default();
    let work = Work { args, configured: &configured, baseline: baseline_used, since: since.as_ref(), cache: cache.as_ref(), folders };
    let report = Report::new(work.all(&files));
    if let Some(cache) = cache {
        cache.save();
    }
    if args.write_baseline {
        return baseline::write(&baseline::target(args, &own), baseline, &report, terminal);
    }
    if args.diff {
        return fixes::show_diff(&report, terminal);
    }
    let text = if args.statistics { statistics::render(&report, args, terminal) } else { formats::render(&report, args, terminal) };
    report.failures().for_each(|(_, failure)| failure.print());
    deliver(&text, &report, args, terminal)?;
    Ok(report.tally.exit(args))
}

/// Results go to standard output or to a file. What is put right on its way through standard input and output takes that place.
fn deliver(text: &str, report: &Report, args: &CheckArgs, terminal: &Terminal) -> Result<(), Failure> {
    let filtered = report.filtered();
    if let Some(bytes) = filtered {
        let mut out = std::io::stdout().lock();
        out.write_all(bytes).and_then(|()| out.flush()).map_err(|error| Failure::output(&error))?;
    }
    match &args.output_file {
        Some(path) => save::write(path, anstream::adapter::strip_str(text).to_string().as_bytes(), "the results"),
        None if filtered.is_some() => {
            anstream::eprint!("{}", crate::scrub::scrub(text));
            Ok(())
        }
        None => terminal.print(text),
    }
}
