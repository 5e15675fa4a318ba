//! What the kernels of a batch of trees share: numbers that do not change, and where counters stand.

use cubecl::prelude::*;

/// What holds for all launches of a batch. Words are of 32 bits.
#[derive(CubeType, CubeLaunch, Clone, Copy)]
pub struct Shape {
    /// Words from one record to the next.
    pub stride: u32,
    /// Number of classes.
    pub classes: u32,
    /// Slots of a histogram: as many as the feature with the most bins needs, and one for missing values.
    pub slots: u32,
    /// Counters of a slot.
    pub width: u32,
    /// Number of features.
    pub features: u32,
    /// Features of a node that are looked at in one turn.
    pub pairs: u32,
    /// Sizes of the halves of the permutation of features, see [`crate::Permutation`].
    pub half_a: u32,
    /// See `half_a`.
    pub half_b: u32,
    /// Low word of the seed.
    pub seed_low: u32,
    /// High word of the seed.
    pub seed_high: u32,
    /// Least samples of a leaf.
    pub min_leaf: u32,
    /// Least samples of a node that is split.
    pub min_split: u32,
    /// Most levels of splits.
    pub max_depth: u32,
    /// Least samples of a level that has a share of its own.
    pub min_level: u32,
    /// Nodes of at most this many samples are left to the kernel of small nodes.
    pub small: u32,
    /// Pages of rows.
    pub pages: u32,
    /// Words of the half of `rows`.
    pub half: u32,
    /// Most nodes of the batch.
    pub most_nodes: u32,
    /// Most nodes that are open at a time.
    pub most_open: u32,
    /// Most tiles of a page.
    pub most_tiles: u32,
    /// Words of a cut: one, or eight where there are categories.
    pub cut_words: u32,
    /// Number of the batch's first tree.
    pub first_tree: u32,
    /// Where the splits stand among the lists, behind the open nodes of two levels.
    pub splits_at: u32,
    /// Where the tiles stand among the lists.
    pub tiles_at: u32,
    /// Where the small nodes stand among the lists.
    pub small_at: u32,
    /// Most small nodes.
    pub most_small: u32,
    /// Where the numbers of bins stand among the facts.
    pub bins_at: u32,
    /// Where the table of logarithms stands among the facts.
    pub logs_at: u32,
}

/// Words of a node before its cut.
pub const NODE_HEAD: u32 = 2;
/// In a node's second word: missing values go left.
pub const MISSING_LEFT: u32 = 1 << 31;
/// Beside a number of bins: the feature is a category.
pub const IS_CATEGORY: u32 = 1 << 31;
/// In place of a number: there is none.
pub const NONE: u32 = u32::MAX;

/// Words from one node to the next: left child (0 = leaf), feature and [`MISSING_LEFT`], cut, weight of each class.
#[cube]
pub fn node_words(shape: &Shape) -> u32 {
    NODE_HEAD + shape.cut_words + shape.classes
}

/// Where the weights of a node begin.
#[cube]
pub fn weights_of(shape: &Shape, node: u32) -> u32 {
    node * node_words(shape) + NODE_HEAD + shape.cut_words
}

/// Words of an open node before its rows: node, tree, depth, key of its path, samples, features looked at, [`RANGE_LEFT`]
/// and its like, half of `rows`. Then, for each page, rows from and to.
pub const OPEN_HEAD: u32 = 8;
/// Words from one open node to the next.
#[cube]
pub fn open_words(shape: &Shape) -> u32 {
    OPEN_HEAD + 2u32 * shape.pages
}

/// Where an open node of a level stands among the lists.
#[cube]
pub fn open_at(shape: &Shape, parity: u32, slot: u32) -> u32 {
    (parity * shape.most_open + slot) * open_words(shape)
}

