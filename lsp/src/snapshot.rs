//! What is known about one state of a document.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

use nbhoist_analyzer::finding::Finding;
use nbhoist_analyzer::measurements::Measurements;
use nbhoist_analyzer::names::{Declared, declared};
use nbhoist_analyzer::notebook::{Cell, CellKind};
use nbhoist_analyzer::report::{Cost, Edge, EdgeKind, Plan};
use nbhoist_analyzer::{After, Analysis, FactsCache, Listener, Request, analyze_telling};
use nbhoist_executor::executors::Known;
use nbhoist_settings::Settings;

use crate::document::Source;
use crate::encoding::Encoding;
use crate::files;
use crate::problems::{self, Problems};

/// What is kept of one analysis of a document for the next.
#[derive(Debug)]
pub(crate) struct Kept {
    facts: FactsCache,
    files: files::Known,
}

impl Default for Kept {
    fn default() -> Self {
        Self { facts: FactsCache::for_edits(), files: files::Known::default() }
    }
}

/// A document and what the analysis says of it.
#[derive(Debug)]
pub(crate) struct Snapshot {
    /// The document.
    pub(crate) source: Source,
    /// Of its folder.
    pub(crate) settings: Arc<Settings>,
    /// What the analysis says.
    pub(crate) analysis: Analysis,
    /// What the rules found, by document.
    pub(crate) problems: Problems,
    /// Of all cells, when it is asked for.
    flows: OnceLock<Vec<Flow>>,
}

impl Snapshot {
    /// Analyzes a document. What is known of unchanged cells comes from `kept`. `early` is told the problems as soon as they are known, before what
    /// else the snapshot holds; nothing comes of that when it is no more `wanted`.
    #[expect(clippy::too_many_arguments, reason = "the session hands over what belongs to it")]
    pub(crate) fn new(
        source: Source,
        settings: Arc<Settings>,
        heavy: f64,
        encoding: Encoding,
        measurements: Measurements,
        places: &BTreeMap<String, Known>,
        kept: &mut Kept,
        early: impl FnOnce(&Source, &Problems),
        wanted: &dyn Fn() -> bool,
    ) -> Option<Self> {
        let mut request = Request::new(&source.notebook);
        request.placement = settings.placement("auto", places);
        request.placement.sizes.clone_from(&measurements.sizes);
        request.measurements = measurements;
        request.config = settings.config(path(&source.uri).as_deref());
        request.config.heavy_seconds = heavy;
        let code = || source.notebook.code_cells().map(|cell| cell.source.as_str());
        if let Some(folder) = folder(&source.uri) {
            if source.is_script {
                request.files = files::referenced(code(), &folder);
                request.file_sizes = files::sizes(code(), &folder);
            } else {
                let kinds = source.notebook.cells.iter().map(|cell| cell.kind == CellKind::Code);
                kept.files.look(source.places.iter().map(|place| Arc::clone(&place.text)).zip(kinds));
                (request.files, request.file_sizes) = kept.files.find(&folder);
            }
        }
        let (mut problems, mut early) = (Problems::new(), Some(early));
        let mut told = |findings: &[Finding]| {
            problems = problems::of(&source, findings, encoding);
            if let Some(early) = early.take() {
                early(&source, &problems);
            }
        };
        let analysis = analyze_telling(&request, &mut kept.facts, &mut Listener { told: &mut told, wanted })?;
        kept.facts.retain(code());
        Some(Self { source, settings, analysis, problems, flows: OnceLock::new() })
    }

    /// What all cells cost.
    pub(crate) fn costs(&self) -> Vec<Cost> {
        self.analysis.cells.iter().map(|cell| cell.cost.clone()).collect()
    }

    /// What moving these cells takes, when any cell may run afterwards.
    pub(crate) fn plan(&self, cells: &[u32]) -> Plan {
        self.analysis.plan(cells, After::Anything)
    }

    /// The data that a cell needs from those before it and gives to those behind it.
    pub(crate) fn flow(&self, number: u32) -> Option<&Flow> {
        self.flows.get_or_init(|| self.all_flows()).get(number.checked_sub(1)? as usize)
    }

