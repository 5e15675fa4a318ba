//! The wheel, installed in a Python of its own: what it makes is what `trainer-features` makes, alone and on Spark.

use std::path::Path;

use serde_json::{Value, json};
use trainer_data::{Column, MemoryScan, ReadOptions, Table, read_local, write_parquet};
use trainer_features::point_in_time::{FeatureSide, LabelSide, Rule, join};
use trainer_features::{ColumnType, FeatureState, PlanSpec, Step};
use trainer_kernels::Device;
use trainer_testkit::{Program, SplitMix64, python_spark, repository, scratch};

const SECOND_US: i64 = 1_000_000;

fn table(path: &Path) -> Table {
    read_local(path.to_str().unwrap(), &ReadOptions::default()).unwrap().table
}

fn noticed(folder: &Path) -> Value {
    serde_json::from_slice(&std::fs::read(folder.join("noticed.json")).unwrap()).unwrap()
}

/// Rows of an event log, with gaps, ties, and levels of all sizes.
fn rows(seed: u64, count: usize) -> Table {
    let mut random = SplitMix64::new(seed);
    let mut cells = |mut cell: Box<dyn FnMut(&mut SplitMix64) -> f64>| -> Vec<Option<f64>> {
        (0..count).map(|_| (random.below(20) > 0).then(|| cell(&mut random))).collect()
    };
    let amount = cells(Box::new(|random| if random.below(3) == 0 { 0.0 } else { random.normal() * 100.0 }));
    let length = cells(Box::new(|random| random.below(5000) as f64));
    let device = cells(Box::new(|random| random.below(6) as f64));
    let user = cells(Box::new(|random| random.below(3000) as f64));
    let said = |cell: &Option<f64>| match cell {
        Some(x) if *x as i64 % 7 == 0 => Some("n/a".to_owned()),
        other => other.map(|x| format!("{x}")),
    };
    Table::from_columns(vec![
        Column::from_integers("id", (0..count as i64).map(Some).collect()),
        Column::from_integers("length", length.iter().map(|cell| cell.map(|x| x as i64)).collect()),
        Column::from_text("said", length.iter().map(said).collect()),
        Column::from_text("device", device.iter().map(|cell| cell.map(|x| format!("device {x}"))).collect()),
        Column::from_text("user", user.iter().map(|cell| cell.map(|x| format!("user-{x}"))).collect()),
        Column::from_numbers("amount", amount),
    ])
    .unwrap()
}

const STEPS: &str = r#"[
    {"coerce": {"columns": ["said", "amount"], "unparsable": "zero"}},
    {"row_sum": {"columns": ["length", "said", "amount"], "into": "total"}},
    {"quantile_bin": {"columns": ["amount"], "n_bins": 8, "suffix": "_bin"}},
    {"standardize": {"columns": ["amount"], "suffix": "_z"}},
    {"standardize": {"columns": ["length"]}},
    {"quantile_bin": {"columns": ["length"], "n_bins": 5, "suffix": "_bin"}},
    {"hash": {"columns": ["user"], "buckets": 262144}},
    {"one_hot": {"columns": ["device"]}}
]"#;

fn spec() -> PlanSpec {
    let steps = serde_json::from_str(STEPS).unwrap();
    PlanSpec { select: None, exclude: vec!["id".into()], steps, needs: None, pii: Vec::new() }
}

const AFTER_SELECT: &str = r#"[{"standardize": {"columns": ["amount"]}}, {"one_hot": {"columns": ["device"]}}]"#;

/// What the config of the test on Spark says, on one machine: two steps of columns, columns chosen, two more.
fn built(table: &Table) -> Table {
    let all: Vec<Step> = serde_json::from_str(STEPS).unwrap();
    let (first, last) = (all[..2].to_vec(), serde_json::from_str(AFTER_SELECT).unwrap());
    let applied = |table: &Table, steps: Vec<Step>| {
        let state = learned_by(table, &PlanSpec { steps, exclude: Vec::new(), ..spec() });
        let (batch, _) = state.plan().unwrap().transform(&table.to_batch(), &Device::Cpu).unwrap();
        Table::from_batch(&batch).unwrap()
    };
    let names: Vec<&str> = table.names().filter(|name| *name != "user").collect();
    applied(&applied(table, first).select(&names).unwrap(), last)
}

