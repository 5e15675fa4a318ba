//! Files as batches: the reader of `trainer features run`, for tasks that each read a share of them.

use std::sync::{Arc, Mutex, PoisonError};

use arrow::array::RecordBatch;
use arrow::datatypes::{Schema, SchemaRef};
use arrow_pyarrow::PyArrowType;
use pyo3::prelude::*;
use pyo3::types::PyBytes;
use trainer_data::{Batches, FileFormat, FileScan, LookedFile, Scan, ScanOptions, ScanShare};

use crate::fault::{OrRaise, raised_scan, refused};

/// The files of a path (a file, a folder or a pattern; local or S3), whose columns are settled.
#[pyclass(module = "trainer_features", frozen)]
#[derive(Debug)]
pub struct Files {
    scan: FileScan,
    format: Option<FileFormat>,
}

#[pymethods]
impl Files {
    /// Finds the files and the types of their columns; `options`: JSON of how they are read.
    #[new]
    fn new(py: Python<'_>, path: &str, options: &str) -> PyResult<Self> {
        let options: ScanOptions = serde_json::from_str(options)
            .map_err(|problem| refused("scan_options", format!("expected how files are read, as JSON: {problem}")))?;
        let scan = py.detach(|| FileScan::open(path, &options)).or_raise()?;
        Ok(Self { scan, format: options.format })
    }

    /// Names and types of the columns.
    #[getter]
    fn schema(&self) -> PyArrowType<Schema> {
        PyArrowType(self.scan.schema().as_ref().clone())
    }

    /// Whether text that says numbers becomes numbers while it is read: Parquet says itself what its cells are.
    #[getter]
    fn numbers_are_read(&self) -> bool {
        let is_parquet = |path: &str| path.ends_with(".parquet") || path.ends_with(".pq");
        let by_format = self.format.map(|format| format != FileFormat::Parquet);
        by_format.unwrap_or_else(|| !self.scan.report().files.iter().any(|file| is_parquet(&file.path)))
    }

    /// How many files there are, and their bytes.
    #[getter]
    fn size(&self) -> (usize, u64) {
        let files = self.scan.report().files;
        (files.len(), files.iter().map(|file| file.bytes).sum())
    }

    /// The files in their order, cut into at most so many shares.
    fn shares(&self, most: usize) -> Vec<Share> {
        let share = |share| Share { share, schema: self.scan.schema() };
        self.scan.shares(most).into_iter().map(share).collect()
    }

    /// The same files with types that hold every cell, from what [`Share::look`] found, in the order of the shares.
    fn retyped(&self, looked: Vec<Vec<u8>>) -> PyResult<Self> {
        let read = |bytes: Vec<u8>| serde_json::from_slice::<Vec<LookedFile>>(&bytes);
        let looked = looked.into_iter().map(read).collect::<Result<Vec<_>, _>>();
        let looked =
            looked.map_err(|_| refused("looked", "expected what was found of all files, found other bytes"))?;
        let scan = self.scan.retyped(looked.into_iter().flatten().collect()).or_raise()?;
        Ok(Self { scan, format: self.format })
    }

    /// What was found of all shares, as JSON: their reports in order, and what is known of the files together.
    fn report(&self, shares: Vec<String>) -> PyResult<String> {
        let mut report = self.scan.report();
        report.files.clear();
        for share in shares {
            let share = serde_json::from_str(&share)
                .map_err(|_| refused("report", "expected the report of a share, found other text"))?;
            report.merge(share);
        }
        Ok(serde_json::to_string(&report).expect("counts and text"))
    }
}

/// Some of the files; pickles, and opens wherever they can be reached.
#[pyclass(module = "trainer_features", frozen)]
#[derive(Debug)]
pub struct Share {
    share: ScanShare,
    schema: SchemaRef,
}

#[pymethods]
impl Share {
    #[new]
    fn new(share: &[u8], schema: PyArrowType<Schema>) -> PyResult<Self> {
        let share = serde_json::from_slice(share)
            .map_err(|_| refused("share", "expected a share of files, found other bytes"))?;
        Ok(Self { share, schema: Arc::new(schema.0) })
    }

    fn __reduce__<'py>(slf: &Bound<'py, Self>) -> (Bound<'py, PyAny>, (Bound<'py, PyBytes>, PyArrowType<Schema>)) {
        let share = slf.get();
        let bytes = serde_json::to_vec(&share.share).expect("names and numbers");
        (slf.get_type().into_any(), (PyBytes::new(slf.py(), &bytes), PyArrowType(share.schema.as_ref().clone())))
    }

    /// Starts reading.
    fn open(&self, py: Python<'_>) -> PyResult<Reading> {
        py.detach(|| {
            let scan = FileScan::of_share(&self.share, self.schema.clone()).or_raise()?;
            let all: Vec<usize> = (0..self.schema.fields().len()).collect();
            let batches = scan.open(&all).map_err(raised_scan)?;
            Ok(Reading { scan, batches: Mutex::new(batches) })
        })
    }

    /// Looks at all cells, for `Files.retyped`.
    fn look<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyBytes>> {
        let looked = py.detach(|| FileScan::of_share(&self.share, self.schema.clone())?.look()).or_raise()?;
        Ok(PyBytes::new(py, &serde_json::to_vec(&looked).expect("names and numbers")))
    }
}

/// The batches of a share, one after the other.
#[pyclass(module = "trainer_features", frozen)]
pub struct Reading {
    scan: FileScan,
    batches: Mutex<Batches>,
}

#[pymethods]
impl Reading {
    fn __iter__(slf: Py<Self>) -> Py<Self> {
        slf
    }

    fn __next__(&self, py: Python<'_>) -> PyResult<Option<PyArrowType<RecordBatch>>> {
        let next = py.detach(|| self.batches.lock().unwrap_or_else(PoisonError::into_inner).next());
        next.transpose().map_err(raised_scan).map(|batch| batch.map(PyArrowType))
    }

    /// What was found so far, as JSON; whole once the batches have ended.
    fn report(&self) -> String {
        serde_json::to_string(&self.scan.report()).expect("counts and text")
    }
}
