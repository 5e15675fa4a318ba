use std::fmt;
use std::sync::atomic::{AtomicUsize, Ordering};

use arrow::array::TimestampMicrosecondArray;
use arrow::datatypes::{Schema, SchemaRef};
use trainer_data::{Batches, ScanError};

use super::*;
use crate::SortKey;

/// Rows made while they are read: so many batches of 1,000 rows, which are in no memory.
#[derive(Clone)]
struct Made {
    schema: SchemaRef,
    batches: usize,
    read: Arc<AtomicUsize>,
    fails_at: usize,
}

#[derive(Debug, PartialEq)]
struct Broken(usize);

impl fmt::Display for Broken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "broken at {}", self.0)
    }
}

impl std::error::Error for Broken {}

impl fmt::Debug for Made {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Made")
    }
}

fn batch(number: usize) -> RecordBatch {
    let rows = (number * 1000..(number + 1) * 1000).map(|row| row as u64);
    let mixed: Vec<u64> = rows.map(|row| row.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 20).collect();
    let of = |modulus: u64, shift: u32| mixed.iter().map(move |mixed| (mixed >> shift) % modulus);
    let times = TimestampMicrosecondArray::from_iter_values(of(1 << 40, 0).map(|time| time as i64));
    let columns: Vec<(&str, ArrayRef)> = vec![
        ("user", texts(of(40_000, 3).map(|user| Some(format!("user{user:08}"))))),
        ("time", Arc::new(times)),
        ("amount", numbers(of(100_000, 9).map(|cents| Some(cents as f64 / 100.0)))),
        ("session", texts(of(500_000, 7).map(|session| Some(format!("session-{session:012}"))))),
        ("kind", integers(of(8, 30).map(|kind| Some(kind as i64)))),
    ];
    RecordBatch::try_from_iter_with_nullable(columns.into_iter().map(|(name, array)| (name, array, true))).unwrap()
}

impl Made {
    fn of(batches: usize) -> Self {
        Self { schema: batch(0).schema(), batches, read: Arc::default(), fails_at: usize::MAX }
    }
}

impl Scan for Made {
    fn schema(&self) -> Arc<Schema> {
        self.schema.clone()
    }

    fn open(&self, columns: &[usize]) -> Result<Batches, ScanError> {
        let (columns, made) = (columns.to_vec(), self.clone());
        Ok(Box::new((0..self.batches).map(move |number| {
            if number == made.fails_at {
                return Err(Box::new(Broken(number)) as ScanError);
            }
            made.read.fetch_add(1, Ordering::SeqCst);
            Ok(batch(number).project(&columns)?)
        })))
    }
}

const STEPS: [&str; 6] = [
    r#"{"group": {"by": ["user"], "time": "time", "aggregates": {"n": "count", "sum": {"sum": "amount"}, "std": {"std": "amount"},
        "sessions": {"distinct": "session"}, "last": {"last": "session"}, "clicks": {"count": "*", "where": "kind = 3"}, "week": {"sum": "amount", "over": "7d"}}}}"#,
    r#"{"dedupe": {"keys": ["user", "kind"], "keep": "last", "by": "time"}}"#,
    r#"{"join": {"with": "other", "on": ["user"], "how": "inner"}}"#,
    r#"{"sql": "select user, kind, count(*) as n, sum(amount) as s, avg(amount) as m, stddev(amount) as d from input group by user, kind"}"#,
    r#"{"sql": "select * from input where kind > 5 order by amount"}"#,
    r#"{"filter": "kind = 3 and amount > 500"}"#,
];

/// The rows are some 60 bytes each: 7 MB here, which does not fit in 2 MiB, and the groups of the query not in half of 16.
#[test]
fn any_memory_and_any_number_of_threads_give_the_same_bytes() {
    let input: Arc<dyn Scan> = Arc::new(Made::of(120));
    let other: Arc<dyn Scan> = Arc::new(Made::of(30));
    for json in STEPS {
        let of = |threads, memory| read(&*apply_with(&engine_of(threads, memory), json, &input, &[("other", &other)]));
        let expected = of(1, None);
        assert!(expected.num_rows() > 1000, "{json}");
        let least = if json.contains("sql") { 16 << 20 } else { 2 << 20 };
        for (threads, memory) in [(4, None), (2, Some(least)), (1, Some(2 * least))] {
            assert!(of(threads, memory) == expected, "{threads} threads, {memory:?} bytes: {json}");
        }
    }
}

