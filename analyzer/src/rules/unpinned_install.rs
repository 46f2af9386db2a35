//! A package that is installed in whatever version there is on that day.

use super::{Context, Rule, offset};
use crate::finding::{Finding, Severity};
use crate::syntax::EscapeKind;

pub(super) const RULE: Rule = Rule {
    code: "NBH503",
    name: "unpinned-install",
    severity: Severity::Warning,
    opt_in: false,
    summary: "A package is installed without a version.",
    explanation: include_str!("unpinned_install.md"),
    check,
};

fn check(context: &Context<'_>, rule: &Rule) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (cell, facts) in context.code_cells() {
        for escape in facts.syntax.escapes.values() {
            let command = match escape.kind {
                EscapeKind::Shell => escape.arguments.clone(),
                EscapeKind::Magic => format!("{} {}", escape.name, escape.arguments),
                EscapeKind::Help | EscapeKind::Call => continue,
            };
            if let Some(package) = unpinned(&command) {
                findings.push(finding(rule, cell.number, &package, (escape.range.start().to_u32(), escape.range.end().to_u32())));
            }
        }
        let shell = facts.syntax.cell_magic.as_ref().filter(|magic| matches!(magic.name.as_str(), "bash" | "sh" | "!"));
        if shell.is_some() {
            let mut start = 0;
            for line in cell.source.split_inclusive('\n') {
                if let Some(package) = unpinned(line) {
                    findings.push(finding(rule, cell.number, &package, (offset(start), offset(start + line.trim_end().len()))));
                }
                start += line.len();
            }
        }
    }
    findings
}

fn finding(rule: &Rule, cell: u32, package: &str, (start, end): (u32, u32)) -> Finding {
    rule.finding(
        format!("`{package}` is installed in whatever version is the newest that day"),
        Some(format!("name the version, as in `{package}==1.2.3`, or use a requirements file")),
        cell,
        start,
        end,
    )
}

/// Options of pip and conda that take a value of their own.
const WITH_VALUE: &[&str] = &[
    "-r",
    "--requirement",
    "-c",
    "--constraint",
    "-i",
    "--index-url",
    "--extra-index-url",
    "-f",
    "--find-links",
    "-t",
    "--target",
    "-n",
    "--name",
    "-p",
    "--prefix",
    "--channel",
    "-e",
    "--editable",
    "--root",
    "--trusted-host",
    "--python",
    "--file",
    "--progress-bar",
];

/// The first package that an install command names without a version.
fn unpinned(command: &str) -> Option<String> {
    let command = command.split(['#', '|', ';', '>']).next()?.split("&&").next()?;
    let mut words = command.split_whitespace().map(|word| word.trim_matches(['"', '\''])).peekable();
    let mut installer = "";
    loop {
        let word = words.next()?;
        let program = word.rsplit(['/', '.']).find(|part| !part.is_empty()).unwrap_or(word);
        match program {
            "pip" | "pip3" | "conda" | "mamba" | "uv" => installer = program,
            "install" if !installer.is_empty() => break,
            "sudo" | "python" | "python3" | "{sys" | "executable}" | "-m" | "-y" | "-q" => {}
            _ if word.starts_with('-') || word.contains("executable") => {}
            _ => return None,
        }
    }
    let conda = matches!(installer, "conda" | "mamba");
    while let Some(word) = words.next() {
        if WITH_VALUE.contains(&word) || (conda && word == "-c") {
            words.next();
            continue;
        }
        if word.starts_with('-') || !is_package(word) {
            continue;
        }
        let pinned =
            word.contains("==") || word.contains("~=") || word.contains(" @ ") || (conda && word.contains('=')) || word.contains('<');
        let tool = matches!(word, "pip" | "setuptools" | "wheel" | "uv");
        if !pinned && !tool {
            return Some(word.split(['>', '[', '!']).next().unwrap_or(word).to_owned());
        }
    }
    None
}

/// Files that can be installed.
const ARCHIVES: &[&str] = &[".whl", ".gz", ".txt", ".zip"];

/// A name on the index: no path, address, archive or variable.
fn is_package(word: &str) -> bool {
    let name = word.split(['=', '<', '>', '!', '~', '[']).next().unwrap_or(word);
    !name.is_empty()
        && name.starts_with(|c: char| c.is_ascii_alphanumeric())
        && name.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.'))
        && !ARCHIVES.iter().any(|ending| name.ends_with(ending))
}

#[cfg(test)]
mod tests {
    use super::unpinned;

    #[test]
    fn a_version_pins_a_package() {
        for (command, package) in [
            ("pip install pandas", "pandas"),
            ("pip install -q --upgrade pandas==2 numpy>=1", "numpy"),
            ("{sys.executable} -m pip install seaborn[stats]", "seaborn"),
            ("conda install -y -c conda-forge geopandas", "geopandas"),
            ("pip install 'torch'", "torch"),
            ("!uv pip install rich", "rich"),
        ] {
            assert_eq!(unpinned(command.trim_start_matches('!')).as_deref(), Some(package), "{command}");
        }
        for command in [
            "pip install pandas==2.0",
            "pip install -r requirements.txt",
            "pip install -e .",
            "pip install --upgrade pip",
            "pip install git+https://x.org/y",
            "pip install ./x.whl",
            "pip install 'x<2'",
            "conda install -c x numpy=1.2",
            "pip list",
            "echo pip install x",
            "pip install $PACKAGE",
        ] {
            assert_eq!(unpinned(command), None, "{command}");
        }
    }
}
