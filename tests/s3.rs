//! The whole program on a real S3 server: the same files give the same model, wherever they lie.

use std::io::{Read, Write};
use std::net::TcpStream;

use serde_json::Value;
use trainer_testkit::{Program, Server, repository, scratch};

const TRAINER: &str = env!("CARGO_BIN_EXE_trainer");

fn put(server: &Server, path: &str, body: &[u8]) {
    let mut stream = TcpStream::connect(("127.0.0.1", server.port())).unwrap();
    let length = body.len();
    write!(stream, "PUT {path} HTTP/1.1\r\nHost: localhost\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n")
        .unwrap();
    stream.write_all(body).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
}

#[test]
fn a_fit_from_s3_is_the_fit_from_files() {
    let server = Server::s3();
    put(&server, "/churn", b"");
    let files = repository().join("datasets/churn");
    for name in ["train.parquet", "test.parquet"] {
        put(&server, &format!("/churn/data/v1/{name}"), &std::fs::read(files.join(name)).unwrap());
    }
    let dir = scratch();
    let trainer = || {
        Program::new(TRAINER)
            .dir(dir.path())
            .env("AWS_ENDPOINT_URL_S3", server.url())
            .env("AWS_ACCESS_KEY_ID", "test")
            .env("AWS_SECRET_ACCESS_KEY", "test")
            .env("AWS_REGION", "us-east-1")
    };
    let fit = |source: &str| {
        let set = format!("data.source={source}");
        let outcome = trainer()
            .args(["fit", "--output", "json", "--set", &set, "--config"])
            .args([repository().join("configs/training_config.yaml")])
            .expect(0);
        serde_json::from_str::<Value>(&outcome.stdout).unwrap()
    };
    let remote = fit("s3://churn/data/v1/");
    let local = fit(files.to_str().unwrap());
    assert_eq!(remote["model_hash"], local["model_hash"]);
    assert_eq!(remote["metrics"], local["metrics"]);
    let run = dir.path().join(remote["run_dir"].as_str().unwrap());
    let lock: Value = serde_json::from_str(&std::fs::read_to_string(run.join("run.lock.json")).unwrap()).unwrap();
    assert_eq!(lock["inputs"][0]["path"], "s3://churn/data/v1/train.parquet");
    // Rows to predict may lie there too.
    let told = trainer()
        .args(["predict", "--run"])
        .args([&run])
        .args(["--input", "s3://churn/data/v1/test.parquet", "--output", "p.csv"])
        .expect(0);
    assert!(told.stdout.contains("2000 rows"), "{}", told.stdout);
    let missing = trainer()
        .args(["fit", "--set", "data.source=s3://churn/nowhere/", "--config"])
        .args([repository().join("configs/training_config.yaml")])
        .expect(3);
    missing.says(&["s3://churn/nowhere/train.parquet"]);
}
