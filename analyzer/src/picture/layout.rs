//! Where everything stands: cells in layers from top to bottom, with few crossings. The same graph gives the same layout.

use std::collections::HashMap;

use super::{Link, Picture};

/// Width of a node, in the units of the picture.
pub(super) const WIDTH: f64 = 220.0;
/// Height of a node.
pub(super) const HEIGHT: f64 = 58.0;
/// From the top of one layer to the top of the next.
const STEP: f64 = 138.0;
/// Least space between two nodes of a layer.
const GAP: f64 = 36.0;
/// Room that an edge takes where it passes through a layer.
const LANE: f64 = 26.0;
/// Space around everything.
pub(super) const MARGIN: f64 = 28.0;
/// Nodes without any edge stand below the others in rows of this many.
const ROW: usize = 5;
/// Edges reach a cell side by side, at most this far from each other.
const PORT: f64 = 52.0;
/// More rounds do not make it better.
const ROUNDS: usize = 12;

/// A layout.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Layout {
    /// Centre and top of each node.
    pub(super) nodes: Vec<(f64, f64)>,
    /// Points of each link, from the bottom of a node to the top of another.
    pub(super) links: Vec<Vec<(f64, f64)>>,
    /// Size of the whole.
    pub(super) size: (f64, f64),
}

/// Something that takes a place in a layer: a node, or an edge on its way.
struct Item {
    layer: usize,
    width: f64,
    x: f64,
    /// Items above and below that it is connected to.
    up: Vec<usize>,
    down: Vec<usize>,
}

pub(super) fn layout(picture: &Picture) -> Layout {
    let linked: Vec<bool> =
        (0..picture.nodes.len()).map(|node| picture.links.iter().any(|link| link.from == node || link.to == node)).collect();
    let mut items: Vec<Item> = picture.nodes.iter().map(|node| item(node.layer, WIDTH)).collect();
    let mut trunks = HashMap::new();
    let routes: Vec<Vec<usize>> = picture.links.iter().map(|link| route(link, &mut items, &mut trunks)).collect();
    let depth = items.iter().map(|item| item.layer + 1).max().unwrap_or(0);
    let mut layers: Vec<Vec<usize>> = vec![Vec::new(); depth];
    for (index, item) in items.iter().enumerate() {
        if linked.get(index).copied().unwrap_or(true) {
            layers[item.layer].push(index);
        }
    }
    order(&mut layers, &items);
    place(&layers, &mut items);
    finish(picture, &linked, &items, &routes)
}

const fn item(layer: usize, width: f64) -> Item {
    Item { layer, width, x: 0.0, up: Vec::new(), down: Vec::new() }
}

/// The items of a link, with one in each layer that it passes through. Links from the same node pass through the same ones:
/// they run together as far as they can.
fn route(link: &Link, items: &mut Vec<Item>, trunks: &mut HashMap<(usize, usize), usize>) -> Vec<usize> {
    let mut route = vec![link.from];
    for layer in items[link.from].layer + 1..items[link.to].layer {
        let passing = *trunks.entry((link.from, layer)).or_insert_with(|| {
            items.push(item(layer, LANE));
            items.len() - 1
        });
        route.push(passing);
    }
    route.push(link.to);
    for pair in route.windows(2) {
        if !items[pair[0]].down.contains(&pair[1]) {
            items[pair[0]].down.push(pair[1]);
            items[pair[1]].up.push(pair[0]);
        }
    }
    route
}

/// Sorts each layer by where its neighbours stand, down and up again.
fn order(layers: &mut [Vec<usize>], items: &[Item]) {
    let mut rank: Vec<f64> = vec![0.0; items.len()];
    let renumber = |layer: &[usize], rank: &mut [f64]| {
        for (position, &index) in layer.iter().enumerate() {
            // In the middle of its layer, so that layers of different sizes compare.
            rank[index] = position as f64 - layer.len() as f64 / 2.0;
        }
    };
    layers.iter().for_each(|layer| renumber(layer, &mut rank));
    for round in 0..ROUNDS {
        let down = round % 2 == 0;
        let rows: Vec<usize> = if down { (0..layers.len()).collect() } else { (0..layers.len()).rev().collect() };
        for row in rows {
            let wish = |index: usize| mean(if down { &items[index].up } else { &items[index].down }, &rank).unwrap_or(rank[index]);
            let mut wishes: Vec<(f64, usize)> = layers[row].iter().map(|&index| (wish(index), index)).collect();
            wishes.sort_by(|left, right| left.0.total_cmp(&right.0));
            layers[row] = wishes.into_iter().map(|(_, index)| index).collect();
            renumber(&layers[row], &mut rank);
        }
    }
}

fn mean(neighbours: &[usize], of: &[f64]) -> Option<f64> {
    if neighbours.is_empty() {
        return None;
    }
    Some(neighbours.iter().map(|&index| of[index]).sum::<f64>() / neighbours.len() as f64)
}

