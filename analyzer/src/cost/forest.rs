//! A forest of small decision trees, evaluated without walking any: the splits of all trees are kept by the number that they ask for,
//! thresholds ascending, and each split that a cell fails strikes out the leaves on its left (`QuickScorer`, Lucchese et al., SIGIR 2015).
//! The first leaf that is left in a tree is the one that walking would reach.

use super::reader::Reader;

/// A node with this number is a leaf.
const LEAF: u16 = u16::MAX;
/// Leaves that a tree may have: a bit for each.
const LEAVES: usize = u16::BITS as usize;

/// The sum of a base and of what each tree says.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Forest {
    base: f32,
    /// The splits of all trees for each number, thresholds ascending.
    splits: Vec<Vec<Split>>,
    /// What the leaves of each tree say, from left to right.
    leaves: Vec<[f32; LEAVES]>,
}

/// A question of one tree: whether a number is not above the threshold.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Split {
    threshold: f32,
    tree: u16,
    /// The leaves that remain when it is.
    remain: u16,
}

#[derive(Clone, Copy, Debug)]
struct Node {
    number: u16,
    threshold: f32,
    right: u16,
}

impl Forest {
    /// Reads a forest that asks for the first `numbers` numbers; `None` when it is damaged.
    pub(super) fn read(reader: &mut Reader<'_>, numbers: usize) -> Option<Self> {
        let base = reader.f32()?;
        let trees = reader.u16()?;
        let mut forest = Self { base, splits: vec![Vec::new(); numbers], leaves: Vec::new() };
        for tree in 0..trees {
            let count = reader.u16()?;
            let node = |reader: &mut Reader<'_>| Some(Node { number: reader.u16()?, threshold: reader.f32()?, right: reader.u16()? });
            let nodes: Option<Vec<Node>> = (0..count).map(|_| node(reader)).collect();
            let mut leaves = Vec::new();
            forest.add(tree, &nodes?, 0, 0, &mut leaves)?;
            leaves.resize(LEAVES, 0.0);
            forest.leaves.push(leaves.try_into().ok()?);
        }
        for splits in &mut forest.splits {
            splits.sort_by(|one, other| one.threshold.total_cmp(&other.threshold));
        }
        Some(forest)
    }

    /// Adds the node `at` of a tree and all below it, `depth` splits down.
    fn add(&mut self, tree: u16, nodes: &[Node], at: usize, depth: usize, leaves: &mut Vec<f32>) -> Option<()> {
        let node = *nodes.get(at)?;
        if depth >= LEAVES || leaves.len() >= LEAVES {
            return None;
        }
        if node.number == LEAF {
            leaves.push(node.threshold);
            return Some(());
        }
        let first = leaves.len();
        self.add(tree, nodes, at + 1, depth + 1, leaves)?;
        let left = (1u32 << leaves.len()) - (1u32 << first);
        let asked = self.splits.get_mut(usize::from(node.number))?;
        asked.push(Split { threshold: node.threshold, tree, remain: !(left as u16) });
        let right = usize::from(node.right);
        if right <= at { None } else { self.add(tree, nodes, right, depth + 1, leaves) }
    }

    /// Whether any tree asks for a number so that it makes a difference which of these it is.
    pub(super) fn tells_apart(&self, number: usize, one: f32, other: f32) -> bool {
        let Some(splits) = self.splits.get(number) else { return false };
        let (least, most) = (one.min(other), one.max(other));
        let first = splits.partition_point(|split| split.threshold < least);
        one.is_nan() || other.is_nan() || splits.get(first).is_some_and(|split| split.threshold < most)
    }

    /// What the forest says of a cell with these numbers.
    pub(super) fn value(&self, numbers: &[f32]) -> f64 {
        let mut left = vec![u16::MAX; self.leaves.len()];
        for (splits, number) in self.splits.iter().zip(numbers) {
            for split in splits {
                // What is no number fails every question.
                if *number <= split.threshold {
                    break;
                }
                left[usize::from(split.tree)] &= split.remain;
            }
        }
        let said = |(leaves, left): (&[f32; LEAVES], u16)| f64::from(leaves[left.trailing_zeros() as usize % LEAVES]);
        f64::from(self.base) + self.leaves.iter().zip(left).map(said).sum::<f64>()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A tree with so many splits, each at a place that `draw` chooses.
    fn tree(splits: usize, draw: &mut impl FnMut() -> u16) -> Vec<Node> {
        let threshold = f32::from(draw() % 100);
        if splits == 0 {
            return vec![Node { number: LEAF, threshold, right: 0 }];
        }
        let before = usize::from(draw()) % splits;
        let (left, right) = (tree(before, draw), tree(splits - 1 - before, draw));
        let moved = |by: usize| move |node: Node| Node { right: node.right + by as u16, ..node };
        let mut nodes = vec![Node { number: draw() % 3, threshold, right: left.len() as u16 + 1 }];
        nodes.extend(left.iter().copied().map(moved(1)));
        nodes.extend(right.into_iter().map(moved(1 + left.len())));
        nodes
    }

    fn walk(nodes: &[Node], numbers: &[f32]) -> f64 {
        let mut at = 0;
        while nodes[at].number != LEAF {
            let below = numbers[usize::from(nodes[at].number)] <= nodes[at].threshold;
            at = if below { at + 1 } else { usize::from(nodes[at].right) };
        }
        f64::from(nodes[at].threshold)
    }

    fn written(trees: &[Vec<Node>]) -> Vec<u8> {
        let mut bytes = [&0.5f32.to_le_bytes()[..], &(trees.len() as u16).to_le_bytes()].concat();
        for nodes in trees {
            bytes.extend((nodes.len() as u16).to_le_bytes());
            for node in nodes {
                bytes.extend([&node.number.to_le_bytes()[..], &node.threshold.to_le_bytes(), &node.right.to_le_bytes()].concat());
            }
        }
        bytes
    }

    fn read(trees: &[Vec<Node>]) -> Option<Forest> {
        Forest::read(&mut Reader::new(&written(trees)), 3)
    }

    #[test]
    fn forest_says_what_walking_its_trees_says() {
        let mut state = 7u32;
        let mut draw = || {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (state >> 16) as u16
        };
        let trees: Vec<_> = (0..200).map(|at| tree(at % LEAVES, &mut draw)).collect();
        let forest = read(&trees).unwrap();
        for at in 0..200 {
            let mut numbers = [0, 1, 2].map(|_| f32::from(draw() % 100));
            if at % 10 == 0 {
                numbers[at % 3] = f32::NAN;
            }
            let walked = 0.5 + trees.iter().map(|nodes| walk(nodes, &numbers)).sum::<f64>();
            assert!((forest.value(&numbers) - walked).abs() < 1e-9, "{numbers:?}");
        }
    }

    #[test]
    fn tree_that_is_none_is_refused() {
        let split = |number, right| Node { number, threshold: 1.0, right };
        let leaf = split(LEAF, 0);
        assert!(read(&[vec![split(0, 2), leaf, leaf]]).is_some());
        assert!(read(&[vec![split(3, 2), leaf, leaf]]).is_none(), "a number that there is not");
        assert!(read(&[vec![split(0, 0), leaf, leaf]]).is_none(), "a circle");
        assert!(read(&[vec![split(0, 3), leaf, leaf]]).is_none(), "a node that there is not");
        assert!(read(&[vec![]]).is_none(), "nothing");
        assert!(read(&[tree(LEAVES, &mut || 0)]).is_none(), "a leaf too many");
    }
}
