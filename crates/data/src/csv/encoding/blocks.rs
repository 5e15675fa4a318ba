//! The same decoding for text that comes in blocks.

use super::{BIG_ENDIAN_MARK, LITTLE_ENDIAN_MARK, UTF8_MARK, WINDOWS_1252};
use crate::options::Encoding;

/// Decodes block after block of one file.
#[derive(Debug)]
pub(crate) struct Decoder {
    encoding: Encoding,
    /// Of UTF-16: whether the low byte comes first, once the first bytes were seen.
    little: Option<bool>,
    /// Of single bytes: whether all that was not ASCII would also be UTF-8, and whether there was any.
    is_utf8: bool,
    is_ascii: bool,
    /// The start of a character of UTF-8 at the end of the last block.
    open: Vec<u8>,
}

/// Why a block cannot be decoded.
#[derive(Debug)]
pub(crate) struct Unfit {
    pub(crate) message: String,
    /// The byte of the block at which it shows.
    pub(crate) at: Option<usize>,
    pub(crate) hint: Option<&'static str>,
}

impl Decoder {
    pub(crate) fn new(encoding: Encoding) -> Self {
        Self { encoding, little: None, is_utf8: true, is_ascii: true, open: Vec::new() }
    }

    /// Decodes a block, of which the last bytes may be half a character; says how many bytes were. `ends`: it is the
    /// last.
    pub(crate) fn decode(&mut self, block: &[u8], ends: bool, into: &mut Vec<u8>) -> Result<usize, Unfit> {
        match self.encoding {
            Encoding::Utf8 => {
                into.extend_from_slice(block);
                Ok(block.len())
            }
            Encoding::Utf16 | Encoding::Utf16Le | Encoding::Utf16Be => self.utf16(block, ends, into),
            Encoding::Latin1 | Encoding::Windows1252 => self.single_bytes(block, ends, into),
        }
    }

    fn utf16(&mut self, block: &[u8], ends: bool, into: &mut Vec<u8>) -> Result<usize, Unfit> {
        let mut at = 0;
        let little = match self.little {
            Some(little) => little,
            None => {
                let (little, mark) = self.byte_order(block)?;
                at = mark;
                *self.little.insert(little)
            }
        };
        while at + 2 <= block.len() {
            let unit = |at: usize| {
                let pair = [block[at], block[at + 1]];
                if little { u16::from_le_bytes(pair) } else { u16::from_be_bytes(pair) }
            };
            let is_pair = (0xd800..0xdc00).contains(&unit(at));
            if is_pair && at + 4 > block.len() && !ends {
                return Ok(at);
            }
            let units = [unit(at), if is_pair && at + 4 <= block.len() { unit(at + 2) } else { 0 }];
            match char::decode_utf16(units).next() {
                Some(Ok(char)) => {
                    into.extend_from_slice(char.encode_utf8(&mut [0; 4]).as_bytes());
                    at += 2 * char.len_utf16();
                }
                _ => return Err(unfit("expected UTF-16, found half of a surrogate pair", Some(at), None)),
            }
        }
        if ends && at < block.len() {
            return Err(unfit("expected pairs of bytes, found a single one", Some(at), None));
        }
        Ok(at)
    }

    /// Whether the low byte comes first, and how long the mark is that says so.
    fn byte_order(&self, block: &[u8]) -> Result<(bool, usize), Unfit> {
        let (little, mark) = if block.starts_with(LITTLE_ENDIAN_MARK) {
            (true, 2)
        } else if block.starts_with(BIG_ENDIAN_MARK) {
            (false, 2)
        } else {
            (self.encoding != Encoding::Utf16Be, 0)
        };
        if matches!((self.encoding, little), (Encoding::Utf16Le, false) | (Encoding::Utf16Be, true)) {
            let message = "expected the declared byte order, found the mark of the other";
            return Err(unfit(message, Some(0), Some("set csv.encoding: utf-16")));
        }
        // Line ends and delimiters of UTF-16 have a zero byte each.
        if memchr::memchr(0, &block[mark..]).is_none() {
            let message = "expected UTF-16 as declared, found single bytes without a NUL";
            return Err(unfit(message, None, Some("leave csv.encoding out for UTF-8")));
        }
        Ok((little, mark))
    }

    fn single_bytes(&mut self, block: &[u8], ends: bool, into: &mut Vec<u8>) -> Result<usize, Unfit> {
        self.look_for_utf8(block, ends)?;
        let latin = self.encoding == Encoding::Latin1;
        for (at, &byte) in block.iter().enumerate() {
            let char = match byte {
                0x80..0xa0 if latin => None,
                0x80..0xa0 => Some(WINDOWS_1252[byte as usize - 0x80]).filter(|&char| char != '\0'),
                _ => Some(byte as char),
            };
            let Some(char) = char else {
                let declared = if latin { "latin-1" } else { "windows-1252" };
                let message = format!("expected {declared}, found byte 0x{byte:02x}, which it does not have,");
                return Err(unfit(message, Some(at), latin.then_some("set csv.encoding: windows-1252")));
            };
            into.extend_from_slice(char.encode_utf8(&mut [0; 4]).as_bytes());
        }
        Ok(block.len())
    }

    /// Text of single bytes is hardly ever UTF-8 by chance: one that is all of it was declared wrongly.
    fn look_for_utf8(&mut self, block: &[u8], ends: bool) -> Result<(), Unfit> {
        self.is_ascii &= block.is_ascii();
        let mut open = std::mem::take(&mut self.open);
        if self.is_utf8 && !(open.is_empty() && block.is_ascii()) {
            open.extend_from_slice(block.strip_prefix(UTF8_MARK).unwrap_or(block));
            if let Err(error) = std::str::from_utf8(&open) {
                self.is_utf8 = error.error_len().is_none() && !ends;
                self.open = open.split_off(error.valid_up_to());
            }
        }
        if ends && self.is_utf8 && !self.is_ascii {
            let hint = "set csv.encoding to what the file is, or leave it out for UTF-8";
            return Err(unfit("expected the encoding that is declared, found UTF-8", None, Some(hint)));
        }
        Ok(())
    }
}

fn unfit(message: impl Into<String>, at: Option<usize>, hint: Option<&'static str>) -> Unfit {
    Unfit { message: message.into(), at, hint }
}