/// Where a split above a level stands among the lists.
#[cube]
pub fn split_at(shape: &Shape, parity: u32, split: u32) -> u32 {
    shape.splits_at + (parity * shape.most_open + split) * (SPLIT_HEAD + 2u32 * shape.pages)
}

/// Where a tile of these splits stands among the lists.
#[cube]
pub fn tile_at(shape: &Shape, parity: u32, page: u32, tile: u32) -> u32 {
    shape.tiles_at + ((parity * shape.pages + page) * shape.most_tiles + tile) * TILE_WORDS
}

/// An open node's rows are those that went left, from the front of its parent's.
pub const RANGE_LEFT: u32 = 0;
/// They went right, from the back.
pub const RANGE_RIGHT: u32 = 1;
/// They are all that is named.
pub const RANGE_ALL: u32 = 2;

/// Words of a split before its rows: tree, flags, feature, one bit for each bin that goes left (8), left child, slots of
/// both children among the open nodes, keys of their paths, features they have looked at, nothing. Then, for each page,
/// rows from and to.
pub const SPLIT_HEAD: u32 = 18;
/// The node is not split: all its rows stay where they are, and it looks at further features.
pub const SPLIT_STAYS: u32 = 1;
/// Its rows are in the second half.
pub const SPLIT_SECOND_HALF: u32 = 2;
/// The rows of its left child are asked for; shifted by one, those of the right.
pub const SPLIT_WANTS_LEFT: u32 = 4;

/// Words of a tile: split, number of the tile among those of its split.
pub const TILE_WORDS: u32 = 2;
/// Words of a small node: as an open one, with the rows of the only page.
pub const SMALL_WORDS: u32 = OPEN_HEAD + 2;

/// Counters: kernels that ran.
pub const RAN: u32 = 0;
/// Sums that are not those of the node's rows.
pub const BROKEN: u32 = 1;
/// Lists that were too short.
pub const OVERFLOW: u32 = 2;
/// Nodes.
pub const NODES: u32 = 3;
/// Small nodes.
pub const SMALL: u32 = 4;
/// Where the counters of a level begin; there are two rows of them, by the parity of the level.
pub const LEVELS: u32 = 8;
/// In a level's row: open nodes.
pub const OPEN: u32 = 0;
/// Splits above them.
pub const SPLITS: u32 = 1;
/// Tiles of the first page.
pub const TILES: u32 = 2;

/// Where the counters of a level stand.
#[cube]
pub fn level_at(shape: &Shape, parity: u32) -> u32 {
    LEVELS + parity * (TILES + shape.pages)
}

/// A counter, for all units of the cube. One unit asks: some compilers make an addition of a load, and additions to one
/// address wait for each other. Once in a kernel, before anything that is shared.
#[cube]
pub fn load_for_all(tallies: &Array<Atomic<u32>>, at: u32) -> u32 {
    let mut word = SharedMemory::<u32>::new(1usize);
    if UNIT_POS == 0u32 {
        word[0] = tallies[at as usize].load();
    }
    sync_cube();
    word[0]
}

/// Where the count of rows of a node on a page stands.
#[cube]
pub fn cursor_of(shape: &Shape, node: u32, page: u32) -> u32 {
    LEVELS + 2u32 * (TILES + shape.pages) + node * shape.pages + page
}

/// Counters before those of rows.
pub fn counters(pages: u32) -> usize {
    (LEVELS + 2 * (TILES + pages)) as usize
}

/// The byte at `place` of a record.
#[cube]
pub fn byte_of(records: &Array<u32>, first: u32, place: u32) -> u32 {
    (records[(first + place / 4u32) as usize] >> ((place % 4u32) * 8u32)) & 255u32
}

/// The row of an entry, see [`crate::bootstrap`].
#[cube]
pub fn row_of(entry: u32) -> u32 {
    entry & 0x0fff_ffffu32
}

/// How often it was drawn.
#[cube]
pub fn draws_of(entry: u32) -> u32 {
    entry >> 28u32
}
