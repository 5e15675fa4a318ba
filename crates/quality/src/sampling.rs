/// Random rows from a counter: the n-th draw of a stream is a hash of (seed, stream, n), so that streams may run in any
/// order on any number of threads. SplitMix64 (Steele, Lea, Flood 2014).
#[derive(Debug, Clone)]
pub(crate) struct Draws {
    state: u64,
}

const GAMMA: u64 = 0x9E37_79B9_7F4A_7C15;

impl Draws {
    pub(crate) fn new(seed: u64, stream: u64) -> Self {
        Self { state: mix(mix(seed).wrapping_add(stream.wrapping_mul(GAMMA))) }
    }

    /// A number within `0 .. n`; its bias is below n / 2^64.
    pub(crate) fn below(&mut self, n: usize) -> usize {
        self.state = self.state.wrapping_add(GAMMA);
        ((u128::from(mix(self.state)) * n as u128) >> 64) as usize
    }
}

fn mix(mut z: u64) -> u64 {
    z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^ (z >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn draws_are_uniform_and_streams_differ() {
        let mut counts = [0; 5];
        let mut draws = Draws::new(0, 0);
        (0..50_000).for_each(|_| counts[draws.below(5)] += 1);
        assert!(counts.iter().all(|count| (9_700..10_300).contains(count)), "{counts:?}");
        let first = |seed, stream| Draws::new(seed, stream).below(1 << 60);
        assert!(first(0, 0) != first(0, 1) && first(0, 0) != first(1, 0));
    }
}
