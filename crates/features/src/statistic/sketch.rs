//! How often each number is there, in bounded memory: what quantiles are made of.
//!
//! Exact up to a number of distinct values. Beyond it, the lowest bits of the numbers' places in their order are dropped, as
//! few as bring the number of buckets back under the bound; a bucket knows how many numbers it holds, the least and the
//! greatest. How many bits are dropped follows from the numbers alone, and not from the order in which they came or how they
//! were cut, so merging is exact. (Buckets of equal *relative* width, as in UDDSketch: Epicoco, Melle, Cafaro, Pulimeno 2020,
//! "UDDSketch: Accurate Tracking of Quantiles in Data Streams", have the same property.)
//!
//! A quantile is then off by less than the width of its bucket: with `s` bits dropped, `2^(s - 52)` of its size. Numbers that
//! fill 32 powers of two evenly lose 2.4e-4 with 2^17 buckets.

use serde::{Deserialize, Serialize};

/// Most buckets of a sketch for quantiles.
pub const MOST_BUCKETS: usize = 1 << 17;

/// Numbers and how often each is there.
#[derive(Debug, Clone)]
pub struct Sketch {
    /// Cells that do not hold a number.
    pub missing: u64,
    count: u64,
    most: usize,
    /// How many bits are dropped.
    shift: u32,
    /// Ascending.
    buckets: Vec<Bucket>,
    /// Places of numbers that are in no bucket yet.
    fresh: Vec<u64>,
}

#[derive(Debug, Clone, Copy, PartialEq)]
struct Bucket {
    count: u64,
    /// Places of the least and the greatest number.
    least: u64,
    greatest: u64,
}

const SIGN: u64 = 1 << 63;

/// The place of a number among all floats; zeros have one.
fn place(x: f64) -> u64 {
    let bits = (x + 0.0).to_bits();
    if bits & SIGN == 0 { bits | SIGN } else { !bits }
}

fn number(place: u64) -> f64 {
    f64::from_bits(if place & SIGN == 0 { !place } else { place & !SIGN })
}

impl Sketch {
    /// Of at most so many buckets.
    pub fn new(most: usize) -> Self {
        Self { missing: 0, count: 0, most, shift: 0, buckets: Vec::new(), fresh: Vec::new() }
    }

    /// Takes numbers, `NaN` = missing.
    pub fn add(&mut self, numbers: &[f64]) {
        let before = self.fresh.len();
        self.fresh.extend(numbers.iter().filter(|x| !x.is_nan()).map(|&x| place(x)));
        let taken = self.fresh.len() - before;
        self.missing += (numbers.len() - taken) as u64;
        self.count += taken as u64;
        if self.fresh.len() >= 2 * self.most {
            self.absorb();
        }
    }

    /// Puts the fresh numbers into buckets.
    fn absorb(&mut self) {
        let mut fresh = std::mem::take(&mut self.fresh);
        fresh.sort_unstable();
        let mut buckets: Vec<Bucket> = Vec::new();
        for place in fresh.drain(..) {
            push(&mut buckets, Bucket { count: 1, least: place, greatest: place }, self.shift);
        }
        self.fresh = fresh;
        self.join(&buckets);
    }

    /// Merges buckets, and drops bits when there are far too many: with room to spare, so that it is done seldom.
    fn join(&mut self, others: &[Bucket]) {
        let mine = std::mem::take(&mut self.buckets);
        let (mut a, mut b) = (mine.iter().peekable(), others.iter().peekable());
        self.buckets.reserve(mine.len() + others.len());
        loop {
            let next = match (a.peek(), b.peek()) {
                (Some(left), Some(right)) if right.least < left.least => b.next(),
                (None, _) => b.next(),
                _ => a.next(),
            };
            let Some(&next) = next else { break };
            push(&mut self.buckets, next, self.shift);
        }
        if self.buckets.len() > 2 * self.most {
            self.bound();
        }
    }

