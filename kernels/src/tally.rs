//! Histograms of a node: per feature and bin, the weight of each class. Three layouts, one for each kind of sum.

use crate::bootstrap::{Entry, draws_of, row_of};
use crate::cuts::MISSING;

/// Slots for 255 bins and the missing values.
pub const BINS: usize = MISSING as usize + 1;

/// The records that a node's entries number: all of them, or a node's own copy.
#[derive(Clone, Copy)]
pub struct View<'a> {
    /// Records of `stride` bytes.
    pub bytes: &'a [u8],
    /// Bytes from one record to the next; the last of each is the class.
    pub stride: usize,
    /// Weight of each record; empty where none are used.
    pub weights: &'a [u32],
}

impl<'a> View<'a> {
    /// The record of an entry.
    #[inline(always)]
    pub fn record(&self, entry: Entry) -> &'a [u8] {
        &self.bytes[row_of(entry) as usize * self.stride..][..self.stride]
    }
}

/// What a histogram sums, and how it lays that out.
pub trait Tally: Copy + Send + Sync {
    /// One counter.
    type Slot: Copy + Default + PartialEq;

    /// Counters of a bin.
    fn width(&self) -> usize;

    /// Adds one row to the slots of its bin.
    fn add(&self, slots: &mut [Self::Slot], class: u8, draws: u32, weight: u32);

    /// Adds a bin's slots to the weight of each class, and returns how many samples it holds.
    fn read(&self, slots: &[Self::Slot], weights: &mut [u64]) -> u64;

    /// The slots as counts of two classes, `samples | (samples of class 1) << 32`, where that is the layout.
    fn as_pairs<'s>(&self, _slots: &'s [Self::Slot]) -> Option<&'s [u64]> {
        None
    }
}

/// Two classes, no row weights: both counts in one word, so that a row is one addition.
#[derive(Clone, Copy)]
pub struct Pair;

impl Tally for Pair {
    type Slot = u64;

    #[inline(always)]
    fn width(&self) -> usize {
        1
    }

    #[inline(always)]
    fn add(&self, slots: &mut [u64], class: u8, draws: u32, _weight: u32) {
        slots[0] += u64::from(draws) | (u64::from(class) * u64::from(draws)) << 32;
    }

    #[inline(always)]
    fn read(&self, slots: &[u64], weights: &mut [u64]) -> u64 {
        let (count, ones) = (slots[0] & 0xffff_ffff, slots[0] >> 32);
        weights[0] += count - ones;
        weights[1] += ones;
        count
    }

    fn as_pairs<'s>(&self, slots: &'s [u64]) -> Option<&'s [u64]> {
        Some(slots)
    }
}

/// Any number of classes, no row weights.
#[derive(Clone, Copy)]
pub struct Counts {
    /// Number of classes.
    pub classes: usize,
}

impl Tally for Counts {
    type Slot = u32;

    #[inline(always)]
    fn width(&self) -> usize {
        self.classes
    }

    #[inline(always)]
    fn add(&self, slots: &mut [u32], class: u8, draws: u32, _weight: u32) {
        slots[class as usize] += draws;
    }

    #[inline(always)]
    fn read(&self, slots: &[u32], weights: &mut [u64]) -> u64 {
        let mut count = 0;
        for (weight, &slot) in weights.iter_mut().zip(slots) {
            *weight += u64::from(slot);
            count += u64::from(slot);
        }
        count
    }
}

/// Any number of classes with a weight for each row: the sums of weights, then the count of samples.
#[derive(Clone, Copy)]
pub struct Weights {
    /// Number of classes.
    pub classes: usize,
}

impl Tally for Weights {
    type Slot = u64;

    #[inline(always)]
    fn width(&self) -> usize {
        self.classes + 1
    }

    #[inline(always)]
    fn add(&self, slots: &mut [u64], class: u8, draws: u32, weight: u32) {
        slots[class as usize] += u64::from(draws) * u64::from(weight);
        slots[self.classes] += u64::from(draws);
    }

    #[inline(always)]
    fn read(&self, slots: &[u64], weights: &mut [u64]) -> u64 {
        for (weight, &slot) in weights.iter_mut().zip(slots) {
            *weight += slot;
        }
        slots[self.classes]
    }
}

/// How far ahead records are asked for, so that they are there when their turn comes.
pub const AHEAD: usize = 16;

/// Adds the rows to one histogram of `BINS * width` slots for each of the features, one after the other.
pub fn accumulate<T: Tally>(tally: T, view: View<'_>, rows: &[Entry], features: &[u32], slots: &mut [T::Slot]) {
    let each = BINS * tally.width();
    let mut slots = slots;
    let mut features = features;
    // With the number of features known to the compiler, their offsets stay in registers.
    while !features.is_empty() {
        let take = features.len().min(8);
        let (now, later) = features.split_at(take);
        let (here, there) = slots.split_at_mut(take * each);
        match take {
            1 => accumulate_for::<T, 1>(tally, view, rows, now, here),
            2 => accumulate_for::<T, 2>(tally, view, rows, now, here),
            3 => accumulate_for::<T, 3>(tally, view, rows, now, here),
            4 => accumulate_for::<T, 4>(tally, view, rows, now, here),
            5 => accumulate_for::<T, 5>(tally, view, rows, now, here),
            6 => accumulate_for::<T, 6>(tally, view, rows, now, here),
            7 => accumulate_for::<T, 7>(tally, view, rows, now, here),
            _ => accumulate_for::<T, 8>(tally, view, rows, now, here),
        }
        (features, slots) = (later, there);
    }
}

fn accumulate_for<T: Tally, const N: usize>(
    tally: T,
    view: View<'_>,
    rows: &[Entry],
    features: &[u32],
    slots: &mut [T::Slot],
) {
    let offsets: [usize; N] = std::array::from_fn(|k| features[k] as usize);
    let width = tally.width();
    let each = BINS * width;
    assert!(slots.len() == N * each && offsets.iter().all(|&offset| offset < view.stride));
    for (i, &entry) in rows.iter().enumerate() {
        if let Some(&next) = rows.get(i + AHEAD) {
            prefetch(view, next);
        }
        let record = view.record(entry);
        let class = record[view.stride - 1];
        let weight = if view.weights.is_empty() { 0 } else { view.weights[row_of(entry) as usize] };
        for (k, &offset) in offsets.iter().enumerate() {
            // SAFETY: `record` is `stride` bytes long and each offset is below it; a byte is below `BINS`, so the slots
            // of the bin lie in the k-th of the `N` histograms that the assertion above counted.
            let bin = unsafe { *record.get_unchecked(offset) };
            let first = k * each + bin as usize * width;
            let bin_slots = unsafe { slots.get_unchecked_mut(first..first + width) };
            tally.add(bin_slots, class, draws_of(entry), weight);
        }
    }
}

/// Asks the cache for the record of an entry that is to come.
#[inline(always)]
pub fn prefetch(view: View<'_>, entry: Entry) {
    #[cfg(target_arch = "x86_64")]
    {
        use std::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
        let address = view.bytes.as_ptr().wrapping_add(row_of(entry) as usize * view.stride);
        // SAFETY: a prefetch of any address is harmless.
        unsafe { _mm_prefetch::<_MM_HINT_T0>(address.cast()) };
    }
    #[cfg(not(target_arch = "x86_64"))]
    let _ = (view, entry);
}