/// Moves each item towards the middle of its neighbours, as far as those beside it leave room.
fn place(layers: &[Vec<usize>], items: &mut [Item]) {
    for layer in layers {
        let mut x = 0.0;
        for &index in layer {
            items[index].x = x + items[index].width / 2.0;
            x += items[index].width + GAP;
        }
        let middle = (x - GAP).max(0.0) / 2.0;
        layer.iter().for_each(|&index| items[index].x -= middle);
    }
    for round in 0..ROUNDS {
        let down = round % 2 == 0;
        let rows: Vec<usize> = if down { (0..layers.len()).collect() } else { (0..layers.len()).rev().collect() };
        for row in rows {
            let xs: Vec<f64> = items.iter().map(|item| item.x).collect();
            let wish = |index: usize| {
                let near = if down { &items[index].up } else { &items[index].down };
                mean(near, &xs).unwrap_or(xs[index])
            };
            let wishes: Vec<f64> = layers[row].iter().map(|&index| wish(index)).collect();
            let settled = settle(&layers[row], items, &wishes);
            for (&index, x) in layers[row].iter().zip(settled) {
                items[index].x = x;
            }
        }
    }
}

/// The mean of pushing to the right and pushing to the left, which keeps distances and order.
fn settle(layer: &[usize], items: &[Item], wishes: &[f64]) -> Vec<f64> {
    let distance = |left: usize, right: usize| f64::midpoint(items[layer[left]].width, items[layer[right]].width) + GAP;
    let mut right = wishes.to_vec();
    for at in 1..right.len() {
        right[at] = right[at].max(right[at - 1] + distance(at - 1, at));
    }
    let mut left = wishes.to_vec();
    for at in (1..left.len()).rev() {
        left[at - 1] = left[at - 1].min(left[at] - distance(at - 1, at));
    }
    right.iter().zip(&left).map(|(right, left)| f64::midpoint(*right, *left)).collect()
}

fn finish(picture: &Picture, linked: &[bool], items: &[Item], routes: &[Vec<usize>]) -> Layout {
    let standing = |index: usize| linked.get(index).copied().unwrap_or(true);
    let shown: Vec<&Item> = items.iter().enumerate().filter(|(index, _)| standing(*index)).map(|(_, item)| item).collect();
    let leftmost = shown.iter().map(|item| item.x - item.width / 2.0).fold(f64::INFINITY, f64::min);
    let leftmost = if leftmost.is_finite() { leftmost } else { 0.0 };
    let rightmost = shown.iter().map(|item| item.x + item.width / 2.0).fold(leftmost, f64::max);
    let layers = shown.iter().map(|item| item.layer + 1).max().unwrap_or(0);
    let top = |layer: usize| MARGIN + layer as f64 * STEP;
    let across = |item: &Item| item.x - leftmost + MARGIN;
    let mut nodes: Vec<(f64, f64)> = items[..picture.nodes.len()].iter().map(|item| (across(item), top(item.layer))).collect();
    let mut size = (rightmost - leftmost + 2.0 * MARGIN, top(layers) - (STEP - HEIGHT) + MARGIN);
    let lone: Vec<usize> = (0..nodes.len()).filter(|node| !linked[*node]).collect();
    let below = if layers == 0 { MARGIN } else { size.1 + GAP / 2.0 };
    for (position, &node) in lone.iter().enumerate() {
        let (column, row) = (position % ROW, position / ROW);
        nodes[node] = (MARGIN + WIDTH / 2.0 + column as f64 * (WIDTH + GAP), below + row as f64 * (HEIGHT + GAP / 2.0));
        size.0 = size.0.max(nodes[node].0 + WIDTH / 2.0 + MARGIN);
        size.1 = size.1.max(nodes[node].1 + HEIGHT + MARGIN);
    }
    let links = routes.iter().map(|route| {
        let mut points = vec![(across(&items[route[0]]), top(items[route[0]].layer) + HEIGHT)];
        for &index in &route[1..route.len() - 1] {
            // An edge goes straight down beside the nodes of a layer it passes.
            points.push((across(&items[index]), top(items[index].layer)));
            points.push((across(&items[index]), top(items[index].layer) + HEIGHT));
        }
        let last = route[route.len() - 1];
        points.push((across(&items[last]), top(items[last].layer)));
        points
    });
    let mut links: Vec<Vec<(f64, f64)>> = links.collect();
    spread(picture, &mut links);
    Layout { nodes, links, size }
}

/// Lets the edges of a node arrive side by side, in the order in which they come.
fn spread(picture: &Picture, links: &mut [Vec<(f64, f64)>]) {
    for node in 0..picture.nodes.len() {
        let mut arriving: Vec<usize> = (0..links.len()).filter(|link| picture.links[*link].to == node).collect();
        let from = |link: usize| links[link][links[link].len() - 2].0;
        arriving.sort_by(|left, right| from(*left).total_cmp(&from(*right)));
        let step = PORT.min(0.82 * WIDTH / arriving.len().max(1) as f64);
        let middle = (arriving.len().max(1) - 1) as f64 / 2.0;
        for (position, link) in arriving.into_iter().enumerate() {
            if let Some(end) = links[link].last_mut() {
                end.0 += (position as f64 - middle) * step;
            }
        }
    }
}
