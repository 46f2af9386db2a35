//! The arguments of `nbhoist check`.

use std::path::PathBuf;

use clap::ValueEnum;
use nbhoist_analyzer::finding::{Applicability, Severity};

/// Look for mistakes in notebooks
///
/// Exits with 0 when nothing is at or above `--fail-on`, 1 when something is, and 2 when a file could not be read.
#[expect(clippy::struct_excessive_bools, reason = "each is a switch of its own on the command line")]
#[derive(Debug, clap::Args)]
#[command(after_long_help = "\
Examples:
  nbhoist check                            every notebook below this folder
  nbhoist check a.ipynb b.py --output-format concise
  nbhoist check --select NBH2 --fail-on error
  nbhoist check --fix                      put right what can be put right safely
  nbhoist check --diff --unsafe-fixes      show what --fix would change
  nbhoist check --since origin/main        what this branch brings
  nbhoist check --write-baseline           from now on report only what is new
  nbhoist check --output-format sarif --output-file nbhoist.sarif
  nbhoist check - --stdin-filename a.ipynb < a.ipynb

A finding that is meant: `# nbhoist: ignore[NBH202]` at the end of its line or above it, the same on the first line of a \
cell for the whole cell, or the cell tag `nbhoist-ignore:NBH202`.
")]
pub(crate) struct CheckArgs {
    /// Files and folders; `-` for standard input
    ///
    /// Folders are searched for .ipynb files and for .py files with `# %%` markers. What .gitignore leaves out is left out.
    #[arg(default_value = ".", value_name = "PATH")]
    pub(crate) paths: Vec<PathBuf>,
    /// Name of the file that comes from standard input
    #[arg(long, value_name = "NAME")]
    pub(crate) stdin_filename: Option<PathBuf>,
    /// Leave out what `exclude` leaves out, and notebooks in other languages, even where they are named
    ///
    /// For tools that name every file themselves, such as pre-commit.
    #[arg(long)]
    pub(crate) force_exclude: bool,
    /// The least severity that makes the command fail
    #[arg(long, value_enum, default_value_t = FailOn::Warning, value_name = "SEVERITY")]
    pub(crate) fail_on: FailOn,
    /// Exit with 0 whatever is found; files that cannot be read still give 2
    #[arg(long)]
    pub(crate) exit_zero: bool,
    /// Rules to apply: codes, prefixes of codes, names, or ALL; in place of what is configured
    #[arg(long, value_delimiter = ',', value_name = "RULE", help_heading = "Rules")]
    pub(crate) select: Vec<String>,
    /// Rules to apply besides the selected ones
    #[arg(long, value_delimiter = ',', value_name = "RULE", help_heading = "Rules")]
    pub(crate) extend_select: Vec<String>,
    /// Rules to leave out
    #[arg(long, value_delimiter = ',', value_name = "RULE", help_heading = "Rules")]
    pub(crate) ignore: Vec<String>,
    /// Put right what can be put right without changing what the notebook does
    #[arg(long, help_heading = "Fixes")]
    pub(crate) fix: bool,
    /// With --fix or --diff: also fixes that may change what the notebook does
    #[arg(long, help_heading = "Fixes")]
    pub(crate) unsafe_fixes: bool,
    /// Show what --fix would change, and fail when that is something
    #[arg(long, conflicts_with_all = ["fix", "add_ignores", "write_baseline"], help_heading = "Fixes")]
    pub(crate) diff: bool,
    /// Add a comment to each finding that says it is meant
    #[arg(long, conflicts_with_all = ["fix", "write_baseline"], help_heading = "Fixes")]
    pub(crate) add_ignores: bool,
    /// Leave out the findings in this file; in place of what is configured
    #[arg(long, value_name = "FILE", help_heading = "What is reported")]
    pub(crate) baseline: Option<PathBuf>,
    /// Write what is found to the baseline [default: nbhoist-baseline.json]
    #[arg(long, help_heading = "What is reported", conflicts_with_all = ["since", "watch"])]
    pub(crate) write_baseline: bool,
    /// Only what has changed since this git revision: its changed cells, and what it did not have
    ///
    /// A branch is compared with the commit at which it was left.
    #[arg(long, value_name = "REV", help_heading = "What is reported")]
    pub(crate) since: Option<String>,
    /// Count the findings of each rule instead of showing them
    #[arg(long, help_heading = "What is reported")]
    pub(crate) statistics: bool,
    /// Write results to this file instead of standard output
    #[arg(long, value_name = "FILE", help_heading = "What is reported")]
    pub(crate) output_file: Option<PathBuf>,
    /// Do not use what earlier runs found, and keep nothing for later ones
    #[arg(long, help_heading = "Cache")]
    pub(crate) no_cache: bool,
    /// Where results are kept [default: `.nbhoist_cache` beside the project's settings, or here]
    #[arg(long, value_name = "DIR", help_heading = "Cache")]
    pub(crate) cache_dir: Option<PathBuf>,
    /// Check again whenever a notebook changes
    #[arg(long, conflicts_with_all = ["diff", "add_ignores", "output_file"], help_heading = "What is reported")]
    pub(crate) watch: bool,
}

impl CheckArgs {
    /// Which fixes are to be made or shown.
    pub(crate) fn applicability(&self) -> Applicability {
        if self.unsafe_fixes { Applicability::Unsafe } else { Applicability::Safe }
    }

    /// Whether results of earlier runs may stand for this one's: where files are changed or compared with others, they are read anyway.
    pub(crate) fn may_use_cache(&self) -> bool {
        !(self.no_cache || self.fix || self.diff || self.add_ignores || self.since.is_some())
    }

    /// Whether the notebook comes from standard input.
    pub(crate) fn reads_stdin(&self) -> bool {
        self.paths.iter().any(|path| path.as_os_str() == "-")
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum FailOn {
    /// Any finding
    Info,
    /// Warnings and errors
    Warning,
    /// Errors
    Error,
    /// Nothing
    Never,
}

impl FailOn {
    /// Whether a finding of this severity makes the command fail.
    pub(crate) fn includes(self, severity: Severity) -> bool {
        match self {
            Self::Info => true,
            Self::Warning => severity >= Severity::Warning,
            Self::Error => severity >= Severity::Error,
            Self::Never => false,
        }
    }
}
