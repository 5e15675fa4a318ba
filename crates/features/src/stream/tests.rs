use arrow::array::{Array, AsArray, DictionaryArray, Float64Array, Int64Array, StringArray};
use arrow::datatypes::{Float32Type, Float64Type, Int32Type, UInt8Type, UInt32Type};
use trainer_data::MemoryScan;

use super::*;
use crate::contract::{classes, gpus, spec, steps, table};
use crate::{PlanSpec, Step, fit, fit_scan};

fn plan(table: &Table, steps: &str) -> (Arc<FittedPlan>, Vec<Warning>) {
    let steps: Vec<Step> = serde_json::from_str(steps).unwrap();
    let spec = PlanSpec { select: None, exclude: vec![], steps, needs: None, pii: vec![] };
    let (plan, warnings) = fit(table, None, &spec).unwrap();
    (Arc::new(plan), warnings)
}

/// The batch in pieces of these many rows, and the rest.
fn scan(batch: &RecordBatch, cuts: &[usize]) -> Arc<MemoryScan> {
    let mut batches = Vec::new();
    let mut start = 0;
    for &rows in cuts.iter().chain([&usize::MAX]) {
        let rows = rows.min(batch.num_rows() - start);
        batches.push(batch.slice(start, rows));
        start += rows;
    }
    Arc::new(MemoryScan::new(batch.schema(), batches))
}

fn read(scan: &dyn Scan) -> Result<RecordBatch, ScanError> {
    let all: Vec<usize> = (0..scan.schema().fields().len()).collect();
    let batches = scan.open(&all)?.collect::<Result<Vec<_>, _>>()?;
    Ok(arrow::compute::concat_batches(&scan.schema(), &batches)?)
}

fn error(result: Result<RecordBatch, ScanError>) -> FeatureError {
    *result.unwrap_err().downcast::<FeatureError>().unwrap()
}

/// A column as the 32-bit floats that a learner takes.
fn rounded(column: &Column) -> Vec<u32> {
    let mut out = vec![0.0; column.len()];
    column.write_f32(&mut out).unwrap();
    out.iter().map(|x| if x.is_nan() { f32::NAN.to_bits() } else { x.to_bits() }).collect()
}

#[test]
fn a_table_holds_what_a_learner_is_given() {
    let (all, other) = (table(3000, 1), table(1500, 2));
    for steps in steps() {
        let name = format!("{steps:?}");
        let plan = Arc::new(fit(&all, Some(&classes(3000)), &PlanSpec { needs: None, ..spec(steps) }).unwrap().0);
        let applied = plan.apply(&other, &Device::Cpu).unwrap();
        let over = plan.over(scan(&other.to_batch(), &[1, 0, 700]), &Device::Cpu).unwrap();
        let made = Table::from_batch(&read(&over).unwrap()).unwrap();
        for (j, feature) in applied.matrix.features.iter().enumerate() {
            let column: Vec<u32> = applied.matrix.column(j).iter().map(|x| x.to_bits()).collect();
            let cells = rounded(made.column(&feature.name).unwrap());
            let same = cells
                .iter()
                .zip(&column)
                .all(|(a, b)| a == b || f32::from_bits(*a).is_nan() && f32::from_bits(*b).is_nan());
            assert!(same, "{name}: {}", feature.name);
        }
        let told = |warnings: &[Warning]| {
            let told = warnings.iter().filter(|it| it.code != "rounded_integers");
            told.map(|it| (it.code.clone(), it.column.clone(), it.count)).collect::<Vec<_>>()
        };
        assert!(told(&over.warnings()).iter().all(|warning| told(&applied.warnings).contains(warning)), "{name}");
        let loaded = FittedPlan::from_json(&plan.to_json()).unwrap().with_keys(&["k3y"]).unwrap();
        assert_eq!(loaded, *plan, "{name}");
    }
}

#[test]
fn neither_cuts_nor_threads_nor_devices_change_a_cell() {
    let batch = table(3000, 1).to_batch();
    let pool = rayon::ThreadPoolBuilder::new().num_threads(1).build().unwrap();
    for steps in steps() {
        let name = format!("{steps:?}");
        let plan = fit(&table(3000, 1), Some(&classes(3000)), &PlanSpec { needs: None, ..spec(steps) }).unwrap().0;
        let plan = Arc::new(plan);
        let over = |cuts: &[usize], device: &Device| {
            let over = plan.over(scan(&batch, cuts), device).unwrap();
            let made = read(&over).unwrap();
            (made, over.warnings())
        };
        let whole = over(&[], &Device::Cpu);
        assert_eq!(over(&[10, 1000, 0, 3], &Device::Cpu), whole, "{name}");
        assert_eq!(pool.install(|| over(&[500; 5], &Device::Cpu)), whole, "{name}");
        for gpu in gpus() {
            assert_eq!(over(&[2000], gpu), whole, "{name} on {}", gpu.name());
        }
    }
}

