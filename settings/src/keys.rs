//! The keys of a configuration file: what each means, with its type and an example. Reading, the reference and the JSON schema go by this list.

/// What stands behind a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A number, zero or more.
    Number,
    /// A whole number, zero or more.
    Whole,
    /// A string.
    String,
    /// One of these words.
    Word(&'static [&'static str]),
    /// A list of strings.
    Strings,
    /// A list of codes, prefixes of codes or names of rules, or `ALL`.
    Rules,
    /// A table from patterns of files to such lists.
    RulesByFile,
    /// A table from rules to one of these words.
    WordByRule(&'static [&'static str]),
    /// `true` or `false`.
    Flag,
    /// A string or a number.
    Scalar,
    /// A table of strings.
    Table,
    /// A list of strings, or a table of them.
    ListOrTable,
    /// A table of executors by name.
    Executors,
}

/// A key.
#[derive(Clone, Copy, Debug)]
pub struct Key {
    /// Its name.
    pub name: &'static str,
    /// What stands behind it.
    pub kind: Kind,
    /// What counts without it, as TOML or in words.
    pub default: &'static str,
    /// What it does; markdown.
    pub text: &'static str,
    /// A configuration with it, as TOML.
    pub example: &'static str,
    /// Whether it counts in the user's own file only.
    pub user_only: bool,
}

const PLAIN: Key = Key { name: "", kind: Kind::String, default: "none", text: "", example: "", user_only: false };

/// Keys of the file, or of `[tool.nbhoist]`.
pub const KEYS: [Key; 16] = [
    Key {
        name: "select",
        kind: Kind::Rules,
        default: "all rules that are not opt-in",
        text: "Rules to apply, in place of the default ones: codes (`NBH202`), beginnings of codes (`NBH2`), names (`defined-nowhere`), or `ALL`. \
               The more exact entry wins over the less exact one of `ignore`.",
        example: "select = [\"NBH1\", \"NBH2\", \"unused-suppression\"]",
        ..PLAIN
    },
    Key {
        name: "extend-select",
        kind: Kind::Rules,
        default: "[]",
        text: "Rules to apply besides the default ones or those of `select`. The way to switch on single opt-in rules.",
        example: "extend-select = [\"unused-suppression\"]",
        ..PLAIN
    },
    Key {
        name: "ignore",
        kind: Kind::Rules,
        default: "[]",
        text: "Rules to leave out. Where an entry is as exact as one of `select`, it wins.",
        example: "ignore = [\"defined-only-later\"]",
        ..PLAIN
    },
    Key {
        name: "per-file-ignores",
        kind: Kind::RulesByFile,
        default: "{}",
        text: "Rules to leave out in files that fit a pattern, in the syntax of `.gitignore`, relative to the folder of this configuration file.",
        example: "[per-file-ignores]\n\"scratch/\" = [\"ALL\"]\n\"*.py\" = [\"NBH202\"]",
        ..PLAIN
    },
    Key {
        name: "severity",
        kind: Kind::WordByRule(&["error", "warning", "info"]),
        default: "each rule's own",
        text: "How bad the findings of rules are. With `--fail-on` (default `warning`) it decides which of them make `nbhoist check` fail.",
        example: "[severity]\nNBH201 = \"warning\"\nunused-suppression = \"info\"",
        ..PLAIN
    },
    Key {
        name: "baseline",
        kind: Kind::String,
        default: "none",
        text: "A file of known findings that `nbhoist check` does not report, written by `nbhoist check --write-baseline`. Relative to the folder of this \
               configuration file. An entry is known by rule, cell and text, so it stays known when lines move.",
        example: "baseline = \"nbhoist-baseline.json\"",
        ..PLAIN
    },
    Key {
        name: "exclude",
        kind: Kind::Strings,
        default: "[]",
        text: "Files and folders that `nbhoist check` leaves out when it walks through folders, in the syntax of `.gitignore`, relative to the folder of \
               this configuration file. What `.gitignore` leaves out is left out anyway; a file that is named on the command line is checked.",
        example: "exclude = [\"archive/\", \"**/draft-*.ipynb\"]",
        ..PLAIN
    },
    Key {
        name: "heavy-seconds",
        kind: Kind::Number,
        default: "10",
        text: "A cell that is estimated or measured to take longer, in seconds, is heavy.",
        example: "heavy-seconds = 30",
        ..PLAIN
    },
    Key {
        name: "large-output-bytes",
        kind: Kind::Whole,
        default: "1000000",
        text: "Saved outputs of a cell that take more bytes in the file are large.",
        example: "large-output-bytes = 200000",
        ..PLAIN
    },
    Key {
        name: "hints",
        kind: Kind::Word(&["heavy", "all", "off"]),
        default: "\"heavy\"",
        text: "Where editors show what cells cost, need and give: at heavy cells, at every code cell, or nowhere.",
        example: "hints = \"all\"",
        ..PLAIN
    },
    Key {
        name: "library-effects",
        kind: Kind::Strings,
        default: "[]",
        text: "Files that say what the functions of your own libraries do, added to the built-in table, a later file over an earlier one. Relative to the \
               folder of this configuration file, and in a project inside that folder.",
        example: "library-effects = []",
        ..PLAIN
    },
    Key {
        name: "history",
        kind: Kind::Flag,
        default: "true",
        text: "Whether run times of cells and sizes of values are remembered, for better estimates, in `~/.local/state/nbhoist/history.sqlite`. It holds hashes of code and \
               sizes of values, neither code nor values. `NBHOIST_HISTORY=off` switches it off for one command.",
        example: "history = false",
        user_only: true,
    },
    Key {
        name: "stay",
        kind: Kind::Flag,
        default: "false",
        text: "Whether large results of a cell that nbhoist moves by itself may stay where it ran, as long as the cells that are likely to follow use them only there: in the \
               editor and with `%hoist`. A cell here that may touch one fetches it first. `nbhoist run --on auto` does so in any case.",
        example: "stay = true",
        user_only: true,
    },
    Key {
        name: "risk",
        kind: Kind::Number,
        default: "0.7",
        text: "The probability, above 0 and below 1, with which moving a block must pay: 0.5 follows the medians of the estimates, more is more careful.",
        example: "risk = 0.9",
        ..PLAIN
    },
    Key {
        name: "price-of-waiting",
        default: "none",
        text: "What an hour of your waiting is worth, with its currency. Without it, a place with a `price` is used only when it is named.",
        example: "price-of-waiting = \"20 EUR\"",
        user_only: true,
        ..PLAIN
    },
    Key {
        name: "executors",
        kind: Kind::Executors,
        default: "`local`",
        text: "Places that can run a block, by name. A project's file must not choose where your data goes, so they do not count there. `local` is always there.",
        example: "[executors.box]\nhost = \"box.example\"\npython = \"/opt/venv/bin/python\"",
        user_only: true,
    },
];

