//! Bytes to UTF-8: never lossy, never guessed.

mod blocks;

use std::borrow::Cow;

use memchr::memchr;

pub(crate) use self::blocks::{Decoder, Unfit};
use crate::options::Encoding;
use crate::{DataError, Fault};

const UTF8_MARK: &[u8] = b"\xef\xbb\xbf";
const LITTLE_ENDIAN_MARK: &[u8] = b"\xff\xfe";
const BIG_ENDIAN_MARK: &[u8] = b"\xfe\xff";

/// What windows-1252 has at 0x80 to 0x9f; five places are not assigned.
#[rustfmt::skip]
const WINDOWS_1252: [char; 32] = [
    '€', '\0', '‚', 'ƒ', '„', '…', '†', '‡', 'ˆ', '‰', 'Š', '‹', 'Œ', '\0', 'Ž', '\0',
    '\0', '‘', '’', '“', '”', '•', '–', '—', '˜', '™', 'š', '›', 'œ', '\0', 'ž', 'Ÿ',
];

/// The text of a file as UTF-8 without a byte order mark or NUL.
///
/// # Errors
/// `Malformed` (`encoding`, `nul_byte`) with the byte offset in the file.
pub(crate) fn decode<'a>(bytes: &'a [u8], encoding: Encoding, file: &str) -> Result<Cow<'a, [u8]>, DataError> {
    let text = match encoding {
        Encoding::Utf8 => utf8(bytes),
        Encoding::Utf16 | Encoding::Utf16Le | Encoding::Utf16Be => utf16(bytes, encoding),
        Encoding::Latin1 => {
            single_byte(bytes, "latin-1", |byte| (!(0x80..0xa0).contains(&byte)).then_some(byte as char))
        }
        Encoding::Windows1252 => single_byte(bytes, "windows-1252", |byte| match byte {
            0x80..0xa0 => Some(WINDOWS_1252[byte as usize - 0x80]).filter(|&char| char != '\0'),
            _ => Some(byte as char),
        }),
    };
    let text = text.map_err(|error| error.map(|fault| fault.file(file)))?;
    match memchr(0, &text) {
        // In the encodings of one or two bytes the offset is that of the text.
        Some(offset) => {
            let fault = at(&text, offset, "nul_byte", format!("expected text, found a NUL at byte {offset}"));
            Err(DataError::malformed(fault.file(file).hint("remove the NUL bytes")))
        }
        None => Ok(text),
    }
}

/// Refuses text whose first bytes are of another encoding than UTF-8.
pub(crate) fn check_head(bytes: &[u8]) -> Result<(), DataError> {
    if bytes.starts_with(LITTLE_ENDIAN_MARK) || bytes.starts_with(BIG_ENDIAN_MARK) {
        let fault = Fault::new("encoding", "expected UTF-8, found the byte order mark of UTF-16 at byte 0");
        return Err(DataError::malformed(fault.hint("set data.csv.encoding: utf-16")));
    }
    if let Some(order) = looks_like_utf16(bytes) {
        let offset = memchr(0, bytes).unwrap_or(0);
        let fault = Fault::new("encoding", format!("expected UTF-8, found every other byte NUL from byte {offset}"));
        return Err(DataError::malformed(fault.hint(format!("set data.csv.encoding: {order}"))));
    }
    Ok(())
}

fn utf8(bytes: &[u8]) -> Result<Cow<'_, [u8]>, DataError> {
    check_head(bytes)?;
    if let Err(error) = std::str::from_utf8(bytes) {
        let offset = error.valid_up_to();
        let message = format!("expected UTF-8, found byte 0x{:02x} at byte {offset}", bytes[offset]);
        let other = if bytes.iter().any(|byte| (0x80..0xa0).contains(byte)) { "windows-1252" } else { "latin-1" };
        let hint = format!("if the file was written in {other}, set data.csv.encoding: {other}");
        return Err(DataError::malformed(at(bytes, offset, "encoding", message).hint(hint)));
    }
    Ok(Cow::Borrowed(bytes.strip_prefix(UTF8_MARK).unwrap_or(bytes)))
}

