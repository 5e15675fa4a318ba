//! Which leaf of each tree a row of numbers falls into, and the sum of what the leaves hold.
//!
//! | argument | shape | type | unit |
//! |---|---|---|---|
//! | `x` | rows x features, column-major | f32 | `NaN` = missing |
//! | `nodes` | nodes of all trees | [`Step`] | |
//! | `roots` | trees | u32 | place of each tree's root |
//! | `values` | leaves x classes | u32 | 2^-24 |
//! | result | rows x classes | u64 | 2^-24, summed over trees |

use ndarray::{Array2, ArrayView2};
use rayon::prelude::*;

/// Set in [`Step::feature`]: missing values go left.
pub const MISSING_LEFT: u32 = 1 << 31;
/// Set in [`Step::feature`]: the feature is a category, and `value` numbers the set of levels that go left.
pub const IS_SET: u32 = 1 << 30;
const FEATURE: u32 = IS_SET - 1;

/// One node as prediction needs it. A leaf is its own left child, and sends everything there.
#[derive(Debug, Clone, Copy, PartialEq)]
#[repr(C)]
pub struct Step {
    /// Numbers up to this go left; see [`IS_SET`].
    pub threshold: f32,
    /// Place of the left child; the right one stands behind it.
    pub left: u32,
    /// The feature, and the two flags.
    pub feature: u32,
    /// Of a leaf, where its values stand; of a split by levels, the number of its set.
    pub value: u32,
}

/// Trees, flat.
#[derive(Clone, Copy)]
pub struct Steps<'a> {
    /// The nodes of all trees.
    pub nodes: &'a [Step],
    /// The place of each tree's root in `nodes`.
    pub roots: &'a [u32],
    /// Sets of levels that go left.
    pub sets: &'a [[u64; 4]],
    /// What the leaves hold: `classes` numbers each.
    pub values: &'a [u32],
    /// Number of classes.
    pub classes: usize,
}

/// Rows that walk down a tree side by side, so that their memory accesses overlap.
pub(crate) const ABREAST: usize = 8;
/// Rows that go through all trees together: enough that a tree of thousands of nodes is fetched once for many of them, and
/// few enough that each thread has several blocks.
const BLOCK_ROWS: std::ops::RangeInclusive<usize> = 256..=4096;

/// The sum over trees of the values of each row's leaves.
pub fn sum_leaves(x: ArrayView2<'_, f32>, steps: Steps<'_>) -> Array2<u64> {
    let (rows, features) = x.dim();
    let mut sums = Array2::<u64>::zeros((rows, steps.classes));
    let columns: Vec<&[f32]> = (0..features).map(|j| x.column(j).to_slice().expect("column-major cells")).collect();
    let all = sums.as_slice_mut().expect("row-major sums");
    let block_rows = (rows / (4 * rayon::current_num_threads())).clamp(*BLOCK_ROWS.start(), *BLOCK_ROWS.end());
    all.par_chunks_mut(block_rows * steps.classes).enumerate().for_each(|(block, sums)| {
        let first = block * block_rows;
        let len = sums.len() / steps.classes;
        let mut cells = vec![0f32; len.next_multiple_of(ABREAST) * features];
        for (j, column) in columns.iter().enumerate() {
            for (i, &value) in column[first..first + len].iter().enumerate() {
                cells[i * features + j] = value;
            }
        }
        if steps.sets.is_empty() {
            block_sums::<false>(&cells, features, steps, sums);
        } else {
            block_sums::<true>(&cells, features, steps, sums);
        }
    });
    sums
}

fn block_sums<const SETS: bool>(cells: &[f32], features: usize, steps: Steps<'_>, sums: &mut [u64]) {
    let classes = steps.classes;
    for &root in steps.roots {
        for (group, sums) in sums.chunks_mut(ABREAST * classes).enumerate() {
            let first = group * ABREAST;
            let at = std::array::from_fn(|i| (first + i) * features);
            let places = walk_in::<SETS>(cells, at, steps, [root; ABREAST]);
            for (place, sums) in places.iter().zip(sums.chunks_exact_mut(classes)) {
                let value = steps.nodes[*place as usize].value as usize;
                for (sum, &value) in sums.iter_mut().zip(&steps.values[value..value + classes]) {
                    *sum += u64::from(value);
                }
            }
        }
    }
}

