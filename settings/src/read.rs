//! One configuration file, key by key, with the place of everything.

use std::collections::BTreeMap;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use nbhoist_analyzer::finding::Severity;
use nbhoist_analyzer::library_effects::{Problem, Table};
use nbhoist_analyzer::nearest::{nearest, tolerance};
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use crate::amounts;
use crate::executor::{Backend, Executor};
use crate::keys::{EXECUTOR_KEYS, KEYS, Key as Known};
use crate::{Error, Hints, Pattern, Place, Settings, Warning, unknown_rule};

/// Whose file it is.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Owner {
    User,
    Project,
}

/// The longest lease, seconds: a month.
const MAX_LEASE: f64 = 30.0 * 24.0 * 3600.0;

const MEMORY: &str = "`64G`, or a number of megabytes";
const BANDWIDTH: &str = "`80 MB/s`, `1 Gbit/s` or a number of bytes a second";
const PRICE: &str = "`2.40 EUR`: an amount and a currency, by the hour";

/// Reads a file into the settings.
pub(crate) fn file(path: &Path, owner: Owner, settings: &mut Settings) -> Result<(), Error> {
    let text = read_text(path)?;
    let document = Document { path, text: &text };
    let parsed = document.parse()?;
    settings.files.push(path.to_path_buf());
    let table = if is_pyproject(path) { own_table(parsed.get_ref()) } else { Some(parsed.get_ref()) };
    for (key, value) in table.into_iter().flatten() {
        document.read_key(key, value, owner, settings)?;
    }
    Ok(())
}

/// Whether a `pyproject.toml` has the table `[tool.nbhoist]`.
pub(crate) fn has_table(path: &Path) -> Result<bool, Error> {
    let text = read_text(path)?;
    // A file that does not name the tool need not even be valid.
    if !text.contains("nbhoist") {
        return Ok(false);
    }
    let parsed = Document { path, text: &text }.parse()?;
    Ok(own_table(parsed.get_ref()).is_some())
}

fn read_text(path: &Path) -> Result<String, Error> {
    std::fs::read_to_string(path).map_err(|source| Error::Io { file: path.to_path_buf(), source })
}

fn is_pyproject(path: &Path) -> bool {
    path.file_name().is_some_and(|name| name == "pyproject.toml")
}

fn own_table<'t, 'i>(table: &'t DeTable<'i>) -> Option<&'t DeTable<'i>> {
    table.get("tool")?.get_ref().as_table()?.get("nbhoist")?.get_ref().as_table()
}

type Key<'i> = Spanned<std::borrow::Cow<'i, str>>;
type Value<'i> = Spanned<DeValue<'i>>;

/// A file's text, to turn byte ranges into places.
struct Document<'a> {
    path: &'a Path,
    text: &'a str,
}

