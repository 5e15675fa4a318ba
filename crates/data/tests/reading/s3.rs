//! Reads from a real S3 server, which the test starts on this machine.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use object_store::ObjectStoreExt;
use object_store::aws::AmazonS3Builder;
use object_store::path::Path;
use trainer_data::{Column, DataError, Input, ReadOptions, Source, Table, write_parquet};
use trainer_testkit::{Server, free_port, scratch};

const BUCKET: &str = "train-data";

/// A server with a bucket and files in it.
struct S3 {
    server: Server,
}

impl S3 {
    fn start() -> Self {
        let s3 = Self { server: Server::s3() };
        let mut stream = TcpStream::connect(("127.0.0.1", s3.server.port())).unwrap();
        write!(stream, "PUT /{BUCKET} HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
            .unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
        s3
    }

    fn environment(&self) -> Vec<(String, String)> {
        variables(&[
            ("AWS_ENDPOINT_URL_S3", &self.server.url()),
            ("AWS_ACCESS_KEY_ID", "test"),
            ("AWS_SECRET_ACCESS_KEY", "test"),
            ("AWS_REGION", "us-east-1"),
        ])
    }

    async fn put(&self, key: &str, bytes: impl Into<Vec<u8>>) {
        let store = AmazonS3Builder::new()
            .with_endpoint(self.server.url())
            .with_allow_http(true)
            .with_bucket_name(BUCKET)
            .with_access_key_id("test")
            .with_secret_access_key("test")
            .build()
            .unwrap();
        store.put(&Path::from(key), bytes.into().into()).await.unwrap();
    }

    async fn read(&self, source: &str, path: &str) -> Result<Input, DataError> {
        Source::open_in(source, self.environment())?.read(path, &ReadOptions::default()).await
    }
}

fn variables(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
    pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
}

fn block_on<F: Future>(future: F) -> F::Output {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(future)
}

fn table(rows: std::ops::Range<i64>) -> Table {
    Table::from_columns(vec![
        Column::from_integers("id", rows.clone().map(Some).collect()),
        Column::from_text("text", rows.map(|row| Some(format!("row {row}"))).collect()),
    ])
    .unwrap()
}

fn parquet(table: &Table) -> Vec<u8> {
    let folder = scratch();
    let path = folder.path().join("a.parquet");
    write_parquet(table, &path).unwrap();
    std::fs::read(path).unwrap()
}

#[test]
fn files_folders_and_patterns_are_read_from_a_bucket() {
    let s3 = S3::start();
    block_on(async {
        s3.put("data/train.parquet", parquet(&table(0..10))).await;
        s3.put("data/parts/b.parquet", parquet(&table(5..7))).await;
        s3.put("data/parts/a.parquet", parquet(&table(0..5))).await;
        s3.put("data/parts/_SUCCESS", *b"").await;
        s3.put("data/day=1/x.csv", *b"id,text\n1,row 1\n").await;
        s3.put("data/day=2/x.csv", *b"id,text\n2,row 2\n").await;
        s3.put("data/day=2/y.csv.gz", *b"not read").await;
        s3.put("data/a file (1).csv", *b"id,text\n3,row 3\n").await;
        let source = format!("s3://{BUCKET}/data/");

        let file = s3.read(&source, "train.parquet").await.unwrap();
        assert!(file.table == table(0..10));
        assert_eq!(file.files[0].path, format!("s3://{BUCKET}/data/train.parquet"));
        assert_eq!(file.table.place(3).to_string(), format!("s3://{BUCKET}/data/train.parquet, row 4"));
        for folder in ["parts", "parts/", "./parts"] {
            assert!(s3.read(&source, folder).await.unwrap().table == table(0..7), "{folder}");
        }
        assert!(s3.read(&source, "parts/?.parquet").await.unwrap().table == table(0..7));
        assert!(s3.read(&source, "day=*/x.csv").await.unwrap().table == table(1..3));
        assert!(s3.read(&source, "**/x.csv").await.unwrap().table == table(1..3));
        assert!(s3.read(&source, "a file (1).csv").await.unwrap().table == table(3..4));
        assert!(s3.read(&format!("s3://{BUCKET}"), "data/train.parquet").await.unwrap().table == table(0..10));
        assert!(s3.read(&format!("s3://{BUCKET}/data/parts"), "").await.unwrap().table == table(0..7));
    });
}

#[test]
fn large_objects_are_fetched_in_ranges() {
    let s3 = S3::start();
    block_on(async {
        let row = "1,abcdefghijklmnopqrstuvwxyz\n";
        let rows = (40 << 20) / row.len();
        s3.put("large.csv", format!("id,text\n{}", row.repeat(rows))).await;
        let input = s3.read(&format!("s3://{BUCKET}"), "large.csv").await.unwrap();
        assert_eq!(input.table.rows(), rows);
        assert_eq!(input.files[0].bytes as usize, 8 + rows * row.len());
    });
}

#[test]
fn what_is_not_there_or_not_allowed_is_said() {
    let s3 = S3::start();
    block_on(async {
        s3.put("data/train.csv", *b"id\n1\n").await;
        s3.put("data/nested/more/x.csv", *b"id\n1\n").await;
        let source = format!("s3://{BUCKET}/data");
        let error = |result: Result<Input, DataError>| {
            let error = result.map(|input| input.table).unwrap_err();
            (error.code(), error.to_string())
        };
        let (code, message) = error(s3.read(&source, "test.csv").await);
        assert_eq!(code, "not_found");
        assert!(message.starts_with(&format!("s3://{BUCKET}/data/test.csv: expected a file or a folder")), "{message}");
        assert_eq!(error(s3.read(&source, "*.parquet").await).0, "not_found");
        assert_eq!(error(s3.read(&source, "nested").await).0, "folder_in_folder");
        assert_eq!(error(s3.read("s3://", "x").await).0, "bad_url");
        assert_eq!(error(s3.read("gs://bucket", "x").await).0, "unknown_scheme");
        for path in ["x.csv", "", "*.csv"] {
            let (code, message) = error(s3.read("s3://no-such-bucket/", path).await);
            assert_eq!(code, "no_bucket", "{message}");
            assert!(message.contains("expected a bucket `no-such-bucket`, found none"), "{message}");
        }
    });
}

#[test]
fn no_credentials_and_no_server_are_said_in_bounded_time() {
    block_on(async {
        let closed = format!("http://127.0.0.1:{}", free_port());
        let read = async |environment: Vec<(String, String)>| {
            let source = Source::open_in("s3://bucket/", environment).unwrap();
            source.read("x.csv", &ReadOptions::default()).await.unwrap_err()
        };
        let started = Instant::now();
        let error = read(variables(&[("AWS_ENDPOINT_URL", &closed), ("AWS_METADATA_ENDPOINT", &closed)])).await;
        assert_eq!(error.code(), "no_credentials", "{error}");
        assert!(error.to_string().contains("AWS_ACCESS_KEY_ID"), "{error}");
        let keys = [("AWS_ENDPOINT_URL", closed.as_str()), ("AWS_ACCESS_KEY_ID", "a"), ("AWS_SECRET_ACCESS_KEY", "b")];
        let error = read(variables(&keys)).await;
        assert_eq!(error.code(), "unreadable", "{error}");
        assert!(error.to_string().contains("s3://bucket/x.csv: cannot be read"), "{error}");
        assert!(started.elapsed() < Duration::from_secs(60), "{:?}", started.elapsed());
    });
}