/// Keys of an executor.
pub const EXECUTOR_KEYS: [Key; 26] = [
    Key {
        name: "backend",
        default: "what the other keys say",
        text: "What drives it: `local`, `ssh`, `slurm`, `jupyter`, `command`, or the `NAME` of a program `nbhoist-executor-NAME`.",
        ..PLAIN
    },
    Key { name: "python", default: "`python3`; with `local` the kernel's", text: "The Python there.", ..PLAIN },
    Key {
        name: "command",
        kind: Kind::Strings,
        text: "The command that leads to a worker, with `{python}` and `{worker}` in it.",
        ..PLAIN
    },
    Key { name: "host", text: "The host of `ssh`.", ..PLAIN },
    Key { name: "uri", text: "The address of a server, or of what a program connects to.", ..PLAIN },
    Key { name: "directory", default: "the kernel's own", text: "The working folder there.", ..PLAIN },
    Key {
        name: "lease",
        kind: Kind::Number,
        default: "600; with `local` and `command` 0",
        text: "Seconds for which a block goes on while the link to it is cut.",
        ..PLAIN
    },
    Key {
        name: "cache",
        kind: Kind::Flag,
        default: "true; with `local` false",
        text: "Whether what was sent is kept there, so that it is not sent again.",
        ..PLAIN
    },
    Key {
        name: "warm",
        kind: Kind::Flag,
        default: "false; with `ssh` true",
        text: "Whether the next block's worker is started ahead and imports what the session has imported.",
        ..PLAIN
    },
    Key {
        name: "env",
        kind: Kind::Word(&["as-is", "sync"]),
        default: "\"as-is\"",
        text: "`sync`: the kernel's environment is built there by uv, once for each list of versions.",
        ..PLAIN
    },
    Key {
        name: "paths",
        kind: Kind::Table,
        text: "Folders that both machines share: beginnings of paths here, and what they are called there.",
        ..PLAIN
    },
    Key {
        name: "options",
        kind: Kind::ListOrTable,
        text: "More arguments for `ssh` and `slurm` (a list), or what a plugin is told (a table).",
        ..PLAIN
    },
    Key { name: "partition", kind: Kind::Scalar, text: "Slurm's partition.", ..PLAIN },
    Key { name: "gpus", kind: Kind::Scalar, text: "GPUs of a Slurm job, as Slurm writes them.", ..PLAIN },
    Key { name: "time", kind: Kind::Scalar, text: "Longest run time of a Slurm job, as Slurm writes it.", ..PLAIN },
    Key {
        name: "memory",
        kind: Kind::Scalar,
        text: "Memory there, as Slurm writes it: `64G`, or a number of megabytes. A Slurm job asks for as much.",
        ..PLAIN
    },
    Key {
        name: "speed",
        kind: Kind::Number,
        default: "that of this machine",
        text: "How many times as fast as this machine its processors are.",
        ..PLAIN
    },
    Key { name: "gpu-speed", kind: Kind::Number, default: "`speed`", text: "The same for work on its graphics processor.", ..PLAIN },
    Key {
        name: "bandwidth",
        kind: Kind::Scalar,
        default: "supposed to be 10 MB/s, between 1 and 100",
        text: "The rate of the link: `80 MB/s`, `1 Gbit/s`, or a number of bytes a second.",
        ..PLAIN
    },
    Key { name: "latency", kind: Kind::Number, default: "0.02; with `local` 0", text: "The round trip to it, seconds.", ..PLAIN },
    Key {
        name: "startup",
        kind: Kind::Number,
        default: "what the backend usually takes",
        text: "Seconds until a worker there is ready.",
        ..PLAIN
    },
    Key { name: "price", default: "free", text: "What an hour there costs: `2.40 EUR`.", ..PLAIN },
    Key { name: "kernel", default: "the server's default", text: "The kernel that `jupyter` starts.", ..PLAIN },
    Key {
        name: "token-env",
        default: "`JUPYTER_TOKEN`",
        text: "The environment variable with the token of `jupyter`. A token in the file does not count.",
        ..PLAIN
    },
    Key { name: "token-command", kind: Kind::Strings, text: "A command that prints the token, such as a keyring's.", ..PLAIN },
    Key { name: "close", kind: Kind::Strings, text: "A command that cleans up after `command`; `{session}` is its name.", ..PLAIN },
];
