//! Tables to one file, one after the other: the bytes that [`crate::write`] gives for all of their rows at once.

use std::fs::{self, File};
use std::io::{self, BufWriter};
use std::path::{Path, PathBuf};

use arrow::array::RecordBatch;
use arrow::compute::concat_batches;
use arrow::datatypes::SchemaRef;
use parquet::arrow::ArrowWriter;

use crate::write::{CHUNK_ROWS, aside, batch, parquet_writer, unwritable, write_cells, write_chunks, write_record};
use crate::{DataError, Fault, Table};

/// A Parquet or CSV file that appears when it is finished. Dropped before, it leaves nothing behind.
pub struct TableFile {
    path: PathBuf,
    aside: PathBuf,
    form: Option<Form>,
    rows: u64,
}

enum Form {
    Parquet { writer: Box<ArrowWriter<BufWriter<File>>>, schema: SchemaRef, waiting: Vec<RecordBatch>, rows: usize },
    Csv(BufWriter<File>),
}

impl TableFile {
    /// Opens a file for tables with the columns of this one: Parquet, or CSV where the name ends in `.csv`.
    ///
    /// # Errors
    /// `Options` (`output_format`) for any other name; `Unwritable` with the path when the file cannot be written.
    pub fn create(path: &Path, like: &Table) -> Result<Self, DataError> {
        let extension = path.extension().and_then(|it| it.to_str()).unwrap_or_default().to_ascii_lowercase();
        if !matches!(extension.as_str(), "parquet" | "pq" | "csv") {
            let fault = Fault::new("output_format", "expected a name that ends in .parquet or .csv");
            return Err(DataError::options(fault.file(path.display().to_string())));
        }
        let mut file = Self { path: path.to_owned(), aside: aside(path), form: None, rows: 0 };
        let opened = (|| {
            let mut out = BufWriter::new(File::create(&file.aside)?);
            if extension == "csv" {
                write_record(&mut out, like.names().map(Some))?;
                return Ok(Form::Csv(out));
            }
            let schema = batch(&like.take(&[])).map_err(io::Error::other)?.schema();
            let writer = Box::new(parquet_writer(out, &schema)?);
            Ok(Form::Parquet { writer, schema, waiting: Vec::new(), rows: 0 })
        })();
        file.form = Some(opened.map_err(|error| unwritable(path, &error))?);
        Ok(file)
    }

    /// Adds the rows of a table, after those before.
    ///
    /// # Errors
    /// `Unwritable` with the path.
    pub fn add(&mut self, table: &Table) -> Result<(), DataError> {
        self.rows += table.rows() as u64;
        let added = match self.form.as_mut().expect("there until it is finished") {
            Form::Csv(out) => write_cells(table, out),
            Form::Parquet { writer, schema, waiting, rows } => (|| {
                waiting.push(batch(table).map_err(io::Error::other)?);
                *rows += table.rows();
                if *rows < CHUNK_ROWS {
                    return Ok(());
                }
                let whole = concat_batches(schema, waiting.iter()).map_err(io::Error::other)?;
                let full = *rows - *rows % CHUNK_ROWS;
                write_chunks(&whole.slice(0, full), writer)?;
                *rows -= full;
                *waiting = vec![whole.slice(full, *rows)];
                Ok(())
            })(),
        };
        added.map_err(|error| unwritable(&self.path, &error))
    }

    /// Ends the file, syncs it, and gives it its name; returns its rows.
    ///
    /// # Errors
    /// `Unwritable` with the path: then what was there before is there still.
    pub fn finish(mut self) -> Result<u64, DataError> {
        let ended = match self.form.take().expect("there until it is finished") {
            Form::Csv(out) => Ok(out),
            Form::Parquet { mut writer, schema, waiting, .. } => (|| {
                write_chunks(&concat_batches(&schema, waiting.iter()).map_err(io::Error::other)?, &mut writer)?;
                writer.into_inner().map_err(io::Error::other)
            })(),
        };
        let named = ended.and_then(|out| {
            out.into_inner().map_err(io::IntoInnerError::into_error)?.sync_all()?;
            fs::rename(&self.aside, &self.path)
        });
        named.map_err(|error| unwritable(&self.path, &error))?;
        Ok(self.rows)
    }
}

impl Drop for TableFile {
    fn drop(&mut self) {
        // Once it is finished nothing is there; what cannot go is not the user's first trouble.
        self.form = None;
        let _ = fs::remove_file(&self.aside);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Column, write};

    #[test]
    fn tables_one_after_the_other_give_the_bytes_of_the_whole() {
        let rows = 150_000_i64;
        let table = Table::from_columns(vec![
            Column::from_integers("id", (0..rows).map(|row| (row % 11 != 0).then_some(row)).collect()),
            Column::from_text("text", (0..rows).map(|row| Some(format!("{}", row % 40_009))).collect::<Vec<_>>()),
            Column::from_numbers("x", (0..rows).map(|row| Some(row as f64 / 7.0)).collect()),
        ])
        .unwrap();
        let folder = tempfile::tempdir().unwrap();
        for name in ["a.parquet", "a.csv"] {
            let (whole, parts) = (folder.path().join(name), folder.path().join(format!("parts-{name}")));
            write(&table, &whole).unwrap();
            let mut file = TableFile::create(&parts, &table).unwrap();
            let mut from = 0_u32;
            for length in [1_u32, 70_000, 0, 123, 65_536].into_iter().cycle() {
                let to = (from + length).min(rows as u32);
                file.add(&table.take(&(from..to).collect::<Vec<_>>())).unwrap();
                from = to;
                if from == rows as u32 {
                    break;
                }
            }
            assert_eq!(file.finish().unwrap(), rows as u64);
            assert!(fs::read(&whole).unwrap() == fs::read(&parts).unwrap(), "{name}");
        }
        drop(TableFile::create(&folder.path().join("dropped.csv"), &table).unwrap());
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 4, "nothing is left aside");
        assert_eq!(TableFile::create(Path::new("a.xlsx"), &table).err().unwrap().code(), "output_format");
    }
}
