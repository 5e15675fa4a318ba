//! The sum over trees of what each row's leaves hold, on a device: [`crate::sum_leaves`], bit for bit. One unit a row.
//!
//! | argument | shape | type | unit |
//! |---|---|---|---|
//! | `cells` | features x rows | u32 | bits of the numbers |
//! | `nodes` | nodes x 4 | u32 | key of the threshold, left child, feature and flags, value |
//! | `roots` | trees | u32 | place of each tree's root |
//! | `sets` | sets x 8 | u32 | one bit for each level that goes left |
//! | `values` | leaves x classes | u32 | 2^-24 |
//! | `out` | rows x classes, and one | u32 | zero; then 2^-24, summed over fewer than 256 trees, and the trees |
//!
//! Numbers are compared as integers that stand in their order: a device may take liberties with floats that are no
//! numbers or too small for it.

use cubecl::prelude::*;
use ndarray::{Array2, ArrayView1, ArrayView2, Axis};
use rayon::prelude::*;

use super::{Buffer, Gpu, Memory, SOFTWARE_TURNS, on_backend};
use crate::device::Unavailable;
use crate::traverse::{IS_SET, MISSING_LEFT, Step, Steps};

/// Trees whose sums fit 32 bits together: each adds at most 2^24.
const TREES: usize = 255;
/// Most cells of one batch of rows: 256 MiB; in tests few, so that there are several batches.
const MOST_CELLS: usize = if cfg!(test) { 1000 } else { 1 << 26 };
/// Bits of positive infinity; what is above is no number.
const INFINITY: u32 = 0x7f80_0000;
/// A batch of cells, and one of sums, take at most this part of the device's memory each.
const PARTS: u64 = 8;
const SIGN: u32 = 1 << 31;
const FEATURE: u32 = IS_SET - 1;

/// The bits of a number as an integer in the order of numbers; both zeros are one.
fn key_of(value: f32) -> u32 {
    let bits = if value == 0.0 { 0 } else { value.to_bits() };
    if bits >= SIGN { !bits } else { bits | SIGN }
}

/// The sum over trees of the values of each row's leaves, streamed in batches of rows.
///
/// # Errors
/// A model that does not fit the device, and a device that is lost.
pub fn sum_leaves_on(gpu: &Gpu, x: ArrayView2<'_, f32>, steps: Steps<'_>) -> Result<Array2<u64>, Unavailable> {
    sum_stages_on(gpu, x, steps, &[steps.roots.len()], &mut |_, _| ())
}

/// As [`sum_leaves_on`], with the sums over the first trees alone told in between: `each` is called for each number of
/// trees in `stages`, which rise and end with all of them.
///
/// # Errors
/// As [`sum_leaves_on`].
pub fn sum_stages_on(
    gpu: &Gpu,
    x: ArrayView2<'_, f32>,
    steps: Steps<'_>,
    stages: &[usize],
    each: &mut dyn FnMut(usize, &Array2<u64>),
) -> Result<Array2<u64>, Unavailable> {
    let most = gpu.memory().total_bytes.map_or(usize::MAX, |bytes| (bytes / PARTS / 4) as usize).min(MOST_CELLS);
    on_backend!(gpu, memory => {
        let walk = Walk::new(&memory, x, steps, most)?;
        let mut sums = Array2::<u64>::zeros((x.nrows(), steps.classes));
        let mut first = 0;
        for &end in stages {
            walk.add(&steps.roots[first..end], &mut sums)?;
            each(end, &sums);
            first = end;
        }
        Ok(sums)
    })
}

/// A model on the device, and the rows that walk through it.
struct Walk<'a, R: Runtime> {
    memory: &'a Memory<'a, R>,
    x: ArrayView2<'a, f32>,
    classes: usize,
    nodes: Buffer,
    sets: Buffer,
    values: Buffer,
    batch_rows: usize,
    /// Trees of one launch.
    together: usize,
    /// The cells of all rows, where one batch holds them.
    whole: Option<Buffer>,
}

