//! Maximum flow (Dinitz 1970), with the current arc of every node kept through a phase.
//!
//! petgraph's `dinics` looks at dead ends anew for every path; in the networks of long notebooks that takes ten times as long. The test holds the two against each other.

use std::collections::VecDeque;

/// A network. Arcs come in pairs: the other direction of arc `a` is `a ^ 1`.
#[derive(Debug, Default)]
pub(super) struct Flow {
    arcs: Vec<Vec<usize>>,
    ends: Vec<usize>,
    left: Vec<u64>,
}

const UNREACHED: u32 = u32::MAX;

impl Flow {
    pub(super) fn add_node(&mut self) -> usize {
        self.arcs.push(Vec::new());
        self.arcs.len() - 1
    }

    pub(super) fn add_edge(&mut self, from: usize, to: usize, capacity: u64) {
        for (from, to, capacity) in [(from, to, capacity), (to, from, 0)] {
            self.arcs[from].push(self.ends.len());
            self.ends.push(to);
            self.left.push(capacity);
        }
    }

    /// Sends as much as there is room for, and says how much that is.
    pub(super) fn run(&mut self, source: usize, sink: usize) -> u64 {
        let mut total: u64 = 0;
        loop {
            let mut levels = self.distances(source, sink);
            if levels[source] == UNREACHED {
                return total;
            }
            let mut current = vec![0; self.arcs.len()];
            let mut path: Vec<usize> = Vec::new();
            loop {
                let node = path.last().map_or(source, |&arc| self.ends[arc]);
                if node == sink {
                    total = total.saturating_add(self.augment(&mut path));
                } else if let Some(arc) = self.advance(node, &levels, &mut current[node]) {
                    path.push(arc);
                } else if path.pop().is_some() {
                    levels[node] = UNREACHED;
                } else {
                    break;
                }
            }
        }
    }

    /// The next arc that leads on, from the current one.
    fn advance(&self, node: usize, levels: &[u32], current: &mut usize) -> Option<usize> {
        while let Some(&arc) = self.arcs[node].get(*current) {
            let next = levels[self.ends[arc]];
            if self.left[arc] > 0 && next != UNREACHED && next + 1 == levels[node] {
                return Some(arc);
            }
            *current += 1;
        }
        None
    }

    /// Fills a path, and goes back on it to before its first full arc.
    fn augment(&mut self, path: &mut Vec<usize>) -> u64 {
        let room = path.iter().map(|&arc| self.left[arc]).min().unwrap_or(0);
        for &arc in path.iter() {
            self.left[arc] -= room;
            self.left[arc ^ 1] += room;
        }
        let full = path.iter().position(|&arc| self.left[arc] == 0).unwrap_or(0);
        path.truncate(full);
        room
    }

    /// For each node, the number of arcs with room from it to the sink, as far as a shortest path from the source may need it.
    fn distances(&self, source: usize, sink: usize) -> Vec<u32> {
        let mut distances = vec![UNREACHED; self.arcs.len()];
        distances[sink] = 0;
        let mut queue = VecDeque::from([sink]);
        while let Some(node) = queue.pop_front() {
            if node == source {
                break;
            }
            for &arc in &self.arcs[node] {
                let before = self.ends[arc];
                if self.left[arc ^ 1] > 0 && distances[before] == UNREACHED {
                    distances[before] = distances[node] + 1;
                    queue.push_back(before);
                }
            }
        }
        distances
    }

    /// For each node, whether there is room on the way to it: the smallest source side of a minimum cut, after [`Flow::run`].
    pub(super) fn source_side(&self, source: usize) -> Vec<bool> {
        let mut reached = vec![false; self.arcs.len()];
        reached[source] = true;
        let mut queue = VecDeque::from([source]);
        while let Some(node) = queue.pop_front() {
            for &arc in &self.arcs[node] {
                if self.left[arc] > 0 && !std::mem::replace(&mut reached[self.ends[arc]], true) {
                    queue.push_back(self.ends[arc]);
                }
            }
        }
        reached
    }
}

#[cfg(test)]
mod tests {
    use petgraph::algo::dinics;
    use petgraph::graph::{Graph, NodeIndex};

    use super::*;

    #[test]
    fn petgraph_finds_the_same() {
        let mut state: u64 = 1970;
        let mut random = |below: u64| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (state >> 33) % below
        };
        for round in 0..300 {
            let count = 2 + random(12) as usize;
            let (mut ours, mut theirs) = (Flow::default(), Graph::<(), u64>::new());
            for _ in 0..count {
                ours.add_node();
                theirs.add_node(());
            }
            for _ in 0..random(40) {
                let (from, to, room) = (random(count as u64) as usize, random(count as u64) as usize, random(50));
                if from != to {
                    ours.add_edge(from, to, room);
                    theirs.add_edge(NodeIndex::new(from), NodeIndex::new(to), room);
                }
            }
            let (flow, _) = dinics(&theirs, NodeIndex::new(0), NodeIndex::new(1));
            assert_eq!(ours.run(0, 1), flow, "round {round}");
            let side = ours.source_side(0);
            let cut = theirs.raw_edges().iter().filter(|edge| side[edge.source().index()] && !side[edge.target().index()]);
            assert_eq!(cut.map(|edge| edge.weight).sum::<u64>(), flow, "round {round}: the cut is as large as the flow");
        }
    }
}