    /// Along the edges, in one pass: a plan for every cell would ask every cell about every other one.
    fn all_flows(&self) -> Vec<Flow> {
        let cells = &self.source.notebook.cells;
        let code = |cell: &Cell| if cell.kind == CellKind::Code { declared(&cell.source) } else { BTreeMap::new() };
        let declared: Vec<BTreeMap<String, Declared>> = cells.iter().map(code).collect();
        let mut flows = vec![(BTreeSet::new(), BTreeSet::new()); cells.len()];
        let carried = |edge: &&Edge| matches!(edge.kind, EdgeKind::Flow | EdgeKind::Mutation | EdgeKind::Deferred);
        for edge in self.analysis.edges().iter().filter(carried) {
            let (from, to) = (edge.from as usize - 1, edge.to as usize - 1);
            // Modules, functions and classes travel unseen; what a person looks for is data.
            for name in edge.names.iter().filter(|name| !declared[from].contains_key(*name)) {
                flows[from].1.insert(name.clone());
                flows[to].0.insert(name.clone());
            }
        }
        let flow = |(needs, gives): (BTreeSet<String>, BTreeSet<String>)| Flow {
            needs: needs.into_iter().collect(),
            gives: gives.into_iter().collect(),
        };
        flows.into_iter().map(flow).collect()
    }

    /// The code cells among these that hold something to run.
    pub(crate) fn runnable(&self, cells: impl IntoIterator<Item = u32>) -> Vec<u32> {
        let runs = |number: &u32| {
            self.source.cell(*number).is_some_and(|(cell, _)| {
                let skipped = cell.tags.iter().any(|tag| tag == "skip-execution");
                cell.kind == CellKind::Code && !cell.source.trim().is_empty() && !skipped
            })
        };
        cells.into_iter().filter(runs).collect()
    }

    /// A number that differs when what hints and lenses say may differ.
    pub(crate) fn digest(&self) -> u64 {
        use std::hash::{DefaultHasher, Hash as _, Hasher as _};
        let mut hasher = DefaultHasher::new();
        for (cell, place) in self.analysis.cells.iter().zip(&self.source.places) {
            (&place.uri, &cell.id, cell.kind).hash(&mut hasher);
            for facts in [&cell.defines, &cell.reads, &cell.mutates, &cell.deletes] {
                facts.iter().for_each(|fact| fact.name.hash(&mut hasher));
                facts.len().hash(&mut hasher);
            }
        }
        for cell in &self.source.notebook.cells {
            cell.block_name().hash(&mut hasher);
        }
        hasher.finish()
    }
}

/// The data that flows into a cell and out of it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Flow {
    /// Names that cells before it bind or change.
    pub(crate) needs: Vec<String>,
    /// Names that cells behind it read.
    pub(crate) gives: Vec<String>,
}

/// The folder of a document on this machine's disk.
pub(crate) fn folder(uri: &str) -> Option<PathBuf> {
    path(uri)?.parent().map(Path::to_path_buf)
}

/// The path of a `file` URI; of `vscode-remote` ones, too, because the server runs where the files are.
pub(crate) fn path(uri: &str) -> Option<PathBuf> {
    let rest = uri.strip_prefix("file://").or_else(|| uri.strip_prefix("vscode-remote://"))?;
    let encoded = &rest[rest.find('/')?..];
    let encoded = encoded.split(['#', '?']).next().unwrap_or_default();
    let decoded = percent_decoded(encoded)?;
    // `/c:/a` on Windows.
    let drive = decoded.as_bytes().get(2) == Some(&b':') && cfg!(windows);
    Some(PathBuf::from(if drive { &decoded[1..] } else { &decoded }))
}

fn percent_decoded(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        if byte != b'%' {
            bytes.push(byte);
            continue;
        }
        let mut digit = || rest.next().and_then(|digit| char::from(digit).to_digit(16));
        bytes.push(u8::try_from(digit()? * 16 + digit()?).ok()?);
    }
    String::from_utf8(bytes).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn uris_name_files() {
        assert_eq!(path("file:///home/a%20b/%C3%A9.ipynb"), Some(PathBuf::from("/home/a b/\u{e9}.ipynb")));
        assert_eq!(path("vscode-remote://ssh-remote%2Bbox/x/y.py#a"), Some(PathBuf::from("/x/y.py")));
        assert_eq!((path("untitled:Untitled-1"), path("file:///a%4")), (None, None));
        assert_eq!(folder("file:///x/y.py"), Some(PathBuf::from("/x")));
    }
}
