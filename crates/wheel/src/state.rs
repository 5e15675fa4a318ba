//! What was learned, and its columns.

use std::sync::Arc;

use arrow::array::RecordBatch;
use arrow::datatypes::Schema;
use arrow_pyarrow::PyArrowType;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyDict};
use trainer_data::{MemoryScan, Warning};
use trainer_features::{FittedPlan, fit_scan};
use trainer_kernels::Device;

use crate::fault::{OrRaise, raised_scan, refused};
use crate::spec::plan_spec;

/// A feature plan with everything that was learned: read once, used for any number of batches.
///
/// Made from the bytes that `trainer features fit` or this module wrote; pickles as these bytes.
#[pyclass(module = "trainer_features", frozen)]
#[derive(Debug)]
pub struct State {
    plan: Arc<FittedPlan>,
}

#[pymethods]
impl State {
    #[new]
    fn new(state: &[u8]) -> PyResult<Self> {
        Ok(Self { plan: Arc::new(FittedPlan::from_json(text(state)?).or_raise()?) })
    }

    /// The state's bytes: the same for the same plan, whoever made it.
    #[pyo3(name = "to_bytes")]
    fn bytes<'py>(&self, py: Python<'py>) -> Bound<'py, PyBytes> {
        PyBytes::new(py, self.plan.to_json().as_bytes())
    }

    fn __reduce__<'py>(slf: &Bound<'py, Self>) -> (Bound<'py, PyAny>, (Bound<'py, PyBytes>,)) {
        (slf.get_type().into_any(), (slf.get().bytes(slf.py()),))
    }

    fn __repr__(&self) -> String {
        let inputs: Vec<&str> = self.plan.inputs().iter().map(|input| input.name.as_str()).collect();
        format!("State(inputs={inputs:?}, programs={})", self.plan.programs().len())
    }

    /// The schema of what `transform` makes of batches of that schema.
    fn schema(&self, schema: PyArrowType<Schema>) -> PyResult<PyArrowType<Schema>> {
        Ok(PyArrowType(self.plan.schema(&schema.0).or_raise()?.as_ref().clone()))
    }

    /// All columns of a batch, those that the plan replaces or adds computed; and what was odd about it: a dict each with
    /// `code`, `column`, `count` and `message`. Counts of batches add up.
    fn transform<'py>(
        &self,
        py: Python<'py>,
        batch: PyArrowType<RecordBatch>,
    ) -> PyResult<(PyArrowType<RecordBatch>, Vec<Bound<'py, PyDict>>)> {
        let (made, warnings) = py.detach(|| self.plan.transform(&batch.0, &Device::Cpu)).or_raise()?;
        let warnings = warnings.iter().map(|warning| told(py, warning)).collect::<PyResult<_>>()?;
        Ok((PyArrowType(made), warnings))
    }
}

/// Learns a plan from batches that one process holds; the state, and what was odd about the rows.
#[pyfunction]
pub fn fit<'py>(
    py: Python<'py>,
    batches: Vec<PyArrowType<RecordBatch>>,
    spec: &str,
) -> PyResult<(State, Vec<Bound<'py, PyDict>>)> {
    let spec = plan_spec(spec)?;
    let batches: Vec<RecordBatch> = batches.into_iter().map(|batch| batch.0).collect();
    let Some(first) = batches.first() else {
        return Err(refused("no_rows", "expected batches to learn from, found none"));
    };
    if batches.iter().any(|batch| batch.schema() != first.schema()) {
        return Err(refused("schema_mismatch", "expected batches of one schema, found several"));
    }
    let scan = MemoryScan::new(first.schema(), batches.clone());
    let (plan, warnings) = py.detach(|| fit_scan(&scan, None, &spec)).map_err(raised_scan)?;
    let warnings = warnings.iter().map(|warning| told(py, warning)).collect::<PyResult<_>>()?;
    Ok((State { plan: Arc::new(plan) }, warnings))
}

fn text(state: &[u8]) -> PyResult<&str> {
    std::str::from_utf8(state).map_err(|_| refused("damaged_plan", "expected a saved feature plan, found bytes that are no text"))
}

fn told<'py>(py: Python<'py>, warning: &Warning) -> PyResult<Bound<'py, PyDict>> {
    let Warning { code, column, count, message } = warning;
    let dict = PyDict::new(py);
    dict.set_item("code", code)?;
    dict.set_item("column", column)?;
    dict.set_item("count", count)?;
    dict.set_item("message", message)?;
    Ok(dict)
}
