//! Tables to files: written beside the final name, synced, then renamed, so that no half-written file bears that name.

use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use arrow::array::{Array as _, ArrayRef, RecordBatch, make_array};
use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use parquet::arrow::ArrowWriter;
use parquet::basic::{Compression, ZstdLevel};
use parquet::file::properties::WriterProperties;

use crate::{Column, DataError, Fault, Kind, Table};

/// Rows of a row group: what other readers take as a unit of work.
const ROW_GROUP_ROWS: usize = 1 << 20;

/// Rows that are written at a time: where a page ends depends on how many values come at once.
pub(crate) const CHUNK_ROWS: usize = 1 << 16;

/// Writes a table as Parquet, or as CSV where the name ends in `.csv`.
///
/// # Errors
/// `Options` (`output_format`) for any other name; `Unwritable` with the path when the file cannot be written.
pub fn write(table: &Table, path: &Path) -> Result<(), DataError> {
    let extension = path.extension().and_then(|extension| extension.to_str()).unwrap_or_default().to_ascii_lowercase();
    match extension.as_str() {
        "parquet" | "pq" => write_parquet(table, path),
        "csv" => write_csv(table, path),
        _ => {
            let fault = Fault::new("output_format", "expected a name that ends in .parquet or .csv");
            Err(DataError::options(fault.file(path.display().to_string())))
        }
    }
}

/// Writes a table as Parquet (zstd). The same table gives the same bytes.
///
/// # Errors
/// `Unwritable` with the path.
pub fn write_parquet(table: &Table, path: &Path) -> Result<(), DataError> {
    atomically(path, |out| write_rows(&batch(table).map_err(io::Error::other)?, out))
}

/// The bytes that [`write_parquet`] writes.
///
/// # Errors
/// `Unwritable` for a table that Parquet does not hold.
pub fn parquet_bytes(table: &Table) -> Result<Vec<u8>, DataError> {
    let mut bytes = Vec::new();
    let written = batch(table).map_err(io::Error::other).and_then(|rows| write_rows(&rows, &mut bytes));
    let unwritable =
        |error| DataError::unwritable(Fault::new("unwritable", format!("cannot be written as Parquet: {error}")));
    written.map(|()| bytes).map_err(unwritable)
}

fn write_rows(batch: &RecordBatch, out: &mut (impl Write + Send)) -> io::Result<()> {
    let mut writer = parquet_writer(out, &batch.schema())?;
    write_chunks(batch, &mut writer)?;
    writer.close().map(|_| ()).map_err(io::Error::other)
}

/// Writes rows, of which only the last may be fewer than a chunk: the bytes are those of all rows at once.
pub(crate) fn write_chunks<W: Write + Send>(batch: &RecordBatch, writer: &mut ArrowWriter<W>) -> io::Result<()> {
    (0..batch.num_rows()).step_by(CHUNK_ROWS).try_for_each(|from| {
        let chunk = batch.slice(from, CHUNK_ROWS.min(batch.num_rows() - from));
        let columns = chunk.columns().iter().map(without_idle_nulls).collect();
        let chunk = RecordBatch::try_new(chunk.schema(), columns).map_err(io::Error::other)?;
        writer.write(&chunk).map_err(io::Error::other)
    })
}

/// An array that says nothing of nulls where it has none: the writer ends its pages elsewhere then.
fn without_idle_nulls(array: &ArrayRef) -> ArrayRef {
    match array.nulls() {
        Some(nulls) if nulls.null_count() == 0 => {
            let data = array.to_data().into_builder().nulls(None).build();
            data.map_or_else(|_| array.clone(), make_array)
        }
        _ => array.clone(),
    }
}

pub(crate) fn parquet_writer<W: Write + Send>(out: W, schema: &SchemaRef) -> io::Result<ArrowWriter<W>> {
    let properties = WriterProperties::builder()
        .set_compression(Compression::ZSTD(ZstdLevel::default()))
        .set_max_row_group_row_count(Some(ROW_GROUP_ROWS))
        .build();
    ArrowWriter::try_new(out, schema.clone(), Some(properties)).map_err(io::Error::other)
}

/// Writes a table as CSV: comma, a header, LF line ends, quotes where needed, missing cells empty.
///
/// # Errors
/// `Unwritable` with the path.
pub fn write_csv(table: &Table, path: &Path) -> Result<(), DataError> {
    atomically(path, |out| {
        write_record(out, table.names().map(Some))?;
        write_cells(table, out)
    })
}

/// Writes the rows of a table as lines of CSV.
pub(crate) fn write_cells(table: &Table, out: &mut impl Write) -> io::Result<()> {
    for row in 0..table.rows() {
        let cells: Vec<_> = table.columns().iter().map(|column| column.text(row)).collect();
        write_record(out, cells.iter().map(|cell| cell.as_deref()))?;
    }
    Ok(())
}

