//! Any bytes at all: a table or an error, never a panic; and what others write comes back as it was.

use std::borrow::Cow;

use proptest::prelude::*;
use trainer_data::{
    Column, CsvOptions, Encoding, Kind, ReadOptions, Table, read_bytes, read_local, write, write_parquet,
};
use trainer_testkit::scratch;

/// Cells as people write them, and worse.
fn cell() -> impl Strategy<Value = String> {
    prop_oneof![
        4 => "[a-z ,;\"\n\r'\t]{0,8}",
        2 => "-?[0-9]{1,20}",
        2 => any::<f64>().prop_map(|number| number.to_string()),
        1 => "[0-9]{4}-[01][0-9]-[0-3][0-9]",
        1 => "(true|false|NA|NaN|-|inf|007|1e5|)",
        1 => "\\PC{0,6}",
    ]
}

fn cells() -> impl Strategy<Value = Vec<Vec<String>>> {
    (1usize..5).prop_flat_map(|columns| prop::collection::vec(prop::collection::vec(cell(), columns), 1..20))
}

/// As the csv crate writes it.
fn written(rows: &[Vec<String>], delimiter: u8) -> Vec<u8> {
    let mut writer = csv::WriterBuilder::new().delimiter(delimiter).from_writer(Vec::new());
    let names: Vec<String> = (0..rows[0].len()).map(|column| format!("column {column}")).collect();
    writer.write_record(&names).unwrap();
    for row in rows {
        writer.write_record(row).unwrap();
    }
    writer.into_inner().unwrap()
}

/// Whether the text of a cell that was read stands for what was written.
fn same(column: &Column, row: usize, written: &str) -> bool {
    let Some(read) = column.text(row) else {
        // Nothing, or a token in a column of numbers, of which there must be a warning.
        return written.is_empty() || column.kind() != Kind::Text;
    };
    match column.kind() {
        Kind::Float => read.parse::<f64>().unwrap() == written.trim().parse::<f64>().unwrap(),
        Kind::Integer => read == written.trim().replace("-0", "0") || read == written.trim(),
        Kind::Text => read == written,
        _ => read == Cow::Borrowed(written.trim()),
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn what_the_csv_crate_writes_comes_back(rows in cells(), delimiter in prop::sample::select(vec![b',', b';', b'\t'])) {
        let bytes = written(&rows, delimiter);
        let options = ReadOptions {
            csv: CsvOptions { delimiter: Some(delimiter as char), ..CsvOptions::default() },
            ..ReadOptions::default()
        };
        let input = match read_bytes("a.csv", bytes.clone(), &options) {
            Ok(input) => input,
            // It writes an unquoted field that starts with a space before a quote in no case: this must be readable.
            Err(error) => return Err(TestCaseError::fail(format!("{error}: {:?}", String::from_utf8_lossy(&bytes)))),
        };
        prop_assert_eq!(input.table.rows(), rows.len());
        for (column, name) in input.table.columns().iter().zip(0..) {
            let missing = column.null_count() as u64;
            let empty = rows.iter().filter(|row| row[name].is_empty()).count() as u64;
            let tokens = input.warnings.iter().find(|w| w.code == "null_tokens" && w.column.as_deref() == Some(column.name()));
            prop_assert_eq!(missing, empty + tokens.map_or(0, |warning| warning.count));
            for (row, cells) in rows.iter().enumerate() {
                prop_assert!(same(column, row, &cells[name]), "{:?} read as {:?}", cells[name], column.text(row));
            }
        }
    }

    #[test]
    fn any_bytes_are_a_table_or_an_error(bytes in prop::collection::vec(any::<u8>(), 0..200), text in "[ab1.,;\"\n\r \t#]{0,80}") {
        for encoding in [Encoding::Utf8, Encoding::Utf16, Encoding::Latin1, Encoding::Windows1252] {
            let options = ReadOptions { csv: CsvOptions { encoding, ..CsvOptions::default() }, ..ReadOptions::default() };
            for bytes in [&bytes[..], text.as_bytes()] {
                for name in ["a.csv", "a.tsv", "a.csv.gz", "a.csv.zst", "a.parquet"] {
                    if let Ok(input) = read_bytes(name, bytes.to_vec(), &options) {
                        prop_assert!(input.table.rows() > 0);
                    }
                }
            }
        }
    }

    #[test]
    fn our_own_csv_and_parquet_come_back(
        numbers in prop::collection::vec(prop::option::of(any::<f64>().prop_filter("a number", |n| !n.is_nan())), 1..30),
        text in "[a-z ,\"\n\r]{1,5}",
    ) {
        let rows = numbers.len();
        let table = Table::from_columns(vec![
            Column::from_numbers("number", numbers),
            Column::from_text("text, \"quoted\"", (0..rows).map(|row| Some(format!("x{text}{row}"))).collect()),
            Column::from_integers("integer", (0..rows as i64).map(Some).collect()),
        ]).unwrap();
        let folder = scratch();
        for name in ["a.csv", "a.parquet"] {
            let path = folder.path().join(name);
            write(&table, &path).unwrap();
            let read = read_local(path.to_str().unwrap(), &ReadOptions::default()).unwrap().table;
            if name == "a.parquet" {
                prop_assert_eq!(&read, &table);
            }
            for (found, expected) in read.columns().iter().zip(table.columns()).skip(1) {
                prop_assert_eq!(found, expected);
            }
            for row in 0..rows {
                let cell = |table: &Table| table.columns()[0].text(row).map(|text| text.into_owned());
                prop_assert_eq!(cell(&read), cell(&table));
            }
        }
    }
}

#[test]
fn damaged_parquet_is_an_error_or_a_table_never_a_panic() {
    let folder = scratch();
    let path = folder.path().join("a.parquet");
    let table = Table::from_columns(vec![
        Column::from_integers("id", (0..500).map(Some).collect()),
        Column::from_numbers("number", (0..500).map(|row| (row % 7 != 0).then_some(f64::from(row) / 3.0)).collect()),
        Column::from_text("text", (0..500).map(|row| Some(format!("level {}", row % 13))).collect()),
    ])
    .unwrap();
    write_parquet(&table, &path).unwrap();
    let whole = std::fs::read(&path).unwrap();
    let mut refused = 0;
    for at in 0..whole.len() {
        for change in [0x01, 0x80, 0xff] {
            let mut bytes = whole.clone();
            bytes[at] ^= change;
            refused += usize::from(read_bytes("a.parquet", bytes, &ReadOptions::default()).is_err());
        }
    }
    // Much of a file is statistics and plain values, where a change is another table.
    assert!(refused > 1000, "{refused} of {}", 3 * whole.len());
    for length in 0..whole.len() {
        assert!(read_bytes("a.parquet", whole[..length].to_vec(), &ReadOptions::default()).is_err(), "cut at {length}");
    }
}
