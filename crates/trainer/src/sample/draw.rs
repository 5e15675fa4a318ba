//! Random numbers of samples: `SplitMix64`'s finaliser over a counter (Steele, Lea and Flood, 2014), so that a row is the
//! same whatever rows are beside it.

/// The numbers of one row.
pub struct Draw {
    key: u64,
    step: u64,
}

impl Draw {
    /// Those of a row of a sample, by the sample's key and the row's number.
    pub fn of(sample: u64, row: u64) -> Self {
        Self { key: mix(row.wrapping_add(sample)), step: 0 }
    }

    /// Uniform in `0 .. n`.
    pub fn below(&mut self, n: u64) -> u64 {
        self.step += 1;
        let bits = mix(self.key.wrapping_add(self.step.wrapping_mul(0x9e37_79b9_7f4a_7c15)));
        ((u128::from(bits) * u128::from(n)) >> 64) as u64
    }

    /// One of a list.
    pub fn one<T: Copy>(&mut self, of: &[T]) -> T {
        of[self.below(of.len() as u64) as usize]
    }
}

fn mix(mut z: u64) -> u64 {
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}
