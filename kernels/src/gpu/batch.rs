//! Forests grown on a device: all trees of a batch a level at a time, from the draws to the leaves, without asking the host
//! in between. The host adds up what came of it with the same exact integers as its own driver.

use std::ops::ControlFlow;

use cubecl::prelude::*;
use rayon::prelude::*;

use super::assemble::{Grown, assemble};
use super::candidate::{OUT_WORDS, best_candidates};
use super::decide::{self, split_nodes};
use super::descend::{self, clear_sums, send_rows};
use super::draw::{self, draw_rows, enter};
use super::layout::{Layout, PartLaunchOf, Room};
use super::pages::{Pages, Paging};
use super::shape::{
    BROKEN, IS_CATEGORY, LEVELS, NODES, NONE, OPEN, OPEN_HEAD, OVERFLOW, RAN, RANGE_ALL, SMALL, SPLIT_HEAD,
    SPLIT_STAYS, SPLITS, TILES, counters,
};
use super::small::{self, grow_small};
use super::{Buffer, Gpu, Memory, on_backend};
use crate::bootstrap::Drawn;
use crate::device::Unavailable;
use crate::entropy::table;
use crate::grow::{Forest, OnTree, Weighing};
use crate::growth::{Growth, Open, multipliers_of};
use crate::impurity::Criterion;
use crate::records::Bins;
use crate::tree::Tree;

/// Grows the forest on a GPU: the trees of [`crate::grow()`], byte for byte. `None` when `on_tree` broke it off.
///
/// Memory on the device: the records, twice four bytes for each row of each tree of a batch, the histograms and the nodes.
/// Rows that one buffer does not hold are laid out in pages; records that the device does not hold are brought page by page
/// at each level. A batch has as many trees as there is room for.
///
/// # Errors
/// What does not fit the device, and a device that is lost.
///
/// # Panics
/// When a tree is to draw more rows than there are: how often one was drawn is counted in a byte.
pub fn grow_on(gpu: &Gpu, forest: &Forest<'_>, on_tree: &OnTree<'_>) -> Result<Option<Vec<Tree>>, Unavailable> {
    on_backend!(gpu, memory => grow_in(&memory, forest, on_tree, &memory.room()))
}

/// What growing a forest takes of a device.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Planned {
    /// Memory that it takes at once.
    pub bytes: u64,
    /// Memory that there is for it; none where the driver does not tell.
    pub of_bytes: Option<u64>,
    /// Trees that are grown together.
    pub trees: u32,
    /// Parts in which the rows lie, as no buffer holds them all.
    pub pages: u32,
    /// Whether these stay on the device; else they are brought to it for each level of each batch of trees.
    pub resident: bool,
}

/// What [`grow_on`] is going to take; nothing is done yet.
///
/// # Errors
/// What does not fit the device.
pub fn plan_on(gpu: &Gpu, forest: &Forest<'_>) -> Result<Planned, Unavailable> {
    on_backend!(gpu, memory => {
        let room = memory.room();
        let layout = Layout::of(forest, Paging::of(forest, &room), forest.trees as usize, &room, 1)
            .map_err(|(what, needed, limit)| memory.too_large(what, needed, limit))?;
        Ok(Planned {
            bytes: layout.words() as u64 * size_of::<u32>() as u64,
            of_bytes: gpu.memory().total_bytes,
            trees: layout.trees as u32,
            pages: layout.pages as u32,
            resident: layout.paging.resident,
        })
    })
}

