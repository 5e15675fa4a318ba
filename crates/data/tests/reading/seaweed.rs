//! Writes to and reads from SeaweedFS, an S3 server that checks signatures and conditions.

use std::io::{BufRead, BufReader, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use arrow::array::{ArrayRef, Int64Array, RecordBatch, StringViewArray};
use arrow::compute::concat_batches;
use futures_util::{StreamExt, TryStreamExt, stream};
use object_store::aws::AmazonS3Builder;
use object_store::path::Path;
use object_store::{ObjectStore, ObjectStoreExt};
use trainer_data::{Compression, DataError, FileScan, Scan, ScanOptions, SinkOptions, WrittenFile, sink_in};
use trainer_testkit::{Server, scratch};

struct Seaweed {
    url: String,
    _server: Server,
    _folder: tempfile::TempDir,
}

impl Seaweed {
    fn start() -> Self {
        let folder = scratch();
        let server = Server::seaweed(folder.path());
        let seaweed = Self { url: server.url(), _server: server, _folder: folder };
        let started = Instant::now();
        // The S3 door opens before the parts behind it are there.
        while let Err(error) = block_on(seaweed.store().put(&Path::from("ready"), "yes".into())) {
            assert!(started.elapsed() < Duration::from_secs(60), "{error}");
            std::thread::sleep(Duration::from_millis(200));
        }
        seaweed
    }

    fn store(&self) -> object_store::aws::AmazonS3 {
        AmazonS3Builder::new()
            .with_endpoint(&self.url)
            .with_allow_http(true)
            .with_bucket_name("train-data")
            .with_access_key_id("testkey")
            .with_secret_access_key("testsecret12345")
            .build()
            .unwrap()
    }

    fn write(&self, key: &str, batch: &RecordBatch, options: &SinkOptions) -> Result<Vec<WrittenFile>, DataError> {
        let mut out = sink_in(&url(key), &batch.schema(), options, environment(&self.url, "testsecret12345"))?;
        for from in (0..batch.num_rows()).step_by(50_000) {
            out.write(&batch.slice(from, 50_000.min(batch.num_rows() - from)))?;
        }
        out.finish()
    }

    fn scan(&self, key: &str) -> Result<FileScan, DataError> {
        FileScan::open_in(&url(key), &ScanOptions::default(), environment(&self.url, "testsecret12345"))
    }

    fn keys(&self, prefix: &str) -> Vec<String> {
        let listed = self.store();
        let listed = block_on(listed.list(Some(&Path::from(prefix))).try_collect::<Vec<_>>()).unwrap();
        let mut keys: Vec<String> = listed.into_iter().map(|object| object.location.to_string()).collect();
        keys.sort();
        keys
    }
}

fn url(key: &str) -> String {
    format!("s3://train-data/{key}")
}

fn environment(url: &str, secret: &str) -> Vec<(String, String)> {
    let pairs = [
        ("AWS_ENDPOINT_URL_S3", url),
        ("AWS_ACCESS_KEY_ID", "testkey"),
        ("AWS_SECRET_ACCESS_KEY", secret),
        ("AWS_REGION", "us-east-1"),
    ];
    pairs.map(|(key, value)| (key.to_owned(), value.to_owned())).to_vec()
}

fn block_on<F: Future>(future: F) -> F::Output {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(future)
}

/// Rows that do not compress: a million are some 30 MB.
fn batch(rows: i64, seed: i64) -> RecordBatch {
    let mixed = |row: i64| (row + seed).wrapping_mul(0x5851_f42d_4c95_7f2d) ^ (row << 7);
    let ids: ArrayRef = Arc::new(Int64Array::from_iter_values((0..rows).map(mixed)));
    let texts: ArrayRef =
        Arc::new(StringViewArray::from_iter_values((0..rows).map(|row| format!("{:x}", mixed(row * 3)))));
    RecordBatch::try_from_iter_with_nullable([("id", ids, true), ("text", texts, true)]).unwrap()
}

fn all(scan: &FileScan) -> RecordBatch {
    let columns: Vec<usize> = (0..scan.schema().fields().len()).collect();
    let batches: Vec<RecordBatch> = scan.open(&columns).unwrap().map(Result::unwrap).collect();
    concat_batches(&scan.schema(), &batches).unwrap()
}

/// One server for all: it takes seconds to start, and eight ports.
#[test]
fn a_real_server_is_written_and_read() {
    let seaweed = Seaweed::start();
    what_is_written_in_parts_is_read_in_ranges(&seaweed);
    two_writers_at_once_leave_the_whole_of_one(&seaweed);
    more_than_a_thousand_objects_are_listed_in_pages(&seaweed);
    wrong_credentials_are_one_line(&seaweed);
    a_writer_that_is_killed_leaves_the_object_before(&seaweed);
}

fn what_is_written_in_parts_is_read_in_ranges(seaweed: &Seaweed) {
    let plain = SinkOptions { compression: Compression::None, row_group_rows: 300_000, ..SinkOptions::default() };
    for key in ["out/a.parquet", "out/a.csv"] {
        let expected = batch(1_000_000, 1);
        let written = seaweed.write(key, &expected, &plain).unwrap();
        assert!(written[0].bytes > 20 << 20, "{written:?}");
        let scan = seaweed.scan(key).unwrap();
        assert!(all(&scan) == expected, "{key}");
        assert_eq!(scan.progress().1, written[0].bytes);
        // Another object under the same name is told from it.
        seaweed.write(key, &batch(1_000_000, 2), &plain).unwrap();
        let error = scan.open(&[0]).map(|mut batches| batches.find_map(Result::err));
        let error = error.unwrap_or_else(Some).expect("an error").to_string();
        assert!(error.contains("changed while it was read"), "{error}");
    }
    let options = SinkOptions { partition_by: vec!["id".to_owned()], ..SinkOptions::default() };
    let small = |rows: i64| batch(rows, 0).slice(0, rows as usize);
    seaweed.write("parts", &small(3), &options).unwrap();
    assert_eq!(seaweed.keys("parts").len(), 4);
    seaweed.write("parts", &small(2), &options).unwrap();
    let keys = seaweed.keys("parts");
    assert!(keys.len() == 3 && keys.contains(&"parts/_SUCCESS".to_owned()), "{keys:?}");
    assert_eq!(all(&seaweed.scan("parts/**/*.parquet").unwrap()).num_rows(), 2);
    // Dropped unfinished: nothing came of it.
    let mut out =
        sink_in(&url("none.csv"), &small(1).schema(), &plain, environment(&seaweed.url, "testsecret12345")).unwrap();
    out.write(&batch(1_000_000, 3)).unwrap();
    drop(out);
    assert!(!seaweed.keys("").contains(&"none.csv".to_owned()));
}

fn two_writers_at_once_leave_the_whole_of_one(seaweed: &Seaweed) {
    let options = SinkOptions { compression: Compression::None, ..SinkOptions::default() };
    let written: Vec<String> = std::thread::scope(|scope| {
        let write = |seed| seaweed.write("both.parquet", &batch(700_000, seed), &options).unwrap().remove(0).sha256;
        let handles = [1, 2].map(|seed| scope.spawn(move || write(seed)));
        handles.map(|handle| handle.join().unwrap()).to_vec()
    });
    let found = all(&seaweed.scan("both.parquet").unwrap());
    assert_ne!(written[0], written[1]);
    assert!(found == batch(700_000, 1) || found == batch(700_000, 2));
}

fn more_than_a_thousand_objects_are_listed_in_pages(seaweed: &Seaweed) {
    let store = seaweed.store();
    block_on(async {
        let puts = (0..1005).map(|key| {
            let (store, path) = (&store, Path::from(format!("many/{key:04}.csv")));
            async move { store.put(&path, format!("id\n{key}\n").into()).await }
        });
        stream::iter(puts).buffer_unordered(16).try_collect::<Vec<_>>().await.unwrap();
    });
    let ids = all(&seaweed.scan("many").unwrap());
    assert_eq!(ids.column(0).as_ref(), &Int64Array::from_iter_values(0..1005) as &dyn arrow::array::Array);
}

fn wrong_credentials_are_one_line(seaweed: &Seaweed) {
    let wrong = environment(&seaweed.url, "wrong");
    let read = FileScan::open_in(&url("ready"), &ScanOptions::default(), wrong.clone()).unwrap_err();
    let mut out = sink_in(&url("a.csv"), &batch(1, 0).schema(), &SinkOptions::default(), wrong).unwrap();
    out.write(&batch(10, 0)).unwrap();
    let write = out.finish().unwrap_err();
    for error in [read, write] {
        assert_eq!(error.code(), "access_denied", "{error}");
        assert_eq!(error.to_string().lines().count(), 2, "one line and a hint: {error}");
    }
}

/// The process that is killed: it writes where the variable says.
#[test]
fn child_that_writes() {
    let Ok(url_of_server) = std::env::var("TRAINER_TEST_CHILD_WRITES_TO") else { return };
    let options = SinkOptions { compression: Compression::None, ..SinkOptions::default() };
    let rows = batch(1_500_000, 9);
    let mut out =
        sink_in(&url("kept.parquet"), &rows.schema(), &options, environment(&url_of_server, "testsecret12345"))
            .unwrap();
    for from in (0..1_500_000).step_by(10_000) {
        out.write(&rows.slice(from, 10_000)).unwrap();
        std::thread::sleep(Duration::from_millis(2));
    }
    out.finish().unwrap();
}

fn a_writer_that_is_killed_leaves_the_object_before(seaweed: &Seaweed) {
    let (before, after) = (batch(1000, 1), batch(1_500_000, 9));
    seaweed.write("kept.parquet", &before, &SinkOptions::default()).unwrap();
    for wait_ms in [300, 700, 1100, 1600, 2200] {
        let mut child = Command::new(std::env::current_exe().unwrap());
        child.args(["seaweed::child_that_writes", "--exact"]).env("TRAINER_TEST_CHILD_WRITES_TO", &seaweed.url);
        let mut child = child.stdout(std::process::Stdio::null()).spawn().unwrap();
        std::thread::sleep(Duration::from_millis(wait_ms));
        child.kill().unwrap();
        child.wait().unwrap();
        let found = all(&seaweed.scan("kept.parquet").unwrap());
        assert!(found == before || found == after, "killed after {wait_ms} ms: {} rows", found.num_rows());
    }
}

/// Answers some requests with 503 SlowDown, then serves one object.
fn throttling(refused: usize, body: &'static str) -> (String, Arc<AtomicUsize>) {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let count = Arc::new(AtomicUsize::new(0));
    let counted = count.clone();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            answer(stream.unwrap(), counted.fetch_add(1, Ordering::SeqCst) < refused, body);
        }
    });
    (url, count)
}

