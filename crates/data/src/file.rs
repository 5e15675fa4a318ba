//! One file: what it is by its name, whether its bytes agree, and its columns.

use std::collections::HashSet;
use std::io::Read;

use bytes::Bytes;
use sha2::{Digest, Sha256};

use crate::{Column, DataError, Fault, Format, InputFile, ReadOptions, Warning, csv, parquet, signature, warning};

/// What was read of one file.
#[derive(Debug)]
pub(crate) struct Part {
    pub(crate) info: InputFile,
    pub(crate) columns: Vec<Column>,
    /// Text columns that hold nothing but digits: integers but for leading zeros or for their length.
    pub(crate) digits: HashSet<String>,
    pub(crate) warnings: Vec<Warning>,
}

/// How a file's name says that it is packed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Packing {
    None,
    Gzip,
    Zstandard,
}

/// Reads one file of that name from its bytes.
pub(crate) fn read(name: &str, bytes: Bytes, options: &ReadOptions) -> Result<Part, DataError> {
    let (format, packing) = form(name, options.format)?;
    if bytes.is_empty() {
        let fault = Fault::new("empty_file", "expected data, found an empty file");
        return Err(DataError::malformed(fault.file(name)));
    }
    let (digest, decoded) =
        rayon::join(|| hexadecimal(&Sha256::digest(&bytes)), || decode(name, &bytes, format, packing, options));
    let (columns, digits, warnings) = decoded?;
    let rows = columns.first().map_or(0, Column::len) as u64;
    if columns.is_empty() {
        let fault = Fault::new("no_columns", "expected at least one column, found none").file(name);
        return Err(DataError::malformed(fault));
    }
    if rows == 0 {
        let fault = Fault::new("no_rows", "expected data rows, found none").file(name);
        return Err(DataError::malformed(fault));
    }
    let info = InputFile { path: name.into(), bytes: bytes.len() as u64, sha256: digest, rows };
    let warnings = warnings.into_iter().chain(columns.iter().filter_map(warning::inexact_integers)).collect();
    Ok(Part { info, columns, digits, warnings })
}

type Decoded = (Vec<Column>, HashSet<String>, Vec<Warning>);

fn decode(
    name: &str,
    bytes: &Bytes,
    format: Format,
    packing: Packing,
    options: &ReadOptions,
) -> Result<Decoded, DataError> {
    match format {
        Format::Parquet => {
            signature::check_parquet(bytes, name)?;
            let (columns, warnings) = parquet::read(bytes, name, &options.skip)?;
            Ok((columns, HashSet::new(), warnings))
        }
        Format::Csv => {
            let unpacked = unpack(name, bytes, packing)?;
            let text = unpacked.as_deref().unwrap_or(bytes);
            signature::check_csv(text, name)?;
            csv::read(text, name, options)
        }
    }
}

/// The extension of a name in lower case, and the packing that another behind it stands for.
pub(crate) fn extension(name: &str) -> (String, Packing) {
    let lower = name.to_ascii_lowercase();
    let (plain, packing) = match lower.strip_suffix(".gz") {
        Some(plain) => (plain, Packing::Gzip),
        None => match lower.strip_suffix(".zst").or_else(|| lower.strip_suffix(".zstd")) {
            Some(plain) => (plain, Packing::Zstandard),
            None => (lower.as_str(), Packing::None),
        },
    };
    let extension =
        plain.rsplit('/').next().and_then(|name| name.rsplit_once('.')).map_or("", |(_, extension)| extension);
    (extension.to_owned(), packing)
}

/// Format and packing, by the name's extensions; the format that was asked for comes first.
fn form(name: &str, asked: Option<Format>) -> Result<(Format, Packing), DataError> {
    let (extension, packing) = extension(name);
    let format = match (asked, extension.as_str()) {
        (Some(format), _) => format,
        (None, "parquet" | "pq") => Format::Parquet,
        (None, "csv" | "tsv") => Format::Csv,
        (None, _) => {
            let fault =
                Fault::new("unknown_format", "expected a name that ends in .parquet, .csv, .csv.gz or .csv.zst");
            return Err(DataError::options(
                fault.file(name).hint("set data.format to csv or parquet, or select files by a pattern"),
            ));
        }
    };
    if format == Format::Parquet && packing != Packing::None {
        let fault = Fault::new("packed_parquet", "expected Parquet as it is, found a name of a packed file");
        return Err(DataError::options(fault.file(name).hint("unpack it: Parquet is compressed inside")));
    }
    Ok((format, packing))
}

fn unpack(name: &str, bytes: &[u8], packing: Packing) -> Result<Option<Vec<u8>>, DataError> {
    let mut unpacked = Vec::new();
    let (what, result) = match packing {
        Packing::None => return Ok(None),
        Packing::Gzip => {
            signature::check_compressed(bytes, name, "gzip")?;
            ("gzip", flate2::read::MultiGzDecoder::new(bytes).read_to_end(&mut unpacked))
        }
        Packing::Zstandard => {
            signature::check_compressed(bytes, name, "Zstandard")?;
            ("Zstandard", zstd::stream::copy_decode(bytes, &mut unpacked).map(|()| unpacked.len()))
        }
    };
    result.map_err(|error| {
        let message = format!("expected whole {what} data, found it damaged or cut: {error}");
        DataError::malformed(Fault::new("damaged_archive", message).file(name))
    })?;
    if unpacked.is_empty() {
        let fault = Fault::new("empty_file", format!("expected data, found empty {what} data"));
        return Err(DataError::malformed(fault.file(name)));
    }
    Ok(Some(unpacked))
}

fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    #[test]
    fn formats_by_name() {
        let form = |name: &str| form(name, None).map_err(|error| error.code());
        assert_eq!(form("a/B.Parquet"), Ok((Format::Parquet, Packing::None)));
        assert_eq!(form("a.csv.GZ"), Ok((Format::Csv, Packing::Gzip)));
        assert_eq!(form("a.tsv.zst"), Ok((Format::Csv, Packing::Zstandard)));
        assert_eq!(form("a.csv/part-0"), Err("unknown_format"));
        assert_eq!(form("a.parquet.gz"), Err("packed_parquet"));
        assert_eq!(form("a.txt"), Err("unknown_format"));
        assert_eq!(super::form("a.txt", Some(Format::Csv)), Ok((Format::Csv, Packing::None)));
    }

    #[test]
    fn packed_files_are_read_and_cut_ones_refused() {
        let text = b"a,b\n1,x\n2,y\n";
        let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        gzip.write_all(text).unwrap();
        let gzip = gzip.finish().unwrap();
        let zstd = zstd::encode_all(&text[..], 1).unwrap();
        for (name, bytes) in [("a.csv.gz", &gzip), ("a.csv.zst", &zstd)] {
            let read = |bytes: &[u8]| read(name, Bytes::copy_from_slice(bytes), &ReadOptions::default());
            let part = read(bytes).unwrap();
            assert_eq!((part.info.rows, part.info.bytes), (2, bytes.len() as u64));
            assert_eq!(read(&bytes[..bytes.len() - 3]).unwrap_err().code(), "damaged_archive");
            assert_eq!(read(text).unwrap_err().code(), "not_what_its_name_says");
        }
    }

    #[test]
    fn digest_is_of_the_bytes_as_they_lie() {
        let part = read("a.csv", Bytes::from_static(b"a\n1\n"), &ReadOptions::default()).unwrap();
        // printf 'a\n1\n' | sha256sum
        assert_eq!(part.info.sha256, "309b0e45a73d3fc5325e2b6ed0a01ef8b9cde6b05a5633c1f893f970d52bfddc");
    }
}
