//! Expectations, held against batches in several places and judged in one.

use arrow::array::RecordBatch;
use arrow::datatypes::Schema;
use arrow_pyarrow::PyArrowType;
use pyo3::prelude::*;
use pyo3::types::PyBytes;
use serde::Deserialize;
use trainer_data::Table;
use trainer_features::expectation::{self, AnyExpectation, ResultFormat, ResultOptions, Suite};

use crate::fault::{OrRaise, refused};

/// Where a suite comes from.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "snake_case")]
enum Given {
    /// A file of Great Expectations, its text.
    File(String),
    /// Expectations of a config, under a name.
    Inline(String, Vec<AnyExpectation>),
}

/// Expectations on the way over rows.
#[pyclass(module = "trainer_features")]
pub struct Checks {
    /// None once judged.
    checks: Option<expectation::Checks>,
}

#[pymethods]
impl Checks {
    /// `suite`: JSON, `{"file": text}` or `{"inline": [name, expectations]}`; `pii`: columns that are never shown.
    #[new]
    #[pyo3(signature = (suite, schema, pii=Vec::new()))]
    fn new(suite: &str, schema: PyArrowType<Schema>, pii: Vec<String>) -> PyResult<Self> {
        let given = serde_json::from_str(suite)
            .map_err(|problem| refused("suite", format!("expected a suite of expectations as JSON: {problem}")))?;
        let suite = match given {
            Given::File(text) => Suite::from_gx_json(&text),
            Given::Inline(name, expectations) => Suite::inline(name, expectations),
        };
        let options = ResultOptions::from(ResultFormat::Summary).masking(pii);
        let checks = suite.and_then(|suite| suite.begin(&schema.0.into(), options)).or_raise()?;
        Ok(Self { checks: Some(checks) })
    }

    /// Looks at the next rows.
    fn add(&mut self, py: Python<'_>, batch: PyArrowType<RecordBatch>) -> PyResult<()> {
        let checks = running(&mut self.checks)?;
        py.detach(|| {
            let table = Table::from_batch(&batch.0).or_raise()?;
            let rows = checks.rows();
            checks.add(&table, rows).or_raise()
        })
    }

    /// What is known of the rows so far, for `merge` elsewhere.
    #[pyo3(name = "to_bytes")]
    fn bytes<'py>(&mut self, py: Python<'py>) -> PyResult<Bound<'py, PyBytes>> {
        Ok(PyBytes::new(py, &running(&mut self.checks)?.to_bytes().or_raise()?))
    }

    /// Takes in what is known of the next rows.
    fn merge(&mut self, bytes: &[u8]) -> PyResult<()> {
        running(&mut self.checks)?.add_bytes(bytes).or_raise()
    }

    /// The verdict as JSON, and why nothing is done with the rows, if so.
    fn finish(&mut self, py: Python<'_>) -> PyResult<(String, Option<String>)> {
        running(&mut self.checks)?;
        let checks = self.checks.take().expect("it is running");
        let result = py.detach(|| checks.finish());
        let refusal = result.refusal("the rows");
        Ok((serde_json::to_string(&result).expect("counts and text"), refusal))
    }
}

fn running(checks: &mut Option<expectation::Checks>) -> PyResult<&mut expectation::Checks> {
    checks.as_mut().ok_or_else(|| refused("checks_done", "expected checks that go on, found them judged"))
}
