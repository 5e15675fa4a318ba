//! Forests grown on a device: all trees of a batch a level at a time. The host decides with the same exact integers as its
//! own driver; sums over rows, the search for splits and the order of rows are the device's.

use std::collections::BinaryHeap;
use std::ops::ControlFlow;

use cubecl::prelude::*;
use rayon::prelude::*;

use super::route::{ROUTE_ROWS, SPLIT_WORDS, route, settle};
use super::search::{Ask, Found, Search};
use super::{Buffer, Gpu, Memory, on_backend};
use crate::bootstrap::{draw_counts, draws_of, entries, row_of};
use crate::cuts::MISSING;
use crate::device::Unavailable;
use crate::frontier::Ready;
use crate::grow::{Forest, OnTree, Weighing};
use crate::growth::{Growth, Open, multipliers};
use crate::impurity::Decrease;
use crate::scan::{Chosen, Cut};
use crate::tree::{Node, Tree};

/// Most rows of the trees that are grown together: a gigabyte of entries.
const MOST_ROWS: usize = 1 << 28;
/// Most trees that are grown together.
const MOST_TREES: usize = 256;

/// Grows the forest on a GPU: the trees of [`crate::grow()`], byte for byte. `None` when `on_tree` broke it off.
///
/// Memory on the device: the records, twice four bytes for each row of each tree of a batch, and the histograms.
///
/// # Errors
/// What does not fit the device, and a device that is lost.
pub fn grow_on(gpu: &Gpu, forest: &Forest<'_>, on_tree: &OnTree<'_>) -> Result<Option<Vec<Tree>>, Unavailable> {
    on_backend!(gpu, memory => grow_in(&memory, forest, on_tree))
}

fn grow_in<R: Runtime>(
    memory: &Memory<'_, R>,
    forest: &Forest<'_>,
    on_tree: &OnTree<'_>,
) -> Result<Option<Vec<Tree>>, Unavailable> {
    let search = Search::new(memory, forest)?;
    let rows = forest.records.rows();
    memory.check_fits("the rows of one tree", rows)?;
    let together = (memory.max_words().min(MOST_ROWS) / rows.max(1)).clamp(1, MOST_TREES) as u32;
    let mut grown = Vec::with_capacity(forest.trees as usize);
    for first in (0..forest.trees).step_by(together as usize) {
        let numbers: Vec<u32> = (first..forest.trees.min(first + together)).collect();
        let seeds: Vec<(Sapling<'_>, Vec<u32>)> =
            numbers.par_iter().map(|&number| Sapling::new(forest, number)).collect();
        let batch = Batch::new(memory, &search, forest, seeds);
        let done: Option<Vec<Tree>> = batch
            .grow()?
            .into_par_iter()
            .map(|sapling| {
                let tree = sapling.growth.finish(&sapling.tree);
                let go_on = on_tree(sapling.number, &tree, &sapling.counts);
                (go_on == ControlFlow::Continue(())).then_some(tree)
            })
            .collect();
        match done {
            Some(trees) => grown.extend(trees),
            None => return Ok(None),
        }
    }
    Ok(Some(grown))
}

/// A tree under way.
struct Sapling<'a> {
    number: u32,
    growth: Growth<'a>,
    tree: Tree,
    /// How often it drew each row.
    counts: Vec<u8>,
    /// Nodes whose best split is not known yet.
    open: Vec<Open>,
    /// Splits that wait for their turn, where the number of leaves is limited.
    ready: BinaryHeap<Ready>,
    leaves: u32,
}

impl<'a> Sapling<'a> {
    /// The root alone, with the entries of its rows.
    fn new(forest: &'a Forest<'a>, number: u32) -> (Self, Vec<u32>) {
        let counts = draw_counts(forest.seed, number, forest.records.rows(), forest.draws);
        let mut growth = Growth::new(forest, number, &multipliers(forest, &counts));
        let rows = entries(&counts);
        let mut weights = vec![0; forest.classes];
        let mut count = 0;
        for &entry in &rows {
            let row = row_of(entry) as usize;
            let weight = if let Weighing::Rows(weights) = forest.weighing { weights[row] } else { 1 };
            weights[forest.records.class(row) as usize] += u64::from(draws_of(entry)) * u64::from(weight);
            count += u64::from(draws_of(entry));
        }
        growth.set_root(&weights);
        let root = Open { node: 0, rows: (0, rows.len() as u32), depth: 0, path: 1, count };
        let open = if growth.may_split(&root, &weights) { vec![root] } else { vec![] };
        let tree = Tree { nodes: vec![Node::LEAF], weights };
        (Self { number, growth, tree, counts, open, ready: BinaryHeap::new(), leaves: 1 }, rows)
    }

