//! The dependency graph as a picture: a pure function from an analysis to text (SVG, HTML, DOT, Mermaid).
//!
//! It shows less than the analysis knows, so that there is something to see: modules that a cell imports are left out of the
//! edges, because nearly every cell uses them; of several cells that change a value the last one before a reader is drawn; and
//! the state of figures is left out.

mod layout;
mod svg;
mod text;

use std::collections::{BTreeMap, BTreeSet};

use crate::names::{Declared, declared};
use crate::notebook::{CellKind, Notebook};
use crate::report::{Cost, EdgeKind};
use crate::{Analysis, words};

/// How a picture is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// A picture.
    Svg,
    /// A page that holds the picture and lets a reader follow dependencies in it.
    Html,
    /// Graphviz.
    Dot,
    /// Mermaid, which many Markdown viewers draw.
    Mermaid,
}

impl Format {
    /// From its name.
    pub fn from_word(word: &str) -> Option<Self> {
        match word {
            "svg" => Some(Self::Svg),
            "html" => Some(Self::Html),
            "dot" => Some(Self::Dot),
            "mermaid" => Some(Self::Mermaid),
            _ => None,
        }
    }
}

/// A cell in the picture.
#[derive(Clone, Debug, PartialEq)]
pub struct Node {
    /// Number of the cell.
    pub cell: u32,
    /// Its first line of code.
    pub title: String,
    /// The heading it stands under; empty without one.
    pub heading: String,
    /// How many cells at least must run before it.
    pub layer: usize,
    /// What it takes, seconds, when that is known.
    pub seconds: Option<f64>,
    /// Whether that is above the budget.
    pub heavy: bool,
    /// The marked block it belongs to.
    pub block: Option<String>,
    /// Names bound when it ends.
    pub defines: Vec<String>,
    /// Names it needs.
    pub reads: Vec<String>,
}

/// An edge in the picture: everything that one cell needs of another one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Link {
    /// Index of the node that provides.
    pub from: usize,
    /// Index of the node that needs.
    pub to: usize,
    /// What carries the dependency, modules left out.
    pub names: Vec<String>,
    /// The strongest reason.
    pub kind: EdgeKind,
}

/// The dependency graph of a notebook, ready to be drawn.
#[derive(Clone, Debug, PartialEq)]
pub struct Picture {
    /// Code cells that hold something.
    pub nodes: Vec<Node>,
    /// Dependencies between them.
    pub links: Vec<Link>,
}

impl Picture {
    /// The picture of a notebook. `costs` are those of its cells, in order; what is missing is unknown.
    pub fn new(notebook: &Notebook, analysis: &Analysis, costs: &[Cost]) -> Self {
        let mut nodes = Vec::new();
        let mut heading = String::new();
        let mut modules: BTreeMap<u32, BTreeSet<String>> = BTreeMap::new();
        for ((cell, report), index) in notebook.cells.iter().zip(&analysis.cells).zip(0..) {
            if cell.kind == CellKind::Markdown {
                heading = last_heading(&cell.source).unwrap_or(heading);
            }
            if cell.kind != CellKind::Code || cell.source.trim().is_empty() {
                continue;
            }
            let known = declared(&cell.source).into_iter().filter(|(_, what)| *what == Declared::Module);
            modules.insert(cell.number, known.map(|(name, _)| name).collect());
            let cost = costs.get::<usize>(index).unwrap_or(&report.cost);
            nodes.push(Node {
                cell: cell.number,
                title: title(&cell.source),
                heading: heading.clone(),
                layer: 0,
                seconds: cost.seconds,
                heavy: cost.heavy,
                block: cell.block_name().map(str::to_owned),
                defines: report.defines.iter().map(|fact| fact.name.clone()).collect(),
                reads: report.reads.iter().map(|fact| fact.name.clone()).collect(),
            });
        }
        let links = links(&nodes, analysis, &modules);
        // An edge goes to a later cell, so one pass in order is enough.
        let mut by_target = links.clone();
        by_target.sort_by_key(|link| (link.to, link.from));
        for link in &by_target {
            nodes[link.to].layer = nodes[link.to].layer.max(nodes[link.from].layer + 1);
        }
        Self { nodes, links }
    }

    /// The picture as text. `name` is the notebook's.
    pub fn render(&self, format: Format, name: &str) -> String {
        match format {
            Format::Svg => svg::picture(self, name),
            Format::Html => svg::page(self, name),
            Format::Dot => text::dot(self, name),
            Format::Mermaid => text::mermaid(self),
        }
    }
}

/// One link for each pair of cells. Of the cells that bound or changed what a name stands for, the last one before the
/// reader is drawn: it needs the earlier ones itself, so nothing that matters is lost.
fn links(nodes: &[Node], analysis: &Analysis, modules: &BTreeMap<u32, BTreeSet<String>>) -> Vec<Link> {
    let index = |cell: u32| nodes.iter().position(|node| node.cell == cell);
    let mut last: BTreeMap<(usize, &str), (usize, EdgeKind)> = BTreeMap::new();
    for edge in analysis.edges() {
        let (Some(from), Some(to)) = (index(edge.from), index(edge.to)) else { continue };
        let known = modules.get(&edge.from);
        let shown = |name: &&String| !known.is_some_and(|known| known.contains(*name)) && (edge.kind != EdgeKind::Ambient || matters(name));
        for name in edge.names.iter().filter(shown) {
            let entry = last.entry((to, name.as_str())).or_insert((from, edge.kind));
            if from > entry.0 || (from == entry.0 && edge.kind < entry.1) {
                *entry = (from, edge.kind);
            }
        }
    }
    let mut merged: BTreeMap<(usize, usize), (Vec<String>, EdgeKind)> = BTreeMap::new();
    for ((to, name), (from, kind)) in last.into_iter().filter(|((to, _), (from, _))| from < to) {
        let entry = merged.entry((from, to)).or_insert_with(|| (Vec::new(), kind));
        entry.0.push(name.to_owned());
        entry.1 = entry.1.min(kind);
    }
    merged.into_iter().map(|((from, to), (names, kind))| Link { from, to, names, kind }).collect()
}

/// Whether ambient state of this name decides what a later cell computes; that of figures and display options does not.
fn matters(state: &str) -> bool {
    matches!(state, "environment" | "directory") || state.contains("random")
}

fn last_heading(markdown: &str) -> Option<String> {
    let mut headings = markdown.lines().filter(|line| line.starts_with('#'));
    headings.next_back().map(|line| line.trim_start_matches('#').trim().to_owned())
}

/// The first line that says something.
fn title(source: &str) -> String {
    let mut lines = source.lines().map(str::trim).filter(|line| !line.is_empty());
    let first = lines.clone().find(|line| !line.starts_with('#')).or_else(|| lines.next());
    first.unwrap_or_default().to_owned()
}

/// `X, y, +3` within a width in characters.
fn label(names: &[String], width: usize) -> String {
    let mut text = String::new();
    for (index, name) in names.iter().enumerate() {
        let separator = if index == 0 { "" } else { ", " };
        let left = names.len() - index;
        if index > 0 && text.chars().count() + separator.len() + name.chars().count() > width {
            return format!("{text}, +{left}");
        }
        text.push_str(separator);
        text.push_str(&words::shorten(name, width));
    }
    text
}

#[cfg(test)]
mod tests;
