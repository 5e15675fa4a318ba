//! Packed files as the text within, unpacked on a thread ahead of who reads.

use std::io::{self, Read};
use std::sync::mpsc::{Receiver, sync_channel};

use crate::file::Packing;
use crate::{DataError, Fault, signature};

/// Bytes of a block, and how many wait to be read.
const BLOCK_BYTES: usize = 1 << 20;
const BLOCKS: usize = 4;

/// The text of a file that may be packed.
///
/// # Errors
/// `Malformed` (`not_what_its_name_says`) for what is not packed as its name says.
pub(super) fn unpacked(
    mut source: Box<dyn Read + Send>,
    packing: Packing,
    file: &str,
) -> Result<Box<dyn Read + Send>, DataError> {
    let expected = match packing {
        Packing::None => return Ok(source),
        Packing::Gzip => "gzip",
        Packing::Zstandard => "Zstandard",
    };
    let mut head = vec![0; 64];
    let length = read_whole(&mut source, &mut head).map_err(|error| super::window::data_error(error, file))?;
    head.truncate(length);
    signature::check_compressed(&head, file, expected)?;
    let source = io::Cursor::new(head).chain(source);
    let decoder: Box<dyn Read + Send> = match packing {
        Packing::Gzip => Box::new(flate2::read::MultiGzDecoder::new(io::BufReader::with_capacity(1 << 16, source))),
        _ => Box::new(zstd::stream::read::Decoder::new(source).map_err(|error| damaged(&error, expected, file))?),
    };
    Ok(Box::new(Ahead::of(decoder, expected, file)))
}

fn read_whole(source: &mut dyn Read, buffer: &mut [u8]) -> io::Result<usize> {
    let mut length = 0;
    while length < buffer.len() {
        match source.read(&mut buffer[length..]) {
            Ok(0) => break,
            Ok(count) => length += count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(length)
}

fn damaged(error: &io::Error, what: &str, file: &str) -> DataError {
    let message = format!("expected whole {what} data, found it damaged or cut: {error}");
    DataError::malformed(Fault::new("damaged_archive", message).file(file))
}

/// Blocks that a thread reads ahead.
struct Ahead {
    blocks: Receiver<io::Result<Vec<u8>>>,
    block: Vec<u8>,
    at: usize,
}

impl Ahead {
    fn of(mut source: Box<dyn Read + Send>, what: &'static str, file: &str) -> Self {
        let (sender, blocks) = sync_channel(BLOCKS);
        let file = file.to_owned();
        // It ends with its source, with the first error, or when nobody takes its blocks any more.
        std::thread::spawn(move || {
            loop {
                let mut block = vec![0; BLOCK_BYTES];
                let read = read_whole(source.as_mut(), &mut block).map_err(|error| {
                    let is_ours = error.get_ref().is_some_and(|inner| inner.is::<DataError>());
                    if is_ours { error } else { io::Error::other(damaged(&error, what, &file)) }
                });
                let is_last = !matches!(&read, Ok(length) if *length == BLOCK_BYTES);
                let block = read.map(|length| {
                    block.truncate(length);
                    block
                });
                if sender.send(block).is_err() || is_last {
                    return;
                }
            }
        });
        Self { blocks, block: Vec::new(), at: 0 }
    }
}

impl Read for Ahead {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.at == self.block.len() {
            // A thread that is gone has sent its last block.
            let Ok(block) = self.blocks.recv() else { return Ok(0) };
            (self.block, self.at) = (block?, 0);
        }
        let count = buffer.len().min(self.block.len() - self.at);
        buffer[..count].copy_from_slice(&self.block[self.at..self.at + count]);
        self.at += count;
        Ok(count)
    }
}
