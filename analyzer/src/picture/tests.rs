use std::fmt::Write as _;

use super::*;
use crate::report::CostBasis;
use crate::{Request, analyze, percent};

const SCRIPT: &str = "\
# %% [markdown]
# # Load <data>
# %%
import numpy as np
x = np.arange(3)
# %%
# nbhoist: block fit
y = x + 1 if \"<a>\" else x
# %%
z = x * 2
# %%
print(y, z)
# %%
print('alone')
";

fn picture() -> Picture {
    let notebook = percent::read(SCRIPT);
    let analysis = analyze(&Request::new(&notebook));
    let mut costs = vec![Cost::unknown(); notebook.cells.len()];
    costs[2] = Cost { seconds: Some(130.0), heavy: true, basis: CostBasis::History, ..Cost::unknown() };
    Picture::new(&notebook, &analysis, &costs)
}

#[test]
fn nodes_say_what_a_reader_looks_for() {
    let picture = picture();
    let layers: Vec<_> = picture.nodes.iter().map(|node| (node.cell, node.layer)).collect();
    assert_eq!(layers, [(2, 0), (3, 1), (4, 1), (5, 2), (6, 0)]);
    let fit = &picture.nodes[1];
    assert_eq!((fit.title.as_str(), fit.heading.as_str()), ("y = x + 1 if \"<a>\" else x", "Load <data>"));
    assert_eq!((fit.seconds, fit.heavy, fit.block.as_deref()), (Some(130.0), true, Some("fit")));
    assert_eq!(picture.nodes[2].seconds, None);
}

#[test]
fn modules_make_no_edges() {
    let picture = picture();
    let links: Vec<_> = picture.links.iter().map(|link| (link.from, link.to, link.names.join(","))).collect();
    let wanted = [(0, 1, "x"), (0, 2, "x"), (1, 3, "y"), (2, 3, "z")];
    assert_eq!(links, wanted.map(|(from, to, names)| (from, to, names.to_owned())));
}

#[test]
fn nodes_do_not_overlap_and_lie_inside() {
    let mut script = String::from("# %%\na0 = b0 = c0 = 1\n");
    for number in 1..40 {
        let (one, two) = (number - 1, (number * 7) % number.max(2));
        let _ = write!(script, "# %%\na{number} = a{one} + b{two}\nb{number} = c{two}\nc{number} = 0\n");
    }
    let notebook = percent::read(&script);
    let picture = Picture::new(&notebook, &analyze(&Request::new(&notebook)), &[]);
    let layout = layout::layout(&picture);
    assert_eq!(layout, layout::layout(&picture));
    for (index, (x, y)) in layout.nodes.iter().enumerate() {
        assert!(*x >= layout::WIDTH / 2.0 && *y >= 0.0 && x + layout::WIDTH / 2.0 <= layout.size.0 && y + layout::HEIGHT <= layout.size.1);
        for (other_x, other_y) in &layout.nodes[..index] {
            assert!((x - other_x).abs() >= layout::WIDTH || (y - other_y).abs() >= layout::HEIGHT, "two nodes at {x} {y}");
        }
    }
    for (link, points) in picture.links.iter().zip(&layout.links) {
        assert!(
            (points[0].0 - layout.nodes[link.from].0).abs() < 1e-6
                && (points[points.len() - 1].0 - layout.nodes[link.to].0).abs() <= layout::WIDTH / 2.0
                && points.windows(2).all(|pair| pair[0].1 < pair[1].1)
        );
    }
}

#[test]
fn every_format_names_cells_and_state() {
    let picture = picture();
    let svg = picture.render(Format::Svg, "a & b");
    for part in [
        "data-cell=\"3\"",
        "class=\"node heavy block\"",
        "~2 min 10 s",
        "Load &lt;data&gt;",
        "&quot;&lt;a&gt;&quot;",
        ">x</text>",
        "a &amp; b",
    ] {
        assert!(svg.contains(part), "{part}: {svg}");
    }
    assert!(!svg.contains("<a>"));
    let page = picture.render(Format::Html, "a & b");
    assert!(page.contains(&svg) && page.contains("<script>") && page.contains("<title>a &amp; b</title>") && !page.contains("http://cdn"));
    let dot = picture.render(Format::Dot, "a\"b");
    assert!(dot.starts_with("digraph \"a\\\"b\" {") && dot.contains("c2 -> c3 [label=\"x\"]") && dot.contains("label=\"fit\""), "{dot}");
    let mermaid = picture.render(Format::Mermaid, "");
    assert!(
        mermaid.contains("c2 -->|\"x\"| c3") && mermaid.contains("#34;#60;a#62;#34;") && mermaid.contains("class c3 heavy"),
        "{mermaid}"
    );
}

#[test]
fn an_empty_notebook_has_a_picture() {
    let notebook = percent::read("");
    let picture = Picture::new(&notebook, &analyze(&Request::new(&notebook)), &[]);
    for format in [Format::Svg, Format::Html, Format::Dot, Format::Mermaid] {
        assert!(!picture.render(format, "x").contains("inf"));
    }
}
