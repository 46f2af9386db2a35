//! The picture in languages that other programs draw.

use std::fmt::Write as _;

use super::{Picture, label};
use crate::report::EdgeKind;
use crate::words::{seconds, shorten};

/// Graphviz.
pub(super) fn dot(picture: &Picture, name: &str) -> String {
    let quote = |text: &str| text.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n");
    let mut text = format!("digraph \"{}\" {{\n  node [shape=box, style=rounded, fontname=\"monospace\"];\n", quote(name));
    for node in &picture.nodes {
        let time = node.seconds.map(|time| format!("\n~{}", seconds(time))).unwrap_or_default();
        let heavy = if node.heavy { ", color=\"#d9480f\", penwidth=2" } else { "" };
        let title = quote(&format!("{}  {}{time}", node.cell, shorten(&node.title, 40)));
        let _ = writeln!(text, "  c{} [label=\"{title}\"{heavy}];", node.cell);
    }
    let mut blocks: Vec<&str> = picture.nodes.iter().filter_map(|node| node.block.as_deref()).collect();
    blocks.dedup();
    blocks.sort_unstable();
    blocks.dedup();
    for (number, block) in blocks.iter().enumerate() {
        let members = picture.nodes.iter().filter(|node| node.block.as_deref() == Some(block)).map(|node| format!("c{}", node.cell));
        let members = members.collect::<Vec<_>>().join("; ");
        let _ = writeln!(text, "  subgraph cluster_{number} {{ label=\"{}\"; color=\"#1971c2\"; {members} }}", quote(block));
    }
    for link in &picture.links {
        let (from, to) = (picture.nodes[link.from].cell, picture.nodes[link.to].cell);
        let style = if dashed(link.kind) { ", style=dashed" } else { "" };
        let _ = writeln!(text, "  c{from} -> c{to} [label=\"{}\"{style}];", quote(&label(&link.names, 30)));
    }
    text.push_str("}\n");
    text
}

/// Mermaid.
pub(super) fn mermaid(picture: &Picture) -> String {
    // Quotes end a label, and brackets, hashes and the like mean something: Mermaid reads entities.
    let quote = |text: &str| {
        let mut quoted = String::new();
        for character in text.chars() {
            match character {
                '"' | '#' | '<' | '>' | '&' | '|' | '`' | '\\' | ';' => {
                    let _ = write!(quoted, "#{};", u32::from(character));
                }
                '\n' => quoted.push(' '),
                other => quoted.push(other),
            }
        }
        quoted
    };
    let mut text = String::from("flowchart TD\n");
    for node in &picture.nodes {
        let time = node.seconds.map(|time| format!("<br>~{}", seconds(time))).unwrap_or_default();
        let _ = writeln!(text, "  c{}[\"{}: {}{time}\"]", node.cell, node.cell, quote(&shorten(&node.title, 40)));
    }
    for link in &picture.links {
        let (from, to) = (picture.nodes[link.from].cell, picture.nodes[link.to].cell);
        let arrow = if dashed(link.kind) { "-.->" } else { "-->" };
        let _ = writeln!(text, "  c{from} {arrow}|\"{}\"| c{to}", quote(&label(&link.names, 30)));
    }
    let listed = |wanted: &dyn Fn(&super::Node) -> bool| {
        picture.nodes.iter().filter(|node| wanted(node)).map(|node| format!("c{}", node.cell)).collect::<Vec<_>>().join(",")
    };
    for (class, style, members) in [
        ("heavy", "stroke:#d9480f,stroke-width:2px", listed(&|node| node.heavy)),
        ("block", "stroke:#1971c2,stroke-width:2px", listed(&|node| node.block.is_some())),
    ] {
        if !members.is_empty() {
            let _ = writeln!(text, "  classDef {class} {style}\n  class {members} {class}");
        }
    }
    text
}

const fn dashed(kind: EdgeKind) -> bool {
    matches!(kind, EdgeKind::Deferred | EdgeKind::File | EdgeKind::Ambient)
}
