//! What must hold for every step there is, on every device: the same cases over the whole list.

use std::sync::OnceLock;

use trainer_data::{Categories, Column, Levels, Needs, Table};
use trainer_kernels::{Device, list};

use crate::{Applied, FeatureError, FittedPlan, PlanSpec, Step, fit};

const FOREST: Needs = Needs { categories: Categories::Native { max_levels: 255 }, missing: true, scaled: false };

/// Numbers, whole numbers, text and booleans, with and without missing cells.
pub(crate) fn table(rows: usize, seed: u64) -> Table {
    let draw = |row: usize, column: u64| {
        let mut h = (row as u64 ^ (seed << 32) ^ (column << 48)).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        h ^= h >> 31;
        h = h.wrapping_mul(0xbf58_476d_1ce4_e5b9);
        (h >> 11) as f64 / (1u64 << 53) as f64
    };
    let gap = |row: usize, column: u64| draw(row, column + 100) < 0.1;
    let numbers = |column: u64, scale: f64| {
        (0..rows).map(|row| (!gap(row, column)).then(|| (draw(row, column) - 0.1) * scale)).collect::<Vec<_>>()
    };
    let cities = ["Bern", "", "Ulm", "Åre", "Linz", "Graz"];
    let city = |row: usize| cities[((draw(row, 3).powi(2)) * 6.0) as usize];
    Table::from_columns(vec![
        Column::from_numbers("amount", numbers(0, 1000.0)),
        Column::from_numbers("share", numbers(1, 1.0)),
        Column::from_integers("count", (0..rows).map(|row| Some((draw(row, 2) * 7.0) as i64)).collect()),
        Column::from_text("city", (0..rows).map(|row| (!gap(row, 3)).then(|| city(row))).collect()),
        Column::from_timestamps(
            "seen",
            (0..rows).map(|row| (!gap(row, 6)).then(|| (draw(row, 6) * 2e15) as i64)).collect(),
        ),
        Column::from_timestamps("born", (0..rows).map(|row| Some((draw(row, 7) * 1e15) as i64 - 1)).collect()),
        Column::from_booleans("member", (0..rows).map(|row| Some(draw(row, 4) < 0.4)).collect()),
    ])
    .unwrap()
}

/// Two classes, or three.
pub(crate) fn classes(rows: usize) -> Vec<u32> {
    (0..rows).map(|row| (row * row % 7 % if rows.is_multiple_of(2) { 2 } else { 3 }) as u32).collect()
}

pub(crate) fn spec(steps: Vec<Step>) -> PlanSpec {
    PlanSpec { select: None, exclude: vec!["target".into()], steps, needs: Some(FOREST), pii: vec![] }
}

