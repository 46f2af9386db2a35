//! The dependency graph between cells.

use std::borrow::Cow;
use std::collections::{BTreeSet, HashMap};

use petgraph::graphmap::DiGraphMap;

use crate::linked::Linked;
use crate::report::{Edge, EdgeKind, EffectKind};

/// Cells that change one value, of which a later reader is said to depend on: the last ones. Each of them works on what those before
/// it left, so a reader depends on the others through them; and a value that every cell changes would need an edge for every two cells.
const MAX_CHANGERS: usize = 100;

/// Every dependency of a cell on one before it.
#[inline(never)]
pub(crate) fn edges(linked: &Linked) -> Vec<Edge> {
    let mut edges: Vec<Edge> = Vec::new();
    // Those of one cell, by kind and name. They are sorted once the cell is done: a value that many cells change is found again and again.
    let mut found: Vec<(u32, EdgeKind, Cow<'_, str>)> = Vec::new();
    let mut written: HashMap<&str, Vec<u32>> = HashMap::new();
    let mut ambient: HashMap<String, u32> = HashMap::new();
    for trace in linked.traces() {
        for (name, read) in &trace.reads {
            let kind = if read.deferred { EdgeKind::Deferred } else { EdgeKind::Flow };
            for &from in read.cells.iter().filter(|&&from| from != trace.cell) {
                found.push((from, kind, name.as_str().into()));
            }
            for object in linked.world.heap.reach(&read.objs) {
                let changers = linked.world.heap.changed_in(object);
                // Only what ran before; the cell that made the value is its flow edge already.
                let before = changers.partition_point(|&from| from < trace.cell);
                for &from in changers[before.saturating_sub(MAX_CHANGERS)..before].iter().filter(|from| !read.cells.contains(from)) {
                    found.push((from, EdgeKind::Mutation, name.as_str().into()));
                }
            }
        }
        for effect in &trace.effects {
            match effect.kind {
                EffectKind::FileRead if effect.detail != "?" => {
                    for &from in written.get(effect.detail.as_str()).map(Vec::as_slice).unwrap_or_default() {
                        if from != trace.cell {
                            found.push((from, EdgeKind::File, effect.detail.as_str().into()));
                        }
                    }
                }
                _ => {
                    if let Some(state) = ambient_state(effect.kind, &effect.detail)
                        && reads_ambient(effect.kind)
                        && let Some(&from) = ambient.get(&state)
                        && from != trace.cell
                    {
                        found.push((from, EdgeKind::Ambient, state.into()));
                    }
                }
            }
        }
        for effect in &trace.effects {
            if effect.kind == EffectKind::FileWrite && effect.detail != "?" {
                written.entry(effect.detail.as_str()).or_default().push(trace.cell);
            } else if writes_ambient(effect.kind)
                && let Some(state) = ambient_state(effect.kind, &effect.detail)
            {
                ambient.insert(state, trace.cell);
            }
        }
        found.sort_unstable();
        found.dedup();
        for (from, kind, name) in found.drain(..) {
            match edges.last_mut() {
                Some(last) if (last.from, last.to, last.kind) == (from, trace.cell, kind) => last.names.push(name.into_owned()),
                _ => edges.push(Edge { from, to: trace.cell, names: vec![name.into_owned()], kind }),
            }
        }
    }
    edges.sort_by_key(|edge| (edge.from, edge.to, edge.kind));
    edges
}

/// The ambient state that an effect touches.
pub(crate) fn ambient_state(kind: EffectKind, detail: &str) -> Option<String> {
    Some(match kind {
        EffectKind::RandomRead | EffectKind::RandomWrite => match detail {
            "random" | "" => "random".to_owned(),
            other => other.to_owned(),
        },
        EffectKind::EnvironmentRead | EffectKind::EnvironmentWrite => "environment".to_owned(),
        EffectKind::DirectoryRead | EffectKind::DirectoryWrite => "directory".to_owned(),
        EffectKind::PlotRead | EffectKind::PlotWrite => "figures".to_owned(),
        EffectKind::OptionsRead | EffectKind::OptionsWrite => detail.to_owned(),
        _ => return None,
    })
}

const fn reads_ambient(kind: EffectKind) -> bool {
    matches!(
        kind,
        EffectKind::RandomRead | EffectKind::EnvironmentRead | EffectKind::DirectoryRead | EffectKind::PlotRead | EffectKind::OptionsRead
    )
}

pub(crate) const fn writes_ambient(kind: EffectKind) -> bool {
    matches!(
        kind,
        EffectKind::RandomRead
            | EffectKind::RandomWrite
            | EffectKind::EnvironmentWrite
            | EffectKind::DirectoryWrite
            | EffectKind::PlotWrite
            | EffectKind::OptionsWrite
    )
}

/// Cells that the given ones depend on, directly or through others, in ascending order; the given ones left out.
pub(crate) fn ancestors(edges: &[Edge], cells: &[u32]) -> Vec<u32> {
    let mut graph: DiGraphMap<u32, ()> = DiGraphMap::new();
    for edge in edges {
        graph.add_edge(edge.to, edge.from, ());
    }
    let mut found = BTreeSet::new();
    for &cell in cells.iter().filter(|&&cell| graph.contains_node(cell)) {
        let mut search = petgraph::visit::Dfs::new(&graph, cell);
        while let Some(next) = search.next(&graph) {
            found.insert(next);
        }
    }
    found.into_iter().filter(|cell| !cells.contains(cell)).collect()
}
