//! `nbhoist check`.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use nbhoist_analyzer::finding::{Finding, Severity};
use nbhoist_analyzer::notebook::Notebook;
use nbhoist_settings::Settings;
use serde_json::Value;

use crate::analysis;
use crate::args::{CheckArgs, OutputFormat};
use crate::error::{ERROR, Exit, FAINT, Failure, GOOD, HELP, STRONG, WARNING};
use crate::frame;
use crate::input::{self, Input};
use crate::json::{self, FindingPlace};
use crate::terminal::{Terminal, count};
use crate::walk::{self, Found};

/// What became of one file.
enum Checked {
    Notebook {
        name: String,
        notebook: Box<Notebook>,
        findings: Vec<Finding>,
    },
    /// Not a Python notebook, and only met while walking through a folder.
    LeftOut,
    Failed {
        name: String,
        failure: Failure,
    },
}

pub(crate) fn check(args: &CheckArgs, terminal: &Terminal) -> Result<Exit, Failure> {
    let folder = args.paths.first().map_or(Path::new("."), |path| path.as_path());
    let folder = if folder.is_dir() { folder.to_path_buf() } else { input::folder_of(folder) };
    let mut settings = analysis::settings(&folder, terminal.quiet)?;
    if !args.select.is_empty() {
        settings.select = Some(args.select.clone());
    }
    settings.ignore.extend(args.ignore.iter().cloned());
    let files = walk::notebooks(&args.paths, &settings);
    let checked = check_all(&files, args, &settings);
    report(&checked, args, terminal)
}

/// Checks the files on all cores; results come in the order of the files.
fn check_all(files: &[Found], args: &CheckArgs, settings: &Settings) -> Vec<Checked> {
    let threads = std::thread::available_parallelism().map_or(1, usize::from).min(files.len());
    let next = AtomicUsize::new(0);
    let results: Mutex<BTreeMap<usize, Checked>> = Mutex::new(BTreeMap::new());
    let work = || {
        loop {
            let index = next.fetch_add(1, Ordering::Relaxed);
            let Some(file) = files.get(index) else { break };
            let checked = check_file(file, args, settings);
            if let Ok(mut results) = results.lock() {
                results.insert(index, checked);
            }
        }
    };
    std::thread::scope(|scope| {
        for _ in 1..threads {
            let thread = std::thread::Builder::new().stack_size(crate::STACK_BYTES);
            // Without another thread this one does all the work.
            let _ = thread.spawn_scoped(scope, work);
        }
        work();
    });
    results.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner).into_values().collect()
}

fn check_file(file: &Found, args: &CheckArgs, settings: &Settings) -> Checked {
    let from_stdin = file.path.as_os_str() == "-";
    let name = match &args.stdin_filename {
        Some(name) if from_stdin => name.display().to_string(),
        _ => file.path.display().to_string(),
    };
    let input = match (&args.stdin_filename, from_stdin) {
        (Some(name), true) => read_stdin(name),
        _ => input::read(&file.path),
    };
    match input {
        Ok(input) => {
            let findings = analysis::analyze(&input, settings).findings;
            Checked::Notebook { name, notebook: Box::new(input.notebook), findings }
        }
        Err(failure) if failure.is_other_language() && !file.explicit => Checked::LeftOut,
        Err(failure) => Checked::Failed { name, failure },
    }
}

fn read_stdin(name: &Path) -> Result<Input, Failure> {
    let mut bytes = Vec::new();
    let result = std::io::Read::read_to_end(&mut std::io::stdin().lock(), &mut bytes);
    result.map_err(|error| Failure::new(format!("cannot read standard input: {error}")))?;
    input::parse(name.to_path_buf(), bytes)
}