/// The byte order in which the start of the bytes has a NUL in nearly every pair.
fn looks_like_utf16(bytes: &[u8]) -> Option<&'static str> {
    let pairs = bytes[..bytes.len().min(512)].chunks_exact(2);
    let count = pairs.len();
    let nul = |place: usize| pairs.clone().filter(|pair| pair[place] == 0).count();
    match (nul(0), nul(1)) {
        (0, low) if count > 0 && low * 4 >= count * 3 => Some("utf-16le"),
        (high, 0) if count > 0 && high * 4 >= count * 3 => Some("utf-16be"),
        _ => None,
    }
}

fn utf16(bytes: &[u8], encoding: Encoding) -> Result<Cow<'_, [u8]>, DataError> {
    let (little, text) = match (bytes.strip_prefix(LITTLE_ENDIAN_MARK), bytes.strip_prefix(BIG_ENDIAN_MARK)) {
        (Some(text), _) => (true, text),
        (_, Some(text)) => (false, text),
        _ => (encoding != Encoding::Utf16Be, bytes),
    };
    if matches!((encoding, little), (Encoding::Utf16Le, false) | (Encoding::Utf16Be, true)) {
        let fault = Fault::new("encoding", "expected the declared byte order, found the mark of the other at byte 0");
        return Err(DataError::malformed(fault.hint("set data.csv.encoding: utf-16")));
    }
    // Line ends and delimiters of UTF-16 have a zero byte each.
    if memchr(0, text).is_none() {
        let fault = Fault::new("encoding", "expected UTF-16 as declared, found single bytes without a NUL");
        return Err(DataError::malformed(fault.hint("leave data.csv.encoding out for UTF-8")));
    }
    let mark = bytes.len() - text.len();
    if text.len() % 2 == 1 {
        let message = format!("expected pairs of bytes, found a single one at byte {}", bytes.len() - 1);
        return Err(DataError::malformed(Fault::new("encoding", message)));
    }
    let units = text.chunks_exact(2).map(|pair| {
        let pair = [pair[0], pair[1]];
        if little { u16::from_le_bytes(pair) } else { u16::from_be_bytes(pair) }
    });
    let mut decoded = String::with_capacity(text.len());
    let mut offset = mark;
    for char in char::decode_utf16(units) {
        let Ok(char) = char else {
            let message = format!("expected UTF-16, found half of a surrogate pair at byte {offset}");
            return Err(DataError::malformed(Fault::new("encoding", message)));
        };
        offset += 2 * char.len_utf16();
        decoded.push(char);
    }
    Ok(Cow::Owned(decoded.into_bytes()))
}

fn single_byte<'a>(
    bytes: &'a [u8],
    declared: &str,
    decode: impl Fn(u8) -> Option<char>,
) -> Result<Cow<'a, [u8]>, DataError> {
    if bytes.is_ascii() {
        return Ok(Cow::Borrowed(bytes));
    }
    // Text in such an encoding is hardly ever valid UTF-8 by chance: `é` in UTF-8 would read as `Ã©`.
    if bytes.starts_with(LITTLE_ENDIAN_MARK) || bytes.starts_with(BIG_ENDIAN_MARK) || std::str::from_utf8(bytes).is_ok()
    {
        let found = if bytes.starts_with(UTF8_MARK) || bytes[0] < 0xfe { "UTF-8" } else { "the mark of UTF-16" };
        let fault = Fault::new("encoding", format!("expected {declared} as declared, found {found}"));
        let hint = "set data.csv.encoding to what the file is, or leave it out for UTF-8";
        return Err(DataError::malformed(fault.hint(hint)));
    }
    let mut text = String::with_capacity(bytes.len() + bytes.len() / 8);
    for (offset, &byte) in bytes.iter().enumerate() {
        let Some(char) = decode(byte) else {
            let message =
                format!("expected {declared}, found byte 0x{byte:02x} at byte {offset}, which it does not have");
            let fault = at(bytes, offset, "encoding", message);
            let fault = if declared == "latin-1" { fault.hint("set data.csv.encoding: windows-1252") } else { fault };
            return Err(DataError::malformed(fault));
        };
        text.push(char);
    }
    Ok(Cow::Owned(text.into_bytes()))
}

