//! Documents made from the code, so that they cannot say something else than the code does.

mod commands;
pub(crate) mod rule_pages;
mod schema;
mod settings;

use std::collections::BTreeMap;
use std::path::Path;

use crate::args::GenerateDocsArgs;
use crate::error::{Exit, Failure};
use crate::save;
use crate::terminal::{Terminal, count};

/// Stands in every document.
const NOTE: &str = "<!-- Made by `nbhoist generate-docs docs`; change the code, then make it again. -->\n";

/// Every document, by its path in the folder.
fn documents() -> BTreeMap<String, String> {
    let mut documents = rule_pages::pages();
    documents.insert("settings.md".to_owned(), settings::page());
    documents.insert("nbhoist.schema.json".to_owned(), schema::text());
    documents.insert("cli.md".to_owned(), commands::page());
    documents
}

pub(crate) fn generate(args: &GenerateDocsArgs, terminal: &Terminal) -> Result<Exit, Failure> {
    let documents = documents();
    let rules = args.folder.join("rules");
    std::fs::create_dir_all(&rules).map_err(|error| Failure::new(format!("cannot make the folder: {error}")).at(rules.display()))?;
    remove_old(&rules, &documents)?;
    for (name, text) in &documents {
        let path = args.folder.join(name);
        if std::fs::read(&path).ok().as_deref() != Some(text.as_bytes()) {
            save::write(&path, text.as_bytes(), "the document")?;
        }
    }
    if !terminal.quiet {
        terminal.print(&format!("Made {} in {}.\n", count(documents.len(), "document"), args.folder.display()))?;
    }
    Ok(Exit::Success)
}

/// Pages of rules that are no more.
fn remove_old(rules: &Path, documents: &BTreeMap<String, String>) -> Result<(), Failure> {
    for entry in std::fs::read_dir(rules).into_iter().flatten().flatten() {
        let path = entry.path();
        let name = format!("rules/{}", entry.file_name().to_string_lossy());
        if path.extension().is_some_and(|ending| ending == "md") && !documents.contains_key(&name) {
            std::fs::remove_file(&path).map_err(|error| Failure::new(format!("cannot remove an old page: {error}")).at(path.display()))?;
        }
    }
    Ok(())
}
