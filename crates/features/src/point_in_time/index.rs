use std::ops::Range;

use hashbrown::HashMap;

use super::Rule;
use super::key::Keys;
use super::moment::{Moment, NEVER};

/// A feature row that a label may take; the greater one is taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Candidate {
    pub time: Moment,
    pub created: Moment,
    /// The row's number among all feature rows: of rows that are alike in all else the last is taken.
    pub row: u64,
}

/// No row yet: below every other.
const NONE: Candidate = Candidate { time: NEVER, created: NEVER, row: 0 };

/// The feature row that a label takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Found {
    /// Its number among all feature rows, from 0.
    pub row: u64,
    /// Its time.
    pub time: Moment,
}

/// Labels by key, and within a key by time.
///
/// A feature row is offered to one label alone: the first of its key from whose time on it is seen. What a label takes is
/// then the greatest of what was offered to it and to the labels of its key before it. So a feature row costs one look-up
/// and one search however many labels there are, and what is kept is one candidate a label.
#[derive(Debug)]
pub(crate) struct LabelIndex {
    keys: HashMap<Vec<u8>, usize>,
    /// The labels of each key, as a range of `order`.
    groups: Vec<Range<usize>>,
    /// Labels in order of key and time.
    order: Vec<u32>,
    /// The time of each label in that order.
    times: Vec<Moment>,
    labels: usize,
}

impl LabelIndex {
    /// Labels with these keys and times; those with a null in their key take nothing.
    pub fn new(keys: &Keys, times: &[Moment]) -> Self {
        let mut by_key: HashMap<Vec<u8>, usize> = HashMap::new();
        let mut sorted: Vec<(usize, Moment, u32)> = Vec::with_capacity(times.len());
        for (label, &time) in times.iter().enumerate() {
            let Some(key) = keys.get(label) else { continue };
            let next = by_key.len();
            let group = *by_key.entry_ref(key).or_insert(next);
            sorted.push((group, time, label as u32));
        }
        sorted.sort_unstable();
        let mut groups = Vec::with_capacity(by_key.len());
        for run in sorted.chunk_by(|a, b| a.0 == b.0) {
            let start = groups.last().map_or(0, |range: &Range<usize>| range.end);
            groups.push(start..start + run.len());
        }
        let order = sorted.iter().map(|&(.., label)| label).collect();
        let times_in_order = sorted.iter().map(|&(_, time, _)| time).collect();
        Self { keys: by_key, groups, order, times: times_in_order, labels: times.len() }
    }

    /// The place of a key's labels; none when no label has the key.
    pub fn group(&self, key: &[u8]) -> Option<usize> {
        self.keys.get(key).copied()
    }

    /// The first place of a group at or after a moment.
    fn place(&self, group: usize, visible: Moment) -> Option<usize> {
        let range = self.groups[group].clone();
        let place = range.start + self.times[range.clone()].partition_point(|&time| time < visible);
        range.contains(&place).then_some(place)
    }
}

/// What was offered to each label so far, under one rule.
#[derive(Debug)]
pub(crate) struct Offers<'i> {
    index: &'i LabelIndex,
    rule: Rule,
    best: Vec<Candidate>,
}

impl<'i> Offers<'i> {
    pub fn new(index: &'i LabelIndex, rule: Rule) -> Self {
        Self { index, rule, best: vec![NONE; index.order.len()] }
    }

    /// Where a feature row is to be offered; nowhere when no label sees it.
    pub fn place(&self, group: usize, time: Moment, created: Moment) -> Option<usize> {
        self.index.place(group, self.rule.visible(time, created)?)
    }

    /// Offers a row. The order of offers does not matter.
    pub fn offer(&mut self, place: usize, candidate: Candidate) {
        let best = &mut self.best[place];
        *best = candidate.max(*best);
    }

    /// What each label takes.
    pub fn found(self) -> Vec<Option<Found>> {
        let mut found = vec![None; self.index.labels];
        for range in &self.index.groups {
            let mut best = NONE;
            for place in range.clone() {
                best = best.max(self.best[place]);
                if best != NONE && self.rule.is_young(best.time, self.index.times[place]) {
                    found[self.index.order[place] as usize] = Some(Found { row: best.row, time: best.time });
                }
            }
        }
        found
    }
}

impl LabelIndex {
    /// Whether each label's group is among `known`.
    pub fn known(&self, known: &[bool]) -> Vec<bool> {
        let mut labels = vec![false; self.labels];
        for (range, &known) in self.groups.iter().zip(known) {
            self.order[range.clone()].iter().for_each(|&label| labels[label as usize] = known);
        }
        labels
    }

    /// How many keys there are.
    pub fn group_count(&self) -> usize {
        self.groups.len()
    }
}
