//! A folder of files, one folder in it a value of the columns that are partitioned by, as Hive names them.
//!
//! At most [`OPEN`] files are open. When one more is needed, the one that was not written to for longest is ended, and a
//! further file is begun should its folder have more rows: what is written depends on the rows alone.
//!
//! A local folder is written beside its name and then takes it: the old one is moved aside first, so for a moment
//! between two renames there is none. In a bucket all new objects are sent before any appears; then the marker of the
//! old ones goes, the new ones appear, old ones that they did not replace go, and the marker `_SUCCESS` comes last: who
//! waits for it never reads a mixture.

use std::collections::HashMap;
use std::fs;
use std::path::Path;
use std::sync::Arc;

use arrow::array::{RecordBatch, UInt32Array};
use arrow::datatypes::SchemaRef;

use super::aside::{aside, unwritable};
use super::output::Target;
use super::{FileWriter, Sink, SinkOptions, Written, WrittenFile, file_writer};
use crate::source::bucket::Bucket;
use crate::{Column, DataError, Fault, FileFormat};

/// Files that are open at a time.
const OPEN: usize = 64;

/// The name of a folder of rows without a value.
const NO_VALUE: &str = "__HIVE_DEFAULT_PARTITION__";

pub(super) const MARKER: &str = "_SUCCESS";

pub(super) struct Partitions {
    target: Target,
    /// The folder as it was named, and where it is written: the same in a bucket.
    folder: String,
    aside: String,
    options: SinkOptions,
    format: FileFormat,
    /// Of the files.
    schema: SchemaRef,
    keys: Vec<usize>,
    others: Vec<usize>,
    open: HashMap<String, Open>,
    /// Files begun, by folder.
    begun: HashMap<String, u64>,
    ended: Vec<Written>,
    clock: u64,
    finished: bool,
}

struct Open {
    writer: Box<dyn FileWriter>,
    used: u64,
}

impl Partitions {
    pub(super) fn new(
        target: Target,
        folder: &str,
        schema: &SchemaRef,
        options: &SinkOptions,
    ) -> Result<Self, DataError> {
        let position = |name: &String| {
            let names = schema.fields().iter().map(|field| field.name().as_str());
            schema.index_of(name).map_err(|_| crate::table::missing(name, names, None))
        };
        let keys = options.partition_by.iter().map(position).collect::<Result<Vec<_>, _>>()?;
        let others: Vec<usize> = (0..schema.fields().len()).filter(|column| !keys.contains(column)).collect();
        if others.is_empty() {
            let message = "expected a column besides those that are partitioned by, found none";
            return Err(DataError::options(Fault::new("no_columns", message).file(folder)));
        }
        let folder = folder.trim_end_matches('/').to_owned();
        let aside = match &target {
            Target::Folder => {
                check_ours(Path::new(&folder))?;
                aside(Path::new(&folder)).display().to_string()
            }
            Target::Bucket(_) => folder.clone(),
        };
        let format = match options.format {
            Some(FileFormat::Csv) => FileFormat::Csv,
            Some(FileFormat::JsonLines) => return Err(super::unknown(&folder)),
            Some(FileFormat::Parquet) | None => FileFormat::Parquet,
        };
        Ok(Self {
            target,
            folder,
            aside,
            options: options.clone(),
            format,
            schema: schema.project(&others).expect("columns of the schema").into(),
            keys,
            others,
            open: HashMap::new(),
            begun: HashMap::new(),
            ended: Vec::new(),
            clock: 0,
            finished: false,
        })
    }

    /// The rows of each folder, folders by their first row.
    fn folders(&self, batch: &RecordBatch) -> Result<Vec<(String, Vec<u32>)>, DataError> {
        let schema = batch.schema();
        let column = |&key: &usize| Column::new(schema.field(key).name(), batch.column(key).clone());
        let keys = self.keys.iter().map(column).collect::<Result<Vec<_>, _>>()?;
        let mut places: HashMap<String, usize> = HashMap::new();
        let mut folders: Vec<(String, Vec<u32>)> = Vec::new();
        let mut folder = String::new();
        for row in 0..batch.num_rows() {
            folder.clear();
            for key in &keys {
                let value = key.text(row).filter(|text| !text.is_empty());
                folder.push_str(&escaped(key.name()));
                folder.push('=');
                folder.push_str(&value.map_or_else(|| NO_VALUE.to_owned(), |text| escaped(&text)));
                folder.push('/');
            }
            let place = match places.get(&folder) {
                Some(&place) => place,
                None => {
                    places.insert(folder.clone(), folders.len());
                    folders.push((folder.clone(), Vec::new()));
                    folders.len() - 1
                }
            };
            folders[place].1.push(row as u32);
        }
        Ok(folders)
    }