pub(super) fn grow_in<R: Runtime>(
    memory: &Memory<'_, R>,
    forest: &Forest<'_>,
    on_tree: &OnTree<'_>,
    room: &Room,
) -> Result<Option<Vec<Tree>>, Unavailable> {
    let rows = forest.records.rows() as u64;
    assert!(forest.draws.is_none_or(|draws| draws <= rows), "no more draws than rows");
    let pages = Pages::new(memory, forest, Paging::of(forest, room));
    let mut grown = Vec::with_capacity(forest.trees as usize);
    let mut slack = 1;
    while grown.len() < forest.trees as usize {
        let first = grown.len() as u32;
        let layout = Layout::of(forest, pages.paging, (forest.trees - first) as usize, room, slack)
            .map_err(|(what, needed, limit)| memory.too_large(what, needed, limit))?;
        let Some(trees) = Batch::new(&pages, forest, layout, first).grow()? else {
            // More nodes than the lists were made for.
            slack *= 2;
            if slack > MOST_SLACK {
                return Err(memory.lost("its lists of nodes never end"));
            }
            continue;
        };
        let done: Option<Vec<Tree>> = trees
            .into_par_iter()
            .zip(first..first + layout.trees as u32)
            .map(|(tree, number)| {
                let drawn = Drawn::again(forest.seed, number, forest.records.rows(), forest.draws);
                (on_tree(number, &tree, &drawn) == ControlFlow::Continue(())).then_some(tree)
            })
            .collect();
        match done {
            Some(trees) => grown.extend(trees),
            None => return Ok(None),
        }
    }
    Ok(Some(grown))
}

/// No tree has more nodes than lists so much longer hold: twice as many as samples.
const MOST_SLACK: usize = 1 << 10;

/// Trees that are grown together.
struct Batch<'a, R: Runtime> {
    memory: &'a Memory<'a, R>,
    pages: &'a Pages<'a, R>,
    forest: &'a Forest<'a>,
    layout: Layout,
    first_tree: u32,
    /// Entries of each page.
    rows: Vec<Buffer>,
    lists: Buffer,
    nodes: Buffer,
    tallies: Buffer,
    sums: Buffer,
    found: Buffer,
    best: Buffer,
    /// Kernels that were launched.
    launched: u32,
}

/// A root, before it is split.
struct Root<'a> {
    growth: Growth<'a>,
    weights: Vec<u64>,
    samples: u64,
    /// Entries on each page.
    entries: Vec<u32>,
    is_open: bool,
}

/// Levels that are grown before the host asks again whether there is more to do.
const FURTHER_LEVELS: u32 = 4;

impl<'a, R: Runtime> Batch<'a, R> {
    fn new(pages: &'a Pages<'a, R>, forest: &'a Forest<'a>, layout: Layout, first_tree: u32) -> Self {
        let memory = pages.memory();
        let results = OUT_WORDS as usize + forest.classes;
        Self {
            memory,
            pages,
            forest,
            layout,
            first_tree,
            rows: (0..layout.pages).map(|_| memory.reserve(2 * layout.trees * layout.paging.page_rows)).collect(),
            lists: memory.reserve(layout.list_words()),
            nodes: memory.zeros(layout.nodes * layout.node_words()),
            tallies: memory.zeros(layout.tally_words()),
            sums: memory.reserve(layout.part * layout.slots * layout.width),
            found: memory.reserve(layout.part * results),
            best: memory.reserve(layout.open * results),
            launched: 0,
        }
    }

