use std::sync::Arc;

use arrow::array::{ArrayRef, AsArray, Float64Array, LargeStringArray};
use arrow::buffer::NullBuffer;
use arrow::datatypes::{DataType, Int64Type};

use super::cell::{of_words, unclassed, words};
use super::{Accumulator, Class, Input, Rows};
use crate::EngineError;

/// Which end is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Want {
    Smallest,
    Largest,
}

/// The smallest or the largest value.
pub fn extreme(input: Input, class: Class, kind: &DataType, want: Want) -> Box<dyn Accumulator> {
    match class {
        Class::Text => Box::new(ExtremeText { input, kind: kind.clone(), want, texts: Vec::new(), text_bytes: 0 }),
        _ => Box::new(ExtremeWord { input, class, kind: kind.clone(), want, groups: Vec::new() }),
    }
}

struct ExtremeWord {
    input: Input,
    class: Class,
    kind: DataType,
    want: Want,
    /// The word, and whether there is one.
    groups: Vec<(u64, bool)>,
}

impl Accumulator for ExtremeWord {
    fn update(&mut self, rows: &Rows<'_>) -> Result<(), EngineError> {
        self.groups.resize(rows.total, (0, false));
        let words = words(self.input.column(rows));
        let (groups, largest) = (&mut self.groups, self.want == Want::Largest);
        self.input.each(rows, |row, group| {
            let (word, group) = (words[row], &mut groups[group]);
            let better = if largest { word > group.0 } else { word < group.0 };
            if better || !group.1 {
                *group = (word, true);
            }
        });
        Ok(())
    }

    fn finish(mut self: Box<Self>, total: usize) -> Result<ArrayRef, EngineError> {
        self.groups.resize(total, (0, false));
        let nulls = self.groups.iter().map(|group| group.1).collect::<NullBuffer>();
        let words: Vec<u64> = self.groups.iter().map(|group| group.0).collect();
        of_words(&words, nulls, self.class, &self.kind)
    }

    fn bytes(&self) -> usize {
        self.groups.capacity() * size_of::<(u64, bool)>()
    }
}

struct ExtremeText {
    input: Input,
    kind: DataType,
    want: Want,
    texts: Vec<Option<Box<str>>>,
    text_bytes: usize,
}

impl Accumulator for ExtremeText {
    fn update(&mut self, rows: &Rows<'_>) -> Result<(), EngineError> {
        self.texts.resize(rows.total, None);
        let texts = self.input.column(rows).as_string::<i64>();
        let (kept, text_bytes, largest) = (&mut self.texts, &mut self.text_bytes, self.want == Want::Largest);
        self.input.each(rows, |row, group| {
            let (text, kept) = (texts.value(row), &mut kept[group]);
            let better = match kept.as_deref() {
                None => true,
                Some(kept) if largest => text > kept,
                Some(kept) => text < kept,
            };
            if better {
                *text_bytes += text.len();
                *text_bytes -= kept.replace(text.into()).map_or(0, |before| before.len());
            }
        });
        Ok(())
    }

    fn finish(mut self: Box<Self>, total: usize) -> Result<ArrayRef, EngineError> {
        self.texts.resize(total, None);
        let array: ArrayRef = Arc::new(LargeStringArray::from_iter(self.texts.iter()));
        unclassed(&array, &self.kind)
    }

    fn bytes(&self) -> usize {
        self.texts.capacity() * size_of::<Option<Box<str>>>() + self.text_bytes
    }
}

/// How long ago the last instant was.
pub struct Recency {
    last: ExtremeWord,
    as_of: i64,
    ticks: f64,
}

impl Recency {
    pub fn new(input: Input, as_of: i64, ticks: f64) -> Self {
        let last =
            ExtremeWord { input, class: Class::Signed, kind: DataType::Int64, want: Want::Largest, groups: Vec::new() };
        Self { last, as_of, ticks }
    }
}

impl Accumulator for Recency {
    fn update(&mut self, rows: &Rows<'_>) -> Result<(), EngineError> {
        self.last.update(rows)
    }

    fn finish(self: Box<Self>, total: usize) -> Result<ArrayRef, EngineError> {
        let last = Box::new(self.last).finish(total)?;
        let since = |last: i64| (i128::from(self.as_of) - i128::from(last)) as f64 / self.ticks;
        let last = last.as_primitive::<Int64Type>();
        Ok(Arc::new(last.iter().map(|last| last.map(since)).collect::<Float64Array>()))
    }

    fn bytes(&self) -> usize {
        self.last.bytes()
    }
}