/// The leaves of the rows whose cells begin at `at`, each from its own place on.
pub(crate) fn walk(cells: &[f32], at: [usize; ABREAST], steps: Steps<'_>, places: [u32; ABREAST]) -> [u32; ABREAST] {
    if steps.sets.is_empty() {
        walk_in::<false>(cells, at, steps, places)
    } else {
        walk_in::<true>(cells, at, steps, places)
    }
}

/// `SETS`: whether there are splits by levels.
#[inline(always)]
fn walk_in<const SETS: bool>(
    cells: &[f32],
    at: [usize; ABREAST],
    steps: Steps<'_>,
    mut places: [u32; ABREAST],
) -> [u32; ABREAST] {
    loop {
        let mut moved = 0;
        for (place, at) in places.iter_mut().zip(at) {
            let step = &steps.nodes[*place as usize];
            let value = cells[at + (step.feature & FEATURE) as usize];
            let next = step.left + u32::from(goes_right::<SETS>(step, value, steps.sets));
            moved |= next ^ *place;
            *place = next;
        }
        if moved == 0 {
            return places;
        }
    }
}

/// The leaf of one row, telling each feature that is asked for on the way.
pub(crate) fn walk_from(cells: &[f32], steps: Steps<'_>, root: u32, mut asks: impl FnMut(usize)) -> u32 {
    let mut place = root;
    loop {
        let step = &steps.nodes[place as usize];
        if step.left == place {
            return place;
        }
        let feature = (step.feature & FEATURE) as usize;
        asks(feature);
        let value = cells[feature];
        place = step.left + u32::from(turns_right(step, value, steps.sets));
    }
}

/// The first node on a row's way that asks for `feature`, or its leaf.
pub(crate) fn first_asking(cells: &[f32], steps: Steps<'_>, root: u32, feature: usize) -> u32 {
    let mut place = root;
    loop {
        let step = &steps.nodes[place as usize];
        let asked = (step.feature & FEATURE) as usize;
        if asked == feature || step.left == place {
            return place;
        }
        place = step.left + u32::from(turns_right(step, cells[asked], steps.sets));
    }
}

fn turns_right(step: &Step, value: f32, sets: &[[u64; 4]]) -> bool {
    if sets.is_empty() { goes_right::<false>(step, value, sets) } else { goes_right::<true>(step, value, sets) }
}

/// Without branches: which way a row goes is what no branch predictor knows.
#[inline(always)]
fn goes_right<const SETS: bool>(step: &Step, value: f32, sets: &[[u64; 4]]) -> bool {
    let missing_right = step.feature & MISSING_LEFT == 0;
    let is_missing = value.is_nan();
    let mut right = value > step.threshold;
    if SETS {
        let is_set = step.feature & IS_SET != 0;
        // A number's own set is never looked at; the first one stands in for it.
        let set = &sets[if is_set { step.value as usize } else { 0 }];
        // Levels are below 255: adding 2^23 leaves them in the low bits of the sum.
        let level = (value + 8_388_608.0).to_bits();
        let outside = set[(level >> 6) as usize & 3] >> (level & 63) & 1 == 0;
        right = right & !is_set | outside & is_set;
    }
    right & !is_missing | missing_right & is_missing
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::{ShapeBuilder, array};

    #[test]
    fn every_kind_of_node() {
        let leaf = |at: u32, value| Step { threshold: f32::INFINITY, left: at, feature: MISSING_LEFT, value };
        let nodes = [
            Step { threshold: 1.5, left: 1, feature: MISSING_LEFT, value: 0 },
            leaf(1, 0),
            Step { threshold: 0.0, left: 3, feature: 1 | IS_SET, value: 0 },
            leaf(3, 1),
            leaf(4, 2),
        ];
        let steps = Steps {
            nodes: &nodes,
            roots: &[0, 2],
            sets: &[[1 << 2, 0, 0, 1 << 62]],
            values: &[10, 20, 30],
            classes: 1,
        };
        let cells = vec![1.5, 1.6, f32::NAN, -1e30, 3.0, 2.0, 0.0, f32::NAN, 254.0, 2.0];
        let x = Array2::from_shape_vec((5, 2).f(), cells).unwrap();
        // First tree: leaf 1 or node 2; the second root is node 2 itself.
        let second = [20, 30, 30, 20, 20];
        let first = [10, second[1], 10, 10, second[4]];
        let expected: Vec<u64> = (0..5).map(|i| first[i] + second[i]).collect();
        assert_eq!(sum_leaves(x.view(), steps).column(0).to_vec(), expected);
        assert_eq!(sum_leaves(array![[0.0, 2.0]].t().t().slice(ndarray::s![..0, ..]), steps).nrows(), 0);
    }
}