#[test]
fn sorting_is_stable_and_spills() {
    let input: Arc<dyn Scan> = Arc::new(Made::of(120));
    let numbered: Arc<dyn Scan> = Arc::new(crate::numbered::Numbered::new(input, "row"));
    let keys = [SortKey::ascending("kind")];
    let sorted = |memory| read(&*engine_of(2, memory).sort(numbered.clone(), &keys).unwrap());
    let all = sorted(None);
    assert!(all == sorted(Some(2 << 20)));
    let column = |name: &str| all.column_by_name(name).unwrap().clone();
    let (kinds, rows) = (column("kind"), column("row"));
    let kinds = kinds.as_any().downcast_ref::<Int64Array>().unwrap();
    let rows = rows.as_any().downcast_ref::<arrow::array::UInt64Array>().unwrap();
    let ordered = (1..all.num_rows())
        .all(|row| (kinds.value(row - 1), rows.value(row - 1)) < (kinds.value(row), rows.value(row)));
    assert!(ordered, "by kind, and of equals as they came");
}

#[test]
fn a_reader_that_stops_stops_the_work() {
    let made = Made::of(100_000);
    let read = made.read.clone();
    let input: Arc<dyn Scan> = Arc::new(made);
    let engine = engine();
    for json in [r#"{"filter": "kind >= 0"}"#, r#"{"join": {"with": "o", "on": ["kind"], "how": "left"}}"#] {
        read.store(0, Ordering::SeqCst);
        let other = scan(vec![("kind", integers([Some(1)]))], 1);
        let rows = apply_with(&engine, json, &input, &[("o", &other)]);
        assert!(rows.open(&[0]).unwrap().next().unwrap().is_ok());
        std::thread::sleep(std::time::Duration::from_millis(200));
        assert!(read.load(Ordering::SeqCst) < 200, "{json}: {} batches were read", read.load(Ordering::SeqCst));
    }
    // And a sort that is given up in its midst.
    read.store(0, Ordering::SeqCst);
    let batches = engine.sort(input, &[SortKey::ascending("kind")]).unwrap().open(&[0]).unwrap();
    drop(batches);
    std::thread::sleep(std::time::Duration::from_millis(300));
    let stopped = read.load(Ordering::SeqCst);
    std::thread::sleep(std::time::Duration::from_millis(300));
    assert!(read.load(Ordering::SeqCst) <= stopped + 2);
}

#[test]
fn an_error_of_the_source_comes_out_as_it_is() {
    let input: Arc<dyn Scan> = Arc::new(Made { fails_at: 3, ..Made::of(10) });
    let engine = engine();
    for json in STEPS {
        let made = apply_with(&engine, json, &input, &[("other", &input)]);
        let error = match made.open(&[0]) {
            Ok(mut batches) => batches.find_map(Result::err).expect("an error"),
            Err(error) => error,
        };
        assert_eq!(error.downcast_ref::<Broken>(), Some(&Broken(3)), "{json}: {error}");
    }
}

/// Each step reads the one before it, three of them while threads of the query engine wait for them.
#[test]
fn steps_follow_one_another() {
    let input: Arc<dyn Scan> = Arc::new(Made::of(20));
    let other: Arc<dyn Scan> = Arc::new(Made::of(2));
    let of = |engine: &Engine| {
        let mut rows = input.clone();
        for json in [
            r#"{"sql": "select * from input where kind > 1"}"#,
            r#"{"dedupe": {"keys": ["session"], "by": "time"}}"#,
            r#"{"derive": {"twice": "amount * 2"}}"#,
            r#"{"sql": "select * from input where twice > 100"}"#,
            r#"{"join": {"with": "other", "on": ["user"], "how": "semi"}}"#,
            r#"{"group": {"by": ["user", "kind"], "time": "time", "aggregates": {"n": "count", "most": {"max": "twice", "over": "30d"}}}}"#,
            r#"{"sql": "select user, sum(n) as n, max(most) as most from input group by user order by n desc"}"#,
            r#"{"filter": "n > 1"}"#,
        ] {
            rows = apply_with(engine, json, &rows, &[("other", &other)]);
        }
        read(&*engine.sort(rows, &[SortKey::ascending("most")]).unwrap())
    };
    let all = of(&engine());
    assert!(all.num_rows() > 50, "{} rows", all.num_rows());
    assert!(all == of(&engine_of(1, Some(4 << 20))));
}
