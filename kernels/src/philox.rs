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
}

fn key(seed: u64) -> [u32; 2] {
    [seed as u32, (seed >> 32) as u32]
}

/// Four words for the counter `(index, tree, node, purpose)`.
pub fn philox(seed: u64, index: u32, tree: u32, node: u32, purpose: Purpose) -> [u32; 4] {
    let [words] = lanes([[index, tree, node, purpose as u32]], key(seed));
    words
}

/// `N` independent counters at once: the loop over lanes is what the compiler turns into vector code.
#[inline(always)]
fn lanes<const N: usize>(counters: [[u32; 4]; N], mut key: [u32; 2]) -> [[u32; 4]; N] {
    let mut c: [[u32; N]; 4] = [[0; N]; 4];
    for lane in 0..N {
        for word in 0..4 {
            c[word][lane] = counters[lane][word];
        }
    }
    for _ in 0..ROUNDS {
        let mut next = [[0; N]; 4];
        for lane in 0..N {
            let a = u64::from(MULTIPLIERS[0]) * u64::from(c[0][lane]);
            let b = u64::from(MULTIPLIERS[1]) * u64::from(c[2][lane]);
            next[0][lane] = (b >> 32) as u32 ^ c[1][lane] ^ key[0];
            next[1][lane] = b as u32;
            next[2][lane] = (a >> 32) as u32 ^ c[3][lane] ^ key[1];
            next[3][lane] = a as u32;
        }
        c = next;
        key = [key[0].wrapping_add(WEYL[0]), key[1].wrapping_add(WEYL[1])];
    }
    let mut out = [[0; 4]; N];
    for lane in 0..N {
        for word in 0..4 {
            out[lane][word] = c[word][lane];
        }
    }
    out
}

/// Calls `draw` with the draws `0..count` of a tree, each uniform in `0..below`: 64 random bits, times `below`, high part.
///
/// # Panics
/// When `below` is zero.
pub fn draws_below(seed: u64, tree: u32, purpose: Purpose, count: u64, below: u32, mut draw: impl FnMut(u32)) {
    assert!(below > 0, "a draw needs a range");
    const LANES: usize = 8;
    let key = key(seed);
    let per_block = 2 * LANES as u64;
    let mut done = 0;
    while done < count {
        let first = done / 2;
        // The upper half of the index goes into the node's word: no tree draws twice from one counter.
        let counters: [[u32; 4]; LANES] = std::array::from_fn(|lane| {
            let index = first + lane as u64;
            [index as u32, tree, (index >> 32) as u32, purpose as u32]
        });
        let left = (count - done).min(per_block) as usize;
        let words = lanes(counters, key);
        for i in 0..left {
            let block = words[i / 2];
            let (high, low) = if i % 2 == 0 { (block[0], block[1]) } else { (block[2], block[3]) };
            draw(scale(high, low, below));
        }
        done += left as u64;
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
        let one = |counter, key| lanes([counter], key)[0];
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
            let wide = (u128::from(high) << 32 | u128::from(low)) * u128::from(below) >> 64;
            prop_assert_eq!(u128::from(scale(high, low, below)), wide);
        }
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