    fn writer(&mut self, folder: &str) -> Result<&mut Open, DataError> {
        self.clock += 1;
        if !self.open.contains_key(folder) {
            if self.open.len() == OPEN {
                let longest = self.open.iter().min_by_key(|(_, open)| open.used).map(|(folder, _)| folder.clone());
                self.end(&longest.expect("open files"))?;
            }
            let count = self.begun.entry(folder.to_owned()).or_default();
            let extension = if self.format == FileFormat::Csv { "csv" } else { "parquet" };
            let path = format!("{}/{folder}part-{count}.{extension}", self.aside);
            *count += 1;
            let writer = file_writer(self.target.create(&path)?, self.format, &self.schema, &self.options)?;
            self.open.insert(folder.to_owned(), Open { writer, used: 0 });
        }
        let open = self.open.get_mut(folder).expect("opened above");
        open.used = self.clock;
        Ok(open)
    }

    fn end(&mut self, folder: &str) -> Result<(), DataError> {
        let Some(open) = self.open.remove(folder) else { return Ok(()) };
        let mut written = open.writer.end()?;
        written.output.settle()?;
        match self.target {
            // Aside as a whole: the file may have its name, and its handle is freed.
            Target::Folder => {
                let file = written.finish()?;
                self.ended.push(Written { output: super::Output::Done(file.path.clone()), file });
            }
            Target::Bucket(_) => self.ended.push(written),
        }
        Ok(())
    }

    fn finish_folder(&mut self) -> Result<Vec<WrittenFile>, DataError> {
        super::parts::replace(Path::new(&self.folder), Path::new(&self.aside))?;
        self.finished = true;
        let renamed = |written: Written| WrittenFile {
            path: written.file.path.replacen(&self.aside, &self.folder, 1),
            ..written.file
        };
        Ok(self.ended.drain(..).map(renamed).collect())
    }

    fn finish_objects(&mut self, bucket: &Arc<Bucket>) -> Result<Vec<WrittenFile>, DataError> {
        let old = super::parts::unmark(bucket, &self.folder)?;
        let files = self.ended.drain(..).map(Written::finish).collect::<Result<Vec<_>, _>>()?;
        super::parts::mark(bucket, &self.folder, old, &files)?;
        self.finished = true;
        Ok(files)
    }
}

impl Sink for Partitions {
    fn write(&mut self, batch: &RecordBatch) -> Result<(), DataError> {
        let others = batch.project(&self.others).expect("columns of the schema");
        for (folder, rows) in self.folders(batch)? {
            let rows = UInt32Array::from(rows);
            let taken = arrow::compute::take_record_batch(&others, &rows).expect("rows of the batch");
            self.writer(&folder)?.writer.write(&taken)?;
        }
        Ok(())
    }

    fn finish(mut self: Box<Self>) -> Result<Vec<WrittenFile>, DataError> {
        let mut open: Vec<String> = self.open.keys().cloned().collect();
        open.sort();
        for folder in open {
            self.end(&folder)?;
        }
        self.ended.sort_by(|a, b| a.file.path.cmp(&b.file.path));
        match self.target.clone() {
            Target::Folder => self.finish_folder(),
            Target::Bucket(bucket) => self.finish_objects(&bucket),
        }
    }
}

impl Drop for Partitions {
    fn drop(&mut self) {
        if !self.finished && matches!(self.target, Target::Folder) {
            self.open.clear();
            // That what is half written cannot go either is not the user's first trouble.
            let _ = fs::remove_dir_all(&self.aside);
        }
    }
}

/// Whether a name is one that a writer of such folders gives a file.
pub(super) fn is_part(path: &str) -> bool {
    let name = path.rsplit('/').next().unwrap_or_default();
    name.starts_with("part-") || name.starts_with(['.', '_'])
}

/// Refuses to replace a folder that holds anything but what such a writer makes.
pub(super) fn check_ours(folder: &Path) -> Result<(), DataError> {
    let entries = match fs::read_dir(folder) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(unwritable(folder, &error)),
        Ok(entries) => entries,
    };
    for entry in entries {
        let entry = entry.map_err(|error| unwritable(folder, &error))?;
        let name = entry.file_name().to_string_lossy().into_owned();
        let is_folder = entry.file_type().is_ok_and(|found| found.is_dir());
        if is_folder && name.contains('=') {
            check_ours(&entry.path())?;
        } else if is_folder || !is_part(&name) {
            let message = format!("expected a folder of partitions to replace, found `{name}` in it");
            let fault = Fault::new("not_partitions", message).file(folder.display().to_string());
            return Err(DataError::unwritable(fault.hint("write to another folder, or move what is there")));
        }
    }
    Ok(())
}

/// A name or value as Hive writes it in a path.
fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for char in text.chars() {
        if char.is_ascii_control() || "\"#%'*/:=?\\{[]^".contains(char) {
            escaped.push_str(&format!("%{:02X}", char as u32));
        } else {
            escaped.push(char);
        }
    }
    escaped
}
