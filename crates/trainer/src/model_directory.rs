//! The model as MLflow takes it: `MLmodel`, the ONNX model, what it needs of Python, and an example.
//!
//! The signature names a tensor for each raw column, so that MLflow casts every column of a frame itself: integers, floats,
//! booleans, text, `None` and `NaN`, in any order, among other columns. Text is of the type `str` and not `object`: so a
//! JSON null that MLflow serves becomes text (`nan`) even where it is the first row's, which MLflow looks at to see whether
//! a column holds lists. A frame whose very first cell of a column is `None` or `pandas.NA`, or that has no row of index 0,
//! is beyond what MLflow takes with such a signature; `NaN` there, and `reset_index`, are the way out.

use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde_json::{Map, Number, Value as Json, json};
use trainer_data::{Column, Fault, Kind, Label, Table};
use trainer_features::{FeatureError, FittedPlan, Input};
use trainer_models::Model;
use trainer_onnx::Graph;

/// The MLflow whose model directories these are like.
const MLFLOW_VERSION: &str = "3.18.0";
/// A Python that has wheels of all that is required.
const PYTHON_VERSION: &str = "3.11.7";
/// The first that reads the graph's version.
const ONNX_VERSION: &str = "1.16.0";
/// The onnxruntime is the oldest that is tested.
const REQUIREMENTS: [&str; 5] = ["mlflow>=2.20,<4", "numpy", "pandas", "onnx>=1.16", "onnxruntime>=1.20"];
/// Rows of the input example.
const EXAMPLE_ROWS: usize = 5;
/// What protocol buffers, and so every reader of ONNX, take.
const MAX_BYTES: u64 = i32::MAX as u64;

/// Names of the files of a model directory, but for those that a run folder has too.
pub mod file {
    /// What MLflow reads first.
    pub const MLMODEL: &str = "MLmodel";
    /// The model for every runtime.
    pub const ONNX: &str = "model.onnx";
    /// Rows as they go in.
    pub const INPUT_EXAMPLE: &str = "input_example.json";
    /// The same as a request to a server.
    pub const SERVING_EXAMPLE: &str = "serving_input_example.json";
}

/// The generated files of a model directory.
#[derive(Debug, Clone)]
pub struct ModelDirectory {
    /// `MLmodel`, without what only the place where it is put can say: `artifact_path`, `run_id`, `model_id` and
    /// `model_uuid`.
    pub mlmodel: Json,
    /// The other files: name and bytes.
    pub files: Vec<(String, Vec<u8>)>,
    /// What those who use the model must know.
    pub notes: Vec<String>,
    /// Outputs that are not called as usual.
    pub renamed: Vec<String>,
    /// The names of the outputs.
    pub outputs: trainer_models::OnnxOutputs,
}

impl ModelDirectory {
    /// The directory of a model and the plan that makes its matrix; `example` are rows as the plan reads them, of which
    /// the first few are shown. The same arguments give the same bytes.
    ///
    /// # Errors
    /// [`FeatureError::Onnx`] when the plan has no ONNX form, or the model is too large for one.
    pub fn new(
        model: &Model,
        plan: &FittedPlan,
        example: &Table,
        created: Timestamp,
        model_hash: &str,
    ) -> Result<Self, FeatureError> {
        // Before it is made: a forest that is too large would take many times its own memory.
        must_fit(model.least_onnx_bytes(), "at least ")?;
        let version = env!("CARGO_PKG_VERSION");
        let mut graph = Graph::new(plan.inputs().iter().map(|input| input.name.as_str()));
        graph.metadata("trainer_version", version);
        graph.metadata("model_hash", model_hash);
        let prepared = plan.to_onnx(&mut graph)?;
        let outputs = model.to_onnx(&mut graph, &prepared.matrix);
        let onnx = graph.to_bytes(version);
        must_fit(onnx.len() as u64, "")?;
        let example = input_example(plan.inputs(), example);
        let requirements: String = REQUIREMENTS.iter().map(|line| format!("{line}\n")).collect();
        let files: Vec<(String, Vec<u8>)> = vec![
            (file::ONNX.to_owned(), onnx),
            (file::INPUT_EXAMPLE.to_owned(), pretty(&example)),
            (file::SERVING_EXAMPLE.to_owned(), pretty(&json!({ "dataframe_split": example }))),
            ("requirements.txt".to_owned(), requirements.into_bytes()),
            ("python_env.yaml".to_owned(), python_env().into_bytes()),
            ("conda.yaml".to_owned(), conda().into_bytes()),
        ];
        let bytes: usize = files.iter().map(|(_, bytes)| bytes.len()).sum();
        let mlmodel = json!({
            "flavors": flavors(),
            "metadata": { "model_hash": model_hash, "trainer_version": version },
            "mlflow_version": MLFLOW_VERSION,
            "model_size_bytes": bytes,
            "saved_input_example_info": {
                "artifact_path": file::INPUT_EXAMPLE,
                "pandas_orient": "split",
                "serving_input_path": file::SERVING_EXAMPLE,
                "type": "dataframe",
            },
            "signature": {
                "inputs": signature_of_inputs(plan.inputs()).to_string(),
                "outputs": signature_of_outputs(model, &outputs).to_string(),
                "params": null,
            },
            "utc_time_created": created.to_zoned(TimeZone::UTC).strftime("%Y-%m-%d %H:%M:%S%.6f").to_string(),
        });
        let mut renamed = Vec::new();
        for (usual, name) in [("label", &outputs.label), ("probabilities", &outputs.probabilities)] {
            if usual != name {
                renamed.push(format!("the output `{usual}` is called `{name}`, since a column is called `{usual}`"));
            }
        }
        Ok(Self { mlmodel, files, notes: prepared.notes, renamed, outputs })
    }
}