fn answer(mut stream: TcpStream, refuses: bool, body: &str) {
    let mut lines = BufReader::new(stream.try_clone().unwrap()).lines();
    let first = lines.next().unwrap().unwrap();
    let _rest: Vec<String> = lines.map_while(Result::ok).take_while(|line| !line.is_empty()).collect();
    let (status, body) = if refuses {
        ("503 Slow Down", "<Error><Code>SlowDown</Code><Message>Please reduce your request rate.</Message></Error>")
    } else if first.starts_with("GET") {
        ("206 Partial Content", body)
    } else {
        ("200 OK", body)
    };
    let range = format!("Content-Range: bytes 0-{}/{}\r\n", body.len() - 1, body.len());
    let head = format!(
        "HTTP/1.1 {status}\r\nContent-Length: {}\r\n{range}ETag: \"x\"\r\nConnection: close\r\n\
         Last-Modified: Thu, 01 Jan 2026 00:00:00 GMT\r\n\r\n",
        body.len()
    );
    stream.write_all(head.as_bytes()).unwrap();
    if first.starts_with("GET") {
        stream.write_all(body.as_bytes()).unwrap();
    }
}

#[test]
fn a_store_that_asks_for_patience_gets_it() {
    let (server, count) = throttling(3, "id\n1\n2\n");
    let scan = FileScan::open_in("s3://b/a.csv", &ScanOptions::default(), environment(&server, "x")).unwrap();
    assert_eq!(all(&scan).num_rows(), 2);
    assert!(count.load(Ordering::SeqCst) >= 6);
}
