//! The picture as SVG, and as a page around it.

use std::fmt::Write as _;

use super::layout::{self, HEIGHT, Layout, WIDTH};
use super::{Link, Node, Picture, label};
use crate::report::EdgeKind;
use crate::words::{named, seconds, shorten};

/// Colours follow the editor where there is one, and the reader's light or dark choice elsewhere.
const STYLE: &str = "\
.nbhoist{--ground:var(--vscode-editor-background,#fdfdfc);--ink:var(--vscode-editor-foreground,#22262b);--card:var(--vscode-editorWidget-background,#fff);\
--edge:var(--vscode-descriptionForeground,#7a828c);--line:var(--vscode-editorWidget-border,#cfd4da);--heavy:#d9480f;--heavyground:#fff1e8;--block:#1971c2;\
font-family:ui-sans-serif,system-ui,'Segoe UI',sans-serif;font-size:12px}\
@media(prefers-color-scheme:dark){.nbhoist{--ground:var(--vscode-editor-background,#1b1d21);--ink:var(--vscode-editor-foreground,#e3e6ea);\
--card:var(--vscode-editorWidget-background,#25282d);--edge:var(--vscode-descriptionForeground,#8d96a1);--line:var(--vscode-editorWidget-border,#41464e);\
--heavy:#ff922b;--heavyground:#38281c;--block:#4dabf7}}\
.nbhoist .ground{fill:var(--ground)}\
.nbhoist .node{cursor:pointer}.nbhoist .card{fill:var(--card);stroke:var(--line)}.nbhoist .node:hover .card,.nbhoist .node:focus .card{stroke:var(--ink)}\
.nbhoist .heavy .card{fill:var(--heavyground);stroke:var(--heavy);stroke-width:1.6}.nbhoist .block .card{stroke:var(--block);stroke-width:2}\
.nbhoist text{fill:var(--ink)}.nbhoist .code{font-family:ui-monospace,'DejaVu Sans Mono',Consolas,monospace;font-size:11.5px}\
.nbhoist .small{font-size:10.5px;fill:var(--edge)}.nbhoist .number{font-weight:700}.nbhoist .heavy .time{fill:var(--heavy);font-weight:700}\
.nbhoist .tag{fill:var(--block);font-weight:600}\
.nbhoist .edge{fill:none;stroke:var(--edge);stroke-width:1.3;opacity:.75}.nbhoist .mutation{stroke-width:2}.nbhoist .deferred{stroke-dasharray:5 4}\
.nbhoist .file,.nbhoist .ambient{stroke-dasharray:1.5 3.5}.nbhoist .name{font-size:10.5px;fill:var(--edge);paint-order:stroke;stroke:var(--ground);stroke-width:4px;stroke-linejoin:round}\
.nbhoist .arrow{fill:var(--edge)}.nbhoist .faded{opacity:.15}.nbhoist .picked .card{stroke:var(--ink);stroke-width:2.4}";

/// The picture.
pub(super) fn picture(picture: &Picture, name: &str) -> String {
    let layout = layout::layout(picture);
    let (width, height) = layout.size;
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" class=\"nbhoist\" viewBox=\"0 0 {width:.0} {height:.0}\" width=\"{width:.0}\" \
         height=\"{height:.0}\" role=\"img\" aria-label=\"{}\">\n<style>{STYLE}</style>\n\
         <defs><marker id=\"tip\" viewBox=\"0 0 8 8\" refX=\"7\" refY=\"4\" markerUnits=\"userSpaceOnUse\" markerWidth=\"9\" markerHeight=\"9\" orient=\"auto-start-reverse\">\
         <path class=\"arrow\" d=\"M0 .5 8 4 0 7.5z\"/></marker></defs>\n<rect class=\"ground\" width=\"100%\" height=\"100%\"/>\n",
        escape(&format!("What the cells of {name} need of each other"))
    );
    for (link, points) in picture.links.iter().zip(&layout.links) {
        edge(picture, link, points, &mut svg);
    }
    for (node, place) in picture.nodes.iter().zip(&layout.nodes) {
        card(node, *place, &mut svg);
    }
    names(picture, &layout, &mut svg);
    svg.push_str("</svg>\n");
    svg
}

fn edge(picture: &Picture, link: &Link, points: &[(f64, f64)], svg: &mut String) {
    let (from, to) = (picture.nodes[link.from].cell, picture.nodes[link.to].cell);
    let mut path = format!("M{:.1} {:.1}", points[0].0, points[0].1);
    for pair in points.windows(2) {
        let ((x, y), (to_x, to_y)) = (pair[0], pair[1]);
        // Out and in straight, so that edges leave and enter cells at right angles.
        let bend = (to_y - y) / 2.0;
        let _ = write!(path, " C{x:.1} {:.1} {to_x:.1} {:.1} {to_x:.1} {to_y:.1}", y + bend, to_y - bend);
    }
    let kind = link.kind.as_str();
    let _ = writeln!(
        svg,
        "<path class=\"edge {kind}\" data-from=\"{from}\" data-to=\"{to}\" d=\"{path}\" marker-end=\"url(#tip)\"><title>{}</title></path>",
        escape(&format!("{from} \u{2192} {to}: {} ({})", link.names.join(", "), reason(link.kind)))
    );
}

const fn reason(kind: EdgeKind) -> &'static str {
    match kind {
        EdgeKind::Flow => "read",
        EdgeKind::Mutation => "changed in place there",
        EdgeKind::Deferred => "read by a function called here",
        EdgeKind::File => "a file",
        EdgeKind::Ambient => "state of the session",
    }
}

