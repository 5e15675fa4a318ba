//! The records of a forest on a device, in pages of rows.

use cubecl::prelude::*;

use super::layout::Room;
use super::{Buffer, Memory};
use crate::grow::{Forest, Weighing};

/// How the rows lie.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Paging {
    /// Rows of all pages but the last.
    pub page_rows: usize,
    /// Number of pages.
    pub pages: usize,
    /// Whether all pages stay on the device.
    pub resident: bool,
    rows: usize,
}

impl Paging {
    /// As few pages as there can be; where the device does not hold them all, pages of an eighth of its memory.
    pub fn of(forest: &Forest<'_>, room: &Room) -> Self {
        let (rows, stride) = (forest.records.rows(), forest.records.stride() / size_of::<u32>());
        let resident = rows * stride <= room.all / 2;
        let most = if resident { room.buffer } else { room.buffer.min(room.all / 8) };
        let page_rows = (most / stride).clamp(1, rows.max(1));
        Self { page_rows, pages: rows.div_ceil(page_rows).max(1), resident, rows }
    }

    /// Rows of a page.
    pub fn rows_of(&self, page: usize) -> std::ops::Range<usize> {
        let first = page * self.page_rows;
        first..self.rows.min(first + self.page_rows)
    }
}

/// The pages of a forest, brought to the device once if they fit.
pub struct Pages<'a, R: Runtime> {
    memory: &'a Memory<'a, R>,
    forest: &'a Forest<'a>,
    /// How the rows lie.
    pub paging: Paging,
    resident: Vec<(Buffer, Buffer)>,
}

impl<'a, R: Runtime> Pages<'a, R> {
    /// Brings to the device what stays there.
    pub fn new(memory: &'a Memory<'a, R>, forest: &'a Forest<'a>, paging: Paging) -> Self {
        let mut pages = Self { memory, forest, paging, resident: vec![] };
        if paging.resident {
            pages.resident = (0..paging.pages).map(|page| pages.upload(page)).collect();
        }
        pages
    }

    /// Where they are.
    pub fn memory(&self) -> &'a Memory<'a, R> {
        self.memory
    }

    /// Records and weights of a page.
    pub fn get(&self, page: usize) -> (Buffer, Buffer) {
        self.resident.get(page).cloned().unwrap_or_else(|| self.upload(page))
    }

    fn upload(&self, page: usize) -> (Buffer, Buffer) {
        let (records, rows) = (self.forest.records, self.paging.rows_of(page));
        let bytes = &records.bytes()[rows.start * records.stride()..rows.end * records.stride()];
        let weights = if let Weighing::Rows(weights) = self.forest.weighing { &weights[rows] } else { &[] };
        (self.memory.upload_bytes(bytes), self.memory.upload(weights))
    }
}