/// Writes one line of CSV.
pub(crate) fn write_record<'a>(
    out: &mut impl Write,
    cells: impl ExactSizeIterator<Item = Option<&'a str>>,
) -> io::Result<()> {
    let alone = cells.len() == 1;
    for (position, cell) in cells.enumerate() {
        if position > 0 {
            out.write_all(b",")?;
        }
        match cell {
            Some(text) if text.is_empty() || text.contains([',', '"', '\n', '\r']) => {
                write!(out, "\"{}\"", text.replace('"', "\"\""))?;
            }
            Some(text) => out.write_all(text.as_bytes())?,
            // A line of one empty cell would be a blank line, which is no row.
            None if alone => out.write_all(b"\"\"")?,
            None => {}
        }
    }
    out.write_all(b"\n")
}

/// Text as `Utf8`, which every reader knows, where it fits 32-bit offsets.
pub(crate) fn batch(table: &Table) -> Result<RecordBatch, arrow::error::ArrowError> {
    let arrays: Vec<ArrayRef> = table.columns().iter().map(small_text).collect();
    let fields: Vec<Field> = table
        .columns()
        .iter()
        .zip(&arrays)
        .map(|(column, array)| Field::new(column.name(), array.data_type().clone(), true))
        .collect();
    RecordBatch::try_new(Arc::new(Schema::new(fields)), arrays)
}

fn small_text(column: &Column) -> ArrayRef {
    match column.kind() {
        Kind::Text => arrow::compute::cast(column.array(), &DataType::Utf8).unwrap_or_else(|_| column.array().clone()),
        _ => column.array().clone(),
    }
}

/// Writes a file aside, syncs it, and gives it its name.
fn atomically(path: &Path, write: impl FnOnce(&mut BufWriter<File>) -> io::Result<()>) -> Result<(), DataError> {
    let aside = aside(path);
    let written = (|| {
        let mut out = BufWriter::new(File::create(&aside)?);
        write(&mut out)?;
        out.into_inner().map_err(io::IntoInnerError::into_error)?.sync_all()?;
        fs::rename(&aside, path)
    })();
    written.map_err(|error| {
        // What is half written goes; that it cannot go either is not the user's first trouble.
        let _ = fs::remove_file(&aside);
        unwritable(path, &error)
    })
}

pub(crate) fn unwritable(path: &Path, error: &io::Error) -> DataError {
    let fault = Fault::new("unwritable", format!("cannot write the file: {error}"));
    DataError::unwritable(fault.file(path.display().to_string()))
}

/// A name beside the final one, which a reader of the folder leaves out.
pub(crate) fn aside(path: &Path) -> PathBuf {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    path.with_file_name(format!(".{name}.{}.partial", std::process::id()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table() -> Table {
        Table::from_columns(vec![
            Column::from_integers("id", vec![Some(1), None, Some(3)]),
            Column::from_text("text, \"quoted\"", vec![Some("a,b"), None, Some("say \"x\"\nthen")]),
            Column::from_numbers("score", vec![Some(0.1), Some(2.0), None]),
            Column::from_booleans("b", vec![Some(true), Some(false), None]),
        ])
        .unwrap()
    }

    #[test]
    fn parquet_round_trip_gives_equal_bytes() {
        let folder = tempfile::tempdir().unwrap();
        let (a, b) = (folder.path().join("a.parquet"), folder.path().join("b.parquet"));
        write(&table(), &a).unwrap();
        write(&table(), &b).unwrap();
        let bytes = fs::read(&a).unwrap();
        assert_eq!(bytes, fs::read(&b).unwrap());
        let (columns, _) = crate::parquet::read(&bytes.into(), "a.parquet", &[]).unwrap();
        assert_eq!(Table::from_columns(columns).unwrap(), table());
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 2, "nothing is left aside");
    }

    #[test]
    fn csv_quotes_what_needs_it() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.CSV");
        write(&table(), &path).unwrap();
        let expected =
            "id,\"text, \"\"quoted\"\"\",score,b\n1,\"a,b\",0.1,true\n,,2,false\n3,\"say \"\"x\"\"\nthen\",,\n";
        assert_eq!(fs::read_to_string(path).unwrap(), expected);
    }

    #[test]
    fn paths_that_cannot_be_written() {
        let folder = tempfile::tempdir().unwrap();
        let error = write(&table(), &folder.path().join("absent/a.parquet")).unwrap_err();
        assert!(error.to_string().contains("absent/a.parquet: cannot write the file"), "{error}");
        assert_eq!(write(&table(), Path::new("a.xlsx")).unwrap_err().code(), "output_format");
        // The final name is a folder: nothing is left aside.
        fs::create_dir(folder.path().join("b.csv")).unwrap();
        assert_eq!(write(&table(), &folder.path().join("b.csv")).unwrap_err().code(), "unwritable");
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }
}