/// Refuses a model that nothing could read; `least` says that the number of bytes is an estimate.
fn must_fit(bytes: u64, least: &str) -> Result<(), FeatureError> {
    if bytes <= MAX_BYTES {
        return Ok(());
    }
    let message = format!("expected an ONNX model of at most 2 GiB, found {least}{bytes} bytes");
    let fault = Fault::new("not_in_onnx", message).hint("fewer trees, or a lower model.params.max_depth");
    Err(FeatureError::Onnx(Box::new(fault)))
}

fn flavors() -> Json {
    json!({
        "onnx": {
            "code": null,
            "data": file::ONNX,
            "onnx_session_options": null,
            "onnx_version": ONNX_VERSION,
            // Named, or every load would warn that there is no CUDA.
            "providers": ["CPUExecutionProvider"],
        },
        "python_function": {
            "data": file::ONNX,
            "env": { "conda": "conda.yaml", "virtualenv": "python_env.yaml" },
            "loader_module": "mlflow.onnx",
            "python_version": PYTHON_VERSION,
        },
    })
}

fn python_env() -> String {
    format!(
        "python: {PYTHON_VERSION}\nbuild_dependencies:\n- pip\n- setuptools\n- wheel\ndependencies:\n- -r requirements.txt\n"
    )
}

fn conda() -> String {
    let packages: String = REQUIREMENTS.iter().map(|line| format!("  - {line}\n")).collect();
    format!(
        "channels:\n- conda-forge\ndependencies:\n- python={PYTHON_VERSION}\n- pip\n- pip:\n{packages}name: mlflow-env\n"
    )
}

fn signature_of_inputs(inputs: &[Input]) -> Json {
    let tensor_of = |input: &Input| tensor(&input.name, if is_text(input) { "str" } else { "float64" }, &[]);
    inputs.iter().map(tensor_of).collect()
}

fn signature_of_outputs(model: &Model, outputs: &trainer_models::OnnxOutputs) -> Json {
    let label = match model.classes.first() {
        Some(Label::Bool(_)) => "bool",
        Some(Label::Integer(_)) => "int64",
        _ => "object",
    };
    json!([tensor(&outputs.label, label, &[]), tensor(&outputs.probabilities, "float32", &[model.classes.len()])])
}

/// A tensor of a row for each example.
fn tensor(name: &str, dtype: &str, more: &[usize]) -> Json {
    let shape: Vec<i64> = [-1].into_iter().chain(more.iter().map(|&length| length as i64)).collect();
    json!({ "name": name, "type": "tensor", "tensor-spec": { "dtype": dtype, "shape": shape } })
}

/// Whether a plan reads text.
pub fn is_text(input: &Input) -> bool {
    input.kind == Kind::Text
}

/// `{"columns": [...], "data": [[...]]}` of the first rows, missing cells as null.
fn input_example(inputs: &[Input], table: &Table) -> Json {
    let columns: Vec<Vec<Json>> = inputs.iter().map(|input| example_column(input, table)).collect();
    let rows = table.rows().min(EXAMPLE_ROWS);
    let data: Vec<Json> = (0..rows).map(|row| columns.iter().map(|column| column[row].clone()).collect()).collect();
    let names: Vec<&str> = inputs.iter().map(|input| input.name.as_str()).collect();
    json!({ "columns": names, "data": data })
}

fn example_column(input: &Input, table: &Table) -> Vec<Json> {
    let rows: Vec<u32> = (0..table.rows().min(EXAMPLE_ROWS) as u32).collect();
    let Some(column) = table.column(&input.name).map(|column| column.take(&rows)) else {
        return vec![Json::Null; rows.len()];
    };
    if is_text(input) {
        return (0..rows.len()).map(|row| column.text(row).map_or(Json::Null, |text| json!(text))).collect();
    }
    numbers(&column).into_iter().map(|number| example_number(input, number)).collect()
}

/// The numbers of a column as a plan reads them: all missing where it has no values.
pub fn numbers(column: &Column) -> Vec<f64> {
    column.numbers().unwrap_or_else(|| vec![f64::NAN; column.len()])
}

fn example_number(input: &Input, number: f64) -> Json {
    let is_count = matches!(input.kind, Kind::Integer | Kind::Boolean | Kind::Date);
    if is_count && number.fract() == 0.0 && number.abs() < 9e15 {
        return json!(number as i64);
    }
    Number::from_f64(number).map_or(Json::Null, Json::Number)
}

fn pretty(json: &Json) -> Vec<u8> {
    format!("{json:#}\n").into_bytes()
}

/// Adds to the metadata of an `MLmodel`.
pub fn add_metadata(mlmodel: &mut Json, key: &str, value: Json) {
    let entries: Option<&mut Map<String, Json>> = mlmodel.get_mut("metadata").and_then(Json::as_object_mut);
    entries.expect("an MLmodel has metadata").insert(key.to_owned(), value);
}