impl<'a> Document<'a> {
    fn parse(&self) -> Result<Spanned<DeTable<'a>>, Error> {
        DeTable::parse(self.text)
            .map_err(|error| Error::Syntax { place: self.place(&error.span().unwrap_or(0..0)), message: error.message().to_owned() })
    }

    fn place(&self, span: &Range<usize>) -> Place {
        let before = self.text.get(..span.start).unwrap_or(self.text);
        let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
        Place { file: self.path.to_path_buf(), line: before.matches('\n').count() + 1, column: before[line_start..].chars().count() + 1 }
    }

    fn read_key(&self, key: &Key<'_>, value: &Value<'_>, owner: Owner, settings: &mut Settings) -> Result<(), Error> {
        match key.get_ref().as_ref() {
            "heavy-seconds" => settings.heavy_seconds = self.seconds("heavy-seconds", value)?,
            "large-output-bytes" => settings.large_output_bytes = self.bytes("large-output-bytes", value)?,
            "select" => settings.select = Some(self.rules("select", value, settings)?),
            "extend-select" => settings.extend_select = self.rules("extend-select", value, settings)?,
            "ignore" => settings.ignore = self.rules("ignore", value, settings)?,
            "per-file-ignores" => settings.per_file_ignores = self.per_file_ignores(value, settings)?,
            "severity" => settings.severity = self.severities(value, settings)?,
            "baseline" => settings.baseline = Some(self.folder().join(self.path("baseline", value)?)),
            "hints" => {
                let word = self.string("hints", value)?;
                settings.hints = Hints::from_word(&word).ok_or_else(|| self.wrong("hints", value, "`heavy`, `all` or `off`"))?;
            }
            "exclude" => {
                let patterns = self.strings("exclude", value)?;
                let items = value.get_ref().as_array().into_iter().flatten();
                settings.exclude =
                    patterns.iter().zip(items).map(|(text, item)| self.pattern(text, &item.span())).collect::<Result<_, _>>()?;
            }
            "library-effects" => settings.library_effects = Arc::new(self.library_effects(value, owner)?),
            "history" if owner == Owner::User => settings.history = self.flag("history", value)?,
            "history" => settings.warnings.push(Warning {
                place: self.place(&key.span()),
                text: "`history` in a project's file does not count: what is remembered is the user's own affair".to_owned(),
                help: crate::user_file().map(|file| format!("set it in {}", file.display())),
            }),
            "stay" if owner == Owner::User => settings.stay = self.flag("stay", value)?,
            "stay" => settings.warnings.push(Warning {
                place: self.place(&key.span()),
                text: "`stay` in a project's file does not count: where state lies is the user's own affair".to_owned(),
                help: crate::user_file().map(|file| format!("set it in {}", file.display())),
            }),
            "risk" => settings.risk = self.risk(value)?,
            "price-of-waiting" if owner == Owner::User => {
                settings.price_of_waiting = Some(self.amount("price-of-waiting", value, amounts::price, PRICE)?);
            }
            "price-of-waiting" => settings.warnings.push(Warning {
                place: self.place(&key.span()),
                text: "`price-of-waiting` in a project's file does not count: a project must not spend your money".to_owned(),
                help: crate::user_file().map(|file| format!("move it to {}", file.display())),
            }),
            "executors" if owner == Owner::User => self.read_executors(value, settings)?,
            "executors" => settings.warnings.push(Warning {
                place: self.place(&key.span()),
                text: "executors in a project's file do not count: a project must not choose where your data goes".to_owned(),
                help: crate::user_file().map(|file| format!("move them to {}", file.display())),
            }),
            other => self.unknown(other, &key.span(), &KEYS, settings),
        }
        Ok(())
    }

    fn flag(&self, key: &str, value: &Value<'_>) -> Result<bool, Error> {
        value.get_ref().as_bool().ok_or_else(|| self.wrong(key, value, "`true` or `false`"))
    }

    /// A list of codes, prefixes and names of rules; what names none is a warning.
    fn rules(&self, key: &str, value: &Value<'_>, settings: &mut Settings) -> Result<Vec<String>, Error> {
        let patterns = self.strings(key, value)?;
        let items = value.get_ref().as_array().into_iter().flatten();
        for (pattern, item) in patterns.iter().zip(items) {
            self.check_rule(pattern, &item.span(), settings);
        }
        Ok(patterns)
    }

    fn check_rule(&self, pattern: &str, span: &Range<usize>, settings: &mut Settings) {
        if let Some((text, help)) = unknown_rule(pattern) {
            settings.warnings.push(Warning { place: self.place(span), text, help: Some(help) });
        }
    }

    fn pattern(&self, text: &str, span: &Range<usize>) -> Result<Pattern, Error> {
        let wrong = |message| Error::Pattern { place: self.place(span), pattern: text.to_owned(), message };
        Pattern::new(text, &self.folder()).map_err(wrong)
    }

    fn per_file_ignores(&self, value: &Value<'_>, settings: &mut Settings) -> Result<Vec<(Pattern, Vec<String>)>, Error> {
        let mut entries = Vec::new();
        for (pattern, rules) in self.table("per-file-ignores", value)? {
            let key = format!("per-file-ignores.{}", pattern.get_ref());
            entries.push((self.pattern(pattern.get_ref(), &pattern.span())?, self.rules(&key, rules, settings)?));
        }
        Ok(entries)
    }

    fn severities(&self, value: &Value<'_>, settings: &mut Settings) -> Result<Vec<(String, Severity)>, Error> {
        let mut entries = Vec::new();
        for (rule, word) in self.table("severity", value)? {
            let key = format!("severity.{}", rule.get_ref());
            self.check_rule(rule.get_ref(), &rule.span(), settings);
            let severity = Severity::from_word(&self.string(&key, word)?);
            let severity = severity.ok_or_else(|| self.wrong(&key, word, "`error`, `warning` or `info`"))?;
            entries.push((rule.get_ref().to_string(), severity));
        }
        Ok(entries)
    }

    /// The built-in table with the files that are named here, a later one over an earlier one.
    fn library_effects(&self, value: &Value<'_>, owner: Owner) -> Result<Table, Error> {
        let mut table = Table::default();
        let paths = self.strings("library-effects", value)?;
        let items = value.get_ref().as_array().into_iter().flatten();
        for (path, item) in paths.iter().zip(items) {
            let file = self.folder().join(at_home(path).unwrap_or_else(|| PathBuf::from(path)));
            let text = read_effects(&file, (owner == Owner::Project).then(|| self.folder()).as_deref()).map_err(|source| {
                let place = self.place(&item.span());
                Error::EffectsFile { place, file: file.clone(), source }
            })?;
            let document = Document { path: &file, text: &text };
            table.extend(&text).map_err(|problems| document.effects_error(&problems))?;
        }
        Ok(table)
    }

    /// The first of these problems, with what was probably meant.
    fn effects_error(&self, problems: &[Problem]) -> Error {
        let Some(first) = problems.first() else {
            return Error::Effects { place: self.place(&(0..0)), text: String::new(), others: 0 };
        };
        let meant = first.unknown.as_ref().map(|(word, known)| match meant(word, known) {
            Some(name) => format!("did you mean `{name}`?"),
            None => format!("known keys are {}", known.join(", ")),
        });
        let text = meant.map_or_else(|| first.text.clone(), |meant| format!("{}; {meant}", first.text));
        Error::Effects { place: self.place(&(first.start..first.start)), text, others: problems.len() - 1 }
    }

    fn read_executors(&self, value: &Value<'_>, settings: &mut Settings) -> Result<(), Error> {
        for (name, entry) in self.table("executors", value)? {
            let key = format!("executors.{}", name.get_ref());
            let executor = self.executor(name.get_ref(), self.table(&key, entry)?, &key, settings)?;
            if let Some(problem) = executor.problem() {
                let place = self.place(&name.span());
                return Err(Error::Executor { place, name: executor.name, problem });
            }
            settings.executors.insert(executor.name.clone(), executor);
        }
        Ok(())
    }

    fn executor(&self, name: &str, table: &DeTable<'_>, prefix: &str, settings: &mut Settings) -> Result<Executor, Error> {
        let mut executor = Executor::new(name, Backend::Local);
        let (mut backend, mut asked) = (None, None);
        for (key, value) in table {
            let full = format!("{prefix}.{}", key.get_ref());
            match key.get_ref().as_ref() {
                "backend" => backend = Some(Backend::from_word(&self.string(&full, value)?)),
                "python" => executor.python = Some(self.path(&full, value)?),
                "command" => executor.command = Some(self.strings(&full, value)?),
                "host" => executor.host = Some(self.string(&full, value)?),
                "uri" => executor.uri = Some(self.string(&full, value)?),
                "directory" => executor.directory = Some(self.path(&full, value)?),
                "options" if value.get_ref().as_table().is_some() => executor.options = self.texts(&full, value)?,
                "options" => executor.arguments.extend(self.strings(&full, value)?),
                // As Slurm calls them.
                "partition" => executor.arguments.push(format!("--partition={}", self.text(&full, value)?)),
                "gpus" => executor.arguments.push(format!("--gpus={}", self.text(&full, value)?)),
                "time" => executor.arguments.push(format!("--time={}", self.text(&full, value)?)),
                "memory" => {
                    executor.memory = Some(self.amount(&full, value, amounts::memory, MEMORY)?);
                    asked = Some(format!("--mem={}", self.text(&full, value)?));
                }
                "speed" => executor.speed = Some(self.factor(&full, value)?),
                "gpu-speed" => executor.gpu_speed = Some(self.factor(&full, value)?),
                "bandwidth" => executor.bandwidth = Some(self.amount(&full, value, amounts::bandwidth, BANDWIDTH)?),
                "latency" => executor.latency = Some(self.seconds(&full, value)?),
                "startup" => executor.startup = Some(self.seconds(&full, value)?),
                "price" => executor.price = Some(self.amount(&full, value, amounts::price, PRICE)?),
                "close" => executor.close = Some(self.strings(&full, value)?),
                "lease" => executor.lease = Some(Duration::from_secs_f64(self.seconds(&full, value)?.min(MAX_LEASE))),
                "kernel" => executor.kernel = Some(self.string(&full, value)?),
                "token-env" => executor.token_env = Some(self.string(&full, value)?),
                "cache" => executor.cache = Some(self.flag(&full, value)?),
                "warm" => executor.warm = Some(self.flag(&full, value)?),
                "env" => {
                    executor.sync = match self.string(&full, value)?.as_str() {
                        "sync" => true,
                        "as-is" => false,
                        _ => return Err(self.wrong(&full, value, "`sync` or `as-is`")),
                    }
                }
                "paths" => executor.paths = self.texts(&full, value)?,
                "token-command" => executor.token_command = Some(self.strings(&full, value)?),
                "token" | "password" => {
                    let text = format!("`{full}` does not count: a secret must not stand in a file");
                    let help = Some("put it into an environment variable and name that with `token-env`, or name a command that prints it with `token-command`".to_owned());
                    settings.warnings.push(Warning { place: self.place(&key.span()), text, help });
                }
                other => self.unknown(other, &key.span(), &EXECUTOR_KEYS, settings),
            }
        }
        // Without a word for it, what is given says what is meant.
        executor.backend = backend.unwrap_or(match (&executor.command, &executor.host) {
            (Some(_), _) => Backend::Command,
            (None, Some(_)) => Backend::Ssh,
            (None, None) => Backend::Local,
        });
        // Elsewhere it says what there is.
        if executor.backend == Backend::Slurm {
            executor.arguments.extend(asked);
        }
        Ok(executor)
    }

    fn unknown(&self, key: &str, span: &Range<usize>, known: &[Known], settings: &mut Settings) {
        let names: Vec<&str> = known.iter().map(|key| key.name).collect();
        let help = match meant(key, &names) {
            Some(name) => format!("did you mean `{name}`?"),
            None => format!("known keys are {}", names.join(", ")),
        };
        let place = self.place(span);
        settings.warnings.push(Warning { place, text: format!("unknown key `{key}`"), help: Some(help) });
    }

    fn folder(&self) -> PathBuf {
        self.path.parent().map(Path::to_path_buf).unwrap_or_default()
    }

    fn seconds(&self, key: &str, value: &Value<'_>) -> Result<f64, Error> {
        let number = match value.get_ref() {
            DeValue::Integer(number) if number.radix() == 10 => number.as_str().parse().ok(),
            DeValue::Float(number) => number.as_str().parse().ok(),
            _ => None,
        };
        let allowed = number.filter(|number: &f64| number.is_finite() && *number >= 0.0);
        allowed.ok_or_else(|| self.wrong(key, value, "a number of seconds, zero or more"))
    }

    /// A number above zero.
    fn factor(&self, key: &str, value: &Value<'_>) -> Result<f64, Error> {
        let number = value.get_ref().as_str().is_none().then(|| self.seconds(key, value).ok()).flatten();
        number.filter(|number| *number > 0.0).ok_or_else(|| self.wrong(key, value, "a number above zero"))
    }

    fn risk(&self, value: &Value<'_>) -> Result<f64, Error> {
        let risk = self.factor("risk", value).ok().filter(|risk| *risk < 1.0);
        risk.ok_or_else(|| self.wrong("risk", value, "a probability above 0 and below 1"))
    }

    /// What a person writes with a unit.
    fn amount<T>(&self, key: &str, value: &Value<'_>, read: fn(&str) -> Option<T>, expected: &'static str) -> Result<T, Error> {
        let text = match value.get_ref() {
            DeValue::Integer(number) => number.as_str(),
            DeValue::Float(number) => number.as_str(),
            DeValue::String(text) => text.as_ref(),
            _ => "",
        };
        read(text).ok_or_else(|| self.wrong(key, value, expected))
    }

    fn bytes(&self, key: &str, value: &Value<'_>) -> Result<u64, Error> {
        let number = match value.get_ref() {
            DeValue::Integer(number) if number.radix() == 10 => number.as_str().parse().ok(),
            _ => None,
        };
        number.ok_or_else(|| self.wrong(key, value, "a whole number of bytes, zero or more"))
    }

    fn string(&self, key: &str, value: &Value<'_>) -> Result<String, Error> {
        let text = value.get_ref().as_str().map(str::to_owned);
        text.ok_or_else(|| self.wrong(key, value, "a string"))
    }

    /// A string, or a number as it is written.
    fn text(&self, key: &str, value: &Value<'_>) -> Result<String, Error> {
        match value.get_ref() {
            DeValue::Integer(number) => Ok(number.as_str().to_owned()),
            _ => self.string(key, value),
        }
    }

    /// A table of strings.
    fn texts(&self, key: &str, value: &Value<'_>) -> Result<BTreeMap<String, String>, Error> {
        let entries = self.table(key, value)?.iter();
        entries.map(|(name, value)| Ok((name.get_ref().to_string(), self.text(&format!("{key}.{}", name.get_ref()), value)?))).collect()
    }

    /// A path; `~/` stands for the home folder.
    fn path(&self, key: &str, value: &Value<'_>) -> Result<PathBuf, Error> {
        let text = self.string(key, value)?;
        Ok(at_home(&text).unwrap_or_else(|| PathBuf::from(text)))
    }

    fn strings(&self, key: &str, value: &Value<'_>) -> Result<Vec<String>, Error> {
        let items = value.get_ref().as_array();
        let strings =
            items.and_then(|items| items.iter().map(|item| item.get_ref().as_str().map(str::to_owned)).collect::<Option<Vec<_>>>());
        strings.ok_or_else(|| self.wrong(key, value, "a list of strings"))
    }

    fn table<'v, 'i>(&self, key: &str, value: &'v Value<'i>) -> Result<&'v DeTable<'i>, Error> {
        value.get_ref().as_table().ok_or_else(|| self.wrong(key, value, "a table"))
    }

    fn wrong(&self, key: &str, value: &Value<'_>, expected: &'static str) -> Error {
        let found = match value.get_ref() {
            DeValue::Integer(number) => number.as_str().to_owned(),
            DeValue::Float(number) => number.as_str().to_owned(),
            DeValue::String(text) if expected.starts_with('`') => format!("`{text}`"),
            DeValue::Array(_) if expected == "a list of strings" => "a list with something else in it".to_owned(),
            other => format!("{} {}", article(other.type_str()), other.type_str()),
        };
        Error::Value { place: self.place(&value.span()), key: key.to_owned(), expected, found }
    }
}

/// What a path that starts with `~/` stands for.
/// The text of a file of library effects. What a project names must lie in the folder `within`, links followed; a pipe or a device
/// is never opened, because it could hold up whoever only looks at a notebook.
fn read_effects(file: &Path, within: Option<&Path>) -> std::io::Result<String> {
    let refused = |why| std::io::Error::new(std::io::ErrorKind::PermissionDenied, why);
    if let Some(folder) = within
        && !file.canonicalize()?.starts_with(folder.canonicalize()?)
    {
        return Err(refused("it is outside the folder of the project's configuration"));
    }
    if !std::fs::metadata(file)?.is_file() {
        return Err(refused("it is not a regular file"));
    }
    std::fs::read_to_string(file)
}

fn at_home(path: &str) -> Option<PathBuf> {
    Some(std::env::home_dir()?.join(path.strip_prefix("~/")?))
}

fn article(word: &str) -> &'static str {
    if word.starts_with(['a', 'e', 'i', 'o', 'u']) { "an" } else { "a" }
}

/// The known key that was probably meant.
fn meant<'k>(key: &str, known: &[&'k str]) -> Option<&'k str> {
    nearest(key, known.iter().copied(), tolerance(key))
}