#[test]
fn columns_keep_their_place_and_those_untouched_their_type() {
    let levels: DictionaryArray<Int32Type> = vec!["x", "y", "x"].into_iter().collect();
    let columns: Vec<(&str, ArrayRef)> = vec![
        ("id", Arc::new(Int64Array::from(vec![Some(1 << 60), None, Some(3)]))),
        ("city", Arc::new(StringArray::from(vec![Some("Ulm"), None, Some("Bern")]))),
        ("level", Arc::new(levels)),
        ("amount", Arc::new(Float64Array::from(vec![1.0, 2.0, 3.0]))),
    ];
    let batch = RecordBatch::try_from_iter(columns).unwrap();
    let table = Table::from_batch(&batch).unwrap();
    let (plan, _) = plan(
        &table,
        r#"[{"standardize": {"columns": ["amount"], "suffix": "_z"}},
            {"quantile_bin": {"columns": ["amount"], "n_bins": 2, "suffix": "_bin"}},
            {"one_hot": {"columns": ["city"]}}, {"hash": {"columns": ["level"], "buckets": 262144}},
            {"row_sum": {"columns": ["id", "amount"], "into": "total"}}]"#,
    );
    let made = read(&plan.over(scan(&batch, &[2]), &Device::Cpu).unwrap()).unwrap();
    let schema = made.schema();
    let found: Vec<String> = schema.fields().iter().map(|it| format!("{} {}", it.name(), it.data_type())).collect();
    let expected = "id Int64|city_Bern Boolean|city_Ulm Boolean|city_missing Boolean|level UInt32|amount Float64|amount_z Float32|\
                    amount_bin UInt8|total Float64";
    assert_eq!(found.join("|"), expected);
    assert_eq!(made.column(0).as_ref(), batch.column(0).as_ref());
    let flags: Vec<bool> = made.column(2).as_boolean().values().iter().collect();
    assert_eq!(flags, [true, false, false]);
    assert_eq!(
        made.column(4).as_primitive::<UInt32Type>().values()[0],
        made.column(4).as_primitive::<UInt32Type>().values()[2]
    );
    assert_eq!(made.column(6).as_primitive::<Float32Type>().values()[1], 0.0);
    assert_eq!(made.column(7).as_primitive::<UInt8Type>().values(), &[0, 1, 1]);
    let total = made.column(8).as_primitive::<Float64Type>();
    assert_eq!((total.value(2), total.is_null(1)), (6.0, true));
    // Some of the columns, in another order; what they do not need is not read.
    let over = plan.over(scan(&batch, &[1]), &Device::Cpu).unwrap();
    let some = over.open(&[7, 0]).unwrap().next().unwrap().unwrap();
    assert_eq!((some.schema().field(0).name().as_str(), some.schema().field(1).name().as_str()), ("amount_bin", "id"));
    assert_eq!(over.rows(), Some(3));
}

fn log() -> RecordBatch {
    let cells = |cells: Vec<Option<&str>>| -> ArrayRef { Arc::new(StringArray::from(cells)) };
    let columns: Vec<(&str, ArrayRef)> = vec![
        ("user_id", cells(vec![Some("u1"), Some("u2"), Some("u3"), Some("u4")])),
        ("value", cells(vec![Some("1.5"), Some("abc"), Some("N/A"), Some(" 2 ")])),
        ("is_premium", Arc::new(arrow::array::BooleanArray::from(vec![Some(true), None, Some(false), Some(true)]))),
        ("amount", Arc::new(Float64Array::from(vec![Some(1.0), Some(2.0), None, Some(4.0)]))),
    ];
    RecordBatch::try_from_iter(columns).unwrap()
}

const TO_NUMBERS: &str = r#"[{"coerce": {"columns": ["value", "is_premium", "amount"], "unparsable": "WHAT"}},
    {"row_sum": {"columns": ["value", "is_premium", "amount"], "into": "row_sum"}}]"#;