impl<'a, R: Runtime> Walk<'a, R> {
    fn new(
        memory: &'a Memory<'a, R>,
        x: ArrayView2<'a, f32>,
        steps: Steps<'_>,
        most_cells: usize,
    ) -> Result<Self, Unavailable> {
        memory.check_fits("the nodes of the model", steps.nodes.len() * 4)?;
        memory.check_fits("the leaves of the model", steps.values.len())?;
        let words = |step: &Step| [key_of(step.threshold), step.left, step.feature, step.value];
        let halves = |word: &u64| [*word as u32, (word >> 32) as u32];
        let most = memory.max_words().min(most_cells);
        let batch_rows = ((most - 1) / x.ncols().max(steps.classes).max(1)).max(1);
        let mut walk = Self {
            memory,
            x,
            classes: steps.classes,
            nodes: memory.upload(&steps.nodes.iter().flat_map(words).collect::<Vec<_>>()),
            sets: memory.upload(&steps.sets.iter().flatten().flat_map(halves).collect::<Vec<_>>()),
            values: memory.upload(steps.values),
            batch_rows,
            together: if memory.gpu.is_software() { trees_within(SOFTWARE_TURNS, steps) } else { TREES },
            whole: None,
        };
        walk.whole = (x.nrows() <= batch_rows).then(|| walk.cells(0, x.nrows()));
        Ok(walk)
    }

    /// The cells of some rows, column by column.
    fn cells(&self, first: usize, count: usize) -> Buffer {
        let mut cells = vec![0; count * self.x.ncols()];
        let columns: Vec<ArrayView1<'_, f32>> = self.x.axis_iter(Axis(1)).collect();
        // A chunk has a row at least: without rows there is nothing to fill.
        cells.par_chunks_mut(count.max(1)).zip(columns).for_each(|(cells, column)| {
            let column = column.slice_move(ndarray::s![first..first + count]);
            match column.as_slice() {
                Some(column) => cells.iter_mut().zip(column).for_each(|(cell, value)| *cell = value.to_bits()),
                None => cells.iter_mut().zip(column).for_each(|(cell, value)| *cell = value.to_bits()),
            }
        });
        self.memory.upload(&cells)
    }

    /// Adds what the leaves of these trees hold.
    fn add(&self, roots: &[u32], sums: &mut Array2<u64>) -> Result<(), Unavailable> {
        let groups: Vec<_> =
            roots.chunks(self.together).map(|roots| (self.memory.upload(roots), roots.len() as u32)).collect();
        let sums = sums.as_slice_mut().expect("row-major sums");
        for (batch, sums) in sums.chunks_mut(self.batch_rows * self.classes).enumerate() {
            let count = sums.len() / self.classes;
            let cells = match &self.whole {
                Some(whole) => whole.clone(),
                None => self.cells(batch * self.batch_rows, count),
            };
            for (roots, trees) in &groups {
                let parts = self.launch(&cells, roots, count, *trees)?;
                sums.par_iter_mut().zip(parts).for_each(|(sum, part)| *sum += u64::from(part));
            }
        }
        Ok(())
    }

    /// The sums of one batch of rows over one group of trees, and one word more.
    fn launch(&self, cells: &Buffer, roots: &Buffer, rows: usize, trees: u32) -> Result<Vec<u32>, Unavailable> {
        let out = self.memory.zeros(rows * self.classes + 1);
        add_leaves::launch::<R>(
            self.memory.client,
            self.memory.grid(rows.div_ceil(256)),
            CubeDim::new_1d(256),
            cells.arg(),
            self.nodes.arg(),
            roots.arg(),
            self.sets.arg(),
            self.values.arg(),
            out.arg(),
            rows as u32,
            trees,
            self.classes as u32,
        );
        let parts = self.memory.read(&out)?;
        if parts.last() != Some(&trees) {
            return Err(self.memory.lost("the kernel of predictions did not run"));
        }
        Ok(parts)
    }
}

/// Trees that a unit walks down in so many turns of its loops.
fn trees_within(turns: usize, steps: Steps<'_>) -> usize {
    let mut levels = vec![0usize; steps.nodes.len() + 2];
    for (at, node) in steps.nodes.iter().enumerate() {
        let left = node.left as usize;
        // A leaf is its own left child; children stand behind their parents.
        if left > at {
            levels[left] = levels[at] + 1;
            levels[left + 1] = levels[at] + 1;
        }
    }
    let deepest = levels.into_iter().max().unwrap_or(0);
    (turns / (deepest + steps.classes + 2)).clamp(1, TREES)
}