fn write_spec(folder: &Path) {
    std::fs::write(folder.join("spec.json"), format!(r#"{{"exclude": ["id"], "steps": {STEPS}}}"#)).unwrap();
}

/// The state of one machine, all rows at once.
fn learned(table: &Table) -> FeatureState {
    learned_by(table, &spec())
}

fn learned_by(table: &Table, spec: &PlanSpec) -> FeatureState {
    let mut state = FeatureState::new(spec, ColumnType::of(table)).unwrap();
    while state.plan().is_none() {
        state.add(table, None).unwrap();
        state = state.advance().unwrap();
    }
    state
}

fn part(table: &Table, from: usize, to: usize) -> Table {
    table.take(&(from as u32..to as u32).collect::<Vec<_>>())
}

fn write_parts(table: &Table, folder: &Path, parts: usize) {
    std::fs::create_dir(folder).unwrap();
    let cut = |i: usize| table.rows() * i / parts;
    for i in 0..parts {
        write_parquet(&part(table, cut(i), cut(i + 1)), &folder.join(format!("part-{i}.parquet"))).unwrap();
    }
}

/// Two tables with the same columns: the same numbers to the bit, and the same texts.
fn assert_equal(ours: &Table, theirs: &Table, what: &str) {
    assert_eq!(ours.names().collect::<Vec<_>>(), theirs.names().collect::<Vec<_>>(), "{what}");
    assert_eq!(ours.rows(), theirs.rows(), "{what}");
    for (a, b) in ours.columns().iter().zip(theirs.columns()) {
        assert_eq!(a.null_count(), b.null_count(), "{what}: missing cells of {}", a.name());
        let bits =
            |column: &Column| -> Option<Vec<u64>> { Some(column.numbers()?.iter().map(|x| x.to_bits()).collect()) };
        assert_eq!(bits(a), bits(b), "{what}: numbers of {}", a.name());
        let differs = (0..a.len()).find(|&row| a.is_null(row) != b.is_null(row) || a.text(row) != b.text(row));
        assert_eq!(differs, None, "{what}: a row of {}", a.name());
    }
}

/// Labels and feature rows with keys that are missing, ties, and rows of one time.
fn sides(seed: u64, labels: usize, view: usize) -> (Table, Table) {
    let mut random = SplitMix64::new(seed);
    let mut column = |count: usize, below: u64| -> Vec<Option<i64>> {
        (0..count).map(|_| (random.below(50) > 0).then(|| random.below(below) as i64)).collect()
    };
    let times = |cells: Vec<Option<i64>>| cells.into_iter().map(|cell| cell.map(|s| s * SECOND_US)).collect();
    let label_times = times(column(labels, 2000).into_iter().map(|cell| cell.or(Some(7))).collect());
    let label_side = vec![
        Column::from_integers("id", (0..labels as i64).map(Some).collect()),
        Column::from_integers("user", column(labels, 60)),
        Column::from_timestamps("event_timestamp", label_times),
    ];
    let view_side = vec![
        Column::from_integers("user", column(view, 60)),
        Column::from_timestamps("event_timestamp", times(column(view, 2000))),
        Column::from_timestamps("created", times(column(view, 2400))),
        Column::from_integers("number", (0..view as i64).map(|i| (i % 11 != 0).then_some(i)).collect()),
        Column::from_text("name", (0..view).map(|i| Some(format!("row {i}"))).collect::<Vec<_>>()),
    ];
    (Table::from_columns(label_side).unwrap(), Table::from_columns(view_side).unwrap())
}

/// The labels with the features of the join on one machine.
fn joined(labels: &Table, view: &Table, rule: Rule) -> Table {
    let batch = view.to_batch();
    let scan = MemoryScan::new(batch.schema(), vec![batch]);
    let array = |name: &str| labels.column(name).unwrap().array().clone();
    let label_side =
        LabelSide { keys: vec![("user", array("user"))], time_name: "event_timestamp", time: array("event_timestamp") };
    let features = FeatureSide { scan: &scan, keys: vec![0], time: 1, created: Some(2), features: vec![3, 4] };
    let found = join(&label_side, &features, rule).unwrap();
    let made = ["number", "name"].into_iter().zip(found.columns).map(|(name, array)| Column::new(name, array).unwrap());
    Table::from_columns(labels.columns().iter().cloned().chain(made).collect()).unwrap()
}

#[test]
fn spark_makes_what_one_machine_makes() {
    let folder = scratch();
    let folder = folder.path();
    let table_in = rows(2, 9000);
    write_spec(folder);
    write_parts(&table_in, &folder.join("rows"), 3);
    let (labels, view) = sides(3, 3000, 6000);
    write_parquet(&labels, &folder.join("labels.parquet")).unwrap();
    write_parts(&view, &folder.join("view"), 1);
    let join_of = |changed: Value| {
        let mut keywords = json!({
            "keys": ["user"], "features": ["number", "name"], "created": "created", "ttl_seconds": 600.0,
            "created_cutoff": true,
        });
        keywords.as_object_mut().unwrap().extend(changed.as_object().unwrap().clone());
        keywords
    };
    let refusals = json!({
        "key": join_of(json!({"keys": ["usr"]})),
        "feature": join_of(json!({"features": ["user"]})),
        "time": join_of(json!({"view_time": "number"})),
        "created": join_of(json!({"created": null})),
    });
    let after: Value = serde_json::from_str(AFTER_SELECT).unwrap();
    let case = json!({"join": join_of(json!({})), "refusals": refusals, "after_select": after});
    std::fs::write(folder.join("case.json"), case.to_string()).unwrap();

    on_spark("spark.py", folder);

    let local = learned(&table_in);
    for name in ["state.json", "state_killed.json"] {
        assert_eq!(std::fs::read_to_string(folder.join(name)).unwrap(), local.to_json(), "{name}");
    }
    let (expected, warnings) = local.plan().unwrap().transform(&table_in.to_batch(), &Device::Cpu).unwrap();
    let expected = Table::from_batch(&expected).unwrap();
    assert_equal(&expected, &table(&folder.join("columns.parquet")), "columns");
    let noticed = noticed(folder);
    assert_eq!(noticed["executors_killed"], json!([true, true, true, true]));
    assert_equal(&expected, &table(&folder.join("columns_killed.parquet")), "columns, an executor killed");
    let mut told: Vec<Value> = warnings
        .iter()
        .map(|it| json!({"code": it.code.clone(), "column": it.column.clone(), "count": it.count}))
        .collect();
    told.sort_by_key(|it| (it["code"].to_string(), it["column"].to_string()));
    assert!(told.len() > 1, "{told:?}");
    assert_eq!(noticed["told"], Value::from(told.clone()));
    assert_eq!(noticed["told_killed"], Value::from(told));

    let told = |name: &str| -> Value {
        let mut told: Value = serde_json::from_slice(&std::fs::read(folder.join(name)).unwrap()).unwrap();
        told.as_object_mut().unwrap().remove("seconds");
        told
    };
    assert_eq!(told("run.json"), told("run_killed.json"), "what was told, executors killed");
    assert_eq!(told("run.json")["report"]["rows"], 9000, "{}", told("run.json"));
    assert_eq!(told("run.json")["states"].as_array().map(Vec::len), Some(1));
    assert_eq!(told("run.json")["validation"]["success"], true);
    assert_equal(&built(&table_in), &table(&folder.join("run.parquet")), "run");
    assert_equal(&built(&table_in), &table(&folder.join("run_killed.parquet")), "run, executors killed");

    let rule = Rule { ttl: Some(std::time::Duration::from_secs(600)), created_cutoff: true };
    assert_equal(&joined(&labels, &view, rule), &table(&folder.join("joined.parquet")), "join");
    let unsorted = noticed["unsorted"].as_str().unwrap();
    assert!(unsorted.contains("expected rows sorted by key, event_timestamp and side"), "{unsorted}");
    let codes = json!({
        "key": {"code": "unknown_column", "column": "usr"},
        "feature": {"code": "column_exists", "column": "user"},
        "time": {"code": "time_type", "column": "number"},
        "created": {"code": "created_cutoff", "column": null},
    });
    assert_eq!(noticed["refusals"], codes);
}

/// Runs a script of `tests/peers` in the Python that has the wheel and Spark.
fn on_spark(script: &str, folder: &Path) {
    Program::new(python_spark()).args([repository().join("tests/peers").join(script), folder.into()]).expect(0);
}

/// A config run here and on a cluster of two executors: what is told of both, and their rows, must be the same.
struct Both {
    folder: tempfile::TempDir,
}

impl Both {
    fn new() -> Self {
        Self { folder: scratch() }
    }

    fn path(&self, name: &str) -> std::path::PathBuf {
        self.folder.path().join(name)
    }

    fn write(&self, name: &str, text: &str) {
        std::fs::create_dir_all(self.path(name).parent().unwrap()).unwrap();
        std::fs::write(self.path(name), text).unwrap();
    }

    fn program(&self, config: &str, engine: &str) -> Program {
        let python = python_spark();
        self.write(&format!("{engine}/features.yaml"), &config.replace("$OUT", &format!("{engine}/out.parquet")));
        Program::new(env!("CARGO_BIN_EXE_trainer"))
            .dir(self.folder.path())
            .env("PYSPARK_PYTHON", python)
            .env("SPARK_LOCAL_IP", "127.0.0.1")
            .args(["features", "run", "--output", "json", "--config", &format!("{engine}/features.yaml")])
            .args(["--engine", if engine == "spark" { "local-cluster[2,1,1200]" } else { "local" }])
    }

    /// What both tell of themselves and of the rows but times, names and digests of files, which are compared first.
    fn summary(&self, engine: &str) -> Value {
        let bytes = std::fs::read(self.path(&format!("{engine}/out.summary.json"))).unwrap();
        let text = String::from_utf8(bytes).unwrap().replace("spark/out", "local/out");
        let mut summary: Value = serde_json::from_str(&text).unwrap();
        summary.as_object_mut().unwrap().remove("seconds");
        for step in summary["steps"].as_array_mut().unwrap() {
            step.as_object_mut().unwrap().remove("seconds");
            if step["step"] == "store" {
                step.as_object_mut().unwrap().remove("files");
            }
        }
        summary
    }

    /// Runs both, and returns the summary.
    fn run(&self, config: &str) -> Value {
        self.program(config, "local").expect(0);
        let told = self.program(config, "spark").expect(0);
        let (local, spark) = (self.summary("local"), self.summary("spark"));
        assert_eq!(spark, local, "{}", told.stderr);
        let out = |engine: &str| table(&self.path(&format!("{engine}/out.parquet")));
        assert_equal(&out("local"), &out("spark"), "rows");
        assert!(self.path("spark/out.parquet/_SUCCESS").exists());
        local
    }
}

const EVENTS: &str = "
project: {name: user-events}
extract: {path: logs}
validate: {malformed: drop, expectations: suite.json}
build:
  - coerce: {columns: numeric, unparsable: zero}
  - row_sum: {columns: [user_id, is_premium, event_value, amount, session_length_sec], into: row_sum}
store: {path: $OUT}
";

#[test]
fn spark_runs_the_config_of_the_event_log_as_one_machine_does() {
    let both = Both::new();
    let log = std::fs::read_to_string(repository().join("datasets/events/user_events_20251119.csv")).unwrap();
    let lines: Vec<&str> = log.lines().collect();
    for (number, rows) in lines[1..].chunks(lines.len().div_ceil(5)).enumerate() {
        let text = format!("{}\n{}\n#### lost\n", lines[0], rows.join("\n"));
        both.write(&format!("logs/part-{number}.csv"), &text);
    }
    let suite = std::fs::read_to_string(repository().join("configs/features/user_events_suite.json")).unwrap();
    both.write("suite.json", &suite);
    let summary = both.run(EVENTS);
    let step = |at: usize| &summary["steps"][at];
    assert_eq!((&step(1)["rows_out"], &step(1)["dropped"]["malformed"]), (&json!(1970), &json!(35)), "{summary:#}");
    assert!(step(2)["replaced"].as_object().is_some_and(|cells| cells.len() > 1), "{summary:#}");
    let validation = |engine: &str| -> Value {
        serde_json::from_slice(&std::fs::read(both.path(&format!("{engine}/out.validation.json"))).unwrap()).unwrap()
    };
    assert_eq!(validation("spark")["results"], validation("local")["results"]);

    // A critical expectation that does not hold ends both with the same words, and what was there before is there still.
    let before = table(&both.path("spark/out.parquet"));
    both.write("suite.json", &suite.replace("\"page_view\", ", ""));
    let said = |engine: &str| {
        let ended = both.program(EVENTS, engine).expect(3);
        let from = ended.stderr.find("step validate: ").unwrap_or_else(|| panic!("{}", ended.stderr));
        ended.stderr[from..].lines().take(2).collect::<Vec<_>>().join("\n")
    };
    assert_eq!(said("spark"), said("local"));
    assert_eq!(both.summary("spark"), both.summary("local"));
    assert_eq!(both.summary("spark")["failed"]["step"], "validate");
    assert_equal(&before, &table(&both.path("spark/out.parquet")), "rows of before");
}

#[test]
fn spark_counts_the_rows_of_broken_logs_as_one_machine_does() {
    let Some(shared) = trainer_testkit::shared("data/bad_inputs") else { return };
    let both = Both::new();
    let manifest: Value =
        serde_json::from_str(&std::fs::read_to_string(shared.join("manifest.json")).unwrap()).unwrap();
    let mut good = 0;
    for log in manifest["files"].as_array().unwrap() {
        let name = log["file"].as_str().unwrap();
        // Of the same encoding must be all that are read together.
        if name.starts_with("derived/events__") && !name.ends_with("utf16.csv") {
            both.write(&name.replace("derived", "logs"), &std::fs::read_to_string(shared.join(name)).unwrap());
            good += log["expect"]["rows_ok"].as_u64().unwrap();
        }
    }
    let summary = both.run(
        "project: {name: broken}
extract: {path: logs, types: {event_time: text, user_id: text, is_premium: text, session_length_sec: text}}
validate: {malformed: drop}
build: [{coerce: {columns: numeric, unparsable: zero}}, {quantile_bin: {columns: [event_value], n_bins: 4, suffix: _bin}}]
store: {path: $OUT}
",
    );
    assert_eq!(summary["steps"][1]["rows_out"], good);
    let state = |engine: &str| std::fs::read_to_string(both.path(&format!("{engine}/out.state.json"))).unwrap();
    assert_eq!(state("spark"), state("local"), "the state is that of one machine");
}

#[test]
fn spark_widens_a_type_that_a_later_file_widens() {
    let both = Both::new();
    let rows = |last: &str| (0..12_000).map(|i| format!("{i},{}\n", i % 7)).collect::<String>() + last;
    both.write("logs/a.csv", &format!("id,amount\n{}", rows("12000,8\n")));
    both.write("logs/b.csv", &format!("id,amount\n{}", rows("12000,2.5\n")));
    let config = "
project: {name: wide}
extract: {path: logs}
build: [{log1p: {columns: [amount]}}]
store: {path: $OUT}
";
    both.program(config, "local").expect(0);
    let told = both.program(config, "spark").expect(0);
    told.says(&["all is read again with that type"]);
    let out = |engine: &str| table(&both.path(&format!("{engine}/out.parquet")));
    assert_equal(&out("local"), &out("spark"), "rows");
}

#[test]
fn python_has_the_functions_and_their_errors() {
    let folder = scratch();
    let folder = folder.path();
    let table_in = rows(4, 3000);
    write_parquet(&table_in, &folder.join("rows.parquet")).unwrap();
    write_spec(folder);
    on_spark("wheel.py", folder);
    let state = std::fs::read_to_string(folder.join("state.json")).unwrap();
    let local = learned(&table_in);
    assert_eq!(state, local.to_json(), "the state is that of one machine");
    let (expected, _) = local.plan().unwrap().transform(&table_in.to_batch(), &Device::Cpu).unwrap();
    assert_equal(&Table::from_batch(&expected).unwrap(), &table(&folder.join("columns.parquet")), "columns");
    let noticed = noticed(folder);
    assert_eq!(noticed["inspected"], local.inspect());
    assert_eq!(noticed["warnings"], serde_json::to_value(local.warnings()).unwrap());
    assert!(noticed["passes"].as_u64().unwrap() > 1, "{noticed}");
    assert_eq!(noticed["spec"]["code"], "spec");
    assert_eq!(noticed["early"]["code"], "state_not_done");
    assert_eq!(noticed["late"]["code"], "state_done");
    assert_eq!(noticed["other"]["code"], "other_state");
    assert_eq!(noticed["masked"], json!({"same": true, "key_saved": false, "without": "mask_key"}));
    assert_eq!(noticed["state"]["code"], "damaged_state");
    assert_eq!(noticed["column"]["code"], "unknown_column");
    assert_eq!(noticed["column"]["column"], "lenght");
    assert_eq!(noticed["column"]["hint"], "did you mean `length`?");
    assert_eq!(noticed["unsorted"]["code"], "not_sorted");
    assert_eq!(noticed["unsorted"]["row"], 2);
    assert_eq!(noticed["pickled"], true);
    assert_eq!(noticed["other_threads_ran"], true, "Python's lock is free while a batch is computed");
}
