//! The point-in-time join over sorted batches.

use std::time::Duration;

use arrow::array::RecordBatch;
use arrow::datatypes::Schema;
use arrow_pyarrow::PyArrowType;
use pyo3::prelude::*;
use trainer_data::Fault;
use trainer_features::point_in_time::{self, Layout, Rule};

use crate::fault::{OrRaise, raised, refused};

/// The point-in-time join as one pass over feature rows and labels together.
///
/// Rows must come sorted by the keys (ascending, nulls first), then by time, then by side, features before labels. Rows in
/// any other order are refused with their number.
#[pyclass(module = "trainer_features")]
#[derive(Debug)]
pub struct PointInTime {
    scan: point_in_time::PointInTime,
}

#[pymethods]
impl PointInTime {
    /// A pass over batches of `schema`. `is_label` names the boolean column that is true for labels; `ttl_seconds` is how old
    /// a feature row may be; `created` names when a feature row was written, and with `created_cutoff` rows written after
    /// the label's time are not seen (the rows' time is then the later of the two, also for the sort).
    #[new]
    #[pyo3(signature = (schema, *, keys, time, is_label, features, created=None, ttl_seconds=None, created_cutoff=false))]
    #[expect(clippy::too_many_arguments, reason = "they are Python's keywords")]
    fn new(
        schema: PyArrowType<Schema>,
        keys: Vec<String>,
        time: &str,
        is_label: &str,
        features: Vec<String>,
        created: Option<&str>,
        ttl_seconds: Option<f64>,
        created_cutoff: bool,
    ) -> PyResult<Self> {
        let schema = schema.0;
        let layout = Layout {
            keys: keys.iter().map(|name| position(&schema, name)).collect::<PyResult<_>>()?,
            time: position(&schema, time)?,
            created: created.map(|name| position(&schema, name)).transpose()?,
            is_label: position(&schema, is_label)?,
            features: features.iter().map(|name| position(&schema, name)).collect::<PyResult<_>>()?,
        };
        let ttl = ttl_seconds.map(Duration::try_from_secs_f64).transpose();
        let ttl =
            ttl.map_err(|problem| refused("ttl", format!("expected seconds, found {ttl_seconds:?}: {problem}")))?;
        let scan = point_in_time::PointInTime::new(&schema, layout, Rule { ttl, created_cutoff }).or_raise()?;
        Ok(Self { scan })
    }

    /// The schema of what comes out: that of the rows without side and created time.
    #[getter]
    fn schema(&self) -> PyArrowType<Schema> {
        PyArrowType(self.scan.schema().as_ref().clone())
    }

    /// The labels of a batch, in its order, with the features that each takes.
    fn push(&mut self, py: Python<'_>, batch: PyArrowType<RecordBatch>) -> PyResult<PyArrowType<RecordBatch>> {
        py.detach(|| self.scan.push(&batch.0)).or_raise().map(PyArrowType)
    }
}

fn position(schema: &Schema, name: &str) -> PyResult<usize> {
    schema.index_of(name).map_err(|_| {
        let names: Vec<String> = schema.fields().iter().map(|field| format!("`{}`", field.name())).collect();
        let fault = Fault::new("unknown_column", "expected a column of that name, found none").column(name);
        raised(&fault.hint(format!("the columns are {}", names.join(", "))))
    })
}
