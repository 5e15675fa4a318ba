//! Counter-based random numbers: Philox4x32-10 (Salmon, Moraes, Dror, Shaw, "Parallel random numbers: as easy as
//! 1, 2, 3", SC 2011). A number is a function of what it is for, so any thread or device computes it alone.

const MULTIPLIERS: [u32; 2] = [0xD251_1F53, 0xCD9E_8D57];
const WEYL: [u32; 2] = [0x9E37_79B9, 0xBB67_AE85];
const ROUNDS: usize = 10;

/// What random numbers are for: the last word of the counter, so that no two uses share a stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    /// Which rows a tree draws.
    Bootstrap = 1,
    /// Which features a node looks at.
    Features = 2,
    /// Which rows the bins of a feature are made from.
    BinSample = 3,
    /// The order of rows when a feature is permuted.
    Permutation = 4,
    /// The order of a category's levels in a node.
    Levels = 5,
    /// How a gradient is rounded.
    Rounding = 6,
    /// Which rows a round of boosting learns from.
    Subsample = 7,
    /// Which rows are kept aside to know when to stop.
    Validation = 8,
}

fn key(seed: u64) -> [u32; 2] {
    [seed as u32, (seed >> 32) as u32]
}

/// Four words for the counter `(index, tree, node, purpose)`.
pub fn philox(seed: u64, index: u32, tree: u32, node: u32, purpose: Purpose) -> [u32; 4] {
    columns([index], [tree], [node], [purpose as u32], key(seed)).map(|[word]| word)
}

/// `N` counters at once, given and returned word by word: the loop over lanes becomes vector code.
#[inline(always)]
fn columns<const N: usize>(
    mut c0: [u32; N],
    mut c1: [u32; N],
    mut c2: [u32; N],
    mut c3: [u32; N],
    mut key: [u32; 2],
) -> [[u32; N]; 4] {
    for _ in 0..ROUNDS {
        for lane in 0..N {
            let a = u64::from(MULTIPLIERS[0]) * u64::from(c0[lane]);
            let b = u64::from(MULTIPLIERS[1]) * u64::from(c2[lane]);
            c0[lane] = (b >> 32) as u32 ^ c1[lane] ^ key[0];
            c1[lane] = b as u32;
            c2[lane] = (a >> 32) as u32 ^ c3[lane] ^ key[1];
            c3[lane] = a as u32;
        }
        key = [key[0].wrapping_add(WEYL[0]), key[1].wrapping_add(WEYL[1])];
    }
    [c0, c1, c2, c3]
}

/// Calls `draw` with the draws `0..count` of a tree, each uniform in `0..below`: 64 random bits, times `below`, high part.
///
/// # Panics
/// When `below` is zero.
pub fn draws_below(seed: u64, tree: u32, purpose: Purpose, count: u64, below: u32, mut draw: impl FnMut(u32)) {
    assert!(below > 0, "a draw needs a range");
    let mut draws = [0; DRAWS];
    let mut done = 0;
    while done < count {
        fill(key(seed), done / 2, tree, purpose, below, &mut draws);
        let left = (count - done).min(DRAWS as u64) as usize;
        draws[..left].iter().for_each(|&value| draw(value));
        done += left as u64;
    }
}

/// Draws made at once.
const DRAWS: usize = 256;

/// The draws of the blocks from `first` on, two a block, in the fastest way that this machine has. All ways are the same
/// integers.
fn fill(key: [u32; 2], first: u64, tree: u32, purpose: Purpose, below: u32, out: &mut [u32; DRAWS]) {
    #[cfg(target_arch = "x86_64")]
    {
        #[target_feature(enable = "avx512f,avx512dq,avx512vl")]
        fn fill_avx512(key: [u32; 2], first: u64, tree: u32, purpose: Purpose, below: u32, out: &mut [u32; DRAWS]) {
            fill_with::<16>(key, first, tree, purpose, below, out);
        }
        #[target_feature(enable = "avx2")]
        fn fill_avx2(key: [u32; 2], first: u64, tree: u32, purpose: Purpose, below: u32, out: &mut [u32; DRAWS]) {
            fill_with::<8>(key, first, tree, purpose, below, out);
        }
        let wide = is_x86_feature_detected!("avx512f")
            && is_x86_feature_detected!("avx512dq")
            && is_x86_feature_detected!("avx512vl");
        if wide {
            // SAFETY: the features were just detected.
            return unsafe { fill_avx512(key, first, tree, purpose, below, out) };
        }
        if is_x86_feature_detected!("avx2") {
            // SAFETY: the feature was just detected.
            return unsafe { fill_avx2(key, first, tree, purpose, below, out) };
        }
    }
    fill_with::<4>(key, first, tree, purpose, below, out);
}