    /// Drops the fewest bits with which there are not too many buckets.
    fn bound(&mut self) {
        let mut parted = [0usize; 65];
        for pair in self.buckets.windows(2) {
            parted[64 - (pair[0].least ^ pair[1].least).leading_zeros() as usize] += 1;
        }
        let mut buckets = 1;
        let enough = (0..=64).rev().find(|&bits| {
            buckets += parted[bits];
            buckets > self.most
        });
        let Some(shift) = enough else { return };
        self.coarsen(shift as u32);
    }

    fn coarsen(&mut self, shift: u32) {
        self.shift = shift;
        let mut buckets = Vec::with_capacity(self.buckets.len());
        std::mem::take(&mut self.buckets).into_iter().for_each(|bucket| push(&mut buckets, bucket, shift));
        self.buckets = buckets;
    }

    fn settle(&mut self) {
        self.absorb();
        if self.buckets.len() > self.most {
            self.bound();
        }
    }

    /// The same as if both had been one.
    pub fn merge(&mut self, mut other: Self) {
        self.missing += other.missing;
        self.count += other.count;
        self.fresh.append(&mut other.fresh);
        if self.fresh.len() >= 2 * self.most {
            self.absorb();
        }
        if !other.buckets.is_empty() {
            let shift = self.shift.max(other.shift);
            self.coarsen(shift);
            self.join(&other.buckets);
        }
    }

    /// The same with all numbers in their buckets, to be asked.
    pub fn settled(mut self) -> Self {
        self.settle();
        self
    }

    /// How many numbers there are.
    pub fn count(&self) -> u64 {
        self.count
    }

    /// The numbers at some places of their order, the least at 0; places ascend. Of a settled sketch.
    pub fn at(&self, places: &[u64]) -> Vec<f64> {
        let mut found = Vec::with_capacity(places.len());
        let (mut bucket, mut before) = (0, 0);
        for &place in places {
            while before + self.buckets[bucket].count <= place {
                before += self.buckets[bucket].count;
                bucket += 1;
            }
            found.push(self.buckets[bucket].at(place - before));
        }
        found
    }

    /// The number that is there most often (of several the least), and the numbers below and above it. Of a settled sketch
    /// that is not empty.
    pub fn parted(&self) -> (Self, f64, Self) {
        let mode = (0..self.buckets.len()).rev().max_by_key(|&bucket| self.buckets[bucket].count).expect("a number");
        let part = |buckets: &[Bucket]| {
            let count = buckets.iter().map(|bucket| bucket.count).sum();
            Self { missing: 0, count, buckets: buckets.to_vec(), fresh: Vec::new(), ..*self }
        };
        (part(&self.buckets[..mode]), number(self.buckets[mode].least), part(&self.buckets[mode + 1..]))
    }

    /// The distinct numbers, each with how often it is there; none when there were too many to keep them apart.
    pub fn distinct(&self) -> Option<Vec<(f64, u64)>> {
        (self.shift == 0).then(|| self.buckets.iter().map(|bucket| (number(bucket.least), bucket.count)).collect())
    }
}

impl Bucket {
    /// On the line between the least and the greatest number, where it holds several.
    fn at(&self, place: u64) -> f64 {
        let (least, greatest) = (number(self.least), number(self.greatest));
        match place {
            0 => least,
            _ if place == self.count - 1 => greatest,
            _ => least + (greatest - least) * (place as f64 / (self.count - 1) as f64),
        }
    }
}

/// Adds a bucket that is not below the last: to it, where they differ in dropped bits only.
fn push(buckets: &mut Vec<Bucket>, next: Bucket, shift: u32) {
    let bucket = |place: u64| place.checked_shr(shift).unwrap_or(0);
    match buckets.last_mut() {
        Some(last) if bucket(last.least) == bucket(next.least) => {
            last.count += next.count;
            last.greatest = last.greatest.max(next.greatest);
        }
        _ => buckets.push(next),
    }
}

/// The form in files.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Saved {
    missing: u64,
    most_buckets: usize,
    dropped_bits: u32,
    least: Vec<f64>,
    /// Nothing where each bucket holds one value.
    greatest: Option<Vec<f64>>,
    counts: Vec<u64>,
}

