//! Text of other encodings as UTF-8, block by block.

use std::io::{self, Read};

use crate::csv::encoding::{Decoder, Unfit};
use crate::options::Encoding;
use crate::{DataError, Fault};

/// Bytes that are decoded at a time.
const BLOCK_BYTES: usize = 256 << 10;

/// A stream of text in its encoding, read as UTF-8.
pub(super) struct Transcoded {
    source: Box<dyn Read + Send>,
    decoder: Decoder,
    file: String,
    /// Bytes that were read and not decoded: half a character.
    rest: Vec<u8>,
    /// Text that was decoded and not taken.
    text: Vec<u8>,
    taken: usize,
    /// Where `rest` starts in the file.
    offset: u64,
    ended: bool,
}

impl Transcoded {
    pub(super) fn of(source: Box<dyn Read + Send>, encoding: Encoding, file: &str) -> Box<dyn Read + Send> {
        if encoding == Encoding::Utf8 {
            return source;
        }
        let decoder = Decoder::new(encoding);
        let file = file.to_owned();
        let (rest, text) = (Vec::new(), Vec::new());
        Box::new(Self { source, decoder, file, rest, text, taken: 0, offset: 0, ended: false })
    }

    fn decode(&mut self) -> io::Result<()> {
        let known = self.rest.len();
        self.rest.resize(BLOCK_BYTES, 0);
        let mut length = known;
        while length < BLOCK_BYTES && !self.ended {
            match self.source.read(&mut self.rest[length..]) {
                Ok(0) => self.ended = true,
                Ok(count) => length += count,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        self.rest.truncate(length);
        (self.taken, self.text) = (0, Vec::with_capacity(2 * length));
        let decoded = self.decoder.decode(&self.rest, self.ended, &mut self.text);
        let used = decoded.map_err(|unfit| io::Error::other(self.fault(unfit)))?;
        self.offset += used as u64;
        self.rest.drain(..used);
        Ok(())
    }

    fn fault(&self, unfit: Unfit) -> DataError {
        let message = match unfit.at {
            Some(at) => format!("{} at byte {}", unfit.message, self.offset + at as u64),
            None => unfit.message,
        };
        let fault = Fault::new("encoding", message).file(self.file.as_str());
        DataError::malformed(match unfit.hint {
            Some(hint) => fault.hint(hint),
            None => fault,
        })
    }
}

impl Read for Transcoded {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while self.taken == self.text.len() && !(self.ended && self.rest.is_empty()) {
            self.decode()?;
        }
        let count = buffer.len().min(self.text.len() - self.taken);
        buffer[..count].copy_from_slice(&self.text[self.taken..self.taken + count]);
        self.taken += count;
        Ok(count)
    }
}
