//! Files that do not go through the server.

use std::process::Command;

use trainer_testkit::{Server, python, scratch};
use trainer_tracking::{Registry, Tracking};

use crate::sample::{MODEL, impatient, publish, record, rest};

/// A server that names a folder of this machine.
#[test]
fn files_go_into_a_folder_of_this_machine() {
    let (files, folder) = (scratch(), scratch());
    let root = files.path().join("kept here");
    let server = Server::mlflow_with(&python(), files.path(), |command| {
        command.args(["--no-serve-artifacts", "--default-artifact-root"]).arg(&root);
    });
    let record = record(folder.path(), "local", MODEL);
    let mut store = rest(&server.url(), &impatient(0));
    let published = publish(&record, folder.path(), &mut store).unwrap();
    assert_eq!((published.missing, published.differences), (vec![], vec![]));
    assert_eq!(published.warnings, [""; 0]);
    let at = |path: &str| root.join(&published.experiment_id).join(&published.run_id).join("artifacts").join(path);
    assert_eq!(std::fs::read_to_string(at("plots/a b ü.svg")).unwrap(), "<svg/>");
    let model = root.join(&published.experiment_id).join("models").join(published.model_id.unwrap());
    assert!(model.join("artifacts/MLmodel").is_file());
}

/// A server that names a bucket, and signs each upload.
#[test]
fn files_go_into_a_bucket() {
    let (files, folder) = (scratch(), scratch());
    let s3 = Server::s3();
    let variables = [
        ("AWS_ACCESS_KEY_ID", "key".to_owned()),
        ("AWS_SECRET_ACCESS_KEY", "s3cr3t".to_owned()),
        ("AWS_DEFAULT_REGION", "us-east-1".to_owned()),
        ("MLFLOW_S3_ENDPOINT_URL", s3.url()),
        ("AWS_ENDPOINT_URL", s3.url()),
    ];
    let code = "import boto3; boto3.client('s3').create_bucket(Bucket='runs')";
    let made = Command::new(python()).args(["-c", code]).envs(variables.clone()).status().unwrap();
    assert!(made.success());
    let server = Server::mlflow_with(&python(), files.path(), |command| {
        command.args(["--no-serve-artifacts", "--default-artifact-root", "s3://runs/mlflow"]).envs(variables.clone());
    });
    let record = record(folder.path(), "bucket", MODEL);
    let mut store = rest(&server.url(), &impatient(0));
    let published = publish(&record, folder.path(), &mut store).unwrap();
    assert_eq!((published.missing, published.differences), (vec![], vec![]));
    assert_eq!(published.warnings, [""; 0]);
    let version = store.alias(MODEL, "champion").unwrap().unwrap();
    let root = store.version_files(&version).unwrap();
    assert!(root.uri.starts_with("s3://runs/mlflow/"), "{root:?}");
    assert_eq!(store.get_artifact(&root, "model.onnx").unwrap().unwrap(), b"onnx");
    let run = store.run(&published.run_id).unwrap().unwrap().info.artifacts;
    assert_eq!(store.get_artifact(&run, "plots/a b ü.svg").unwrap().unwrap(), b"<svg/>");
}
