//! The command line.

use std::path::PathBuf;

use clap::builder::styling::{AnsiColor, Styles};
use clap::{Parser, Subcommand, ValueEnum};

pub(crate) use crate::check::args::CheckArgs;

const STYLES: Styles = Styles::styled()
    .header(AnsiColor::Green.on_default().bold())
    .usage(AnsiColor::Green.on_default().bold())
    .literal(AnsiColor::Cyan.on_default().bold())
    .placeholder(AnsiColor::Cyan.on_default());

/// Knows what every cell of a Jupyter notebook needs, changes and costs, and runs heavy cells elsewhere
#[derive(Debug, Parser)]
#[command(name = "nbhoist", version, styles = STYLES, max_term_width = 90)]
#[command(after_help = "Start with:  nbhoist demo\nA command in detail:  nbhoist COMMAND --help")]
#[command(after_long_help = "\
A notebook is an .ipynb file or a Python script with `# %%` markers. Cells are numbered from 1 over all \
cells of the notebook, markdown included; `id:CELLID` works wherever a number does.

Examples:
  nbhoist demo                                 the whole story on a built-in notebook
  nbhoist check .                              lint every notebook below this folder
  nbhoist plan analysis.ipynb --cells 8-10     what moving cells 8 to 10 takes, and why
  nbhoist run analysis.ipynb --cells 8-10 --on local -o done.ipynb