/// Every step, as a config would write it, in forms that differ in what they learn.
pub(crate) fn steps() -> Vec<Vec<Step>> {
    let one =
        |json: &str| vec![serde_json::from_str::<Step>(json).unwrap_or_else(|problem| panic!("{json}: {problem}"))];
    let mut all: Vec<Vec<Step>> = [
        r#"{"impute": {}}"#,
        r#"{"impute": {"columns": ["amount", "count"], "strategy": "median"}}"#,
        r#"{"impute": {"strategy": "most_frequent"}}"#,
        r#"{"impute": {"strategy": "constant"}}"#,
        r#"{"impute": {"columns": ["city"], "strategy": "constant", "fill_value": "nowhere"}}"#,
        r#"{"standardize": {}}"#,
        r#"{"standardize": {"columns": ["share"], "with_mean": false}}"#,
        r#"{"min_max": {"feature_range": [-1, 1], "clip": true}}"#,
        r#"{"clip": {"columns": ["amount"], "min": 0}}"#,
        r#"{"clip": {"lower_quantile": 0.05, "upper_quantile": 0.95}}"#,
        r#"{"log1p": {"columns": ["amount", "share"]}}"#,
        r#"{"quantile_bin": {"n_bins": 7}}"#,
        r#"{"quantile_bin": {"columns": ["count"], "quantile_method": "linear"}}"#,
        r#"{"ordinal": {}}"#,
        r#"{"ordinal": {"columns": ["city"], "categories": ["Ulm", "Bern"], "unknown_value": -1, "encoded_missing_value": -2}}"#,
        r#"{"ordinal": {"columns": ["count", "member"]}}"#,
        r#"{"one_hot": {}}"#,
        r#"{"one_hot": {"columns": ["city", "count"], "max_levels": 3}}"#,
        r#"{"one_hot": {"columns": ["city"], "min_frequency": 0.2}}"#,
        r#"{"hash": {"columns": ["city", "count"], "buckets": 4}}"#,
        r#"{"row_sum": {"columns": ["amount", "share", "member"]}}"#,
        r#"{"ratio": {"numerator": "amount", "denominator": "count", "output": "each"}}"#,
        r#"{"coerce": {"unparsable": "zero"}}"#,
        r#"{"coerce": {"columns": ["share", "count", "city"], "unparsable": "null", "suffix": "_number"}}"#,
        r#"{"mask": {"columns": ["member"], "key": "k3y"}}"#,
        r#"{"mask": {"columns": ["city", "count"], "method": "redact"}}"#,
        r#"{"mask": {"columns": ["city", "share"], "method": "drop"}}"#,
        r#"{"target_mean": {}}"#,
        r#"{"target_mean": {"columns": ["city", "count"], "smooth": 3.5, "cv": 3, "random_state": 7}}"#,
        r#"{"cross": {"columns": ["city", "member"], "into": "both"}}"#,
        r#"{"cross": {"columns": ["city", "count"], "buckets": 50}}"#,
        r#"{"date_parts": {"columns": ["seen"]}}"#,
        r#"{"date_parts": {"columns": ["seen", "born"], "parts": ["hour", "is_weekend", "day_of_year", "month"], "cyclic": true}}"#,
        r#"{"recency": {"column": "seen", "as_of": "2025-11-19"}}"#,
        r#"{"recency": {"column": "born", "before": "seen", "unit": "hours", "into": "age"}}"#,
        r#"{"standardize": {"columns": ["share"], "suffix": "_z"}}"#,
        r#"{"one_hot": {"columns": ["city"], "suffix": "_is"}}"#,
        r#"{"hash": {"columns": ["city"], "buckets": 100, "suffix": "_h"}}"#,
    ]
    .into_iter()
    .map(one)
    .collect();
    let named: Vec<&str> = all.iter().map(|steps| steps[0].name()).collect();
    assert!(Step::NAMES.iter().all(|name| named.contains(name)), "a step without a case here");
    let masked =
        [r#"{"mask": {"columns": ["city"], "key": "k3y"}}"#, r#"{"hash": {"columns": ["city"], "buckets": 9}}"#];
    all.push(masked.into_iter().flat_map(one).collect());
    // And all that can follow one another.
    all.push(
        [
            r#"{"impute": {"columns": ["city"], "strategy": "most_frequent"}}"#,
            r#"{"impute": {}}"#,
            r#"{"ratio": {"numerator": "amount", "denominator": "count"}}"#,
            r#"{"log1p": {"columns": ["amount"]}}"#,
            r#"{"quantile_bin": {"columns": ["share"]}}"#,
            r#"{"one_hot": {"columns": ["share", "city"]}}"#,
            r#"{"row_sum": {}}"#,
            r#"{"standardize": {}}"#,
        ]
        .into_iter()
        .flat_map(one)
        .collect(),
    );
    all.push(Vec::new());
    all
}

/// All GPUs, software ones too. `TRAINER_REQUIRE=wgpu`: at least one of that kind.
pub(crate) fn gpus() -> &'static [Device] {
    static GPUS: OnceLock<Vec<Device>> = OnceLock::new();
    GPUS.get_or_init(|| {
        let usable = list().into_iter().filter(|it| it.unusable.is_none() && it.name != "cpu");
        let gpus: Vec<Device> = usable.map(|it| Device::open(&it.name.parse().unwrap()).unwrap()).collect();
        let required = std::env::var("TRAINER_REQUIRE").unwrap_or_default();
        for kind in required.split(',').filter(|kind| !kind.is_empty()) {
            let is_there = gpus.iter().any(|gpu| gpu.name().starts_with(kind));
            assert!(is_there, "TRAINER_REQUIRE={required}, and there is no {kind}: {:?}", list());
        }
        gpus
    })
}

