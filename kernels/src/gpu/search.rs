//! The best split of many nodes and features: histograms, then candidates, on the device, in parts that fit its memory.

use cubecl::prelude::*;

use super::candidate::{
    self, BROKEN, DONE, IS_CATEGORY, NONE, OUT_WORDS, PAIR_WORDS, RANK_MISSING_LEFT, best_candidates,
};
use super::histogram::{self, TILE_ROWS, add_histograms};
use super::{Buffer, Memory};
use crate::device::Unavailable;
use crate::entropy::table;
use crate::grow::{Forest, Weighing};
use crate::impurity::{Criterion, Score};
use crate::records::Bins;
use crate::scan::{Chosen, Cut, MIN_LEVEL_SAMPLES};

/// A node whose features are to be looked at.
pub struct Ask<'a> {
    /// Its rows, from..to.
    pub rows: (u32, u32),
    /// Its samples.
    pub count: u64,
    /// Weight of each class, before the multipliers.
    pub weights: &'a [u64],
    /// Integer weight of each class.
    pub multipliers: &'a [u64],
    /// Names its random order of levels.
    pub level_key: u32,
    /// The features.
    pub features: Vec<u32>,
}

/// The best split of a node by one feature.
pub struct Found {
    /// What it is.
    pub chosen: Chosen,
    score: Score,
    /// The tie rule: feature, then missing values on the right, then the shorter prefix.
    rank: (u32, u32),
}

impl Found {
    /// The better of two splits of a node.
    pub fn better(self, other: Self) -> Self {
        let order = other.score.compare(&self.score);
        if order.is_gt() || order.is_eq() && other.rank < self.rank { other } else { self }
    }
}

/// Features of a node that are looked at in one part.
const PART_FEATURES: usize = 64;
/// Most words of histograms at a time: 256 MiB, twice with their prefixes; in tests little, so that there are several parts.
const MOST_WORDS: usize = if cfg!(test) { 1 << 16 } else { 1 << 26 };

/// The records of a forest on the device.
pub struct Search<'a, R: Runtime> {
    memory: &'a Memory<'a, R>,
    forest: &'a Forest<'a>,
    records: Buffer,
    weights: Buffer,
    logs: Buffer,
    /// Slots of a histogram: as many as the feature with the most bins needs, and one for missing values.
    slots: usize,
    weighted: bool,
}

/// Some features of an ask.
struct Part<'a> {
    ask: &'a Ask<'a>,
    features: &'a [u32],
}

impl<'a, R: Runtime> Search<'a, R> {
    /// Brings the records to the device.
    pub fn new(memory: &'a Memory<'a, R>, forest: &'a Forest<'a>) -> Result<Self, Unavailable> {
        let bytes = forest.records.bytes();
        memory.check_fits("the binned rows", bytes.len() / 4)?;
        let words: Vec<u32> =
            bytes.chunks_exact(4).map(|word| u32::from_le_bytes([word[0], word[1], word[2], word[3]])).collect();
        let weights = if let Weighing::Rows(weights) = forest.weighing { weights } else { &[] };
        memory.check_fits("the weights of the rows", weights.len())?;
        let most_bins = forest.records.bins().iter().map(Bins::len).max().unwrap_or(0);
        Ok(Self {
            memory,
            forest,
            records: memory.upload(&words),
            weights: memory.upload(weights),
            logs: memory.upload(if forest.criterion == Criterion::Entropy { table() } else { &[] }),
            slots: most_bins as usize + 1,
            weighted: !weights.is_empty(),
        })
    }

    /// The records, for other kernels.
    pub fn records(&self) -> &Buffer {
        &self.records
    }

    /// Words from one record to the next.
    pub fn stride(&self) -> u32 {
        (self.forest.records.stride() / 4) as u32
    }

    /// Counters of a slot.
    fn width(&self) -> usize {
        self.forest.classes + usize::from(self.weighted)
    }

