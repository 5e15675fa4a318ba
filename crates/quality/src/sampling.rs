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

/// The weights of as many rows drawn with replacement: each row's own weight (1 if none) times how often it was drawn.
pub(crate) fn with_replacement(rows: usize, weight: Option<&[f64]>, mut draws: Draws) -> Vec<f64> {
    let mut drawn = vec![0.0; rows];
    for _ in 0..rows {
        drawn[draws.below(rows)] += 1.0;
    }
    times(drawn, weight)
}

/// The weights when only `kept` of the rows stay, each at most once.
pub(crate) fn without_replacement(rows: usize, kept: usize, weight: Option<&[f64]>, mut draws: Draws) -> Vec<f64> {
    let mut order: Vec<u32> = (0..rows as u32).collect();
    let mut drawn = vec![0.0; rows];
    for i in 0..kept.min(rows) {
        order.swap(i, i + draws.below(rows - i));
        drawn[order[i] as usize] = 1.0;
    }
    times(drawn, weight)
}

fn times(mut drawn: Vec<f64>, weight: Option<&[f64]>) -> Vec<f64> {
    if let Some(weight) = weight {
        drawn.iter_mut().zip(weight).for_each(|(drawn, weight)| *drawn *= weight);
    }
    drawn
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_draw_with_replacement_is_of_as_many_rows_and_repeatable() {
        let draw = |stream| with_replacement(1000, None, Draws::new(7, stream));
        assert_eq!(draw(3).iter().sum::<f64>(), 1000.0);
        assert_eq!(draw(3), draw(3));
        assert_ne!(draw(3), draw(4));
        let absent = draw(3).iter().filter(|&&count| count == 0.0).count();
        assert!((330..=405).contains(&absent), "about 1000/e rows are never drawn, here {absent}");
    }

    #[test]
    fn a_draw_without_replacement_takes_each_row_at_most_once() {
        let weight = vec![2.0; 50];
        let drawn = without_replacement(50, 40, Some(&weight), Draws::new(1, 0));
        assert_eq!(drawn.iter().filter(|&&w| w == 2.0).count(), 40);
        assert_eq!(drawn.iter().filter(|&&w| w == 0.0).count(), 10);
    }
}
