//! Files as a stream: the same as when they are read whole, and what malformed rows and cells come to.

use std::io::Write;
use std::path::Path;
use std::sync::Arc;

use arrow::array::RecordBatch;
use arrow::compute::concat_batches;
use proptest::prelude::*;
use serde_json::Value;
use trainer_data::{
    CsvOptions, DataError, Encoding, FileScan, Lenient, Malformed, MalformedRow, Quarantine, ReadOptions, Scan,
    ScanError, ScanOptions, ScanReport, Table, TypeChanged, read_local,
};
use trainer_testkit::{scratch, shared};

/// All rows, with the types widened where that is needed.
fn read_all(scan: &FileScan) -> Result<RecordBatch, ScanError> {
    let columns: Vec<usize> = (0..scan.schema().fields().len()).collect();
    let batches: Result<Vec<RecordBatch>, ScanError> = scan.open(&columns)?.collect();
    match batches {
        Ok(batches) => Ok(concat_batches(&scan.schema(), &batches)?),
        Err(error) => match error.downcast_ref::<TypeChanged>() {
            Some(change) => read_all(&scan.widened(change)?),
            None => Err(error),
        },
    }
}

fn stream(path: &Path, options: &ScanOptions) -> Result<(Table, ScanReport), String> {
    let scan = FileScan::open(path.to_str().unwrap(), options).map_err(|error| error.to_string())?;
    let batch = read_all(&scan).map_err(|error| error.to_string())?;
    Ok((Table::from_batch(&batch).map_err(|error| error.to_string())?, scan.report()))
}

fn dropping() -> ScanOptions {
    ScanOptions { malformed: Malformed::Drop, ..ScanOptions::default() }
}

fn whole(path: &Path, csv: CsvOptions) -> Result<Table, DataError> {
    read_local(path.to_str().unwrap(), &ReadOptions { csv, ..ReadOptions::default() }).map(|input| input.table)
}

fn written(text: &str) -> (tempfile::TempDir, std::path::PathBuf) {
    let folder = scratch();
    let path = folder.path().join("a.csv");
    std::fs::write(&path, text).unwrap();
    (folder, path)
}

#[test]
fn every_file_that_is_read_whole_is_read_as_a_stream_with_the_same_types_and_cells() {
    let Some(folder) = shared("data/bad_inputs") else { return };
    let manifest: Value = serde_json::from_slice(&std::fs::read(folder.join("manifest.json")).unwrap()).unwrap();
    let mut count = 0;
    for file in manifest["files"].as_array().unwrap() {
        let path = folder.join(file["file"].as_str().unwrap());
        let Ok(table) = whole(&path, CsvOptions::default()) else { continue };
        for malformed in [Malformed::Error, Malformed::Drop] {
            let options = ScanOptions { malformed, ..ScanOptions::default() };
            let (found, report) = stream(&path, &options).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
            assert!(found == table, "{} is read as another table", path.display());
            assert_eq!((report.dropped_rows(), report.rows), (0, table.rows() as u64), "{}", path.display());
        }
        count += 1;
    }
    assert!(count > 150, "{count}");
}

#[test]
fn malformed_rows_are_left_out_and_counted() {
    let Some(folder) = shared("data/bad_inputs/derived") else { return };
    let counts = |name: &str| {
        let (table, report) = stream(&folder.join(name), &dropping()).unwrap();
        let mut reasons: Vec<_> =
            report.dropped.iter().map(|dropped| (dropped.reason.clone(), dropped.count)).collect();
        reasons.sort();
        (table.rows(), reasons)
    };
    let few = |count| ("too_few_fields".to_owned(), count);
    let many = |count| ("too_many_fields".to_owned(), count);
    assert_eq!(counts("events__malformed_mix.csv"), (925, vec![few(50), many(25)]));
    assert_eq!(counts("telco__ragged_short.csv"), (270, vec![few(30)]));
    assert_eq!(counts("telco__ragged_long.csv"), (270, vec![many(30)]));
    assert_eq!(counts("telco__garbage_lines.csv"), (300, vec![few(30)]));
    assert_eq!(counts("telco__truncated_last_line.csv"), (299, vec![few(1)]));
    assert_eq!(counts("telco__repeated_header.csv"), (300, vec![("repeated_header".to_owned(), 30)]));
    // One stray quote costs one row.
    assert_eq!(counts("telco__unterminated_quote.csv"), (299, vec![("unclosed_quote".to_owned(), 1)]));
    let error = stream(&folder.join("telco__trailing_comma_rows_only.csv"), &dropping()).unwrap_err();
    assert!(error.contains("expected data rows, found none (300 that are not well formed)"), "{error}");
}

#[test]
fn a_malformed_row_is_the_error_of_reading_whole() {
    let (_folder, path) = written("a,b\n1,2\n\n3\n4,5\n");
    let options = ScanOptions::default();
    let error = stream(&path, &options).unwrap_err();
    assert_eq!(error, whole(&path, CsvOptions::default()).unwrap_err().to_string());
}

