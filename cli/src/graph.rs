//! `nbhoist graph`.

use std::path::Path;

use nbhoist_analyzer::picture::{Format, Picture};

use crate::args::{GraphArgs, GraphFormat};
use crate::error::{Exit, Failure};
use crate::json::SCHEMA;
use crate::save;
use crate::terminal::Terminal;
use crate::{analysis, input};

pub(crate) fn graph(args: &GraphArgs, terminal: &Terminal) -> Result<Exit, Failure> {
    let input = input::read(&args.notebook)?;
    let format = match args.format {
        Some(format) => format.into(),
        None => args.output.as_deref().and_then(by_ending).unwrap_or(Format::Svg),
    };
    let settings = analysis::settings(&input.folder(), terminal.quiet)?;
    let analysis = analysis::analyze(&input, &settings);
    let costs: Vec<_> = analysis.cells.iter().map(|cell| cell.cost.clone()).collect();
    let picture = Picture::new(&input.notebook, &analysis, &costs);
    let name = args.notebook.file_name().map_or_else(|| input.name(), |name| name.to_string_lossy().into_owned());
    let text = picture.render(format, &name);
    if let Some(output) = &args.output {
        save::write(output, text.as_bytes(), "the picture")?;
    } else if terminal.is_json() {
        terminal.print_json(&serde_json::json!({"schema": SCHEMA, "notebook": input.name(), "text": text}))?;
    } else {
        terminal.print(&text)?;
    }
    Ok(Exit::Success)
}

fn by_ending(path: &Path) -> Option<Format> {
    let ending = path.extension()?.to_str()?.to_lowercase();
    match ending.as_str() {
        "htm" => Some(Format::Html),
        "gv" => Some(Format::Dot),
        "mmd" => Some(Format::Mermaid),
        other => Format::from_word(other),
    }
}

impl From<GraphFormat> for Format {
    fn from(format: GraphFormat) -> Self {
        match format {
            GraphFormat::Svg => Self::Svg,
            GraphFormat::Html => Self::Html,
            GraphFormat::Dot => Self::Dot,
            GraphFormat::Mermaid => Self::Mermaid,
        }
    }
}
