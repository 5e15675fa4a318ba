//! A stretch of a stream of text, moved along it: what is in memory of a file.

use std::io::{self, Read};
use std::ops::Range;
use std::sync::{Mutex, PoisonError};

use super::index::{Cut, LONGEST_FIELD, cut};
use crate::csv::record::Dialect;
use crate::{DataError, Fault};

/// Bytes of text that one task reads, and the rows of a batch.
pub(super) const PART_BYTES: usize = 1 << 20;

/// What is read of a stream at a time.
const READ_BYTES: usize = 1 << 20;

pub(super) struct Window {
    /// Locked by nobody: so that parts can be read of the window by several threads.
    source: Mutex<Box<dyn Read + Send>>,
    buffer: Vec<u8>,
    start: usize,
    end: usize,
    /// Whether the buffer holds the last of the stream.
    ends: bool,
    file: String,
}

impl std::fmt::Debug for Window {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Window of {} bytes of {}", self.end - self.start, self.file)
    }
}

impl Window {
    pub(super) fn new(source: Box<dyn Read + Send>, file: &str) -> Self {
        Self { source: Mutex::new(source), buffer: Vec::new(), start: 0, end: 0, ends: false, file: file.to_owned() }
    }

    pub(super) fn text(&self) -> &[u8] {
        &self.buffer[self.start..self.end]
    }

    pub(super) fn ends(&self) -> bool {
        self.ends
    }

    /// Reads until the text has that many bytes, or all there are.
    ///
    /// # Errors
    /// What the source says.
    pub(super) fn fill(&mut self, bytes: usize) -> Result<(), DataError> {
        if self.start > 0 && self.start + bytes > self.buffer.len() {
            self.buffer.copy_within(self.start..self.end, 0);
            (self.start, self.end) = (0, self.end - self.start);
        }
        let source = self.source.get_mut().unwrap_or_else(PoisonError::into_inner);
        while self.end - self.start < bytes && !self.ends {
            if self.buffer.len() < self.start + bytes {
                self.buffer.resize(self.start + bytes, 0);
            }
            let until = self.buffer.len().min(self.end + READ_BYTES);
            match source.read(&mut self.buffer[self.end..until]) {
                Ok(0) => self.ends = true,
                Ok(count) => self.end += count,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(data_error(error, &self.file)),
            }
        }
        Ok(())
    }

    /// Passes the first bytes of the text.
    pub(super) fn pass(&mut self, bytes: usize) {
        self.start += bytes;
    }

    /// At most so many parts of about [`PART_BYTES`] from the text's start, each of whole rows; none at the end. Where
    /// the cuts are does not depend on how many parts are asked for.
    ///
    /// # Errors
    /// What the source says; `Malformed` (`endless_row`).
    pub(super) fn parts(&mut self, dialect: &Dialect, most: usize) -> Result<Vec<Range<usize>>, DataError> {
        self.fill((most + 1) * PART_BYTES)?;
        loop {
            let text = self.text();
            let (mut parts, mut from) = (Vec::new(), 0);
            while parts.len() < most && from < text.len() {
                let Cut::At(at) = cut(dialect, text, from, PART_BYTES, self.ends) else { break };
                parts.push(from..at);
                from = at;
            }
            if !parts.is_empty() || self.ends {
                return Ok(parts);
            }
            let known = text.len();
            if known > 3 * LONGEST_FIELD {
                let message = format!("expected a line end, found none in {known} bytes");
                return Err(DataError::malformed(Fault::new("endless_row", message).file(self.file.as_str())));
            }
            self.fill(2 * known.max(PART_BYTES))?;
        }
    }
}

/// The error of a source: one of ours that went through `io::Error`, or its own.
pub(super) fn data_error(error: io::Error, file: &str) -> DataError {
    match error.downcast::<DataError>() {
        Ok(error) => error,
        Err(error) => DataError::unreadable(Fault::new("unreadable", format!("cannot be read: {error}")).file(file)),
    }
}