#[cube(launch)]
#[expect(clippy::too_many_arguments, reason = "each buffer of a kernel is an argument")]
fn add_leaves(
    cells: &Array<u32>,
    nodes: &Array<u32>,
    roots: &Array<u32>,
    sets: &Array<u32>,
    values: &Array<u32>,
    out: &mut Array<u32>,
    rows: u32,
    trees: u32,
    classes: u32,
) {
    let row = ABSOLUTE_POS as u32;
    if row == 0u32 {
        out[(rows * classes) as usize] = trees;
    }
    if row < rows {
        let first = row * classes;
        for tree in 0..trees {
            let mut place = roots[tree as usize];
            let mut left = nodes[place as usize * 4 + 1];
            // A leaf is its own left child.
            while left != place {
                let at = place as usize * 4;
                let flags = nodes[at + 2];
                let bits = cells[((flags & FEATURE) * rows + row) as usize];
                let is_missing = (bits & 0x7fff_ffffu32) > INFINITY;
                let missing_right = (flags & MISSING_LEFT) == 0u32;
                let zero = select(bits == SIGN, 0u32, bits);
                let key = select(zero >= SIGN, !zero, zero | SIGN);
                let mut right = key > nodes[at];
                if (flags & IS_SET) != 0u32 {
                    let level = u32::cast_from(f32::reinterpret(bits)) & 255u32;
                    let set = sets[(nodes[at + 3] * 8u32 + level / 32u32) as usize];
                    right = ((set >> (level % 32u32)) & 1u32) == 0u32;
                }
                let goes_right = select(is_missing, missing_right, right);
                place = left + select(goes_right, 1u32, 0u32);
                left = nodes[place as usize * 4 + 1];
            }
            let value = nodes[place as usize * 4 + 3];
            for class in 0..classes {
                out[(first + class) as usize] += values[(value + class) as usize];
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use ndarray::ShapeBuilder;
    use proptest::prelude::*;

    use super::*;
    use crate::gpu::tests::gpus;
    use crate::permutation::mix;
    use crate::traverse::sum_leaves;

    /// Features; the last two are categories.
    const FEATURES: u32 = 5;

    /// Numbers at which comparisons go wrong, and their neighbours.
    fn number(random: u32) -> f32 {
        const ODD: [f32; 9] =
            [0.0, -0.0, f32::MIN_POSITIVE, -1e-45, 1e-45, f32::INFINITY, f32::NEG_INFINITY, f32::MAX, f32::MIN];
        match random % 3 {
            0 => ODD[(random / 3) as usize % ODD.len()],
            1 => (random / 3 % 7) as f32 - 3.0,
            _ => f32::from_bits(mix(random)),
        }
    }

    struct Grown {
        nodes: Vec<Step>,
        roots: Vec<u32>,
        sets: Vec<[u64; 4]>,
        values: Vec<u32>,
    }

    /// Full trees of random splits.
    fn forest(trees: u32, depth: u32, classes: usize, seed: u32) -> Grown {
        let mut grown = Grown { nodes: vec![], roots: vec![], sets: vec![], values: vec![] };
        for tree in 0..trees {
            let root = grown.nodes.len() as u32;
            grown.roots.push(root);
            for at in 0..(2u32 << depth) - 1 {
                let random = mix(seed ^ mix(tree << 16 | at));
                let feature = random % FEATURES;
                let flags = feature | if random & 1024 == 0 { MISSING_LEFT } else { 0 };
                let step = if at + 1 >= 1 << depth {
                    let value = grown.values.len() as u32;
                    grown.values.extend((0..classes as u32).map(|class| mix(random ^ class) >> 8));
                    Step { threshold: f32::INFINITY, left: root + at, feature: MISSING_LEFT, value }
                } else if feature + 2 >= FEATURES {
                    grown.sets.push(std::array::from_fn(|i| u64::from(mix(random + i as u32)) * 0x1_0000_0001));
                    let value = grown.sets.len() as u32 - 1;
                    Step { threshold: 0.0, left: root + 2 * at + 1, feature: flags | IS_SET, value }
                } else {
                    let some = number(mix(random));
                    let threshold = if some.is_nan() { 0.5 } else { some };
                    Step { threshold, left: root + 2 * at + 1, feature: flags, value: 0 }
                };
                grown.nodes.push(step);
            }
        }
        grown
    }

    /// Trees of single steps: all of them together would take more turns than software Vulkan makes.
    #[test]
    fn deep_trees_are_walked_to_their_ends() {
        let (depth, trees) = (1500u32, 60u32);
        let mut nodes = Vec::new();
        for tree in 0..trees {
            let root = tree * (2 * depth + 1);
            for at in 0..2 * depth + 1 {
                // A split, with a leaf on its left and the next split on its right.
                let is_leaf = at % 2 == 1 || at == 2 * depth;
                let (left, value) = (if is_leaf { root + at } else { root + at + 1 }, at % 7);
                let threshold = if is_leaf { f32::INFINITY } else { (at / 2) as f32 };
                nodes.push(Step { threshold, left, feature: MISSING_LEFT, value });
            }
        }
        let roots: Vec<u32> = (0..trees).map(|tree| tree * (2 * depth + 1)).collect();
        let values: Vec<u32> = (0..7).map(|value| 1000 + value).collect();
        let steps = Steps { nodes: &nodes, roots: &roots, sets: &[], values: &values, classes: 1 };
        let x = Array2::from_shape_vec((3, 1).f(), vec![depth as f32 * 2.0, 3.0, f32::NAN]).unwrap();
        for gpu in gpus() {
            assert_eq!(sum_leaves_on(&gpu, x.view(), steps).unwrap(), sum_leaves(x.view(), steps), "{gpu:?}");
        }
    }

    #[test]
    fn sums_are_the_hosts() {
        let gpus = gpus();
        let config = ProptestConfig { cases: 12, failure_persistence: None, ..ProptestConfig::default() };
        let shape = (0usize..700, prop_oneof![1u32..20, 250u32..270], 0u32..5, 1usize..5, any::<u32>());
        proptest!(config, |((rows, trees, depth, classes, seed) in shape)| {
            let grown = forest(trees, depth, classes, seed);
            let cell = |at: u32| {
                let (random, feature) = (mix(seed ^ mix(at)), at / rows.max(1) as u32);
                if random.is_multiple_of(13) {
                    f32::NAN
                } else if feature + 2 >= FEATURES {
                    (random % 255) as f32
                } else {
                    number(random)
                }
            };
            let cells = (0..rows as u32 * FEATURES).map(cell).collect();
            let x = Array2::from_shape_vec((rows, FEATURES as usize).f(), cells).unwrap();
            let Grown { nodes, roots, sets, values } = &grown;
            let steps = Steps { nodes, roots, sets, values, classes };
            let expected = sum_leaves(x.view(), steps);
            for gpu in &gpus {
                prop_assert_eq!(&sum_leaves_on(gpu, x.view(), steps).unwrap(), &expected, "{:?}", gpu);
            }
        });
    }

    #[test]
    fn sums_over_the_first_trees_are_the_hosts() {
        let Grown { nodes, roots, sets, values } = &forest(300, 3, 3, 7);
        // More rows than a batch holds, and fewer.
        for rows in [11, 450] {
            let x = Array2::from_shape_fn((rows, FEATURES as usize).f(), |(row, at)| {
                (mix((row * 7 + at) as u32) % 255) as f32
            });
            let of = |trees: usize| Steps { nodes, roots: &roots[..trees], sets, values, classes: 3 };
            for gpu in gpus() {
                let mut told = Vec::new();
                let all = sum_stages_on(&gpu, x.view(), of(300), &[1, 64, 256, 300], &mut |trees, sums| {
                    assert_eq!(sums, sum_leaves(x.view(), of(trees)), "{gpu:?}: {trees} of 300 trees, {rows} rows");
                    told.push(trees);
                });
                assert_eq!((all.unwrap(), told), (sum_leaves(x.view(), of(300)), vec![1, 64, 256, 300]));
            }
        }
    }

    #[test]
    fn trees_that_are_all_sure_do_not_overflow() {
        // Each tree one leaf that says 1.0 of its class: 255 of them fill 32 bits but for the last 2^24.
        let leaf = Step { threshold: f32::INFINITY, left: 0, feature: MISSING_LEFT, value: 0 };
        let (roots, values) = (vec![0; 700], [1 << 24, 0]);
        let x = Array2::from_elem((3, 1).f(), 0.5);
        for trees in [254, 255, 256, 510, 511, 700] {
            let steps = Steps { nodes: &[leaf], roots: &roots[..trees], sets: &[], values: &values, classes: 2 };
            for gpu in gpus() {
                let sums = sum_leaves_on(&gpu, x.view(), steps).unwrap();
                assert!(sums.column(0).iter().all(|&sum| sum == (trees as u64) << 24), "{gpu:?}: {trees} trees");
                assert_eq!(sums, sum_leaves(x.view(), steps));
            }
        }
    }
}