#[test]
fn cells_that_are_no_number_are_null_and_counted_where_that_is_asked_for() {
    let mut text = "id,amount,code,name\n".to_owned();
    for row in 0..200 {
        text.push_str(&format!("{row},{row}.5,00{row},n{row}\n"));
    }
    text.push_str("200,abc,1,x\n201,,2,y\n202,N/A,3,z\n203,12 EUR,4,w\n");
    let (_folder, path) = written(&text);
    let options = ScanOptions { lenient: Lenient::Numeric, ..ScanOptions::default() };
    let (table, report) = stream(&path, &options).unwrap();
    let kinds: Vec<String> = table.columns().iter().map(|column| column.kind().to_string()).collect();
    assert_eq!(kinds, ["float", "float", "text", "text"]);
    assert_eq!(table.column("amount").unwrap().null_count(), 4);
    let [amount] = &report.unparsable[..] else { panic!("{:?}", report.unparsable) };
    assert_eq!((amount.column.as_str(), amount.count, amount.example.as_str(), amount.row), ("amount", 2, "abc", 201));
    assert_eq!(report.unparsable_cells(), 2);
}

#[test]
fn a_cell_of_another_type_far_behind_is_told_and_then_held() {
    let mut text = "a,b,c\n".to_owned();
    for row in 0..40_000 {
        text.push_str(&format!("{row},,18446744073709551616\n"));
    }
    text.push_str("1.5,x,1\n2,y,0.5\n");
    let (_folder, path) = written(&text);
    let scan = FileScan::open(path.to_str().unwrap(), &ScanOptions::default()).unwrap();
    let error = scan.open(&[0, 1, 2]).unwrap().find_map(Result::err).unwrap();
    let change = error.downcast_ref::<TypeChanged>().unwrap();
    assert_eq!((change.column.as_str(), change.row, change.example.as_str()), ("a", 40_001, "1.5"));
    assert_eq!((change.found.to_string(), change.needed.to_string()), ("integer".to_owned(), "float".to_owned()));
    let (table, _) = stream(&path, &ScanOptions::default()).unwrap();
    assert!(table == whole(&path, CsvOptions::default()).unwrap());
}

#[test]
fn files_of_a_folder_are_one_table() {
    let folder = scratch();
    std::fs::write(folder.path().join("a.csv"), "id,n\n1,x\n").unwrap();
    std::fs::write(folder.path().join("b.csv"), "new,id\ntrue,2.5\n").unwrap();
    let (table, report) = stream(folder.path(), &ScanOptions::default()).unwrap();
    assert_eq!(table.names().collect::<Vec<_>>(), ["id", "n", "new"]);
    assert_eq!(table.column("id").unwrap().numbers().unwrap(), [1.0, 2.5]);
    assert_eq!(table.column("n").unwrap().null_count(), 1);
    let codes: Vec<_> =
        report.warnings.iter().map(|warning| (warning.code.as_str(), warning.column.as_deref().unwrap())).collect();
    assert_eq!(codes, [("widened", "id"), ("column_absent", "n"), ("column_absent", "new")]);
    std::fs::write(folder.path().join("c.csv"), "id\nx\n").unwrap();
    let error = FileScan::open(folder.path().to_str().unwrap(), &ScanOptions::default()).unwrap_err();
    assert_eq!(error.code(), "files_differ");
}

#[test]
fn a_wrong_column_name_is_an_error_with_the_nearest() {
    let (_folder, path) = written("amount,b\n1,2\n");
    let options = ScanOptions { columns: Some(vec!["amout".to_owned()]), ..ScanOptions::default() };
    assert!(stream(&path, &options).unwrap_err().ends_with("hint: there is a column `amount`"));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    /// Any text that is read whole is read as a stream; any other is an error or has dropped rows.
    #[test]
    fn any_text_is_read_as_whole_reading_reads_it(text in "[ab1,\"\n\r .-]{0,80}", rows in "([a12.-]{0,3},[\"x\n]{0,3}\n){0,12}") {
        for text in [format!("h,k\n{text}"), format!("h,k\n{rows}"), format!("h\n{text}"), format!("h,k\n1,\"{rows}\"\n{rows}")] {
            let (_folder, path) = written(&text);
            let strict = stream(&path, &ScanOptions::default());
            match whole(&path, CsvOptions::default()) {
                Ok(table) => {
                    prop_assert!(strict.as_ref().is_ok_and(|(found, _)| *found == table), "{:?}: {:?}", text, strict);
                    prop_assert!(stream(&path, &dropping()).is_ok_and(|(found, _)| found == table), "{:?}", text);
                }
                Err(error) => prop_assert!(strict.is_err(), "{:?}: {} and {:?}", text, error, strict),
            }
        }
    }
}

/// Keeps rows in memory.
#[derive(Debug, Default)]
struct Kept(std::sync::Mutex<Vec<(u64, String, String)>>);

