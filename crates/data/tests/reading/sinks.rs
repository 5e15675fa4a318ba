//! What is written can be read again, and nothing half written is left.

use std::sync::Arc;

use arrow::array::{ArrayRef, Float64Array, Int64Array, RecordBatch, StringViewArray};
use trainer_data::{
    Compression, FileScan, MemoryScan, ReadOptions, Scan, ScanOptions, SinkOptions, Table, read_local, sink, write_csv,
};
use trainer_testkit::scratch;

fn batch(rows: std::ops::Range<i64>) -> RecordBatch {
    let ids: ArrayRef = Arc::new(Int64Array::from_iter_values(rows.clone()));
    let scores: ArrayRef =
        Arc::new(rows.clone().map(|row| (row % 3 > 0).then_some(row as f64 / 7.0)).collect::<Float64Array>());
    let texts: ArrayRef =
        Arc::new(rows.map(|row| (row % 5 > 0).then(|| format!("text of row {row}"))).collect::<StringViewArray>());
    RecordBatch::try_from_iter_with_nullable([("id", ids, true), ("score", scores, true), ("text", texts, true)])
        .unwrap()
}

#[test]
fn parquet_has_the_same_bytes_however_the_rows_are_cut() {
    let folder = scratch();
    let all = batch(0..200_000);
    let mut files = Vec::new();
    for (name, rows) in [("a.parquet", 200_000), ("b.parquet", 777), ("c.parquet", 65_536)] {
        let path = folder.path().join(name);
        let options = SinkOptions { row_group_rows: 70_000, ..SinkOptions::default() };
        let mut out = sink(path.to_str().unwrap(), &all.schema(), &options).unwrap();
        for from in (0..200_000).step_by(rows) {
            out.write(&all.slice(from, rows.min(200_000 - from))).unwrap();
        }
        files.push(out.finish().unwrap().remove(0));
    }
    assert!(files.iter().all(|file| (file.rows, &file.sha256) == (200_000, &files[0].sha256)), "{files:?}");
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 3);
    let read = read_local(&files[0].path, &ReadOptions::default()).unwrap();
    assert_eq!((&read.files[0].sha256, read.files[0].bytes), (&files[0].sha256, files[0].bytes));
    assert!(read.table == Table::from_batch(&all).unwrap());
    // And as a stream.
    let scan = FileScan::open(&files[1].path, &ScanOptions::default()).unwrap();
    assert_eq!(scan.rows(), Some(200_000));
    let batches: Vec<RecordBatch> = scan.open(&[2, 0]).unwrap().map(Result::unwrap).collect();
    let memory = MemoryScan::new(batches[0].schema(), batches);
    let found: Vec<RecordBatch> = memory.open(&[1, 0]).unwrap().map(Result::unwrap).collect();
    let found = arrow::compute::concat_batches(&found[0].schema(), &found).unwrap();
    assert!(Table::from_batch(&found).unwrap() == read.table.select(&["id", "text"]).unwrap());
    assert_eq!(scan.report().rows, 200_000);
    assert!(scan.progress().0 > 0);
}

#[test]
fn a_sink_that_is_not_finished_leaves_what_was_there() {
    let folder = scratch();
    let path = folder.path().join("a.parquet");
    std::fs::write(&path, "before").unwrap();
    let options = SinkOptions { compression: Compression::Zstd, ..SinkOptions::default() };
    let mut out = sink(path.to_str().unwrap(), &batch(0..1).schema(), &options).unwrap();
    out.write(&batch(0..100_000)).unwrap();
    drop(out);
    assert_eq!(std::fs::read(&path).unwrap(), b"before");
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
    assert_eq!(sink("a.xlsx", &batch(0..1).schema(), &options).err().unwrap().code(), "output_format");
}

#[test]
fn csv_is_as_the_table_writer_has_it() {
    let folder = scratch();
    let (streamed, whole) = (folder.path().join("a.csv"), folder.path().join("b.csv"));
    let all = batch(0..20_000);
    let mut out = sink(streamed.to_str().unwrap(), &all.schema(), &SinkOptions::default()).unwrap();
    out.write(&all.slice(0, 7)).unwrap();
    out.write(&all.slice(7, 19_993)).unwrap();
    assert_eq!(out.finish().unwrap()[0].rows, 20_000);
    write_csv(&Table::from_batch(&all).unwrap(), &whole).unwrap();
    assert_eq!(std::fs::read(streamed).unwrap(), std::fs::read(whole).unwrap());
}

#[test]
fn partitions_are_folders_that_replace_those_before() {
    let folder = scratch();
    let path = folder.path().join("out");
    let keys: ArrayRef =
        Arc::new((0..300).map(|row| (row % 101 > 0).then(|| format!("a/{}", row % 101))).collect::<StringViewArray>());
    let values: ArrayRef = Arc::new(Int64Array::from_iter_values(0..300));
    let all = RecordBatch::try_from_iter_with_nullable([("key", keys, true), ("value", values, true)]).unwrap();
    let options = SinkOptions { partition_by: vec!["key".to_owned()], ..SinkOptions::default() };
    for rows in [300, 40] {
        let mut out = sink(path.to_str().unwrap(), &all.schema(), &options).unwrap();
        out.write(&all.slice(0, rows)).unwrap();
        assert!(rows == 300 || path.join("key=a%2F100/part-0.parquet").exists(), "the old one until it is finished");
        let files = out.finish().unwrap();
        assert_eq!(files.iter().map(|file| file.rows).sum::<u64>(), rows as u64);
        let pattern = format!("{}/**/*.parquet", path.display());
        assert_eq!(read_local(&pattern, &ReadOptions::default()).unwrap().table.rows(), rows);
        assert!(path.join("_SUCCESS").exists() && path.join("key=a%2F5/part-0.parquet").exists());
        assert!(path.join("key=__HIVE_DEFAULT_PARTITION__/part-0.parquet").exists());
    }
    assert!(!path.join("key=a%2F100").exists());
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
    // Dropped unfinished; and a folder that is not ours.
    drop(sink(path.to_str().unwrap(), &all.schema(), &options).unwrap());
    std::fs::write(path.join("notes.txt"), "mine").unwrap();
    let error = sink(path.to_str().unwrap(), &all.schema(), &options).err().unwrap();
    assert_eq!(error.code(), "not_partitions");
}
