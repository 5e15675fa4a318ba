//! A scan whose files are read by several processes: each gets a share of them, with the columns as they were settled for
//! all.

use std::collections::HashMap;
use std::sync::Arc;

use arrow::datatypes::SchemaRef;
use serde::{Deserialize, Serialize};

use super::FileScan;
use super::file::{FileColumnPlan, FilePlan, Form, Opened, form};
use super::options::ScanOptions;
use super::typed::{Plan, data_type};
use super::typing::FileColumn;
use crate::source::{self, Found, Location, bucket::Bucket};
use crate::{DataError, Fault, Warning};

/// Some of the files of a scan, as they go to another process; the schema of the scan goes with them.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct ScanShare {
    options: ScanOptions,
    is_exact: bool,
    files: Vec<SharedFile>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
struct SharedFile {
    name: String,
    /// Where it is, wherever the process runs.
    path: String,
    bytes: u64,
    columns: Vec<Option<(usize, Plan)>>,
}

/// The columns of a file, all of whose cells were looked at.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct LookedFile {
    /// Name, whether it is text of digits alone, and how its cells are read; nothing of a file that says it itself.
    columns: Vec<(String, bool, Plan)>,
    rows: u64,
    malformed: u64,
    warnings: Vec<Warning>,
}

impl FileScan {
    /// The files in their order, cut into at most so many shares of about as many bytes; none is empty.
    pub fn shares(&self, most: usize) -> Vec<ScanShare> {
        let total: u64 = self.files.iter().map(|file| file.found.bytes.max(1)).sum();
        let most = most.clamp(1, self.files.len()) as u128;
        let (mut shares, mut before, mut last): (Vec<ScanShare>, u64, _) = (Vec::new(), 0, None);
        for file in self.files.iter() {
            let bytes = file.found.bytes.max(1);
            // The share that the file's middle falls into.
            let place = (u128::from(before) * 2 + u128::from(bytes)) * most / (u128::from(total) * 2);
            if last != Some(place) {
                let (options, is_exact) = (self.options.as_ref().clone(), self.is_exact);
                shares.push(ScanShare { options, is_exact, files: Vec::new() });
                last = Some(place);
            }
            shares.last_mut().expect("pushed above").files.push(shared(file));
            before += bytes;
        }
        shares
    }

    /// The rows of a share. What is known of all files, such as their warnings, is left to the scan that it is of.
    ///
    /// # Errors
    /// `Unreadable`: a file that is not there any more, or has another length (`changed`).
    pub fn of_share(share: &ScanShare, schema: SchemaRef) -> Result<Self, DataError> {
        let mut buckets = HashMap::new();
        let files = share.files.iter().map(|file| planned(file, &share.options, &mut buckets));
        let scan = Self {
            files: files.collect::<Result<_, _>>()?,
            options: Arc::new(share.options.clone()),
            schema,
            is_exact: share.is_exact,
            warnings: Arc::default(),
            quarantine: None,
            kept: Arc::default(),
            pass: Arc::default(),
        };
        *scan.current() = Arc::new(scan.new_pass());
        Ok(scan)
    }

    /// Looks at all cells of the files, for [`FileScan::retyped`].
    ///
    /// # Errors
    /// As [`FileScan::open`].
    pub fn look(&self) -> Result<Vec<LookedFile>, DataError> {
        self.files.iter().map(|file| looked(file, &self.options)).collect()
    }

    /// The scan with types that hold every cell, after [`super::TypeChanged`]: as [`FileScan::widened`], from what was
    /// found out of the files elsewhere, in their order.
    ///
    /// # Errors
    /// As [`FileScan::widened`].
    ///
    /// # Panics
    /// When they are not as many as the files.
    pub fn retyped(&self, looked: Vec<LookedFile>) -> Result<Self, DataError> {
        assert_eq!(looked.len(), self.files.len(), "one for each file");
        let warnings = looked.iter().flat_map(|file| file.warnings.clone()).collect();
        let opened = self.files.iter().zip(looked).map(|(file, looked)| reopened(file, looked, &self.options));
        Self::of_opened(opened.collect::<Result<_, _>>()?, warnings, &self.options, true)
    }
}

fn shared(file: &FilePlan) -> SharedFile {
    let column = |column: &Option<FileColumnPlan>| column.as_ref().map(|column| (column.position, column.plan));
    let columns = file.columns.iter().map(column).collect();
    let name = file.found.name.clone();
    let path = match &file.found.at {
        // Without a current folder there are no relative paths either.
        Location::File(path) => {
            std::path::absolute(path).map_or_else(|_| name.clone(), |path| path.display().to_string())
        }
        Location::Object(_) => name.clone(),
    };
    SharedFile { name, path, bytes: file.found.bytes, columns }
}

fn planned(
    file: &SharedFile,
    options: &ScanOptions,
    buckets: &mut HashMap<String, Arc<Bucket>>,
) -> Result<FilePlan, DataError> {
    let found = Found { name: file.name.clone(), ..source::named(&file.path, buckets)? };
    if found.bytes != file.bytes {
        let message = format!("expected the {} bytes that were there before, found {}", file.bytes, found.bytes);
        return Err(DataError::unreadable(Fault::new("changed", message).file(file.name.as_str())));
    }
    let form = form(&found, options)?;
    let known_rows = if let Form::Parquet(footer) = &form { Some(footer.rows) } else { None };
    let column = |&(position, plan): &(usize, Plan)| FileColumnPlan { position, plan, tally: None };
    let columns = file.columns.iter().map(|known| known.as_ref().map(column)).collect();
    Ok(FilePlan { found, form, columns, known_rows })
}

fn looked(file: &FilePlan, options: &ScanOptions) -> Result<LookedFile, DataError> {
    if let Form::Parquet(footer) = &file.form {
        return Ok(LookedFile { columns: Vec::new(), rows: footer.rows, malformed: 0, warnings: Vec::new() });
    }
    let opened = Opened::open(file.found.clone(), options, &[], u64::MAX)?;
    let warnings = opened.warnings(options);
    let column = |column: FileColumn| {
        (column.name, column.is_digits, column.plan.expect("all cells of a text file were looked at"))
    };
    let columns = opened.columns.into_iter().map(column).collect();
    Ok(LookedFile { columns, rows: opened.rows, malformed: opened.malformed, warnings })
}

fn reopened(file: &FilePlan, looked: LookedFile, options: &ScanOptions) -> Result<Opened, DataError> {
    if let Form::Parquet(footer) = &file.form {
        return Opened::columnar(file.found.clone(), footer.clone(), options);
    }
    let column = |(name, is_digits, plan): (String, bool, Plan)| FileColumn {
        name,
        data_type: data_type(plan.shape),
        is_digits,
        plan: Some(plan),
        tally: None,
    };
    let columns = looked.columns.into_iter().map(column).collect();
    let (found, form) = (file.found.clone(), file.form.clone());
    Ok(Opened { found, form, columns, rows: looked.rows, malformed: looked.malformed })
}