impl Serialize for Sketch {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let settled = self.clone().settled();
        let each = |of: fn(&Bucket) -> u64| settled.buckets.iter().map(of).map(number).collect();
        Saved {
            missing: self.missing,
            most_buckets: self.most,
            dropped_bits: settled.shift,
            least: each(|bucket| bucket.least),
            greatest: (settled.shift > 0).then(|| each(|bucket| bucket.greatest)),
            counts: settled.buckets.iter().map(|bucket| bucket.count).collect(),
        }
        .serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Sketch {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        use serde::de::Error;
        let Saved { missing, most_buckets, dropped_bits, least, greatest, counts } = Saved::deserialize(deserializer)?;
        let greatest = greatest.unwrap_or_else(|| least.clone());
        if [least.len(), greatest.len()] != [counts.len(); 2] || !least.is_sorted() || dropped_bits > 64 {
            return Err(D::Error::custom("buckets that do not fit each other"));
        }
        let each = least.iter().zip(&greatest).zip(&counts);
        let buckets =
            each.map(|((&least, &greatest), &count)| Bucket { count, least: place(least), greatest: place(greatest) });
        let (buckets, count) = (buckets.collect(), counts.iter().sum());
        Ok(Self { missing, count, most: most_buckets, shift: dropped_bits, buckets, fresh: Vec::new() })
    }
}

#[cfg(test)]
mod tests {
    use proptest::collection::vec;
    use proptest::prelude::*;

    use super::*;

    fn of(numbers: &[f64], most: usize) -> Sketch {
        let mut sketch = Sketch::new(most);
        numbers.chunks(3).for_each(|numbers| sketch.add(numbers));
        sketch
    }

    fn json(sketch: &Sketch) -> String {
        serde_json::to_string(sketch).unwrap()
    }

    proptest! {
        #[test]
        fn cuts_and_orders_change_nothing(numbers in vec(prop_oneof![any::<f64>().prop_filter("finite", |x| x.is_finite()), Just(f64::NAN), -9.0..9.0f64, Just(2.0)], 0..200), cuts in vec(0usize..200, 2), most in 1usize..40) {
            let whole = of(&numbers, most);
            let mut ends: Vec<usize> = cuts.iter().map(|cut| cut % (numbers.len() + 1)).collect();
            ends.sort_unstable();
            let [a, b] = ends[..] else { unreachable!() };
            let mut last = of(&numbers[b..], most);
            let mut first = of(&numbers[..a], most);
            first.merge(of(&numbers[a..b], most));
            last.merge(serde_json::from_str(&json(&first)).unwrap());
            prop_assert_eq!(json(&last), json(&whole));
            prop_assert!(whole.clone().settled().buckets.len() <= most);
        }

        #[test]
        fn few_values_are_exact_and_many_are_near(numbers in vec(1e-3..1e6f64, 1..300), most in 8usize..400) {
            let mut sorted = numbers.clone();
            sorted.sort_unstable_by(f64::total_cmp);
            let sketch = of(&numbers, most).settled();
            let places: Vec<u64> = (0..numbers.len() as u64).collect();
            let found = sketch.at(&places);
            if numbers.len() <= most {
                prop_assert_eq!(&found, &sorted);
                prop_assert_eq!(sketch.distinct().map(|all| all.len()), Some({ sorted.dedup(); sorted.len() }));
            } else if sketch.shift <= 52 {
                let width = (f64::from(sketch.shift) - 52.0).exp2();
                prop_assert!(found.iter().zip(&sorted).all(|(a, b)| (a - b).abs() <= width * b.abs()));
            }
        }
    }

    #[test]
    fn as_few_bits_as_do_are_dropped() {
        // Of four neighbours, dropping one bit leaves two.
        let numbers = [1.0, 1f64.next_up(), 1f64.next_up().next_up(), 1f64.next_up().next_up().next_up()];
        assert_eq!([4, 3, 2, 1].map(|most| of(&numbers, most).settled().shift), [0, 1, 1, 2]);
        assert_eq!(of(&[-0.0, 0.0], 9).settled().distinct(), Some(vec![(0.0, 2)]));
    }
}
