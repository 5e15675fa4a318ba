use std::hash::BuildHasher;
use std::sync::Arc;

use arrow::array::{ArrayRef, AsArray, Int64Array, LargeStringArray};
use hashbrown::{DefaultHashBuilder, HashTable};

use super::cell::words;
use super::{Accumulator, Class, Input, Rows};
use crate::EngineError;

/// How many different values there are: exact, all of them held in one table of pairs of group and value.
pub fn distinct(input: Input, class: Class) -> Box<dyn Accumulator> {
    match class {
        Class::Text => Box::new(DistinctTexts { input, ..DistinctTexts::default() }),
        _ => Box::new(DistinctWords { input, ..DistinctWords::default() }),
    }
}

#[derive(Default)]
struct DistinctWords {
    input: Input,
    hasher: DefaultHashBuilder,
    pairs: HashTable<(u32, u64)>,
    counts: Vec<i64>,
}

impl Accumulator for DistinctWords {
    fn update(&mut self, rows: &Rows<'_>) -> Result<(), EngineError> {
        self.counts.resize(rows.total, 0);
        few_enough(rows.total)?;
        let words = words(self.input.column(rows));
        let (pairs, counts, hasher) = (&mut self.pairs, &mut self.counts, &self.hasher);
        self.input.each(rows, |row, group| {
            let pair = (group as u32, words[row]);
            let hash = hasher.hash_one(pair);
            let entry = pairs.entry(hash, |known| *known == pair, |known| hasher.hash_one(known));
            if let hashbrown::hash_table::Entry::Vacant(place) = entry {
                place.insert(pair);
                counts[group] += 1;
            }
        });
        Ok(())
    }

    fn finish(self: Box<Self>, total: usize) -> Result<ArrayRef, EngineError> {
        Ok(finished(self.counts, total))
    }

    fn bytes(&self) -> usize {
        self.pairs.allocation_size() + self.counts.capacity() * size_of::<i64>()
    }
}

/// A text of a group: its bytes where they are few, or else where they lie.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Text {
    group: u32,
    length: u32,
    bytes: [u8; INLINE],
}

const INLINE: usize = 16;

impl Text {
    fn place(&self) -> usize {
        usize::from_le_bytes(self.bytes[..8].try_into().expect("eight bytes"))
    }

    fn of<'a>(&'a self, heap: &'a [u8]) -> &'a [u8] {
        match self.length as usize {
            length if length <= INLINE => &self.bytes[..length],
            length => &heap[self.place()..self.place() + length],
        }
    }
}

#[derive(Default)]
struct DistinctTexts {
    input: Input,
    hasher: DefaultHashBuilder,
    texts: HashTable<Text>,
    /// The texts that are long, one after the other.
    heap: Vec<u8>,
    counts: Vec<i64>,
    hashes: Vec<u64>,
}

impl DistinctTexts {
    fn hash(&mut self, rows: &Rows<'_>, texts: &LargeStringArray) {
        self.hashes.clear();
        let (hasher, hashes) = (&self.hasher, &mut self.hashes);
        let hash = |(row, &group): (usize, &usize)| hashed(hasher, group as u32, texts.value(row).as_bytes());
        hashes.extend(rows.groups.iter().enumerate().map(hash));
    }
}

fn hashed(hasher: &DefaultHashBuilder, group: u32, text: &[u8]) -> u64 {
    hasher.hash_one((group, text))
}

impl Accumulator for DistinctTexts {
    fn update(&mut self, rows: &Rows<'_>) -> Result<(), EngineError> {
        self.counts.resize(rows.total, 0);
        few_enough(rows.total)?;
        let column = self.input.column(rows).as_string::<i64>();
        // All hashes first: the look-ups, which wait for memory, can then run into one another.
        self.hash(rows, column);
        let (texts, counts, hasher) = (&mut self.texts, &mut self.counts, &self.hasher);
        let (heap, hashes) = (&mut self.heap, &self.hashes);
        self.input.each(rows, |row, group| {
            let bytes = column.value(row).as_bytes();
            let same = |known: &Text| known.group == group as u32 && known.of(heap) == bytes;
            let again = |known: &Text| hashed(hasher, known.group, known.of(heap));
            if let hashbrown::hash_table::Entry::Vacant(place) = texts.entry(hashes[row], same, again) {
                let mut text = Text { group: group as u32, length: bytes.len() as u32, bytes: [0; INLINE] };
                match bytes.len() {
                    length if length <= INLINE => text.bytes[..length].copy_from_slice(bytes),
                    _ => text.bytes[..8].copy_from_slice(&heap.len().to_le_bytes()),
                }
                place.insert(text);
                if bytes.len() > INLINE {
                    heap.extend_from_slice(bytes);
                }
                counts[group] += 1;
            }
        });
        Ok(())
    }

    fn finish(self: Box<Self>, total: usize) -> Result<ArrayRef, EngineError> {
        Ok(finished(self.counts, total))
    }

    fn bytes(&self) -> usize {
        self.texts.allocation_size() + self.heap.capacity() + self.counts.capacity() * size_of::<i64>()
    }
}

fn finished(mut counts: Vec<i64>, total: usize) -> ArrayRef {
    counts.resize(total, 0);
    Arc::new(Int64Array::from(counts))
}

fn few_enough(groups: usize) -> Result<(), EngineError> {
    let message = "expected fewer than 2^32 groups in memory at a time";
    u32::try_from(groups).map(drop).map_err(|_| EngineError::memory(message))
}