fn report(checked: &[Checked], args: &CheckArgs, terminal: &Terminal) -> Result<Exit, Failure> {
    let mut tally = Tally::default();
    let mut values = Vec::new();
    let mut errors = Vec::new();
    for file in checked {
        match file {
            Checked::LeftOut => tally.left_out += 1,
            Checked::Failed { name, failure } => {
                tally.failed += 1;
                failure.print();
                let mut value = failure.json();
                value["schema"] = json::SCHEMA.into();
                value["notebook"] = name.as_str().into();
                errors.push(value);
            }
            Checked::Notebook { name, notebook, findings } => {
                tally.notebooks += 1;
                tally.with_findings += usize::from(!findings.is_empty());
                for finding in findings {
                    tally.add(finding.severity, args);
                    show(name, notebook, finding, &mut values, terminal)?;
                }
            }
        }
    }
    if terminal.format == OutputFormat::Json {
        terminal.print_json(&json::check(&values, &errors, &tally.severities, tally.notebooks))?;
    } else if terminal.format == OutputFormat::JsonLines {
        for error in errors {
            terminal.print_json(&serde_json::json!({"schema": json::SCHEMA, "notebook": error["notebook"], "error": error}))?;
        }
    } else if !terminal.quiet {
        terminal.print(&tally.summary(terminal.verbose > 0))?;
    }
    Ok(tally.exit())
}

/// Prints a finding, or keeps its value for the end.
fn show(name: &str, notebook: &Notebook, finding: &Finding, values: &mut Vec<Value>, terminal: &Terminal) -> Result<(), Failure> {
    let cell = notebook.cell(finding.cell);
    let (line, column) = cell.map_or((1, 1), |cell| frame::position(&cell.source, finding.start));
    match terminal.format {
        OutputFormat::Full => terminal.print(&frame::finding(name, notebook, finding)),
        OutputFormat::Concise => terminal.print(&concise(name, finding, (line, column))),
        OutputFormat::Json | OutputFormat::JsonLines => {
            let file_line = cell.map_or(1, |cell| cell.file_line_of(u32::try_from(line - 1).unwrap_or(u32::MAX)));
            let place = FindingPlace { id: cell.and_then(|cell| cell.id.clone()), line, column, file_line };
            let value = json::finding(name, finding, &place);
            if terminal.format == OutputFormat::JsonLines {
                return terminal.print_json(&value);
            }
            values.push(value);
            Ok(())
        }
    }
}

fn concise(name: &str, finding: &Finding, (line, column): (usize, usize)) -> String {
    let style = match finding.severity {
        Severity::Error => ERROR,
        Severity::Warning => WARNING,
        Severity::Info => HELP,
    };
    format!(
        "{STRONG}{name}{STRONG:#}{FAINT}:cell {}:{line}:{column}:{FAINT:#} {style}{}{style:#}[{}] {}\n",
        finding.cell,
        finding.severity.as_str(),
        finding.code,
        finding.message
    )
}

/// Counts for the last line and the exit code.
#[derive(Default)]
struct Tally {
    notebooks: usize,
    with_findings: usize,
    left_out: usize,
    failed: usize,
    severities: BTreeMap<&'static str, usize>,
    fails: bool,
}

impl Tally {
    fn add(&mut self, severity: Severity, args: &CheckArgs) {
        *self.severities.entry(severity.as_str()).or_default() += 1;
        self.fails |= args.fail_on.includes(severity);
    }

    const fn exit(&self) -> Exit {
        match (self.failed > 0, self.fails) {
            (true, _) => Exit::CouldNotRun,
            (false, true) => Exit::Findings,
            (false, false) => Exit::Success,
        }
    }

    fn summary(&self, verbose: bool) -> String {
        let total: usize = self.severities.values().sum();
        let checked = count(self.notebooks, "notebook");
        let mut text = match (total, self.notebooks) {
            (0, 0) if self.failed > 0 => String::new(),
            (0, 0) => "No notebooks found.\n".to_owned(),
            (0, _) => format!("{GOOD}All good{GOOD:#}: nothing found in {checked}.\n"),
            _ => {
                let kinds = ["error", "warning", "info"].into_iter().filter_map(|severity| {
                    let number = *self.severities.get(severity)?;
                    Some(if severity == "info" { format!("{number} info") } else { count(number, severity) })
                });
                let kinds = kinds.collect::<Vec<_>>().join(", ");
                format!("Found {kinds} in {} of {checked}.\n", self.with_findings)
            }
        };
        if self.failed > 0 {
            let _ = writeln!(text, "{} could not be read.", count(self.failed, "file"));
        }
        if verbose && self.left_out > 0 {
            let _ = writeln!(text, "{} in other languages left out.", count(self.left_out, "notebook"));
        }
        text
    }
}