    /// The trees, or `None` where the lists were too short.
    fn grow(mut self) -> Result<Option<Vec<Tree>>, Unavailable> {
        let sums = self.enter()?;
        let roots = self.roots(&sums);
        let facts = self.facts(&roots);
        self.plant(&roots);
        let (mut level, mut until) = (0, self.layout.usual_levels());
        let counts = loop {
            for level in level..until {
                let open = self.open_at(level)?;
                self.grow_level(level, open, &facts);
            }
            let counts = self.memory.read_first(&self.tallies, counters(self.layout.pages as u32))?;
            if counts[OVERFLOW as usize] != 0 {
                return Ok(None);
            }
            // A split without open children has its rows to bring to small ones.
            if counts[self.level_at(until) + SPLITS as usize] == 0 {
                break counts;
            }
            (level, until) = (until, until + FURTHER_LEVELS);
        };
        let counts = if counts[SMALL as usize] > 0 { self.grow_small(&facts, counts[SMALL as usize])? } else { counts };
        if counts[OVERFLOW as usize] != 0 {
            return Ok(None);
        }
        self.check_ran(counts[RAN as usize])?;
        if (counts[NODES as usize] as usize) < roots.len() {
            return Err(self.memory.lost("its nodes are gone"));
        }
        if counts[BROKEN as usize] != 0 {
            return Err(self.memory.lost("the sums of a node are not those of its rows"));
        }
        let nodes = counts[NODES as usize] as usize;
        let words = self.memory.read_first(&self.nodes, nodes * self.layout.node_words())?;
        let (cut_words, classes, bins) = (self.layout.cut_words, self.forest.classes, self.forest.records.bins());
        let grown = Grown { words: &words, cut_words, classes, bins };
        Ok(Some(
            roots.par_iter().zip(0..roots.len() as u32).map(|(root, id)| assemble(&grown, &root.growth, id)).collect(),
        ))
    }

    fn weighted(&self) -> bool {
        matches!(self.forest.weighing, Weighing::Rows(_))
    }

    /// Where the counters of a level stand.
    fn level_at(&self, level: u32) -> usize {
        (LEVELS + level % 2 * (TILES + self.layout.pages as u32)) as usize
    }

    fn grid(&self, cubes: usize) -> CubeCount {
        self.memory.grid(cubes.clamp(1, self.layout.most_cubes))
    }

    fn shape(&self) -> super::shape::ShapeLaunch<R> {
        self.layout.shape(self.forest, self.first_tree)
    }

    /// Draws the rows of each tree. For each: entries of each page, weight of each class, samples.
    fn enter(&mut self) -> Result<Vec<u32>, Unavailable> {
        let (memory, layout, forest) = (self.memory, self.layout, self.forest);
        let rows = forest.records.rows();
        let trees = layout.trees as u32;
        let counts = memory.zeros(if forest.draws.is_some() { layout.trees * rows.div_ceil(4) } else { 1 });
        if let Some(draws) = forest.draws {
            let cubes = self.grid((draws as usize).div_ceil(2 * draw::UNITS as usize));
            let units = CubeDim::new_1d(draw::UNITS);
            self.launched += 1;
            draw_rows::launch::<R>(
                memory.client,
                cubes,
                units,
                counts.arg(),
                self.tallies.arg(),
                self.shape(),
                trees,
                draws as u32,
                rows as u32,
            );
        }
        let sums = memory.zeros(layout.trees * (layout.pages + forest.classes + 1));
        for page in 0..layout.pages {
            let (records, weights) = self.pages.get(page);
            let of_page = layout.paging.rows_of(page);
            let tiles = layout.trees * of_page.len().div_ceil(draw::TILE_ROWS as usize);
            self.launched += 1;
            enter::launch::<R>(
                memory.client,
                self.grid(tiles),
                CubeDim::new_1d(draw::UNITS),
                counts.arg(),
                records.arg(),
                weights.arg(),
                self.rows[page].arg(),
                sums.arg(),
                self.tallies.arg(),
                self.shape(),
                page as u32,
                of_page.start as u32,
                of_page.len() as u32,
                rows as u32,
                trees,
                forest.draws.is_some(),
                self.weighted(),
            );
        }
        let sums = memory.read(&sums)?;
        self.check_ran(memory.read_first(&self.tallies, 1)?[0])?;
        Ok(sums)
    }

    /// A driver drops what it can't run, and says nothing.
    fn check_ran(&self, ran: u32) -> Result<(), Unavailable> {
        if ran == self.launched { Ok(()) } else { Err(self.memory.lost("a kernel did not run")) }
    }