#[inline(always)]
fn fill_with<const N: usize>(
    key: [u32; 2],
    first: u64,
    tree: u32,
    purpose: Purpose,
    below: u32,
    out: &mut [u32; DRAWS],
) {
    for (i, out) in out.chunks_exact_mut(2 * N).enumerate() {
        let block = first + (i * N) as u64;
        // The upper half of the index goes into the node's word: no tree draws twice from one counter.
        let words = columns(
            std::array::from_fn(|lane| (block + lane as u64) as u32),
            [tree; N],
            std::array::from_fn(|lane| ((block + lane as u64) >> 32) as u32),
            [purpose as u32; N],
            key,
        );
        for lane in 0..N {
            out[2 * lane] = scale(words[0][lane], words[1][lane], below);
            out[2 * lane + 1] = scale(words[2][lane], words[3][lane], below);
        }
    }
}

/// The high part of the 64-bit number `high:low` times `below`.
#[inline(always)]
fn scale(high: u32, low: u32, below: u32) -> u32 {
    let below = u64::from(below);
    let carry = (u64::from(low) * below) >> 32;
    ((u64::from(high) * below + carry) >> 32) as u32
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// The known answers of the paper's reference implementation (Random123, `kat_vectors`).
    #[test]
    fn known_answers() {
        let one = |c: [u32; 4], key| columns([c[0]], [c[1]], [c[2]], [c[3]], key).map(|[word]| word);
        assert_eq!(one([0; 4], [0; 2]), [0x6627_e8d5, 0xe169_c58d, 0xbc57_ac4c, 0x9b00_dbd8]);
        assert_eq!(one([u32::MAX; 4], [u32::MAX; 2]), [0x408f_276d, 0x41c8_3b0e, 0xa20b_c7c6, 0x6d54_51fd]);
        assert_eq!(
            one([0x243f_6a88, 0x85a3_08d3, 0x1319_8a2e, 0x0370_7344], [0xa409_3822, 0x299f_31d0]),
            [0xd16c_fe09, 0x94fd_cceb, 0x5001_e420, 0x2412_6ea1]
        );
    }

    proptest! {
        #[test]
        fn scaling_is_the_wide_product(high: u32, low: u32, below in 1u32..) {
            let wide = ((u128::from(high) << 32 | u128::from(low)) * u128::from(below)) >> 64;
            prop_assert_eq!(u128::from(scale(high, low, below)), wide);
        }
    }

    #[test]
    fn every_width_draws_the_same() {
        let (mut a, mut b, mut c) = ([0; DRAWS], [0; DRAWS], [0; DRAWS]);
        fill(key(9), u64::from(u32::MAX) - 40, 5, Purpose::Bootstrap, 12_345, &mut a);
        fill_with::<4>(key(9), u64::from(u32::MAX) - 40, 5, Purpose::Bootstrap, 12_345, &mut b);
        fill_with::<16>(key(9), u64::from(u32::MAX) - 40, 5, Purpose::Bootstrap, 12_345, &mut c);
        assert!(a == b && b == c);
    }

    #[test]
    fn draws_do_not_depend_on_how_many_are_asked_for() {
        let take = |count| {
            let mut all = Vec::new();
            draws_below(7, 3, Purpose::Bootstrap, count, 1000, |draw| all.push(draw));
            all
        };
        assert_eq!(take(5)[..], take(100)[..5]);
        assert_eq!(take(17)[..], take(100)[..17]);
        assert!(take(10_000).iter().all(|&draw| draw < 1000));
    }
}
