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
use ndarray::{Array2, ArrayView2};

use super::{Gpu, Memory, on_backend};
use crate::device::Unavailable;
use crate::traverse::{IS_SET, MISSING_LEFT, Step, Steps};

/// Trees whose sums fit 32 bits together: each adds at most 2^24.
const TREES: usize = 255;
/// Most cells of one batch of rows: 256 MiB; in tests few, so that there are several batches.
const MOST_CELLS: usize = if cfg!(test) { 1000 } else { 1 << 26 };
/// Bits of positive infinity; what is above is no number.
const INFINITY: u32 = 0x7f80_0000;
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
    on_backend!(gpu, memory => sum_in(&memory, x, steps))
}

fn sum_in<R: Runtime>(
    memory: &Memory<'_, R>,
    x: ArrayView2<'_, f32>,
    steps: Steps<'_>,
) -> Result<Array2<u64>, Unavailable> {
    let (rows, features) = x.dim();
    let mut sums = Array2::<u64>::zeros((rows, steps.classes));
    memory.check_fits("the nodes of the model", steps.nodes.len() * 4)?;
    memory.check_fits("the leaves of the model", steps.values.len())?;
    let words = |step: &Step| [key_of(step.threshold), step.left, step.feature, step.value];
    let nodes = memory.upload(&steps.nodes.iter().flat_map(words).collect::<Vec<_>>());
    let halves = |word: &u64| [*word as u32, (word >> 32) as u32];
    let sets = memory.upload(&steps.sets.iter().flatten().flat_map(halves).collect::<Vec<_>>());
    let values = memory.upload(steps.values);
    let roots: Vec<_> = steps.roots.chunks(TREES).map(|roots| (memory.upload(roots), roots.len() as u32)).collect();
    let most = memory.max_words().min(MOST_CELLS);
    let batch_rows = (most / features.max(steps.classes).max(1)).max(1);
    for (batch, sums) in sums.as_slice_mut().expect("row-major sums").chunks_mut(batch_rows * steps.classes).enumerate()
    {
        let first = batch * batch_rows;
        let count = sums.len() / steps.classes;
        let mut cells = Vec::with_capacity(count * features);
        for column in x.columns() {
            cells.extend(column.slice(ndarray::s![first..first + count]).iter().map(|value| value.to_bits()));
        }
        let cells = memory.upload(&cells);
        for (roots, trees) in &roots {
            let out = memory.zeros(count * steps.classes + 1);
            add_leaves::launch::<R>(
                memory.client,
                memory.grid(count.div_ceil(256)),
                CubeDim::new_1d(256),
                cells.arg(),
                nodes.arg(),
                roots.arg(),
                sets.arg(),
                values.arg(),
                out.arg(),
                count as u32,
                *trees,
                steps.classes as u32,
            );
            let parts = memory.read(&out)?;
            if parts.last() != Some(trees) {
                return Err(memory.lost("the kernel of predictions did not run"));
            }
            sums.iter_mut().zip(parts).for_each(|(sum, part)| *sum += u64::from(part));
        }
    }
    Ok(sums)
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
}
