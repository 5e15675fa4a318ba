//! How much of a forest is grown together: what a batch of trees takes of the device's memory.

use super::candidate::OUT_WORDS;
use super::descend::{Part, PartLaunch, TILE_ROWS};
use super::pages::Paging;
use super::shape::{NODE_HEAD, OPEN_HEAD, SMALL_WORDS, SPLIT_HEAD, ShapeLaunch, TILE_WORDS, counters};
use crate::grow::{Forest, Weighing};
use crate::permutation::Permutation;
use crate::records::Bins;
use crate::scan::MIN_LEVEL_SAMPLES;

/// What a device has, and how it is shared out. Words are of 32 bits.
#[derive(Debug, Clone, Copy)]
pub struct Room {
    /// Most words of one buffer.
    pub buffer: usize,
    /// Most words of all buffers together.
    pub all: usize,
    /// Most words of histograms at a time.
    pub sums: usize,
    /// Most rows of all trees of a batch.
    pub rows: usize,
    /// Whether small nodes have a kernel of their own.
    pub small: bool,
    /// Words that the units of a cube share.
    pub shared: usize,
    /// How many times shorter than usual the lists of nodes are at first: one, but in tests.
    pub thrift: usize,
    /// Most turns that one unit may make in all loops of a launch. Mesa's software Vulkan ends loops after 65,535, and says
    /// nothing.
    pub turns: usize,
}

/// Most trees that are grown together.
const MOST_TREES: usize = 256;
/// Most cubes of a launch: enough for every multiprocessor several times over.
const MOST_CUBES: usize = 4096;

/// The sizes of a batch's buffers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Layout {
    /// Trees of the batch.
    pub trees: usize,
    /// How the rows lie.
    pub paging: Paging,
    /// Pages of rows.
    pub pages: usize,
    /// Counters of a slot.
    pub width: usize,
    /// Slots of a histogram.
    pub slots: usize,
    /// Features of a node that are looked at in one turn.
    pub pairs: usize,
    /// Words of a cut.
    pub cut_words: usize,
    /// Samples of a small node.
    pub small: usize,
    /// Most nodes.
    pub nodes: usize,
    /// Most open nodes at a time.
    pub open: usize,
    /// Most small nodes.
    pub small_nodes: usize,
    /// Most tiles of a page.
    pub tiles: usize,
    /// Most pairs whose histograms are in memory together.
    pub part: usize,
    /// Most cubes of a launch.
    pub most_cubes: usize,
    /// Words of the histograms that a cube keeps to itself.
    pub own_words: usize,
    classes: usize,
    rows: usize,
    weighted: bool,
    drawn: bool,
    stride: usize,
    /// Samples of a tree.
    samples: usize,
    /// Least samples of a node that is open.
    least_open: usize,
    max_depth: u32,
}

impl Layout {
    /// As many of `trees` trees as the device has room for. `slack` is doubled when a batch turned out too long for its
    /// lists.
    ///
    /// # Errors
    /// What does not fit, the words that it takes, and those that there are.
    pub fn of(
        forest: &Forest<'_>,
        paging: Paging,
        trees: usize,
        room: &Room,
        slack: usize,
    ) -> Result<Self, (&'static str, usize, usize)> {
        let rows = forest.records.rows();
        let of_buffer = room.buffer / (2 * paging.page_rows);
        let mut trees = trees.min(MOST_TREES).min(room.rows / rows.max(1)).min(of_buffer).max(1);
        loop {
            let layout = Self::with(forest, paging, trees, room, slack);
            let Some(lack) = layout.lack(room) else { return Ok(layout) };
            if trees == 1 {
                return Err(lack);
            }
            trees = (trees * 3 / 4).max(1);
        }
    }

