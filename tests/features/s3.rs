//! A whole run on a real S3 server.

use std::io::{Read, Write};
use std::net::TcpStream;

use trainer_testkit::{Program, Server, python_spark, repository};

use super::{Workshop, numbers};

/// Puts a bucket or an object there, unsigned.
pub(crate) fn put(server: &Server, path: &str, body: &[u8]) {
    let mut stream = TcpStream::connect(("127.0.0.1", server.port())).unwrap();
    let length = body.len();
    let head =
        format!("PUT {path} HTTP/1.1\r\nHost: localhost\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n");
    stream.write_all(head.as_bytes()).unwrap();
    stream.write_all(body).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
}

/// The program, where S3 is that server.
pub(crate) fn on(server: &Server, program: Program, secret: &str) -> Program {
    program
        .env("AWS_ENDPOINT_URL_S3", server.url())
        .env("AWS_ACCESS_KEY_ID", "test")
        .env("AWS_SECRET_ACCESS_KEY", secret)
        .env("AWS_REGION", "us-east-1")
}

#[test]
fn rows_come_from_a_bucket_and_go_to_one() {
    let server = Server::s3();
    for bucket in ["/raw", "/features"] {
        put(&server, bucket, b"");
    }
    let log = std::fs::read(repository().join("datasets/events/user_events_20251119.csv")).unwrap();
    put(&server, "/raw/user_events_20251119.csv", &log);
    let config = std::fs::read_to_string(repository().join("configs/features/user_events.yaml")).unwrap();
    let workshop = Workshop::new();
    let suite = repository().join("configs/features/user_events_suite.json");
    let remote = config
        .replace("datasets/events/user_events_${ds}.csv", "s3://raw/user_events_${ds}.csv")
        .replace("features/features_${ds}.parquet", "s3://features/features_${ds}.parquet")
        .replace("configs/features/user_events_suite.json", suite.to_str().unwrap());
    workshop.write("features.yaml", remote);
    let told = on(&server, workshop.program(&["--set", "vars.ds=20251119"]), "test").expect(0).stdout;
    assert!(
        told.contains("step=extract rows_in=2000") && told.contains("path=s3://raw/user_events_20251119.csv"),
        "{told}"
    );
    workshop.config("extract: {path: s3://features/features_20251119.parquet}\nstore: {path: remote.parquet}\n");
    on(&server, workshop.program(&[]), "test").expect(0);
    workshop.write("rows.csv", &log);
    workshop.config("validate: {malformed: drop}\nbuild:\n  - coerce: {columns: numeric, unparsable: zero}\n  - row_sum: {columns: [user_id, is_premium, event_value, amount, session_length_sec], into: row_sum}\n");
    workshop.run(&[]);
    let (remote, local) = (workshop.table("remote.parquet"), workshop.table("out.parquet"));
    assert_eq!(remote, local);
    assert_eq!(numbers(&remote, "row_sum").len(), 1_970);
    workshop.config("extract: {path: s3://raw/absent.csv}\n");
    on(&server, workshop.program(&[]), "test").expect(3).says(&["step extract: s3://raw/absent.csv"]);
}

#[test]
fn a_cluster_reads_a_bucket_and_writes_one_as_one_machine_does() {
    let server = Server::s3();
    for bucket in ["/raw", "/features"] {
        put(&server, bucket, b"");
    }
    let log = std::fs::read_to_string(repository().join("datasets/events/user_events_20251119.csv")).unwrap();
    let (header, rows) = log.split_once('\n').unwrap();
    let cut = rows[rows.len() / 2..].find('\n').unwrap() + rows.len() / 2 + 1;
    let workshop = Workshop::new();
    for (name, rows) in [("a.csv", &rows[..cut]), ("b.csv", &rows[cut..])] {
        let text = format!("{header}\n{rows}");
        put(&server, &format!("/raw/logs/{name}"), text.as_bytes());
        workshop.write(&format!("logs/{name}"), text);
    }
    // Of an earlier run with more files: it must not be among the rows of this one.
    put(&server, "/features/out.parquet/part-00007.parquet", b"old");
    let config = "validate: {malformed: drop}\nbuild:\n  - coerce: {columns: numeric, unparsable: zero}\n";
    workshop.config(&format!(
        "extract: {{path: s3://raw/logs/}}\nstore: {{path: s3://features/out.parquet, summary: there.json}}\n{config}"
    ));
    let spark = workshop.program(&["--engine", "local-cluster[2,1,1200]"]).env("PYSPARK_PYTHON", python_spark());
    let told = on(&server, spark.env("SPARK_LOCAL_IP", "127.0.0.1"), "test").expect(0).stdout;
    assert!(told.contains("step=validate rows_in=2000 rows_out=1970 dropped_malformed=30"), "{told}");
    workshop.config("extract: {path: s3://features/out.parquet}\nstore: {path: remote.parquet}\n");
    on(&server, workshop.program(&[]), "test").expect(0);
    workshop.config(&format!("extract: {{path: logs}}\n{config}"));
    workshop.run(&[]);
    assert_eq!(workshop.table("remote.parquet"), workshop.table("out.parquet"));
}
