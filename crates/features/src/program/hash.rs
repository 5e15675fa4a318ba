//! A bucket for any value.

use serde::{Deserialize, Serialize};

use super::{Answer, Cell, CellType, Operator};

/// `y = |h| mod buckets`, where `h` is the signed 32-bit MurmurHash3 of the cell's text, seed 0; missing stays missing.
///
/// The bucket is the one that scikit-learn's `FeatureHasher` gives to the same text.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Hash {
    /// How many buckets there are.
    pub buckets: u32,
}

impl Hash {
    fn bucket(&self, text: &str) -> f64 {
        f64::from((murmur3(text.as_bytes(), 0) as i32).unsigned_abs() % self.buckets)
    }
}

/// MurmurHash3, the 32-bit variant for any machine (Austin Appleby, public domain).
fn murmur3(bytes: &[u8], seed: u32) -> u32 {
    let mix = |k: u32| k.wrapping_mul(0xcc9e_2d51).rotate_left(15).wrapping_mul(0x1b87_3593);
    let mut h = seed;
    let mut blocks = bytes.chunks_exact(4);
    for block in &mut blocks {
        let k = u32::from_le_bytes(block.try_into().expect("four bytes"));
        h = (h ^ mix(k)).rotate_left(13).wrapping_mul(5).wrapping_add(0xe654_6b64);
    }
    let tail = blocks.remainder();
    if !tail.is_empty() {
        h ^= mix(tail.iter().rev().fold(0, |k, &byte| (k << 8) | u32::from(byte)));
    }
    h ^= bytes.len() as u32;
    h = (h ^ (h >> 16)).wrapping_mul(0x85eb_ca6b);
    h = (h ^ (h >> 13)).wrapping_mul(0xc2b2_ae35);
    h ^ (h >> 16)
}

impl Operator for Hash {
    fn output(&self, _input: CellType) -> Result<CellType, &'static str> {
        Ok(CellType::Number)
    }

    fn check(&self) -> Result<(), String> {
        if self.buckets == 0 { Err("no buckets".into()) } else { Ok(()) }
    }

    fn numbers(&self, inputs: &[&[f64]], output: &mut [f64], _unknown: &mut u64) {
        for (y, &x) in output.iter_mut().zip(inputs[0]) {
            *y = self.level(Cell::number(x)).value;
        }
    }

    fn level(&self, cell: Cell<'_>) -> Answer {
        // `+ 0.0` gives both zeros one text.
        Answer::known(match cell {
            Cell::Text(text) => self.bucket(text),
            Cell::Number(value) => self.bucket(&(value + 0.0).to_string()),
            Cell::Missing => f64::NAN,
        })
    }

    fn asks_each_row(&self) -> bool {
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Known answers of the reference implementation's verification strings.
    #[test]
    fn murmur3_gives_the_known_answers() {
        for (text, seed, expected) in [
            ("", 0, 0),
            ("", 1, 0x514e_28b7),
            ("a", 0x9747_b28c, 0x7fa0_9ea6),
            ("aa", 0x9747_b28c, 0x5d21_1726),
            ("aaa", 0x9747_b28c, 0x283e_0130),
            ("aaaa", 0x9747_b28c, 0x5a97_808a),
            ("Hello, world!", 0x9747_b28c, 0x2488_4cba),
        ] {
            assert_eq!(murmur3(text.as_bytes(), seed), expected, "{text:?}");
        }
    }

    #[test]
    fn a_number_hashes_as_its_text() {
        let op = Hash { buckets: 1000 };
        let mut y = [0.0; 3];
        op.numbers(&[&[12.0, -0.0, 1.5]], &mut y, &mut 0);
        assert_eq!(y, [op.bucket("12"), op.bucket("0"), op.bucket("1.5")]);
    }
}
