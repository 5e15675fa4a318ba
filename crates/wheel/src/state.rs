//! What is learned, pass by pass, and the columns that it makes.

use arrow::array::RecordBatch;
use arrow::datatypes::Schema;
use arrow_pyarrow::PyArrowType;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyDict};
use trainer_data::{Fault, MemoryScan, Scan, Table, Warning};
use trainer_features::step::coerce::resolve;
use trainer_features::{FeatureState, FittedPlan, Fitting};
use trainer_kernels::Device;

use crate::fault::{OrRaise, raised, raised_scan, refused};
use crate::spec::{keys, plan_spec};

/// A fit at any moment: before a pass, with the statistics of some rows, or done.
///
/// Its bytes are the file that `trainer features fit` writes and reads, and what it pickles as; the keys of `mask` steps are
/// in no file, and go along when it pickles.
#[pyclass(module = "trainer_features")]
#[derive(Debug)]
pub struct State {
    state: FeatureState,
    keys: Vec<String>,
}

#[pymethods]
impl State {
    /// A saved state; `keys`: those of its `mask` steps.
    #[new]
    #[pyo3(signature = (state, keys=Vec::new()))]
    fn new(state: &[u8], keys: Vec<String>) -> PyResult<Self> {
        let text = std::str::from_utf8(state)
            .map_err(|_| refused("damaged_state", "expected a saved feature state, found bytes that are no text"))?;
        let mut state = FeatureState::from_json(text).or_raise()?;
        if !keys.is_empty() {
            state = state.with_keys(&keys.iter().map(String::as_str).collect::<Vec<_>>()).or_raise()?;
        }
        Ok(Self { state, keys })
    }

    /// Before the first pass over rows of that schema; `spec`: JSON with `steps`, and optionally `select`, `exclude`, `pii`.
    #[staticmethod]
    fn begin(spec: &str, schema: PyArrowType<Schema>) -> PyResult<Self> {
        let spec = plan_spec(spec)?;
        let scan = MemoryScan::new(schema.0.into(), Vec::new());
        let state = Fitting::over(&spec, &scan).map_err(raised_scan)?.into();
        Ok(Self { state, keys: keys(&spec) })
    }

    /// A plan whose columns are all that there is to know: what it makes of a row depends on that row alone. With
    /// `is_first` it sees the rows as they were read, and which columns are `numeric` must follow from their types: none
    /// where it does not.
    #[staticmethod]
    fn of_columns(
        spec: &str,
        schema: PyArrowType<Schema>,
        is_first: bool,
        numbers_are_read: bool,
    ) -> PyResult<Option<Self>> {
        let mut spec = plan_spec(spec)?;
        let scan = MemoryScan::new(schema.0.into(), Vec::new());
        let empty = Table::from_batch(&RecordBatch::new_empty(scan.schema())).or_raise()?;
        if is_first && !resolve(&mut spec.steps, &empty, numbers_are_read) {
            return Ok(None);
        }
        let mut state = FeatureState::from(Fitting::over(&spec, &scan).map_err(raised_scan)?);
        while state.plan().is_none() {
            let partial = state.fitting().partial_of_scan(&scan, None).map_err(raised_scan)?;
            state.add_partial(partial).or_raise()?;
            state = state.advance().or_raise()?;
        }
        Ok(Some(Self { state, keys: keys(&spec) }))
    }

    /// Adds what this pass has to find out of a batch.
    fn add(&mut self, py: Python<'_>, batch: PyArrowType<RecordBatch>) -> PyResult<()> {
        if self.is_done() {
            return Err(refused("state_done", "expected a state that learns, found one that is done"));
        }
        let scan = MemoryScan::new(batch.0.schema(), vec![batch.0]);
        let partial = py.detach(|| self.state.fitting().partial_of_scan(&scan, None)).map_err(raised_scan)?;
        self.state.add_partial(partial).or_raise()
    }

    /// Adds what another state has found out in this pass. The order of merging does not matter.
    fn merge(&mut self, other: &Self) -> PyResult<()> {
        self.state.merge(other.state.clone()).or_raise()
    }

    /// The state after this pass, all of whose rows were added: before the next one, or done.
    fn advance(&self) -> PyResult<Self> {
        Ok(Self { state: self.state.clone().advance().or_raise()?, keys: self.keys.clone() })
    }

    /// Whether there is nothing more to learn.
    #[getter]
    fn is_done(&self) -> bool {
        self.state.plan().is_some()
    }

    /// What was odd about the rows that a state which is done learned from.
    #[getter]
    fn warnings<'py>(&self, py: Python<'py>) -> PyResult<Vec<Bound<'py, PyDict>>> {
        self.state.warnings().iter().map(|warning| told(py, warning)).collect()
    }

    /// The state's bytes: the same for the same rows, however they were cut and whoever added them.
    #[pyo3(name = "to_bytes")]
    fn bytes<'py>(&self, py: Python<'py>) -> Bound<'py, PyBytes> {
        PyBytes::new(py, self.state.to_json().as_bytes())
    }

    fn __reduce__<'py>(slf: &Bound<'py, Self>) -> (Bound<'py, PyAny>, (Bound<'py, PyBytes>, Vec<String>)) {
        let state = slf.borrow();
        (slf.get_type().into_any(), (state.bytes(slf.py()), state.keys.clone()))
    }

    /// What there is to see of it, as JSON: no statistic, and of personal data nothing but the columns' names.
    fn inspect(&self) -> String {
        self.state.inspect().to_string()
    }

    fn __repr__(&self) -> String {
        format!("State({})", self.state.inspect())
    }

    /// The schema of what `transform` makes of batches of that schema.
    fn schema(&self, schema: PyArrowType<Schema>) -> PyResult<PyArrowType<Schema>> {
        Ok(PyArrowType(self.plan()?.schema(&schema.0).or_raise()?.as_ref().clone()))
    }

    /// All columns of a batch, those that the plan replaces or adds computed; and what was odd about it.
    fn transform<'py>(
        &self,
        py: Python<'py>,
        batch: PyArrowType<RecordBatch>,
    ) -> PyResult<(PyArrowType<RecordBatch>, Vec<Bound<'py, PyDict>>)> {
        let plan = self.plan()?;
        let (made, warnings) = py.detach(|| plan.transform(&batch.0, &Device::Cpu)).or_raise()?;
        let warnings = warnings.iter().map(|warning| told(py, warning)).collect::<PyResult<_>>()?;
        Ok((PyArrowType(made), warnings))
    }
}

impl State {
    fn plan(&self) -> PyResult<&FittedPlan> {
        self.state.plan().ok_or_else(|| {
            let fault = Fault::new("state_not_done", "expected a state that is done, found one that learns");
            raised(&fault.hint("add all rows and advance, until `is_done`"))
        })
    }
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