    /// For each ask and each of its features, the best split by it, if there is one.
    pub fn best(&self, rows: &Buffer, asks: &[Ask<'_>]) -> Result<Vec<Vec<Option<Found>>>, Unavailable> {
        let each = self.slots * self.width();
        let most_pairs = (self.memory.max_words().min(MOST_WORDS) / each.max(OUT_WORDS + self.forest.classes)).max(1);
        let take = PART_FEATURES.min(most_pairs);
        let parts = asks.iter().flat_map(|ask| ask.features.chunks(take).map(move |features| Part { ask, features }));
        let mut found = Vec::new();
        let mut together = Vec::new();
        let mut pairs = 0;
        for part in parts {
            if pairs + part.features.len() > most_pairs {
                found.extend(self.best_of(rows, &together)?);
                together.clear();
                pairs = 0;
            }
            pairs += part.features.len();
            together.push(part);
        }
        if !together.is_empty() {
            found.extend(self.best_of(rows, &together)?);
        }
        let mut found = found.into_iter();
        Ok(asks.iter().map(|ask| found.by_ref().take(ask.features.len()).collect()).collect())
    }

    /// The same for parts that fit the device's memory together.
    fn best_of(&self, rows: &Buffer, parts: &[Part<'_>]) -> Result<Vec<Option<Found>>, Unavailable> {
        let memory = self.memory;
        let forest = self.forest;
        let mut nodes = Vec::with_capacity(parts.len() * histogram::NODE_WORDS);
        let (mut features, mut pairs, mut sides) = (Vec::new(), Vec::new(), Vec::new());
        let mut tiles = 0;
        for (number, Part { ask, features: own }) in parts.iter().enumerate() {
            let (from, to) = ask.rows;
            nodes.extend([tiles, from, to, features.len() as u32, own.len() as u32]);
            tiles += (to - from).div_ceil(TILE_ROWS);
            features.extend_from_slice(own);
            for &feature in *own {
                let bins = &forest.records.bins()[feature as usize];
                let flag = if matches!(bins, Bins::Category { .. }) { IS_CATEGORY } else { 0 };
                pairs.extend([number as u32, feature, bins.len() | flag, ask.level_key]);
            }
            sides.extend(self.node_words(ask));
        }
        let count = features.len();
        let (slots, classes) = (self.slots as u32, forest.classes as u32);
        let each = self.slots * self.width();
        let sums = memory.zeros(count * each);
        let prefixes = memory.reserve(count * each);
        // Not what an earlier launch left there: a launch that fails leaves it as it is.
        let out = memory.zeros(count * (OUT_WORDS + forest.classes));
        add_histograms::launch::<R>(
            memory.client,
            memory.grid(tiles as usize),
            CubeDim::new_1d(256),
            self.records.arg(),
            self.weights.arg(),
            rows.arg(),
            memory.upload(&nodes).arg(),
            memory.upload(&features).arg(),
            sums.arg(),
            parts.len() as u32,
            tiles,
            self.stride(),
            slots,
            classes,
            self.weighted,
        );
        let units = slots.next_power_of_two().max(32);
        best_candidates::launch::<R>(
            memory.client,
            memory.grid(pairs.len() / PAIR_WORDS),
            CubeDim::new_1d(units),
            sums.arg(),
            prefixes.arg(),
            memory.upload(&pairs).arg(),
            memory.upload(&sides).arg(),
            self.logs.arg(),
            out.arg(),
            count as u32,
            slots,
            classes,
            forest.min_leaf.min(1 << 30) as u32,
            MIN_LEVEL_SAMPLES as u32,
            units,
            self.weighted,
            forest.criterion == Criterion::Entropy,
        );
        let out = memory.read(&out)?;
        let asks = parts.iter().flat_map(|part| part.features.iter().map(|&feature| (part.ask, feature)));
        let results = out.chunks_exact(OUT_WORDS + forest.classes);
        results.zip(asks).map(|(words, (ask, feature))| self.found(words, ask, feature)).collect()
    }

    /// What the candidates of a node are told of it.
    fn node_words(&self, ask: &Ask<'_>) -> Vec<u32> {
        let scaled: Vec<u64> = ask.weights.iter().zip(ask.multipliers).map(|(weight, by)| weight * by).collect();
        let heaviest = || (0..scaled.len()).rev().max_by_key(|&class| scaled[class]).unwrap_or(0);
        let class = if scaled.len() == 2 { 1 } else { heaviest() };
        let own = [ask.count, class as u64, scaled[class], scaled.iter().sum()];
        debug_assert_eq!(own.len(), candidate::NODE_WORDS);
        own.iter().chain(ask.weights).chain(ask.multipliers).map(|&word| word as u32).collect()
    }

    fn found(&self, words: &[u32], ask: &Ask<'_>, feature: u32) -> Result<Option<Found>, Unavailable> {
        let (head, left) = words.split_at(OUT_WORDS);
        let rank = head[0];
        if head[OUT_WORDS - 1] != DONE || rank == BROKEN {
            return Err(self.memory.lost("the sums of a node are not those of its rows"));
        }
        if rank == NONE {
            return Ok(None);
        }
        let cut = match self.forest.records.bins()[feature as usize] {
            Bins::Number { .. } => Cut::UpTo(head[3] as u8),
            Bins::Category { .. } => {
                Cut::Set(std::array::from_fn(|i| u64::from(head[3 + 2 * i]) | u64::from(head[4 + 2 * i]) << 32))
            }
        };
        let left: Vec<u64> = left.iter().map(|&weight| weight.into()).collect();
        let scale = |side: &mut dyn Iterator<Item = u64>| -> Vec<u64> {
            side.zip(ask.multipliers).map(|(weight, by)| weight * by).collect()
        };
        let right = scale(&mut ask.weights.iter().zip(&left).map(|(all, left)| all - left));
        let score = Score::of(self.forest.criterion, &scale(&mut left.iter().copied()), &right);
        let chosen = Chosen { feature, cut, missing_left: head[2] == 1, left, left_count: head[1].into() };
        debug_assert!(rank / RANK_MISSING_LEFT < 2);
        Ok(Some(Found { chosen, score, rank: (feature, rank) }))
    }
}
