use std::path::{Path, PathBuf};

use serde_json::json;
use trainer::model_directory::ModelDirectory;
use trainer::onnx_check::{self, Answered};
use trainer_data::Table;
use trainer_features::FittedPlan;
use trainer_kernels::Device;
use trainer_models::{Form, Model};
use trainer_onnx::{Axis, Graph};

/// A case that lies in a folder of its own.
pub struct Written {
    pub folder: PathBuf,
}

/// Where a case is to lie.
fn folder(parent: &Path, name: &str) -> PathBuf {
    let folder = parent.join(name.replace(|c: char| !c.is_ascii_alphanumeric(), "_"));
    std::fs::create_dir(&folder).unwrap_or_else(|error| panic!("{name}: {error}"));
    folder
}

/// A model with its plan, and what it says of some rows.
pub fn model(parent: &Path, name: &str, model: &Model, plan: &FittedPlan, table: &Table) -> Written {
    // As it is read back: nothing is tested that could not be a file.
    let read = Model::from_bytes(&model.to_bytes()).unwrap_or_else(|error| panic!("{name}: {error}"));
    let folder = folder(parent, name);
    let hash = read.hash();
    let created = "2026-11-20T04:00:00Z".parse().unwrap();
    let directory = ModelDirectory::new(&read, plan, table, created, &hash).unwrap();
    let again = ModelDirectory::new(&read, plan, table, created, &hash).unwrap();
    assert_eq!(directory.files, again.files, "{name}: the same model gives the same bytes");
    let matrix = plan.apply(table, &Device::Cpu).unwrap().matrix;
    let proba = read.predict(&matrix, &Device::Cpu).unwrap();
    let classes = read.decide(&proba);
    let answered = Answered { model: &read, plan, table, proba: &proba, classes: &classes };
    onnx_check::write(&answered, &directory, &folder).unwrap();
    let Form::Trees(trees) = &read.form;
    if !trees.link.is_mean() {
        // Its exponentials are the runtime's own.
        std::fs::write(folder.join("ulps"), "1").unwrap();
    }
    Written { folder }
}

/// A plan alone, and the matrix that it makes of some rows.
pub fn plan(parent: &Path, name: &str, plan: &FittedPlan, table: &Table) -> Written {
    let folder = folder(parent, name);
    let mut graph = Graph::new(plan.inputs().iter().map(|input| input.name.as_str()));
    let matrix = plan.to_onnx(&mut graph).unwrap_or_else(|error| panic!("{name}: {error}")).matrix;
    let output = graph.output(&matrix, "matrix", &[Axis::Rows, Axis::Length(plan.features().len())]);
    std::fs::write(folder.join("model.onnx"), graph.to_bytes("test")).unwrap();
    let columns = onnx_check::write_columns(plan, table, &folder).unwrap();
    let applied = plan.apply(table, &Device::Cpu).unwrap().matrix;
    let cells: Vec<u8> = applied.x.iter().flat_map(|cell| cell.to_le_bytes()).collect();
    std::fs::write(folder.join("matrix.f32"), cells).unwrap();
    let rows = json!({ "columns": columns, "matrix": output, "rows": table.rows(), "features": plan.features().len() });
    std::fs::write(folder.join("rows.json"), rows.to_string()).unwrap();
    Written { folder }
}