/// What the host makes of a table, after every other device has made the same of it.
pub(crate) fn apply(plan: &FittedPlan, table: &Table) -> Result<Applied, FeatureError> {
    let expected = plan.apply(table, &Device::Cpu);
    for gpu in gpus() {
        match (plan.apply(table, gpu), &expected) {
            (Ok(found), Ok(expected)) => {
                assert_eq!((&found.warnings, &found.matrix.features), (&expected.warnings, &expected.matrix.features));
                let pairs = bits_of(&found).into_iter().zip(bits_of(expected));
                let different = pairs.enumerate().find(|(_, (found, expected))| found != expected);
                assert_eq!(different, None, "{}: {:?}", gpu.name(), plan.programs());
            }
            (found, expected) => assert_eq!(found.as_ref().err(), expected.as_ref().err(), "{}", gpu.name()),
        }
    }
    expected
}

/// Bits, with one pattern for what is no number.
fn bits_of(applied: &Applied) -> Vec<u32> {
    let bits = |x: &f32| if x.is_nan() { f32::NAN.to_bits() } else { x.to_bits() };
    applied.matrix.x.as_slice_memory_order().unwrap().iter().map(bits).collect()
}

fn bits(plan: &FittedPlan, table: &Table) -> Vec<u32> {
    bits_of(&apply(plan, table).unwrap())
}

fn each_plan(check: impl Fn(&str, &FittedPlan)) {
    for steps in steps() {
        let name = format!("{steps:?}");
        let (plan, _) =
            fit(&table(3000, 1), Some(&classes(3000)), &spec(steps)).unwrap_or_else(|error| panic!("{name}: {error}"));
        check(&name, &plan);
    }
}

#[test]
fn saving_and_loading_changes_no_bit() {
    each_plan(|name, plan| {
        let loaded = FittedPlan::from_json(&plan.to_json()).unwrap().with_keys(&["k3y"]).unwrap();
        assert_eq!(&loaded, plan, "{name}");
        for seed in [1, 2] {
            assert_eq!(bits(&loaded, &table(3000, seed)), bits(plan, &table(3000, seed)), "{name}");
        }
    });
}

#[test]
fn a_row_alone_gives_what_it_gives_among_others() {
    let all = table(2500, 2);
    each_plan(|name, plan| {
        let whole = apply(plan, &all).unwrap().matrix;
        for row in (0..all.rows()).step_by(97) {
            let alone = apply(plan, &all.take(&[row as u32])).unwrap().matrix;
            let same =
                (0..whole.features.len()).all(|j| alone.column(j)[0].to_bits() == whole.column(j)[row].to_bits());
            assert!(same, "{name}: row {row}");
        }
    });
}

#[test]
fn the_order_of_columns_and_others_beside_them_do_not_matter() {
    let all = table(500, 2);
    let mut columns = all.columns().to_vec();
    columns.reverse();
    columns.insert(2, Column::from_text("unrelated", vec![Some("x"); 500]));
    let other = Table::from_columns(columns).unwrap();
    each_plan(|name, plan| assert_eq!(bits(plan, &all), bits(plan, &other), "{name}"));
}

#[test]
fn the_number_of_threads_changes_no_bit() {
    let pool = |threads| rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
    for steps in steps() {
        let run = || {
            fit(&table(5000, 1), Some(&classes(5000)), &spec(steps.clone()))
                .map(|(plan, _)| (plan.to_json(), bits(&plan, &table(5000, 3))))
        };
        assert_eq!(pool(1).install(run), pool(3).install(run), "{steps:?}");
    }
}

#[test]
fn no_rows_give_no_rows() {
    let none = table(10, 1).take(&[]);
    each_plan(|name, plan| {
        let applied = apply(plan, &none).unwrap();
        assert_eq!((applied.matrix.rows(), applied.warnings), (0, vec![]), "{name}");
        assert_eq!(applied.matrix.features, plan.features(), "{name}");
    });
}

#[test]
fn a_column_that_is_not_there_is_an_error() {
    each_plan(|name, plan| {
        for input in plan.inputs() {
            let all = table(10, 1);
            let rest: Vec<&str> = all.names().filter(|other| *other != input.name).collect();
            let error = apply(plan, &all.select(&rest).unwrap()).unwrap_err();
            assert_eq!(
                (error.code(), error.fault().column.as_deref()),
                ("unknown_column", Some(input.name.as_str())),
                "{name}"
            );
        }
    });
}