/// A fault at the line of a byte.
fn at(bytes: &[u8], offset: usize, code: &'static str, message: String) -> Fault {
    let line = memchr::memchr_iter(b'\n', &bytes[..offset]).count() as u64 + 1;
    Fault::new(code, message).line(line)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(bytes: &[u8], encoding: Encoding) -> Result<String, String> {
        match decode(bytes, encoding, "a.csv") {
            Ok(text) => Ok(String::from_utf8(text.into_owned()).unwrap()),
            Err(error) => Err(error.to_string()),
        }
    }

    fn utf16(text: &str, mark: bool) -> (Vec<u8>, Vec<u8>) {
        let marked = if mark { format!("\u{feff}{text}") } else { text.to_owned() };
        let bytes = |order: fn(u16) -> [u8; 2]| marked.encode_utf16().flat_map(order).collect();
        (bytes(u16::to_le_bytes), bytes(u16::to_be_bytes))
    }

    #[test]
    fn declared_encodings_are_read() {
        let expected = Ok("é,€\n1,😀\n".to_owned());
        let (little, big) = utf16("é,€\n1,😀\n", true);
        assert_eq!(text(&little, Encoding::Utf16), expected);
        assert_eq!(text(&big, Encoding::Utf16), expected);
        assert_eq!(text(&little, Encoding::Utf16Le), expected);
        let (little, big) = utf16("é,€\n1,😀\n", false);
        assert_eq!(text(&little, Encoding::Utf16), expected);
        assert_eq!(text(&big, Encoding::Utf16Be), expected);
        assert_eq!(text(b"\xef\xbb\xbfa\n", Encoding::Utf8), Ok("a\n".to_owned()));
        assert_eq!(text(b"caf\xe9\n", Encoding::Latin1), Ok("café\n".to_owned()));
        assert_eq!(text(b"\x80 caf\xe9 \x9f\n", Encoding::Windows1252), Ok("€ café Ÿ\n".to_owned()));
    }

    #[test]
    fn others_are_refused_with_the_byte_and_a_hint() {
        let (little, big) = utf16("a,b\n1,2\n3,4\n", true);
        let (bare, bare_big) = utf16("a,b\n1,2\n3,4\n", false);
        let cases: &[(&[u8], Encoding, &str)] = &[
            (b"a\ncaf\xe9\n", Encoding::Utf8, "line 2: expected UTF-8, found byte 0xe9 at byte 5"),
            (b"caf\xe9\n", Encoding::Utf8, "data.csv.encoding: latin-1"),
            (b"\x80\xe9\n", Encoding::Utf8, "data.csv.encoding: windows-1252"),
            (&little, Encoding::Utf8, "data.csv.encoding: utf-16"),
            (&bare, Encoding::Utf8, "data.csv.encoding: utf-16le"),
            (&bare_big, Encoding::Utf8, "data.csv.encoding: utf-16be"),
            (&big, Encoding::Utf16Le, "data.csv.encoding: utf-16"),
            (b"a,b\n1,2\n", Encoding::Utf16, "found single bytes"),
            (&little[..little.len() - 1], Encoding::Utf16, "found a single one at byte 24"),
            (b"\0a\xd8\x00\0\n", Encoding::Utf16Be, "surrogate pair at byte 2"),
            ("é\n".as_bytes(), Encoding::Latin1, "found UTF-8"),
            (&little, Encoding::Latin1, "found the mark of UTF-16"),
            (b"\x80\n", Encoding::Latin1, "data.csv.encoding: windows-1252"),
            (b"\x81\n", Encoding::Windows1252, "found byte 0x81 at byte 0"),
            (b"a\nb\0c\n", Encoding::Utf8, "line 2: expected text, found a NUL at byte 3"),
        ];
        for (bytes, encoding, expected) in cases {
            let error = text(bytes, *encoding).unwrap_err();
            assert!(error.contains(expected), "{error} (expected {expected})");
        }
    }
}
