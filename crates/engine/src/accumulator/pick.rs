use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, LargeStringArray};
use arrow::buffer::NullBuffer;
use arrow::datatypes::DataType;

use super::cell::{of_words, unclassed, words};
use super::{Accumulator, Class, Input, Rows};
use crate::EngineError;

/// Which row is wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Want {
    First,
    Last,
}

/// The value in the first or the last row, by a column or by the order of the rows; of rows that tie in the column, the
/// one that comes first or last. A row without a value in that column is only taken when all are. The value may be
/// missing.
pub struct Pick {
    input: Input,
    order: Option<usize>,
    kind: DataType,
    want: Want,
    ranks: Ranks,
    cells: Cells,
}

/// The rank of the row that each group has taken.
enum Ranks {
    /// Whether there is a row, and whether it has a rank.
    Words(Vec<(u64, bool, bool)>),
    Texts(Vec<(Option<Box<str>>, bool)>),
}

enum Cells {
    Words(Class, Vec<(u64, bool)>),
    Texts(Vec<Option<String>>),
}

impl Pick {
    pub fn new(input: Input, order: Option<usize>, kind: &DataType, want: Want) -> Self {
        let cells = match Class::of(kind) {
            Some(Class::Text) => Cells::Texts(Vec::new()),
            class => Cells::Words(class.unwrap_or(Class::Float), Vec::new()),
        };
        Self { input, order, kind: kind.clone(), want, ranks: Ranks::Words(Vec::new()), cells }
    }

    /// The rows that take the place of those taken before, in order; a group's may be more than one.
    fn winners(&mut self, rows: &Rows<'_>, mut won: impl FnMut(usize, usize, &mut Cells)) {
        let taken = self.input.taken(rows, false);
        let order = self.order.map(|order| rows.batch.column(order));
        let last = self.want == Want::Last;
        if let Some(texts) = order.and_then(|order| order.as_string_opt::<i64>()) {
            if matches!(self.ranks, Ranks::Words(_)) {
                self.ranks = Ranks::Texts(Vec::new());
            }
            let Ranks::Texts(ranks) = &mut self.ranks else { unreachable!("made above") };
            ranks.resize(rows.total, (None, false));
            each(rows, taken.as_ref(), |row, group| {
                let text = texts.is_valid(row).then(|| texts.value(row));
                let (rank, seen) = &mut ranks[group];
                if !*seen || better(text, rank.as_deref(), last) {
                    (*rank, *seen) = (text.map(Into::into), true);
                    won(row, group, &mut self.cells);
                }
            });
            return;
        }
        let words = order.map(words);
        let nulls = order.and_then(|order| order.logical_nulls());
        let Ranks::Words(ranks) = &mut self.ranks else { unreachable!("one type of order") };
        ranks.resize(rows.total, (0, false, false));
        each(rows, taken.as_ref(), |row, group| {
            let there = nulls.as_ref().is_none_or(|nulls| nulls.is_valid(row));
            let word = words.as_ref().map_or(0, |words| words[row]);
            let (rank, seen, known) = &mut ranks[group];
            if !*seen || better(there.then_some(word), known.then_some(*rank), last) {
                (*rank, *seen, *known) = (word, true, there);
                won(row, group, &mut self.cells);
            }
        });
    }
}

fn each(rows: &Rows<'_>, taken: Option<&arrow::buffer::BooleanBuffer>, mut each: impl FnMut(usize, usize)) {
    match taken {
        None => rows.groups.iter().enumerate().for_each(|(row, &group)| each(row, group)),
        Some(taken) => taken.set_indices().for_each(|row| each(row, rows.groups[row])),
    }
}

/// Whether a later row takes the place of an earlier one.
fn better<T: PartialOrd>(later: Option<T>, earlier: Option<T>, last: bool) -> bool {
    match (later, earlier) {
        (Some(later), Some(earlier)) => {
            if last {
                later >= earlier
            } else {
                later < earlier
            }
        }
        (Some(_), None) => true,
        (None, None) => last,
        (None, Some(_)) => false,
    }
}

impl Accumulator for Pick {
    fn update(&mut self, rows: &Rows<'_>) -> Result<(), EngineError> {
        let values = self.input.column(rows).clone();
        let nulls = values.logical_nulls();
        let there = |row: usize| nulls.as_ref().is_none_or(|nulls| nulls.is_valid(row));
        match &mut self.cells {
            Cells::Words(_, cells) => {
                cells.resize(rows.total, (0, false));
                let words = words(&values);
                self.winners(rows, |row, group, cells| {
                    if let Cells::Words(_, cells) = cells {
                        cells[group] = (words[row], there(row));
                    }
                });
            }
            Cells::Texts(cells) => {
                cells.resize(rows.total, None);
                let texts = values.as_string::<i64>();
                self.winners(rows, |row, group, cells| {
                    if let Cells::Texts(cells) = cells {
                        keep(&mut cells[group], there(row).then(|| texts.value(row)));
                    }
                });
            }
        }
        Ok(())
    }

    fn finish(self: Box<Self>, total: usize) -> Result<ArrayRef, EngineError> {
        match self.cells {
            Cells::Words(class, mut cells) => {
                cells.resize(total, (0, false));
                let nulls = cells.iter().map(|cell| cell.1).collect::<NullBuffer>();
                let words: Vec<u64> = cells.iter().map(|cell| cell.0).collect();
                of_words(&words, nulls, class, &self.kind)
            }
            Cells::Texts(mut cells) => {
                cells.resize(total, None);
                let array: ArrayRef = Arc::new(LargeStringArray::from_iter(cells.iter()));
                unclassed(&array, &self.kind)
            }
        }
    }

    fn bytes(&self) -> usize {
        // Texts as if each were of 32 bytes more: what they hold is not counted row by row.
        let ranks = match &self.ranks {
            Ranks::Words(ranks) => ranks.capacity() * size_of::<(u64, bool, bool)>(),
            Ranks::Texts(ranks) => ranks.capacity() * (size_of::<(Option<Box<str>>, bool)>() + 32),
        };
        let cells = match &self.cells {
            Cells::Words(_, cells) => cells.capacity() * size_of::<(u64, bool)>(),
            Cells::Texts(cells) => cells.capacity() * (size_of::<Option<String>>() + 32),
        };
        ranks + cells
    }
}

/// Keeps a text, in the memory of the one before where it has some.
fn keep(cell: &mut Option<String>, text: Option<&str>) {
    match (cell, text) {
        (Some(cell), Some(text)) => {
            cell.clear();
            cell.push_str(text);
        }
        (cell, text) => *cell = text.map(str::to_owned),
    }
}