#[test]
fn each_replaced_cell_is_counted() {
    let run = |what: &str| {
        let (plan, _) = plan(&Table::from_batch(&log()).unwrap(), &TO_NUMBERS.replace("WHAT", what));
        let over = plan.over(scan(&log(), &[3]), &Device::Cpu).unwrap();
        let made = read(&over).map(|made| made.column(4).as_primitive::<Float64Type>().iter().collect::<Vec<_>>());
        let told = over.warnings().into_iter().map(|it| format!("{} {} {}", it.code, it.column.unwrap(), it.count));
        (made, told.collect::<Vec<_>>().join(", "))
    };
    let (sums, told) = run("zero");
    assert_eq!(sums.unwrap(), [3.5, 2.0, 0.0, 7.0].map(Some));
    let expected = "unparsable_replaced value 1, missing_replaced value 1, missing_replaced is_premium 1, missing_replaced amount 1";
    assert_eq!(told, expected);
    let (sums, told) = run("null");
    assert_eq!((sums.unwrap(), told.as_str()), (vec![Some(3.5), None, None, Some(7.0)], "unparsable_replaced value 1"));
}

#[test]
fn the_first_cell_that_is_no_number_is_told_with_its_place() {
    let batch = arrow::compute::concat_batches(&log().schema(), &[log().slice(0, 1), log()]).unwrap();
    let (plan, _) = plan(&Table::from_batch(&batch.slice(0, 2)).unwrap(), &TO_NUMBERS.replace("WHAT", "error"));
    for cuts in [&[][..], &[1, 1], &[2]] {
        let over = plan.over(scan(&batch, cuts), &Device::Cpu).unwrap();
        let error = error(read(&over));
        assert_eq!(
            (error.code(), error.fault().row, error.fault().column.as_deref()),
            ("unparsable_number", Some(3), Some("value"))
        );
        assert!(error.to_string().contains("expected a number, found `abc`"), "{error}");
        let mut batches = over.open(&[0, 1]).unwrap();
        assert!(batches.by_ref().any(|batch| batch.is_err()));
        assert!(batches.next().is_none(), "after an error nothing more comes");
    }
}

#[test]
fn numeric_columns_are_found_by_their_cells() {
    let many = |good: usize| -> ArrayRef {
        Arc::new(
            (0..100).map(|row| Some(if row < good { format!("{row}.5") } else { "x".into() })).collect::<StringArray>(),
        )
    };
    let codes: ArrayRef = Arc::new((0..100).map(|row| Some(format!("0{row:03}"))).collect::<StringArray>());
    let columns = [("good", many(95)), ("bad", many(94)), ("codes", codes)];
    let batch = RecordBatch::try_from_iter(columns).unwrap();
    let spec = PlanSpec {
        select: None,
        exclude: vec![],
        steps: serde_json::from_str(r#"[{"coerce": {"unparsable": "null"}}]"#).unwrap(),
        needs: None,
        pii: vec![],
    };
    let (plan, _) = fit_scan(scan(&batch, &[50]).as_ref(), None, &spec).unwrap();
    let schema = plan.schema(&batch.schema()).unwrap();
    let types: Vec<&DataType> = schema.fields().iter().map(|field| field.data_type()).collect();
    assert_eq!(types, [&DataType::Float64, &DataType::Utf8, &DataType::Utf8]);
}

#[test]
fn what_does_not_fit_is_told_before_the_first_row() {
    let (plan, _) = plan(&Table::from_batch(&log()).unwrap(), &TO_NUMBERS.replace("WHAT", "zero"));
    let over = |batch: &RecordBatch| plan.over(scan(batch, &[]), &Device::Cpu).map(|_| ()).unwrap_err();
    assert_eq!(over(&log().project(&[0, 1, 2]).unwrap()).code(), "unknown_column");
    // A column that no step reads may go.
    assert!(plan.over(scan(&log().project(&[1, 2, 3]).unwrap(), &[]), &Device::Cpu).is_ok());
    let mut columns: Vec<(String, ArrayRef)> = log()
        .schema()
        .fields()
        .iter()
        .zip(log().columns())
        .map(|(field, array)| (field.name().clone(), array.clone()))
        .collect();
    columns.push(("row_sum".into(), columns[3].1.clone()));
    assert_eq!(over(&RecordBatch::try_from_iter(columns.clone()).unwrap()).code(), "column_exists");
    columns.pop();
    columns[3].1 = columns[0].1.clone();
    assert_eq!(over(&RecordBatch::try_from_iter(columns).unwrap()).code(), "column_type");
}