impl Quarantine for Kept {
    fn keep(&self, row: &MalformedRow<'_>) -> Result<(), DataError> {
        let raw = String::from_utf8_lossy(row.raw).into_owned();
        self.0.lock().unwrap().push((row.line, row.reason.to_owned(), raw));
        Ok(())
    }
}

#[test]
fn quarantined_rows_are_kept_once_however_often_the_file_is_read() {
    let (_folder, path) = written("a,b\n1,2\n#### corrupted line 7\n3,4\n\"x\"y,1\n5,6,7\n");
    let options = ScanOptions { malformed: Malformed::Quarantine, ..ScanOptions::default() };
    let kept = Arc::new(Kept::default());
    let scan = FileScan::open(path.to_str().unwrap(), &options).unwrap().with_quarantine(kept.clone());
    for _ in 0..2 {
        assert_eq!(read_all(&scan).unwrap().num_rows(), 2);
        assert_eq!(scan.report().dropped_rows(), 3);
    }
    let row = |line, reason: &str, raw: &str| (line, reason.to_owned(), raw.to_owned());
    assert_eq!(
        *kept.0.lock().unwrap(),
        [
            row(3, "too_few_fields", "#### corrupted line 7"),
            row(5, "text_after_quote", "\"x\"y,1"),
            row(6, "too_many_fields", "5,6,7")
        ]
    );
}

#[test]
fn packed_files_and_other_encodings_are_the_same_table() {
    let text: String = (0..50_000).map(|row| format!("{row},caf\u{e9} {row}\n")).collect();
    let text = format!("id,name\n{text}");
    let (folder, path) = written(&text);
    let (expected, _) = stream(&path, &ScanOptions::default()).unwrap();
    let utf16: Vec<u8> = text.encode_utf16().flat_map(u16::to_be_bytes).collect();
    let latin: Vec<u8> = text.chars().map(|char| u8::try_from(char).unwrap()).collect();
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    gzip.write_all(text.as_bytes()).unwrap();
    let packed = gzip.finish().unwrap();
    let cases = [
        ("b.csv.gz", packed.clone(), Encoding::Utf8),
        ("c.csv.zst", zstd::encode_all(text.as_bytes(), 1).unwrap(), Encoding::Utf8),
        ("d.csv", utf16, Encoding::Utf16Be),
        ("e.csv", latin, Encoding::Latin1),
    ];
    for (name, bytes, encoding) in cases {
        let path = folder.path().join(name);
        std::fs::write(&path, bytes).unwrap();
        let csv = CsvOptions { encoding, ..CsvOptions::default() };
        let (found, _) = stream(&path, &ScanOptions { csv, ..ScanOptions::default() }).unwrap();
        assert!(found == expected, "{name}");
    }
    let cut = folder.path().join("cut.csv.gz");
    std::fs::write(&cut, &packed[..packed.len() - 100]).unwrap();
    assert!(stream(&cut, &ScanOptions::default()).unwrap_err().contains("damaged or cut"));
    let csv = CsvOptions { encoding: Encoding::Latin1, ..CsvOptions::default() };
    let error = stream(&path, &ScanOptions { csv, ..ScanOptions::default() }).unwrap_err();
    assert!(error.contains("found UTF-8"), "{error}");
}

#[test]
fn json_lines_are_rows() {
    let folder = scratch();
    let path = folder.path().join("a.jsonl");
    let mut text = "{\"id\": 1, \"at\": \"2026-01-01T00:00:00Z\", \"name\": \"007\", \"ok\": true}\n\n".to_owned();
    text.push_str("{\"name\": null, \"id\": 2.5, \"tags\": [1, {\"a\": 2}]}\r\nnot json\n[1]\n");
    std::fs::write(&path, &text).unwrap();
    let (table, report) = stream(&path, &dropping()).unwrap();
    let kinds: Vec<String> =
        table.columns().iter().map(|column| format!("{} {}", column.name(), column.kind())).collect();
    assert_eq!(kinds, ["id float", "at timestamp", "name text", "ok boolean", "tags text"]);
    assert_eq!(table.column("name").unwrap().text(0).unwrap(), "007");
    assert_eq!(table.column("tags").unwrap().text(1).unwrap(), "[1,{\"a\":2}]");
    let reasons: Vec<_> = report.dropped.iter().map(|dropped| (dropped.reason.as_str(), dropped.line)).collect();
    assert_eq!(reasons, [("invalid_json", 4), ("not_an_object", 5)]);
    let error = stream(&path, &ScanOptions::default()).unwrap_err();
    assert!(error.contains("row 3 (line 4): expected a JSON object, found none"), "{error}");
    // A key that comes late is a column.
    let rows: String = (0..20_000).map(|row| format!("{{\"id\": {row}}}\n")).collect();
    std::fs::write(&path, format!("{rows}{{\"id\": 1, \"late\": \"x\"}}\n")).unwrap();
    let (table, _) = stream(&path, &ScanOptions::default()).unwrap();
    assert_eq!((table.rows(), table.column("late").unwrap().null_count()), (20_001, 20_000));
}
