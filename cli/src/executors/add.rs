//! `nbhoist executors add`: writes a place into the user's own configuration, after asking for what it needs.

use std::io::{BufRead as _, IsTerminal as _, Write as _};
use std::path::{Path, PathBuf};

use nbhoist_settings::Settings;

use crate::args::AddArgs;
use crate::error::{Exit, FAINT, Failure};
use crate::terminal::Terminal;

/// A question: key, what to ask, and whether it needs an answer.
type Question = (&'static str, &'static str, bool);

/// What a place of each kind needs. No question asks for a secret.
fn questions(backend: &str) -> &'static [Question] {
    match backend {
        "local" => &[("python", "Python (empty for the kernel's own)", false)],
        "ssh" => &[("host", "Host, as you would give it to ssh", true), ("python", "Python there (empty for python3)", false)],
        "slurm" => &[
            ("partition", "Partition (empty for the usual one)", false),
            ("gpus", "GPUs (empty for none)", false),
            ("time", "Time limit, as Slurm writes it (empty for the usual one)", false),
            ("python", "Python on the nodes (empty for python3)", false),
        ],
        "jupyter" => &[
            ("uri", "Address, such as https://hub.example.org/user/me", true),
            ("token-env", "Environment variable that holds the token (empty for JUPYTER_TOKEN)", false),
            ("kernel", "Kernel (empty for the server's usual one)", false),
        ],
        "command" => &[("command", "Command, with {python} and {worker} where they belong", true)],
        _ => &[("uri", "Address for the plugin", true), ("python", "Python there (empty for python3)", false)],
    }
}

pub(super) fn add(args: &AddArgs, terminal: &Terminal) -> Result<Exit, Failure> {
    let file = nbhoist_settings::user_file().ok_or_else(|| Failure::new("there is no home folder to keep a configuration in"))?;
    let asking = std::io::stdin().is_terminal() && !terminal.is_json();
    let name = given(args.name.clone(), asking, "Name of the place", "give it as an argument")?;
    let backend =
        given(args.backend.clone(), asking, "What drives it (ssh, slurm, jupyter, command, ray, dask, ...)", "give it with --backend")?;
    let mut values = vec![("backend".to_owned(), backend.clone())];
    for pair in &args.set {
        let (key, value) = pair.split_once('=').ok_or_else(|| Failure::new(format!("`--set {pair}` is not KEY=VALUE")))?;
        values.push((key.to_owned(), value.to_owned()));
    }
    for (key, question, needed) in questions(&backend) {
        if values.iter().any(|(known, _)| known == key) || (!asking && !needed) {
            continue;
        }
        let help = format!("give it with --set {key}=...");
        let answer = if *needed { given(None, asking, question, &help)? } else { ask(question)? };
        if !answer.is_empty() {
            values.push(((*key).to_owned(), answer));
        }
    }
    write(&file, &name, &values)?;
    if !terminal.quiet {
        terminal.print(&format!("`{name}` is in {}\n{FAINT}see what is there: nbhoist executors --probe{FAINT:#}\n", file.display()))?;
    }
    Ok(Exit::Success)
}

fn given(value: Option<String>, asking: bool, question: &str, help: &str) -> Result<String, Failure> {
    match value {
        Some(value) => Ok(value),
        None if asking => match ask(question)? {
            answer if answer.is_empty() => Err(Failure::new(format!("{question}: an answer is needed"))),
            answer => Ok(answer),
        },
        None => Err(Failure::new(format!("{question}: not given")).help(help.to_owned())),
    }
}

fn ask(question: &str) -> Result<String, Failure> {
    anstream::eprint!("{question}: ");
    let _ = std::io::stderr().flush();
    let mut line = String::new();
    std::io::stdin().lock().read_line(&mut line).map_err(|error| Failure::new(format!("cannot read the answer: {error}")))?;
    Ok(line.trim().to_owned())
}

/// Appends the place to the file, which is otherwise left as it is, and only when the result is a configuration without complaints.
fn write(file: &Path, name: &str, values: &[(String, String)]) -> Result<(), Failure> {
    let failed = |error: std::io::Error| Failure::new(format!("cannot write {}: {error}", file.display()));
    let plain = !name.is_empty() && name.chars().all(|letter| letter.is_ascii_alphanumeric() || "-_".contains(letter));
    if !plain {
        return Err(Failure::new(format!("`{name}` is no name for a place")).help("use letters, digits, `-` and `_`"));
    }
    let old = if file.exists() { std::fs::read_to_string(file).map_err(failed)? } else { String::new() };
    if old.contains(&format!("[executors.{name}]")) {
        return Err(Failure::new(format!("`{name}` is already in {}", file.display())).help("choose another name, or change it there"));
    }
    let folder = file.parent().map_or_else(|| PathBuf::from("."), Path::to_path_buf);
    std::fs::create_dir_all(&folder).map_err(failed)?;
    let mut new = tempfile::Builder::new().suffix(".toml").tempfile_in(&folder).map_err(failed)?;
    let gap = if old.is_empty() {
        ""
    } else if old.ends_with('\n') {
        "\n"
    } else {
        "\n\n"
    };
    let entries = values.iter().fold(String::new(), |text, (key, value)| text + &format!("{key} = {}\n", toml_value(key, value)));
    let text = format!("{old}{gap}[executors.{name}]\n{entries}");
    new.write_all(text.as_bytes()).map_err(failed)?;
    let known = Settings::load_from(Some(new.path()), None).map_err(|error| Failure::from_text(&error.to_string()))?;
    if let Some(warning) = known.warnings.first() {
        return Err(Failure::new(warning.text.clone()).help(warning.help.clone().unwrap_or_default()));
    }
    crate::save::write(file, text.as_bytes(), "the settings")
}

/// A command is a list of words; everything else is text.
fn toml_value(key: &str, value: &str) -> String {
    let quoted = |text: &str| serde_json::Value::from(text).to_string();
    match key {
        "command" | "close" | "token-command" => format!("[{}]", value.split_whitespace().map(quoted).collect::<Vec<_>>().join(", ")),
        "lease" if value.parse::<f64>().is_ok() => value.to_owned(),
        _ => quoted(value),
    }
}