#[test]
fn a_column_of_another_type_is_an_error() {
    each_plan(|name, plan| {
        for input in plan.inputs() {
            let columns = table(10, 1).columns().to_vec().into_iter().map(|column| match column.name() == input.name {
                false => column,
                true if input.name == "city" => Column::from_integers("city", vec![Some(1); 10]),
                true => Column::from_text(input.name.clone(), vec![Some("1"); 10]),
            });
            let error = apply(plan, &Table::from_columns(columns.collect()).unwrap()).unwrap_err();
            assert_eq!(error.code(), "column_type", "{name}");
        }
    });
}

#[test]
fn missing_cells_never_stop_a_plan() {
    let rows = 100;
    let empty = Table::from_columns(vec![
        Column::from_numbers("amount", vec![None; rows]),
        Column::from_numbers("share", vec![None; rows]),
        Column::from_integers("count", vec![None; rows]),
        Column::from_text::<&str>("city", vec![None; rows]),
        Column::from_timestamps("seen", vec![None; rows]),
        Column::from_timestamps("born", vec![None; rows]),
        Column::from_booleans("member", vec![None; rows]),
    ])
    .unwrap();
    // Of a column without any value a text file does not even say the type.
    let csv = "amount,share,count,city,seen,born,member\n,,,,,,\n,,,,,,\n";
    let untyped =
        trainer_data::read_bytes("rows.csv", csv.as_bytes(), &trainer_data::ReadOptions::default()).unwrap().table;
    each_plan(|name, plan| {
        assert_eq!(bits(plan, &untyped), bits(plan, &empty.take(&[0, 1])), "{name}");
        let applied = apply(plan, &empty).unwrap_or_else(|error| panic!("{name}: {error}"));
        for input in plan.inputs().iter().filter(|input| !input.missing) {
            let counted =
                |w: &&trainer_data::Warning| w.code == "new_missing" && w.column.as_deref() == Some(&input.name);
            assert_eq!(applied.warnings.iter().find(counted).map(|w| w.count), Some(rows as u64), "{name}");
        }
    });
}

#[test]
fn levels_that_were_not_in_training_are_counted() {
    let cells: Vec<_> = (0..50).map(|row| Some(if row < 7 { "Oslo" } else { "Bern" })).collect();
    let mut columns = table(50, 2).columns().to_vec();
    columns[3] = Column::from_text("city", cells);
    let new = Table::from_columns(columns).unwrap();
    each_plan(|name, plan| {
        let applied = apply(plan, &new).unwrap();
        let knows =
            |text: &str| plan.programs().iter().any(|p| p.inputs == ["city"] && format!("{:?}", p.op).contains(text));
        let expected = if knows("Lookup") || knows("OneHot") { Some(7) } else { None };
        let expected = if name.contains("[\"Ulm\", \"Bern\"]") { Some(7) } else { expected };
        let found = applied.warnings.iter().find(|w| w.code == "unknown_level" && w.column.as_deref() == Some("city"));
        assert_eq!(found.map(|w| w.count), expected, "{name}");
    });
}

#[test]
fn an_infinite_cell_is_an_error_that_says_where() {
    let mut cells = vec![Some(1.0); 3000];
    cells[2500] = Some(f64::NEG_INFINITY);
    let mut columns = table(3000, 2).columns().to_vec();
    columns[0] = Column::from_numbers("amount", cells);
    let odd = Table::from_columns(columns).unwrap();
    each_plan(|name, plan| {
        if plan.inputs().iter().any(|input| input.name == "amount") {
            let error = apply(plan, &odd).unwrap_err();
            let fault = error.fault();
            assert_eq!(
                (fault.code, fault.row, fault.column.as_deref()),
                ("infinite_value", Some(2501), Some("amount")),
                "{name}"
            );
        }
    });
}

#[test]
fn every_cell_is_finite_or_missing() {
    each_plan(|name, plan| {
        let matrix = apply(plan, &table(3000, 5)).unwrap().matrix;
        assert!(matrix.x.iter().all(|x| !x.is_infinite()), "{name}");
    });
}

#[test]
fn codes_agree_with_the_levels_of_the_column() {
    let all = table(400, 1);
    let (plan, _) = fit(&all, None, &spec(vec![])).unwrap();
    let matrix = apply(&plan, &all).unwrap().matrix;
    let levels = all.column("city").unwrap().levels();
    for (x, &code) in matrix.column(3).iter().zip(&levels.codes) {
        assert!(if code == Levels::MISSING { x.is_nan() } else { *x == code as f32 });
    }
}