    /// Takes in the best splits of its open nodes; returns those to make now.
    fn decide(&mut self, found: Vec<Option<Chosen>>) -> Vec<Made> {
        let Self { growth, tree, open, ready, leaves, .. } = self;
        let chosen = open.drain(..).zip(found).filter_map(|(at, chosen)| {
            let chosen = chosen?;
            let decrease = growth.decrease(&chosen, growth.weights_of(tree, at.node))?;
            Some(Ready { at, chosen, decrease })
        });
        let now: Vec<Ready> = match growth.forest.max_leaves {
            None => chosen.collect(),
            Some(most) => {
                ready.extend(chosen);
                if *leaves < most { ready.pop().into_iter().collect() } else { vec![] }
            }
        };
        *leaves += now.len() as u32;
        now.into_iter().map(|Ready { at, chosen, decrease }| self.make(at, chosen, decrease)).collect()
    }

    fn make(&mut self, at: Open, chosen: Chosen, decrease: Decrease) -> Made {
        let node = self.growth.record(&mut self.tree, &at, &chosen, decrease);
        // Where the middle is, the device knows.
        let children = at.children(&node, at.rows.1, &chosen);
        let open = children.map(|child| self.growth.may_split(&child, self.growth.weights_of(&self.tree, child.node)));
        let is_last = self.growth.forest.max_leaves.is_some_and(|most| self.leaves >= most);
        Made { at, node, children, open: if is_last { [false; 2] } else { open } }
    }
}

/// A split that was made.
struct Made {
    at: Open,
    node: Node,
    /// With the parent's rows on the left.
    children: [Open; 2],
    /// Which of them may be split in turn.
    open: [bool; 2],
}

/// Trees that are grown together.
struct Batch<'a, R: Runtime> {
    memory: &'a Memory<'a, R>,
    search: &'a Search<'a, R>,
    forest: &'a Forest<'a>,
    saplings: Vec<Sapling<'a>>,
    rows: Buffer,
    spare: Buffer,
}

impl<'a, R: Runtime> Batch<'a, R> {
    fn new(
        memory: &'a Memory<'a, R>,
        search: &'a Search<'a, R>,
        forest: &'a Forest<'a>,
        seeds: Vec<(Sapling<'a>, Vec<u32>)>,
    ) -> Self {
        let mut rows = Vec::new();
        let mut saplings = Vec::with_capacity(seeds.len());
        for (mut sapling, own) in seeds {
            let first = rows.len() as u32;
            sapling.open.iter_mut().for_each(|root| root.rows = (first, first + own.len() as u32));
            rows.extend(own);
            saplings.push(sapling);
        }
        Self { memory, search, forest, saplings, rows: memory.upload(&rows), spare: memory.reserve(rows.len()) }
    }

    fn grow(mut self) -> Result<Vec<Sapling<'a>>, Unavailable> {
        loop {
            let found = self.choose()?;
            let made: Vec<Vec<Made>> =
                self.saplings.par_iter_mut().zip(found).map(|(sapling, found)| sapling.decide(found)).collect();
            if made.iter().all(Vec::is_empty) {
                return Ok(self.saplings);
            }
            self.route(made)?;
        }
    }