fn card(node: &Node, (x, y): (f64, f64), svg: &mut String) {
    let left = x - WIDTH / 2.0;
    let heavy = if node.heavy { " heavy" } else { "" };
    let block = if node.block.is_some() { " block" } else { "" };
    let time = node.seconds.map(|time| format!("~{}", seconds(time))).unwrap_or_default();
    let defines = if node.defines.is_empty() { String::new() } else { format!("\ngives {}", label(&node.defines, 60)) };
    let _ = write!(
        svg,
        "<g class=\"node{heavy}{block}\" data-cell=\"{}\" tabindex=\"0\" role=\"button\" transform=\"translate({left:.1} {y:.1})\"><title>{}</title>\
         <rect class=\"card\" width=\"{WIDTH}\" height=\"{HEIGHT}\" rx=\"8\"/><text class=\"number\" x=\"12\" y=\"20\">{}</text>",
        node.cell,
        escape(&format!("{}: {}{defines}", named(&[node.cell]), node.title)),
        node.cell,
    );
    let heading = shorten(&node.heading, if time.is_empty() { 30 } else { 20 });
    let _ = write!(svg, "<text class=\"small\" x=\"38\" y=\"20\">{}</text>", escape(&heading));
    if !time.is_empty() {
        let _ = write!(svg, "<text class=\"small time\" x=\"{}\" y=\"20\" text-anchor=\"end\">{}</text>", WIDTH - 12.0, escape(&time));
    }
    let _ = write!(svg, "<text class=\"code\" x=\"12\" y=\"42\">{}</text>", escape(&shorten(&node.title, 28)));
    if let Some(block) = &node.block {
        // Below, on the left: edges arrive above and leave in the middle.
        let _ = write!(svg, "<text class=\"small tag\" x=\"6\" y=\"{}\">{}</text>", HEIGHT + 13.0, escape(&shorten(block, 16)));
    }
    svg.push_str("</g>\n");
}

/// What flows, written on the edges near the cell that needs it, where edges from one cell have parted: last, so that no
/// edge crosses it out.
fn names(picture: &Picture, layout: &Layout, svg: &mut String) {
    for target in 0..picture.nodes.len() {
        let mut arriving: Vec<(&Link, &[(f64, f64)])> = picture
            .links
            .iter()
            .zip(&layout.links)
            .filter(|(link, _)| link.to == target)
            .map(|(link, points)| (link, &points[points.len() - 2..]))
            .collect();
        arriving.sort_by(|left, right| left.1[1].0.total_cmp(&right.1[1].0));
        for (number, (link, points)) in arriving.into_iter().enumerate() {
            let ((x, y), (to_x, to_y)) = (points[0], points[1]);
            // Neighbours stand at different heights, so that they do not cover each other.
            let share: f64 = [0.78, 0.62, 0.46][number % 3];
            // The edge's own curve at this share of its way.
            let rest = 1.0 - share;
            let across = 3.0 * rest * share * share + share.powi(3);
            let down = 1.5 * rest * rest * share + 1.5 * rest * share * share + share.powi(3);
            let (at_x, at_y) = (x + (to_x - x) * across, y + (to_y - y) * down);
            let (from, to) = (picture.nodes[link.from].cell, picture.nodes[link.to].cell);
            let _ = writeln!(
                svg,
                "<text class=\"name\" data-from=\"{from}\" data-to=\"{to}\" x=\"{at_x:.1}\" y=\"{:.1}\" text-anchor=\"middle\">{}</text>",
                at_y + 4.0,
                escape(&label(&link.names, 18))
            );
        }
    }
}

/// A page that needs nothing else: pick a cell, and what it does not depend on fades.
pub(super) fn page(picture: &Picture, name: &str) -> String {
    let title = escape(name);
    let drawn = self::picture(picture, name);
    format!(
        "<!doctype html>\n<html lang=\"en\">\n<meta charset=\"utf-8\">\n<meta name=\"viewport\" content=\"width=device-width\">\n<title>{title}</title>\n\
         <style>html{{color-scheme:light dark}}body{{margin:0}}main{{overflow:auto;height:100vh}}</style>\n<main>\n{drawn}</main>\n\
         <script>\n{SCRIPT}</script>\n</html>\n"
    )
}

const SCRIPT: &str = "\
const all = [...document.querySelectorAll('[data-cell],[data-from]')];
const edges = [...document.querySelectorAll('path[data-from]')].map((edge) => [edge.dataset.from, edge.dataset.to]);
const reach = (start, from, to) => {
  const found = new Set([start]);
  for (let grew = true; grew; ) {
    grew = false;
    for (const edge of edges) if (found.has(edge[from]) && !found.has(edge[to])) { found.add(edge[to]); grew = true; }
  }
  return found;
};
const pick = (cell) => {
  const before = cell && reach(cell, 1, 0), after = cell && reach(cell, 0, 1);
  const near = (one) => before.has(one) || after.has(one);
  const kept = (part) => part.dataset.cell ? near(part.dataset.cell)
    : (before.has(part.dataset.from) && before.has(part.dataset.to)) || (after.has(part.dataset.from) && after.has(part.dataset.to));
  for (const part of all) {
    part.classList.toggle('faded', Boolean(cell) && !kept(part));
    part.classList.toggle('picked', Boolean(cell) && part.dataset.cell === cell);
  }
};
const cellOf = (event) => event.target.closest('[data-cell]')?.dataset.cell;
document.addEventListener('click', (event) => pick(cellOf(event)));
document.addEventListener('keydown', (event) => { if (event.key === 'Enter') pick(cellOf(event)); if (event.key === 'Escape') pick(); });
";

fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            // Not allowed in XML, whichever way they are written.
            control if control.is_control() && !matches!(control, '\n' | '\t') => escaped.push('\u{fffd}'),
            other => escaped.push(other),
        }
    }
    escaped
}