    fn roots(&self, sums: &[u32]) -> Vec<Root<'a>> {
        let (layout, forest) = (&self.layout, self.forest);
        let root = |(sums, number): (&[u32], u32)| {
            let (entries, rest) = sums.split_at(layout.pages);
            let weights: Vec<u64> = rest[..forest.classes].iter().map(|&weight| weight.into()).collect();
            let samples = u64::from(rest[forest.classes]);
            let mut growth = Growth::new(forest, number, &multipliers_of(forest, &weights));
            growth.set_root(&weights);
            let open = Open { node: 0, rows: (0, 0), depth: 0, path: 1, count: samples };
            let is_open = growth.may_split(&open, &weights);
            Root { growth, weights, samples, entries: entries.to_vec(), is_open }
        };
        sums.chunks_exact(layout.pages + forest.classes + 1).zip(self.first_tree..).map(root).collect()
    }

    /// What holds for the whole batch: multipliers of each tree, bins of each feature, logarithms.
    fn facts(&self, roots: &[Root<'_>]) -> Buffer {
        let mut facts: Vec<u32> =
            roots.iter().flat_map(|root| root.growth.multipliers.iter().map(|&by| by as u32)).collect();
        facts.extend(self.forest.records.bins().iter().map(|bins| match bins {
            Bins::Number { .. } => bins.len(),
            Bins::Category { .. } => bins.len() | IS_CATEGORY,
        }));
        if self.forest.criterion == Criterion::Entropy {
            facts.extend_from_slice(table());
        }
        self.memory.upload(&facts)
    }

    /// Writes the roots, and lists those that are to be split.
    fn plant(&self, roots: &[Root<'_>]) {
        // The draws ran before the counters were written.
        let ran = self.launched;
        let (memory, layout) = (self.memory, &self.layout);
        let (mut nodes, mut open, mut splits, mut small) = (vec![], vec![], vec![], vec![]);
        let mut tiles = vec![vec![]; layout.pages];
        let (mut slots, mut small_count) = (0, 0);
        for (root, id) in roots.iter().zip(0u32..) {
            nodes.resize(nodes.len() + layout.node_words() - root.weights.len(), 0);
            nodes.extend(root.weights.iter().map(|&weight| weight as u32));
            let head = [id, id, 0, 1, root.samples as u32, 0, RANGE_ALL, 0];
            let ranges = root.entries.iter().enumerate().flat_map(|(page, &count)| {
                let first = id * layout.paging.rows_of(page).len() as u32;
                [first, first + count]
            });
            if !root.is_open {
                continue;
            }
            if root.samples as usize <= layout.small {
                small.extend(head.into_iter().chain(ranges));
                small_count += 1;
                continue;
            }
            open.extend(head.into_iter().chain(ranges.clone()));
            let mut split = vec![0; SPLIT_HEAD as usize];
            split[..2].copy_from_slice(&[id, SPLIT_STAYS]);
            split[11..17].copy_from_slice(&[id, slots, NONE, 1, 0, 0]);
            splits.extend(split.into_iter().chain(ranges));
            for (tiles, &count) in tiles.iter_mut().zip(&root.entries) {
                tiles.extend((0..count.div_ceil(descend::TILE_ROWS)).flat_map(|tile| [slots, tile]));
            }
            slots += 1;
        }
        debug_assert_eq!(open.len(), slots as usize * (OPEN_HEAD as usize + 2 * layout.pages), "one a root");
        let mut counts = vec![0; counters(layout.pages as u32)];
        counts[RAN as usize] = ran;
        counts[NODES as usize] = roots.len() as u32;
        counts[SMALL as usize] = small_count;
        let level = self.level_at(0);
        counts[level + OPEN as usize] = slots;
        counts[level + SPLITS as usize] = slots;
        for (page, tiles) in tiles.iter().enumerate() {
            counts[level + TILES as usize + page] = tiles.len() as u32 / 2;
            memory.paste(tiles, &self.lists, layout.tiles_at() + 2 * page * layout.tiles);
        }
        memory.paste(&nodes, &self.nodes, 0);
        memory.paste(&counts, &self.tallies, 0);
        memory.paste(&open, &self.lists, 0);
        memory.paste(&splits, &self.lists, layout.splits_at());
        memory.paste(&small, &self.lists, layout.small_at());
    }

    /// Open nodes of a level, at most. Where they may need several parts, the device is asked: most of these could be empty.
    fn open_at(&self, level: u32) -> Result<usize, Unavailable> {
        let most = self.layout.open_at(level);
        if most * self.layout.pairs <= self.layout.part {
            return Ok(most);
        }
        let counts = self.memory.read_first(&self.tallies, counters(self.layout.pages as u32))?;
        Ok(most.min(counts[self.level_at(level) + OPEN as usize] as usize))
    }

    /// Brings all rows down to a level, and splits its nodes.
    fn grow_level(&mut self, level: u32, open: usize, facts: &Buffer) {
        let layout = self.layout;
        let parity = level % 2;
        for (first, part) in layout.parts(open) {
            self.launched += 3;
            let words = part.pairs * layout.slots * layout.width;
            clear_sums::launch::<R>(
                self.memory.client,
                self.grid(words.div_ceil(4 * 256)),
                CubeDim::new_1d(256),
                self.sums.arg(),
                self.tallies.arg(),
                self.shape(),
                part.launch(),
                parity,
            );
            for page in 0..layout.pages {
                self.descend(page, parity, &part, first == 0);
            }
            self.choose(parity, &part, facts);
            let nodes = part.pairs.div_ceil(layout.pairs) + 1;
            split_nodes::launch::<R>(
                self.memory.client,
                self.grid(nodes),
                CubeDim::new_1d(decide::UNITS),
                self.found.arg(),
                self.best.arg(),
                self.lists.arg(),
                self.nodes.arg(),
                self.tallies.arg(),
                self.shape(),
                part.launch(),
                parity,
            );
        }
    }

    fn descend(&mut self, page: usize, parity: u32, part: &PartLaunchOf, routing: bool) {
        let (records, weights) = self.pages.get(page);
        self.launched += 1;
        send_rows::launch::<R>(
            self.memory.client,
            self.grid(self.layout.tiles),
            CubeDim::new_1d(descend::UNITS),
            records.arg(),
            weights.arg(),
            self.rows[page].arg(),
            self.lists.arg(),
            self.tallies.arg(),
            self.sums.arg(),
            self.shape(),
            part.launch(),
            page as u32,
            parity,
            routing,
            self.weighted(),
            self.forest.classes == 2 && !self.weighted(),
            self.layout.own_words as u32,
        );
    }

    fn choose(&self, parity: u32, part: &PartLaunchOf, facts: &Buffer) {
        let units = (self.layout.slots as u32).next_power_of_two().max(32);
        best_candidates::launch::<R>(
            self.memory.client,
            self.grid(part.pairs),
            CubeDim::new_1d(units),
            self.sums.arg(),
            self.lists.arg(),
            self.nodes.arg(),
            facts.arg(),
            self.found.arg(),
            self.tallies.arg(),
            self.shape(),
            part.launch(),
            parity,
            units,
            self.weighted(),
            self.layout.cut_words > 1,
            self.forest.criterion == Criterion::Entropy,
        );
    }

    /// Grows all that is below the small nodes; returns the counters.
    fn grow_small(&mut self, facts: &Buffer, count: u32) -> Result<Vec<u32>, Unavailable> {
        let (records, weights) = self.pages.get(0);
        self.launched += 1;
        grow_small::launch::<R>(
            self.memory.client,
            self.grid(count as usize),
            CubeDim::new_1d(small::UNITS),
            records.arg(),
            weights.arg(),
            self.rows[0].arg(),
            self.lists.arg(),
            facts.arg(),
            self.nodes.arg(),
            self.tallies.arg(),
            self.shape(),
            self.weighted(),
            self.layout.cut_words > 1,
            self.forest.criterion == Criterion::Entropy,
        );
        self.memory.read_first(&self.tallies, counters(self.layout.pages as u32))
    }
}
