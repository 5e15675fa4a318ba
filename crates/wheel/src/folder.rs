//! A folder of files, written by several tasks.

use std::sync::{Mutex, MutexGuard, PoisonError};

use arrow::array::RecordBatch;
use arrow::datatypes::Schema;
use arrow_pyarrow::PyArrowType;
use pyo3::prelude::*;
use pyo3::types::PyBytes;
use serde::{Deserialize, Serialize};
use trainer_data::{Compression, FileFormat, FolderParts, Sink, SinkOptions, WrittenFile, sink};

use crate::fault::{OrRaise, refused};

/// How it is written, as a config says it.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
struct Store {
    format: Option<FileFormat>,
    #[serde(default)]
    compression: Compression,
}

/// A folder that is being filled; pickles.
#[pyclass(module = "trainer_features", frozen)]
#[derive(Debug)]
pub struct Folder {
    parts: FolderParts,
    store: Store,
}

impl Store {
    fn options(&self) -> SinkOptions {
        SinkOptions { format: self.format, compression: self.compression, ..SinkOptions::default() }
    }
}

#[pymethods]
impl Folder {
    /// Begins a folder; `store`: JSON with `format` and `compression`.
    #[staticmethod]
    fn begin(py: Python<'_>, path: &str, store: &str) -> PyResult<Self> {
        let store: Store = serde_json::from_str(store)
            .map_err(|problem| refused("store", format!("expected how files are written, as JSON: {problem}")))?;
        let parts = py.detach(|| FolderParts::begin(path, &store.options())).or_raise()?;
        Ok(Self { parts, store })
    }

    #[new]
    fn new(bytes: &[u8]) -> PyResult<Self> {
        let (parts, store) = serde_json::from_slice(bytes)
            .map_err(|_| refused("folder", "expected a folder that was begun, found other bytes"))?;
        Ok(Self { parts, store })
    }

    fn __reduce__<'py>(slf: &Bound<'py, Self>) -> (Bound<'py, PyAny>, (Bound<'py, PyBytes>,)) {
        let folder = slf.get();
        let bytes = serde_json::to_vec(&(&folder.parts, &folder.store)).expect("names");
        (slf.get_type().into_any(), (PyBytes::new(slf.py(), &bytes),))
    }

    /// Opens a part, counted from 0, for batches of a schema.
    fn part(&self, number: usize, schema: PyArrowType<Schema>) -> PyResult<Part> {
        let sink = sink(&self.parts.part(number), &schema.0.into(), &self.store.options()).or_raise()?;
        Ok(Part { sink: Mutex::new(Some(sink)) })
    }

    /// Makes the parts (what each told when it was finished) the files of the folder: what is told of them then.
    fn settle(&self, py: Python<'_>, parts: Vec<String>) -> PyResult<String> {
        let read = |part: &String| serde_json::from_str::<Vec<WrittenFile>>(part);
        let parts = parts.iter().map(read).collect::<Result<Vec<_>, _>>();
        let parts = parts.map_err(|_| refused("parts", "expected what was told of the parts, found other text"))?;
        let files = parts.into_iter().flatten().collect();
        let files = py.detach(|| self.parts.clone().settle(files)).or_raise()?;
        Ok(serde_json::to_string(&files).expect("counts and text"))
    }

    /// Takes back what was written beside the folder.
    fn abandon(&self) {
        self.parts.clone().abandon();
    }
}

/// A file of the folder that is being written.
#[pyclass(module = "trainer_features", frozen)]
pub struct Part {
    /// None once finished. A pyclass must be `Sync`, which a sink is not.
    sink: Mutex<Option<Box<dyn Sink>>>,
}

#[pymethods]
impl Part {
    /// Adds rows.
    fn write(&self, py: Python<'_>, batch: PyArrowType<RecordBatch>) -> PyResult<()> {
        py.detach(|| self.lock().as_mut().ok_or_else(finished)?.write(&batch.0).or_raise())
    }

    /// Ends the file: what there is to tell of it, as JSON.
    fn finish(&self, py: Python<'_>) -> PyResult<String> {
        let sink = self.lock().take().ok_or_else(finished)?;
        let files = py.detach(|| sink.finish()).or_raise()?;
        Ok(serde_json::to_string(&files).expect("counts and text"))
    }
}

impl Part {
    fn lock(&self) -> MutexGuard<'_, Option<Box<dyn Sink>>> {
        self.sink.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn finished() -> PyErr {
    refused("part_finished", "expected a part that is being written, found it finished")
}