")]
pub(crate) struct Args {
    #[command(flatten)]
    pub(crate) global: Global,
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// Options of every command.
#[derive(Debug, clap::Args)]
pub(crate) struct Global {
    /// When to use colours; `auto` respects `NO_COLOR` and `FORCE_COLOR`
    #[arg(long, global = true, value_enum, default_value_t = Color::Auto, value_name = "WHEN", help_heading = "Global options")]
    pub(crate) color: Color,
    /// How to print results
    #[arg(long, global = true, value_enum, default_value_t = OutputFormat::Full, value_name = "FORMAT", help_heading = "Global options")]
    pub(crate) output_format: OutputFormat,
    /// Print results only
    #[arg(short, long, global = true, conflicts_with = "verbose", help_heading = "Global options")]
    pub(crate) quiet: bool,
    /// Say more about what is done; twice for even more
    #[arg(short, long, global = true, action = clap::ArgAction::Count, help_heading = "Global options")]
    pub(crate) verbose: u8,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Color {
    /// In a terminal, unless `NO_COLOR` is set
    Auto,
    /// Always
    Always,
    /// Never
    Never,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum OutputFormat {
    /// For people, with source frames
    Full,
    /// For people, one line each
    Concise,
    /// One JSON value
    Json,
    /// One JSON object a line
    JsonLines,
    /// SARIF 2.1.0 (`check`)
    Sarif,
    /// Annotations of GitHub Actions (`check`)
    Github,
    /// Code quality report of GitLab (`check`)
    Gitlab,
    #[value(help = "JUnit XML (`check`)")]
    Junit,
    /// Reviewdog's diagnostics (`check`)
    Rdjson,
}

impl OutputFormat {
    /// Whether only `check` prints it.
    pub(crate) const fn is_report(self) -> bool {
        matches!(self, Self::Sarif | Self::Github | Self::Gitlab | Self::Junit | Self::Rdjson)
    }
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    Check(CheckArgs),
    Analyze(AnalyzeArgs),
    Plan(PlanArgs),
    Graph(GraphArgs),
    Run(RunArgs),
    Migrate(MigrateArgs),
    Demo(DemoArgs),
    Executors(ExecutorsArgs),
    Explain(ExplainArgs),
    Server(ServerArgs),
    Completions(CompletionsArgs),
    /// The other half of `%load_ext nbhoist`
    #[command(hide = true)]
    Magic,
    #[command(hide = true)]
    Fetch(FetchArgs),
    #[command(hide = true)]
    GenerateDocs(GenerateDocsArgs),
}

/// Show what each cell defines, needs and changes, and how cells depend on each other
#[derive(Debug, clap::Args)]
#[command(after_long_help = "\
Examples:
  nbhoist analyze a.ipynb
  nbhoist analyze a.ipynb --output-format json
  nbhoist analyze *.ipynb --output-format json-lines
")]
pub(crate) struct AnalyzeArgs {
    /// Notebooks
    #[arg(required = true, value_name = "NOTEBOOK")]
    pub(crate) notebooks: Vec<PathBuf>,
    /// Model of what cells cost, instead of the built-in one
    #[arg(long, value_name = "FILE")]
    pub(crate) cost_model: Option<PathBuf>,
}

/// Which cells a block has.
#[derive(Clone, Debug, Default, clap::Args)]
pub(crate) struct BlockArgs {
    /// Cells of the block: `8-10`, `3,5-7`, `id:a1b2c3`
    #[arg(long, value_name = "CELLS")]
    pub(crate) cells: Option<String>,
    /// A block marked with the tag `nbhoist:NAME` or a first line `# nbhoist: block NAME`
    #[arg(long, value_name = "NAME", conflicts_with = "cells")]
    pub(crate) block: Option<String>,
}

/// Show what moving a block of cells takes: inputs, returns, files, estimates, decision, reasons
///
/// Without `--cells` or `--block`, shows every block worth moving, best first.
#[derive(Debug, clap::Args)]
#[command(after_long_help = "\
Examples:
  nbhoist plan a.ipynb
  nbhoist plan a.ipynb --cells 8-10
  nbhoist plan a.ipynb --block train --output-format json
")]
pub(crate) struct PlanArgs {
    /// The notebook
    #[arg(value_name = "NOTEBOOK")]
    pub(crate) notebook: PathBuf,
    #[command(flatten)]
    pub(crate) block: BlockArgs,
    /// Where the block is to run: the name of an executor, `auto` for the choice of the plan, or `here`
    #[arg(long, value_name = "WHERE", default_value = "auto")]
    pub(crate) on: String,
    /// Suppose that any cell may run after the block, as with a person at the keyboard
    #[arg(long)]
    pub(crate) interactive: bool,
}

/// Draw how cells depend on each other
///
/// Cells are drawn in layers from top to bottom, with the state that flows on the edges. Imported modules are left out of
/// the edges: nearly every cell uses them.
#[derive(Debug, clap::Args)]
#[command(after_long_help = "\
Examples:
  nbhoist graph a.ipynb -o a.svg
  nbhoist graph a.ipynb -o a.html          a page in which a click follows dependencies
  nbhoist graph a.ipynb --format dot | dot -Tpdf > a.pdf
  nbhoist graph a.ipynb --format mermaid
")]
pub(crate) struct GraphArgs {
    /// The notebook
    #[arg(value_name = "NOTEBOOK")]
    pub(crate) notebook: PathBuf,
    /// What to write; without it, what the ending of `--output` says, or svg
    #[arg(long, value_enum, value_name = "FORMAT")]
    pub(crate) format: Option<GraphFormat>,
    /// Write to this file instead of standard output
    #[arg(short, long, value_name = "FILE")]
    pub(crate) output: Option<PathBuf>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum GraphFormat {
    /// A picture
    Svg,
    /// A page with the picture in it
    Html,
    /// Graphviz
    Dot,
    /// Mermaid, for Markdown
    Mermaid,
}

/// Move a block of cells out of a live kernel
///
/// The kernel must have run the cells before the block. What the block binds and changes is there afterwards as if it
/// had run in the kernel; whatever goes wrong before leaves the kernel as it was.
#[derive(Debug, clap::Args)]
#[command(after_long_help = "\
Examples:
  nbhoist migrate a.ipynb --kernel kernel-1234.json --cells 8-10 --on bigbox
  nbhoist migrate a.ipynb --kernel \"$(jupyter --runtime-dir)/kernel-1234.json\" --block train --on local

A running notebook says where its connection file is: import ipykernel; ipykernel.get_connection_file()
")]
pub(crate) struct MigrateArgs {
    /// The notebook
    #[arg(value_name = "NOTEBOOK")]
    pub(crate) notebook: PathBuf,
    /// The connection file of the kernel that runs the notebook
    #[arg(long, value_name = "FILE")]
    pub(crate) kernel: PathBuf,
    #[command(flatten)]
    pub(crate) block: BlockArgs,
    /// Where the block runs: the name of an executor
    #[arg(long, value_name = "NAME")]
    pub(crate) on: String,
    /// Put the result into the kernel even where its variables have changed meanwhile
    #[arg(long)]
    pub(crate) force: bool,
}

/// Run a notebook from top to bottom, some of its cells elsewhere
///
/// A block that goes elsewhere takes along only the state it needs; its results come back as if it had run here. A cell
/// that raises an exception ends the run with exit code 1, Ctrl-C with 130.
#[derive(Debug, clap::Args)]
#[command(after_long_help = "\
Examples:
  nbhoist run a.ipynb -o done.ipynb
  nbhoist run a.ipynb --cells 8-10 --on local -o done.ipynb
  nbhoist run a.ipynb --block train --on bigbox -v
  nbhoist run a.ipynb --on local           moves every block marked with `nbhoist:NAME`
")]
pub(crate) struct RunArgs {
    /// The notebook
    #[arg(value_name = "NOTEBOOK")]
    pub(crate) notebook: PathBuf,
    #[command(flatten)]
    pub(crate) block: BlockArgs,
    /// Where the block runs: the name of an executor, `auto` to follow the plan, or `here`
    #[arg(long, value_name = "WHERE", default_value = "auto")]
    pub(crate) on: String,
    /// Write the notebook with its outputs here; it may be the input itself
    #[arg(short, long, value_name = "FILE")]
    pub(crate) output: Option<PathBuf>,
    /// Note in the metadata of each cell that moved where it ran and why
    #[arg(long, requires = "output")]
    pub(crate) annotate: bool,
    /// The Python that runs the notebook; it needs ipykernel
    #[arg(long, value_name = "PATH")]
    pub(crate) python: Option<PathBuf>,
    /// The longest a cell may take, in seconds
    #[arg(long, value_name = "SECONDS", value_parser = positive)]
    pub(crate) timeout: Option<f64>,
}

/// A number of seconds above zero.
fn positive(text: &str) -> Result<f64, String> {
    let seconds: f64 = text.parse().map_err(|_| "not a number".to_owned())?;
    // Longer than any run, and still a duration.
    if seconds > 0.0 && seconds < 1e9 { Ok(seconds) } else { Err("not a number of seconds above zero".to_owned()) }
}

/// The whole story on a built-in notebook, with nothing to configure
///
/// Prepares a Python environment of its own in the user's cache (a few minutes the first time), shows what it finds in the
/// notebook and how it would move the heavy block, runs everything here, then once more with the heavy block in
/// another process, and compares the results cell by cell.
#[derive(Debug, clap::Args)]
pub(crate) struct DemoArgs {
    /// The Python to make the environment with
    #[arg(long, value_name = "PATH")]
    pub(crate) python: Option<PathBuf>,
    /// Use this Python as it is, packages included, instead of preparing an environment
    #[arg(long, value_name = "PATH", conflicts_with = "python")]
    pub(crate) environment: Option<PathBuf>,
    /// Write the notebook of the second run here
    #[arg(short, long, value_name = "FILE")]
    pub(crate) output: Option<PathBuf>,
}

/// List the places that can run a block, and the blocks that run there
#[derive(Debug, clap::Args)]
#[command(
    args_conflicts_with_subcommands = true,
    after_long_help = "\
Examples:
  nbhoist executors --probe
  nbhoist executors add gpu                write a place into your own configuration, step by step
  nbhoist executors jobs                   blocks that run elsewhere, also those of an nbhoist that was killed
  nbhoist executors attach 3f2a            take one of those over
  nbhoist executors conform ray 127.0.0.1:6379
"
)]
pub(crate) struct ExecutorsArgs {
    #[command(subcommand)]
    pub(crate) action: Option<ExecutorsAction>,
    /// Connect to each of them and say what is there
    #[arg(long)]
    pub(crate) probe: bool,
    /// The Python to use on this machine where an executor names none
    #[arg(long, value_name = "PATH", requires = "probe")]
    pub(crate) python: Option<PathBuf>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum ExecutorsAction {
    /// List blocks that run elsewhere
    Jobs,
    /// Take over a block that an nbhoist left running, and put its results into the kernel it came from
    Attach {
        /// The beginning of the job's id
        #[arg(value_name = "JOB")]
        job: String,
        /// Put the result into the kernel even where its variables have changed meanwhile
        #[arg(long)]
        force: bool,
    },
    /// End a block that runs elsewhere
    Cancel {
        /// The beginning of the job's id
        #[arg(value_name = "JOB")]
        job: String,
    },
    /// Add a place to your own configuration
    Add(AddArgs),
    /// Try whether a plugin `nbhoist-executor-NAME` keeps to the plugin protocol
    Conform {
        /// The last part of its name
        #[arg(value_name = "NAME")]
        plugin: String,
        /// What it connects to
        #[arg(value_name = "URI", default_value = "")]
        uri: String,
        /// What it is told beside the address
        #[arg(long = "option", value_name = "KEY=VALUE")]
        options: Vec<String>,
        /// The Python at its places
        #[arg(long, value_name = "PATH")]
        python: Option<PathBuf>,
    },
}

/// What `executors add` is told; it asks for the rest in a terminal.
#[derive(Debug, clap::Args)]
pub(crate) struct AddArgs {
    /// A name for the place
    #[arg(value_name = "NAME")]
    pub(crate) name: Option<String>,
    /// What drives it: ssh, slurm, jupyter, command, or the name of a plugin
    #[arg(long, value_name = "BACKEND")]
    pub(crate) backend: Option<String>,
    /// A value of the place, such as `host=gpu-box`
    #[arg(long = "set", value_name = "KEY=VALUE")]
    pub(crate) set: Vec<String>,
}

/// Explain a rule: what it finds, why that is bad, how to fix it
#[derive(Debug, clap::Args)]
#[command(after_long_help = "\
Examples:
  nbhoist explain NBH201
  nbhoist explain --all
")]
pub(crate) struct ExplainArgs {
    /// Code or name of the rule
    #[arg(value_name = "RULE", required_unless_present = "all")]
    pub(crate) rule: Option<String>,
    /// List all rules
    #[arg(long, conflicts_with = "rule")]
    pub(crate) all: bool,
}

/// Serve an editor: the language server, on standard input and output
#[derive(Debug, clap::Args)]
pub(crate) struct ServerArgs {
    /// Write the log to this file instead of standard error
    #[arg(long, value_name = "FILE")]
    pub(crate) log: Option<PathBuf>,
    /// Accepted because editors pass it; standard input and output are used anyway
    #[arg(long, hide = true)]
    pub(crate) stdio: bool,
}

/// Print a completion script for a shell
#[derive(Debug, clap::Args)]
#[command(after_long_help = "\
Examples:
  nbhoist completions bash > ~/.local/share/bash-completion/completions/nbhoist
  nbhoist completions zsh > ~/.zfunc/_nbhoist
  nbhoist completions fish > ~/.config/fish/completions/nbhoist.fish
")]
pub(crate) struct CompletionsArgs {
    /// The shell
    #[arg(value_enum)]
    pub(crate) shell: clap_complete::Shell,
}

/// Fetch a value that stayed where a block ran, for the kernel that has a handle of it
#[derive(Debug, clap::Args)]
pub(crate) struct FetchArgs {
    /// SHA-256 of the value
    #[arg(value_name = "SHA256")]
    pub(crate) sha256: String,
    /// The kernel's folder there
    #[arg(long, value_name = "NAME")]
    pub(crate) folder: String,
    /// The executor at which it is
    #[arg(long, value_name = "NAME")]
    pub(crate) on: String,
    /// The kernel's interpreter
    #[arg(long, value_name = "PATH")]
    pub(crate) python: PathBuf,
    /// A new file for it
    #[arg(long, value_name = "FILE")]
    pub(crate) into: PathBuf,
}

/// Write the documents that are made from the code: rule pages, settings, command line
#[derive(Debug, clap::Args)]
pub(crate) struct GenerateDocsArgs {
    /// The folder to write to
    #[arg(default_value = "docs", value_name = "FOLDER")]
    pub(crate) folder: PathBuf,
}