    fn with(forest: &Forest<'_>, paging: Paging, trees: usize, room: &Room, slack: usize) -> Self {
        let records = forest.records;
        let (rows, stride) = (records.rows(), records.stride() / 4);
        let weighted = matches!(forest.weighing, Weighing::Rows(_));
        let Paging { page_rows, pages, .. } = paging;
        let classes = forest.classes;
        let width = classes + usize::from(weighted);
        let bins = records.bins();
        let slots = bins.iter().map(Bins::len).max().unwrap_or(0) as usize + 1;
        let pairs = (forest.max_features as usize).clamp(1, bins.len().max(1));
        let small = if room.small && pages == 1 { small_samples(classes, bins.len(), room.turns) } else { 0 };
        let samples = forest.draws.map_or(rows, |draws| draws as usize);
        let least = |count: u64| usize::try_from(count).unwrap_or(usize::MAX).max(1);
        let (min_leaf, min_split) = (least(forest.min_leaf), least(forest.min_split));
        let least_open = (small + 1).max(min_split).max(min_leaf.saturating_mul(2)).max(2);
        // A tree of so many leaves has no more levels of splits.
        let max_depth = forest.max_leaves.map_or(forest.max_depth, |most| forest.max_depth.min(most.saturating_sub(1)));
        let of_depth = |depth: u32| 1usize.checked_shl(depth).filter(|_| depth < 40).unwrap_or(1 << 40);
        let leaves = (samples / min_leaf).max(1).min(of_depth(max_depth));
        // Seldom has a tree more nodes than samples; where it has, the lists are made longer.
        let nodes = (2 * leaves).min((samples.max(1024) / room.thrift).saturating_mul(slack));
        let open = (samples / least_open).max(1).min(of_depth(max_depth.saturating_sub(1)));
        let small_nodes = of_depth(max_depth).min(((samples / 16 + 64) / room.thrift).max(1).saturating_mul(slack));
        let each = slots * width;
        let open = trees * open;
        // A tile's rows are gone through once for each of its node's features.
        let turns_of_tile =
            (TILE_ROWS / super::descend::UNITS) as usize + each.div_ceil(super::descend::UNITS as usize);
        let most_pairs =
            if pairs > room.turns / (4 * turns_of_tile) { room.turns / (4 * turns_of_tile) } else { usize::MAX };
        Self {
            trees,
            paging,
            pages,
            width,
            slots,
            pairs,
            cut_words: if bins.iter().any(|bins| matches!(bins, Bins::Category { .. })) { 8 } else { 1 },
            small,
            nodes: trees * (nodes + 1),
            open,
            small_nodes: if small > 0 { trees * small_nodes } else { 0 },
            tiles: trees * page_rows.div_ceil(TILE_ROWS as usize) + open,
            part: (room.sums.min(room.buffer) / each.max(OUT_WORDS as usize + classes))
                .min(most_pairs)
                .clamp(1, open * pairs),
            own_words: own_words(2 * pairs * slots * if width == 2 && !weighted { 1 } else { width }, room.shared),
            most_cubes: if room.turns == usize::MAX { MOST_CUBES } else { usize::MAX },
            classes,
            rows,
            weighted,
            drawn: forest.draws.is_some(),
            stride,
            samples,
            least_open,
            max_depth,
        }
    }