    /// For each tree the best splits of its open nodes.
    fn choose(&self) -> Result<Vec<Vec<Option<Chosen>>>, Unavailable> {
        let all = self.forest.records.bins().len() as u32;
        let nodes: Vec<(&Sapling<'_>, &Open)> =
            self.saplings.iter().flat_map(|sapling| sapling.open.iter().map(move |open| (sapling, open))).collect();
        let mut chosen: Vec<Option<Chosen>> = nodes.iter().map(|_| None).collect();
        let mut looked_at = 0;
        while looked_at < all {
            let waiting: Vec<usize> = (0..nodes.len()).filter(|&i| chosen[i].is_none()).collect();
            if waiting.is_empty() {
                break;
            }
            // As many as are asked for; then one after the other, until one can split the node.
            let is_first = looked_at == 0;
            let take = if is_first { self.forest.max_features.min(all) } else { FURTHER.min(all - looked_at) };
            let asks: Vec<Ask<'_>> = waiting
                .par_iter()
                .map(|&i| {
                    let (sapling, open) = nodes[i];
                    let growth = &sapling.growth;
                    let order = growth.order(open.path);
                    Ask {
                        rows: open.rows,
                        count: open.count,
                        weights: growth.weights_of(&sapling.tree, open.node),
                        multipliers: &growth.multipliers,
                        level_key: growth.level_key(open.path),
                        features: (looked_at..looked_at + take).map(|k| order.at(k)).collect(),
                    }
                })
                .collect();
            for (i, found) in waiting.into_iter().zip(self.search.best(&self.rows, &asks)?) {
                let mut found = found.into_iter().flatten();
                let best = if is_first { found.reduce(Found::better) } else { found.next() };
                chosen[i] = best.map(|found| found.chosen);
            }
            looked_at += take;
        }
        let mut chosen = chosen.into_iter();
        Ok(self.saplings.iter().map(|sapling| chosen.by_ref().take(sapling.open.len()).collect()).collect())
    }

    /// Orders the rows by the splits, and opens the children.
    fn route(&mut self, made: Vec<Vec<Made>>) -> Result<(), Unavailable> {
        // Rows whose nodes are leaves now are asked for no more.
        let routed: Vec<&Made> = made.iter().flatten().filter(|made| made.open.contains(&true)).collect();
        let mut splits = Vec::with_capacity(routed.len() * SPLIT_WORDS);
        let mut tiles = 0;
        for Made { at, node, .. } in &routed {
            splits.extend([tiles, at.rows.0, at.rows.1, node.feature]);
            splits.extend(bits_of(node));
            tiles += (at.rows.1 - at.rows.0).div_ceil(ROUTE_ROWS);
        }
        let (count, memory) = (routed.len(), self.memory);
        if count == 0 {
            return Ok(());
        }
        let splits = memory.upload(&splits);
        let cursors = memory.upload(&vec![0; 2 * count]);
        route::launch::<R>(
            memory.client,
            memory.grid(tiles as usize),
            CubeDim::new_1d(ROUTE_ROWS),
            self.search.records().arg(),
            self.rows.arg(),
            splits.arg(),
            cursors.arg(),
            self.spare.arg(),
            count as u32,
            tiles,
            self.search.stride(),
        );
        if self.forest.max_leaves.is_some() {
            // Nodes that wait for their turn keep their rows where they are.
            settle::launch::<R>(
                memory.client,
                memory.grid(tiles as usize),
                CubeDim::new_1d(ROUTE_ROWS),
                self.spare.arg(),
                splits.arg(),
                self.rows.arg(),
                count as u32,
                tiles,
            );
        } else {
            std::mem::swap(&mut self.rows, &mut self.spare);
        }
        let cursors = memory.read(&cursors)?;
        let len = |made: &Made| made.at.rows.1 - made.at.rows.0;
        if !routed.iter().zip(cursors.chunks_exact(2)).all(|(made, sides)| sides[0] + sides[1] == len(made)) {
            return Err(memory.lost("the rows of a split are not those of its node"));
        }
        let mut lefts = cursors.chunks_exact(2).map(|sides| sides[0]);
        for (sapling, made) in self.saplings.iter_mut().zip(made) {
            for Made { at, children: [mut left, mut right], open, .. } in made {
                if open.contains(&true) {
                    let middle = at.rows.0 + lefts.next().expect("one for each split");
                    left.rows.1 = middle;
                    right.rows.0 = middle;
                }
                sapling.open.extend([left, right].into_iter().zip(open).filter(|it| it.1).map(|it| it.0));
            }
        }
        Ok(())
    }
}

/// Further features that are looked at together, when the first ones cannot split a node.
const FURTHER: u32 = 8;

/// One bit for each bin that goes left, that of missing values too.
fn bits_of(node: &Node) -> [u32; 8] {
    let mut bits = [0; 8];
    match node.cut {
        Cut::UpTo(last) => (0..=last).for_each(|bin| bits[bin as usize / 32] |= 1 << (bin % 32)),
        Cut::Set(set) => (0..8).for_each(|i| bits[i] = (set[i / 2] >> (32 * (i % 2))) as u32),
    }
    let missing = 1u32 << (MISSING % 32);
    bits[7] = if node.missing_left { bits[7] | missing } else { bits[7] & !missing };
    bits
}
