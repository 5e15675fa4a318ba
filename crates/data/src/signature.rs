//! What a file is, by its first bytes: never by its name alone.

use crate::{DataError, Fault};

/// First bytes, what they are of, and what to do with such a file.
const SIGNATURES: &[(&[u8], &str, &str)] = &[
    (b"PAR1", "Parquet", "name it .parquet, or set data.format: parquet"),
    (b"PARE", "encrypted Parquet", "decrypt it first"),
    (&[0x1f, 0x8b], "gzip", "name it .csv.gz"),
    (&[0x28, 0xb5, 0x2f, 0xfd], "Zstandard", "name it .csv.zst"),
    (b"PK\x03\x04", "a zip archive or a spreadsheet", "unpack it, or export the sheet as CSV"),
    (b"PK\x05\x06", "an empty zip archive", "unpack it, or export the sheet as CSV"),
    (&[0xd0, 0xcf, 0x11, 0xe0], "an old spreadsheet", "export the sheet as CSV"),
    (b"BZh", "bzip2", "unpack it, or pack it as .csv.gz"),
    (&[0xfd, b'7', b'z', b'X', b'Z', 0], "xz", "unpack it, or pack it as .csv.gz"),
    (&[0x04, 0x22, 0x4d, 0x18], "LZ4", "unpack it, or pack it as .csv.zst"),
    (b"ARROW1", "Arrow IPC", "write it as Parquet or CSV"),
    (b"ORC", "ORC", "write it as Parquet or CSV"),
    (b"Obj\x01", "Avro", "write it as Parquet or CSV"),
    (b"SQLite format 3", "an SQLite database", "export the table as CSV"),
    (b"%PDF", "PDF", "export the table as CSV"),
    (&[0x89, b'H', b'D', b'F'], "HDF5", "write it as Parquet or CSV"),
    (&[0x80, 0x04, 0x95], "a Python pickle", "write it as Parquet or CSV"),
    (&[0x93, b'N', b'U', b'M', b'P', b'Y'], "a NumPy array", "write it as Parquet or CSV"),
    (&[0xff, 0xfe, 0, 0], "UTF-32 text", "save it as UTF-8"),
    (&[0, 0, 0xfe, 0xff], "UTF-32 text", "save it as UTF-8"),
];

/// First words of text that is not a table, in lower case.
const MARKUP: &[(&str, &str)] = &[
    ("<!doctype html", "HTML"),
    ("<html", "HTML"),
    ("<?xml", "XML"),
    ("version https://git-lfs", "a Git LFS pointer"),
];

/// What the bytes are, if they are not CSV text, and what to do about it.
fn known(bytes: &[u8]) -> Option<(&'static str, &'static str)> {
    if let Some((_, what, hint)) = SIGNATURES.iter().find(|(start, ..)| bytes.starts_with(start)) {
        // Text may start with these three letters.
        let is_text =
            *what == "ORC" && bytes.get(3).is_none_or(|byte| byte.is_ascii_graphic() || byte.is_ascii_whitespace());
        if !is_text {
            return Some((what, hint));
        }
    }
    let text = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes).trim_ascii_start();
    let start = String::from_utf8_lossy(&text[..text.len().min(32)]).to_lowercase();
    if let Some((_, what)) = MARKUP.iter().find(|(word, _)| start.starts_with(word)) {
        return Some((what, "check how the file was downloaded or exported"));
    }
    is_json(text).then_some(("JSON", "write it as Parquet or CSV"))
}

/// An object, or an array of values, starts here: `{"`, `[{`, `[[`, `["`.
fn is_json(text: &[u8]) -> bool {
    let mut marks = text.iter().filter(|byte| !byte.is_ascii_whitespace()).copied();
    matches!((marks.next(), marks.next()), (Some(b'{'), Some(b'"')) | (Some(b'['), Some(b'{' | b'[' | b'"')))
}

fn not_what_its_name_says(file: &str, expected: &str, found: &str) -> Fault {
    Fault::new("not_what_its_name_says", format!("expected {expected}, found {found}")).file(file)
}

/// Refuses what is known not to be CSV text.
pub(crate) fn check_csv(bytes: &[u8], file: &str) -> Result<(), DataError> {
    match known(bytes) {
        Some((what, hint)) => Err(DataError::malformed(not_what_its_name_says(file, "CSV text", what).hint(hint))),
        None => Ok(()),
    }
}

/// Refuses what does not start as the compressed format that the name says.
pub(crate) fn check_compressed(bytes: &[u8], file: &str, expected: &'static str) -> Result<(), DataError> {
    let found = known(bytes).map_or("something else", |(what, _)| what);
    if found == expected { Ok(()) } else { Err(DataError::malformed(not_what_its_name_says(file, expected, found))) }
}

/// Refuses what does not start and end as Parquet.
pub(crate) fn check_parquet(bytes: &[u8], file: &str) -> Result<(), DataError> {
    if !bytes.starts_with(b"PAR1") {
        let text = std::str::from_utf8(&bytes[..bytes.len().min(512)]).is_ok_and(|text| !text.contains('\0'));
        let other = if text { ("text", "name it .csv, or set data.format: csv") } else { ("something else", "") };
        let (what, hint) = known(bytes).unwrap_or(other);
        let fault = not_what_its_name_says(file, "Parquet", what);
        return Err(DataError::malformed(if hint.is_empty() { fault } else { fault.hint(hint) }));
    }
    if bytes.len() < 12 || !bytes.ends_with(b"PAR1") {
        let fault = Fault::new("damaged_parquet", "expected a whole Parquet file, found it cut: the footer is missing");
        return Err(DataError::malformed(fault.file(file).hint("copy or write it again")));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_that_only_looks_like_something() {
        for text in ["", "a,b\n1,2\n", "ORC,b\n", "{x},b\n", "[a],b\n", "<a>,b\n", "id,{\"a\":1}\n", "PAR,1\n"] {
            assert!(check_csv(text.as_bytes(), "a.csv").is_ok(), "{text}");
        }
    }

    #[test]
    fn what_is_not_text_is_named() {
        let cases: &[(&[u8], &str)] = &[
            (b"{\"a\": 1}\n", "JSON"),
            (b"\xef\xbb\xbf [ {\"a\": 1}]", "JSON"),
            (b"\n<!DOCTYPE html><html>", "HTML"),
            (b"PK\x03\x04...", "a zip archive or a spreadsheet"),
            (b"PAR1....PAR1", "Parquet"),
            (b"ORC\x08\x03", "ORC"),
        ];
        for (bytes, what) in cases {
            let error = check_csv(bytes, "a.csv").unwrap_err();
            assert!(error.to_string().contains(&format!("expected CSV text, found {what}")), "{error}");
        }
    }

    #[test]
    fn parquet_is_whole() {
        assert_eq!(check_parquet(b"a,b\n1,2\n", "a.parquet").unwrap_err().to_string().lines().count(), 2);
        assert_eq!(check_parquet(b"PAR1abcdefgh", "a.parquet").unwrap_err().code(), "damaged_parquet");
        assert_eq!(check_parquet(b"PAR1", "a.parquet").unwrap_err().code(), "damaged_parquet");
        assert!(check_parquet(b"PAR1abcdPAR1", "a.parquet").is_ok());
    }
}
