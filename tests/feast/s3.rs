//! A store whose files are in a bucket of a real S3 server.

use serde_json::Value;
use trainer_testkit::{Outcome, Program, Server, scratch};

use super::{TRAINER, read};
use crate::features::s3::{on, put};

const HEAD: &str = "user_id,event_timestamp,created,score\n";

#[test]
fn rows_are_put_into_a_bucket_and_read_from_it() {
    let server = Server::s3();
    put(&server, "/store", b"");
    let folder = scratch();
    let write = |name: &str, text: &str| std::fs::write(folder.path().join(name), text).unwrap();
    let features = |args: &[&str], code: i32| -> Outcome {
        let program = Program::new(TRAINER).args(["features"]).args(args).dir(folder.path());
        on(&server, program, "test").expect(code)
    };
    let store = |place: &str| {
        let view = format!(
            "{{name: scores, entities: [user_id], features: [score], ttl: 30d, source: {{path: {place}, timestamp_field: event_timestamp, created_timestamp_column: created}}}}"
        );
        write(
            "store.yaml",
            &format!("project: p\nentities: [{{name: user_id, join_key: user_id}}]\nviews:\n  - {view}\n"),
        );
    };
    let materialize = |text: &str, more: &[&str], code: i32| {
        write("rows.csv", &format!("{HEAD}{text}"));
        let args = ["materialize", "--store", ".", "--view", "scores", "--input", "rows.csv", "-o", "json"];
        features(&[&args[..], more].concat(), code)
    };
    let told = |outcome: &Outcome| serde_json::from_str::<Value>(&outcome.stdout).unwrap();
    let join = || {
        write(
            "labels.csv",
            "user_id,event_timestamp\n1,2026-05-02T00:00:00Z\n2,2026-05-02T00:00:00Z\n3,2026-05-02T00:00:00Z\n",
        );
        let args =
            ["join", "--store", ".", "--entities", "labels.csv", "--features", "scores:score", "-o", "out.parquet"];
        features(&args, 0);
        let table = read(&folder.path().join("out.parquet"));
        let score = table.column("score").unwrap();
        (0..table.rows()).map(|row| score.text(row).map(|text| text.into_owned())).collect::<Vec<_>>()
    };
    let first = "1,2026-05-01T08:00:00Z,2026-05-01T09:00:00Z,0.5\n2,2026-05-01T08:00:00Z,2026-05-01T09:00:00Z,0.25\n";
    let second = "1,2026-05-01T08:00:00Z,2026-05-01T09:00:00Z,0.75\n3,2026-05-01T08:00:00Z,2026-05-01T09:00:00Z,1.5\n";
    let shown = |cells: [Option<&str>; 3]| cells.map(|cell| cell.map(str::to_owned)).to_vec();

    // One object: it appears, takes rows in, and is replaced.
    store("s3://store/data/scores.parquet");
    assert_eq!(told(&materialize(first, &[], 0))["path"], "s3://store/data/scores.parquet");
    assert_eq!(join(), shown([Some("0.5"), Some("0.25"), None]));
    let appended = told(&materialize(second, &["--append"], 0));
    assert_eq!(
        (&appended["rows"], &appended["rows_in_file"], &appended["rows_replaced"]),
        (&2.into(), &3.into(), &1.into())
    );
    assert_eq!(join(), shown([Some("0.75"), Some("0.25"), Some("1.5")]));
    // What is refused leaves it as it was.
    materialize("1,,2026-05-01T09:00:00Z,9\n", &[], 3);
    assert_eq!(join(), shown([Some("0.75"), Some("0.25"), Some("1.5")]));
    materialize(second, &[], 0);
    assert_eq!(join(), shown([Some("0.75"), None, Some("1.5")]));

    // A folder of objects: the rows become one more, and the same rows no further one.
    store("s3://store/data");
    materialize(first, &[], 2).says(&["its files are in folder s3://store/data", "--append"]);
    let added = told(&materialize(first, &["--append"], 0));
    assert!(added["path"].as_str().unwrap().starts_with("s3://store/data/rows-"), "{added}");
    assert_eq!(told(&materialize(first, &["--append"], 0))["path"], added["path"]);
    assert_eq!(join()[1..], shown([None, Some("0.25"), Some("1.5")])[1..]);

    // Where nothing is there must be a name of a file.
    store("s3://store/none");
    materialize(first, &["--append"], 2).says(&["expected a name that ends in .parquet"]);
    store("s3://absent/scores.parquet");
    materialize(first, &[], 3).says(&["absent"]);
}