    /// Words of each buffer.
    fn buffers(&self) -> [(&'static str, usize); 9] {
        let results = OUT_WORDS as usize + self.classes;
        [
            ("the binned rows", self.paging.page_rows * self.stride),
            ("the weights of the rows", if self.weighted { self.paging.page_rows } else { 0 }),
            ("the rows of the trees", 2 * self.trees * self.paging.page_rows),
            ("the draws of the trees", if self.drawn { self.trees * self.rows.div_ceil(4) } else { 0 }),
            ("the nodes of the trees", self.nodes * self.node_words()),
            ("the counts of rows", self.tally_words()),
            ("the lists of nodes", self.list_words()),
            ("the histograms", self.part * self.slots * self.width),
            ("the splits that were found", (self.part + self.open) * results),
        ]
    }

    /// The buffer that does not fit, what it takes and what there is.
    fn lack(&self, room: &Room) -> Option<(&'static str, usize, usize)> {
        let buffers = self.buffers();
        if let Some((name, words)) = buffers.into_iter().find(|(_, words)| *words > room.buffer) {
            return Some((name, words, room.buffer));
        }
        // Kernels number pairs of node and feature in 32 bits.
        let pairs = self.open * self.pairs + self.part;
        if pairs >= u32::MAX as usize {
            return Some(("the features of all nodes", pairs, u32::MAX as usize));
        }
        let all = self.words();
        (all > room.all).then_some(("the trees of a batch", all, room.all))
    }

    /// Words that the batch takes in all.
    pub fn words(&self) -> usize {
        let pages = if self.paging.resident { self.pages } else { 1 };
        let times = |name: &str| match name {
            "the binned rows" | "the weights of the rows" => pages,
            "the rows of the trees" => self.pages,
            _ => 1,
        };
        self.buffers().into_iter().map(|(name, words)| words * times(name)).sum()
    }

    /// Words from one node to the next.
    pub fn node_words(&self) -> usize {
        NODE_HEAD as usize + self.cut_words + self.classes
    }

    /// Words of all counters.
    pub fn tally_words(&self) -> usize {
        counters(self.pages as u32) + self.nodes * self.pages
    }

    /// Where the splits stand among the lists.
    pub fn splits_at(&self) -> usize {
        2 * self.open * (OPEN_HEAD as usize + 2 * self.pages)
    }

    /// Where the tiles stand among the lists.
    pub fn tiles_at(&self) -> usize {
        self.splits_at() + 2 * self.open * (SPLIT_HEAD as usize + 2 * self.pages)
    }

    /// Where the small nodes stand among the lists.
    pub fn small_at(&self) -> usize {
        self.tiles_at() + 2 * self.pages * self.tiles * TILE_WORDS as usize
    }

    /// Words of all lists.
    pub fn list_words(&self) -> usize {
        self.small_at() + self.small_nodes * SMALL_WORDS as usize
    }

    /// Most nodes that are open at a level.
    pub fn open_at(&self, level: u32) -> usize {
        self.open.min(self.trees << level.min(40))
    }

    /// Levels after which few nodes can be open still.
    pub fn usual_levels(&self) -> u32 {
        let halvings = (self.samples / self.least_open).max(1).ilog2() + 3;
        self.max_depth.min(halvings).max(1)
    }

    /// The parts in which the pairs of so many open nodes are looked at.
    pub fn parts(&self, open: usize) -> impl Iterator<Item = (u32, PartLaunchOf)> + use<> {
        let (most, pairs) = (self.part, open.max(1) * self.pairs);
        (0..pairs.div_ceil(most)).map(move |i| {
            let part = Part { first: (i * most) as u32, most: most as u32 };
            (part.first, PartLaunchOf { part, pairs: most.min(pairs - i * most) })
        })
    }

    /// As an argument of kernels.
    pub fn shape<R: cubecl::Runtime>(&self, forest: &Forest<'_>, first_tree: u32) -> ShapeLaunch<R> {
        let features = forest.records.bins().len() as u32;
        let (half_a, half_b) = Permutation::new(features, [0; 4]).halves();
        let bins_at = self.trees * self.classes;
        let clamped = |count: u64| count.min(1 << 30) as u32;
        ShapeLaunch::new(
            self.stride as u32,
            self.classes as u32,
            self.slots as u32,
            self.width as u32,
            features,
            self.pairs as u32,
            half_a,
            half_b,
            forest.seed as u32,
            (forest.seed >> 32) as u32,
            clamped(forest.min_leaf),
            clamped(forest.min_split),
            self.max_depth,
            MIN_LEVEL_SAMPLES as u32,
            self.small as u32,
            self.pages as u32,
            (self.trees * self.paging.page_rows) as u32,
            self.nodes as u32,
            self.open as u32,
            self.tiles as u32,
            self.cut_words as u32,
            first_tree,
            self.splits_at() as u32,
            self.tiles_at() as u32,
            self.small_at() as u32,
            self.small_nodes as u32,
            bins_at as u32,
            bins_at as u32 + features,
        )
    }
}

/// A part of a level's pairs.
#[derive(Clone, Copy)]
pub struct PartLaunchOf {
    part: Part,
    /// Pairs that it holds at most.
    pub pairs: usize,
}

impl PartLaunchOf {
    /// As an argument of kernels.
    pub fn launch<R: cubecl::Runtime>(&self) -> PartLaunch<R> {
        PartLaunch::new(self.part.first, self.part.most)
    }
}

/// Words of a cube's own histograms, one of a few sizes, as each is another compilation: 12 KiB, which every device has, or
/// more where the histograms of a split's children need it and the device has it.
fn own_words(needed: usize, shared: usize) -> usize {
    const SIZES: [usize; 3] = [3072, 7168, 11_264];
    let holds = |size: &&usize| **size == SIZES[0] || **size + 512 <= shared;
    let mut sizes = SIZES.iter().filter(holds).copied();
    sizes.clone().find(|&size| size >= needed).or_else(|| sizes.next_back()).unwrap_or(SIZES[0])
}

/// Samples of a small node: fewer where there are many classes, which its kernel goes through one by one, and where a unit
/// may not make all the turns that a tree of single steps takes.
fn small_samples(classes: usize, features: usize, turns: usize) -> usize {
    let usual = match classes {
        ..=8 => super::small::UNITS as usize,
        9..=64 => 64,
        _ => 32,
    };
    let most = (turns / (features.max(1) * (classes + 4))).isqrt();
    if most < 8 { 0 } else { usual.min(most) }
}
