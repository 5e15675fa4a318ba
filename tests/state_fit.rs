//! `trainer fit` from a state: what was learned for the batches of features is what the model's rows pass through.

use std::path::PathBuf;

use serde_json::{Value, json};
use tempfile::TempDir;
use trainer_data::{ReadOptions, Table, read_local};
use trainer_testkit::{Outcome, Program, scratch};

const TRAINER: &str = env!("CARGO_BIN_EXE_trainer");

const FEATURES: &str = "project: {name: shop}
extract: {path: rows.csv}
build:
  - coerce: {columns: [amount], unparsable: 'null'}
  - impute: {columns: [age, amount], strategy: mean}
  - standardize: {columns: [amount], suffix: _z}
  - quantile_bin: {columns: [age], n_bins: 5}
  - one_hot: {columns: [kind]}
store: {path: features.parquet}
";

/// A folder with rows, what was learned of them, and configs.
struct Shop(TempDir);

fn rows(from: u32, to: u32, with_label: bool) -> String {
    let mut text = format!("id,age,amount,kind,town{}\n", if with_label { ",bought" } else { "" });
    for row in from..to {
        let mixed = row.wrapping_mul(2_654_435_761) >> 8;
        let age = if row % 9 == 4 { String::new() } else { (18 + mixed % 60).to_string() };
        let amount = if row % 17 == 3 { "NA".to_owned() } else { format!("{}.{}", mixed % 97, mixed % 10) };
        let (kind, town) = (["a", "b", "c"][mixed as usize % 3], ["Ulm", "Bern"][row as usize % 2]);
        let label =
            if with_label { format!(",{}", u32::from(mixed % 97 + 20 * (mixed % 3) > 60)) } else { String::new() };
        text.push_str(&format!("{row},{age},{amount},{kind},{town}{label}\n"));
    }
    text
}

impl Shop {
    fn new(features: &str) -> Self {
        let shop = Self(scratch());
        shop.write("rows.csv", &rows(0, 900, true));
        shop.write("new.csv", &rows(2_000, 2_300, false));
        shop.write("features.yaml", features);
        shop
    }

    /// With the state of all rows as `s.json`.
    fn learned() -> Self {
        let shop = Self::new(FEATURES);
        shop.run(&["features", "fit", "--config", "features.yaml", "--state", "s.json"], 0);
        shop
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn write(&self, name: &str, text: &str) {
        std::fs::write(self.path(name), text).unwrap();
    }

    fn text(&self, name: &str) -> String {
        std::fs::read_to_string(self.path(name)).unwrap()
    }

    fn json(&self, name: &str) -> Value {
        serde_json::from_str(&self.text(name)).unwrap()
    }

    fn run(&self, args: &[&str], code: i32) -> Outcome {
        Program::new(TRAINER).dir(self.0.path()).args(args).expect(code)
    }

    fn config(&self, name: &str, rows: &str, features: &str, model: &str) {
        let text = format!(
            "project: {{name: shop}}
data: {{source: ., train_path: {rows}, target: bought}}
features: {{entity: id, {features}}}
model: {model}
training: {{tracking_uri: none, cv_folds: 3}}
"
        );
        self.write(name, &text);
    }

    fn fit(&self, config: &str) -> (String, Value) {
        let told = self.run(&["fit", "--config", config, "--output", "json"], 0).stdout;
        let told: Value = serde_json::from_str(&told).unwrap();
        (told["run_dir"].as_str().unwrap().to_owned(), told)
    }

    /// What stops a fit with these keys of `features`.
    fn refused(&self, features: &str, code: i32) -> String {
        self.config("refused.yaml", "rows.csv", features, FOREST);
        self.run(&["fit", "--config", "refused.yaml"], code).stderr
    }

    fn predicted(&self, run: &str, rows: &str) -> Table {
        let file = format!("predicted-{rows}.parquet");
        self.run(&["predict", "--run", run, "--input", rows, "--output", &file], 0);
        read_local(self.path(&file).to_str().unwrap(), &ReadOptions::default()).unwrap().table
    }
}

const FOREST: &str = "{type: random_forest, params: {n_estimators: 20, max_depth: 6, random_state: 1}}";

fn numbers(table: &Table, name: &str) -> Vec<f64> {
    table.column(name).unwrap().numbers().unwrap()
}

#[test]
fn raw_rows_with_the_state_are_the_features_that_it_makes() {
    let shop = Shop::learned();
    for (from, to) in [("rows.csv", "made.parquet"), ("new.csv", "new.parquet")] {
        shop.run(&["features", "apply", "--state", "s.json", "--input", from, "--output", to], 0);
    }
    shop.config("raw.yaml", "rows.csv", "state: s.json", FOREST);
    shop.config("made.yaml", "made.parquet", "steps: []", FOREST);
    let ((raw, of_raw), (made, of_made)) = (shop.fit("raw.yaml"), shop.fit("made.yaml"));
    assert_eq!(of_raw["model_hash"], of_made["model_hash"]);
    assert_eq!(of_raw["metrics"], of_made["metrics"]);
    let (ours, theirs) = (shop.predicted(&raw, "new.csv"), shop.predicted(&made, "new.parquet"));
    for name in ["id", "prediction", "probability_0", "probability_1"] {
        assert_eq!(numbers(&ours, name), numbers(&theirs, name), "{name}");
    }
}

#[test]
fn a_run_says_which_state_it_started_from_and_can_be_made_again() {
    let shop = Shop::learned();
    shop.config("raw.yaml", "rows.csv", "state: s.json", FOREST);
    let (run, _) = shop.fit("raw.yaml");
    let lock = shop.json(&format!("{run}/run.lock.json"));
    let state = lock["inputs"].as_array().unwrap().iter().find(|input| input["part"] == "state").unwrap();
    assert_eq!(
        (&state["path"], &state["rows"], &state["sha256"]),
        (&json!("s.json"), &json!(900), &lock["state_hash"])
    );
    let record = shop.json(&format!("{run}/tracking.json"));
    let of = |list: &str, key: &str| {
        record[list].as_array().unwrap().iter().find(|it| it["key"] == key).map(|it| it["value"].clone())
    };
    assert_eq!(of("tags", "trainer.state_hash").as_ref(), Some(&lock["state_hash"]));
    assert_eq!(of("params", "features.state"), Some(json!("s.json")));
    assert!(shop.text(&format!("{run}/report.html")).contains(lock["state_hash"].as_str().unwrap()));
    assert!(shop.path(&format!("{run}/model/model.onnx")).is_file());
    // What the state learned is what the artifact holds, to the digit.
    let constants = |name: &str| {
        let json = shop.json(name);
        let plan = json.get("plan").unwrap_or(&json);
        let programs = plan["programs"].as_array().unwrap().iter();
        programs.filter(|it| it["outputs"][0] == "amount_z").map(|it| it["op"].clone()).collect::<Vec<_>>()
    };
    assert_eq!(constants(&format!("{run}/plan.json")), constants("s.json"));

    shop.run(&["reproduce", &run], 0);
    shop.run(&["evaluate", "--run", &run, "--input", "rows.csv"], 0);
    shop.run(&["export", "--run", &run, "--output", "exported"], 0);
    // Another state is told, and so is that the model is another one.
    shop.write("features.yaml", &FEATURES.replace("n_bins: 5", "n_bins: 3"));
    shop.run(&["features", "fit", "--config", "features.yaml", "--state", "s.json"], 0);
    let told = shop.run(&["reproduce", &run], 1).stdout;
    assert!(told.contains("inputs.state s.json: locked"), "{told}");
    // The run has all that it needs.
    std::fs::remove_file(shop.path("s.json")).unwrap();
    assert_eq!(shop.predicted(&run, "new.csv").rows(), 300);
}

#[test]
fn further_steps_and_names_are_of_what_the_state_makes() {
    let shop = Shop::learned();
    let steps =
        "state: s.json, features: [amount_z, kind_a, town], steps: [{clip: {columns: [amount_z], min: -1, max: 1}}]";
    shop.config("raw.yaml", "rows.csv", steps, FOREST);
    let (run, _) = shop.fit("raw.yaml");
    let plan = shop.json(&format!("{run}/plan.json"));
    let names = |key: &str| {
        let all = plan[key].as_array().unwrap().iter();
        all.map(|it| it["name"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(names("features"), ["amount_z", "kind_a", "town"]);
    assert_eq!(names("inputs"), ["amount", "kind", "town"]);
    // Nothing else need be in the rows.
    shop.write("few.csv", "id,amount,kind,town\n1,3.5,a,Ulm\n2,,c,Bern\n");
    assert_eq!(shop.predicted(&run, "few.csv").rows(), 2);
    let error = shop.refused("state: s.json, steps: [{clip: {columns: [kind], min: 0}}]", 2);
    assert!(error.contains("column `kind`: step `clip`: expected a column of that name, found none"), "{error}");
}

#[test]
fn an_ignored_column_may_still_be_read_by_the_state() {
    let shop = Shop::learned();
    shop.config("raw.yaml", "rows.csv", "state: s.json", FOREST);
    let text = shop.text("raw.yaml").replace("target: bought", "target: bought, ignore: [amount, kind_b, town]");
    shop.write("raw.yaml", &text);
    let (run, told) = shop.fit("raw.yaml");
    let codes: Vec<&str> = told["warnings"].as_array().unwrap().iter().filter_map(|it| it["code"].as_str()).collect();
    assert!(!codes.contains(&"absent_column"), "{codes:?}");
    let plan = shop.json(&format!("{run}/plan.json"));
    let features: Vec<&str> =
        plan["features"].as_array().unwrap().iter().filter_map(|it| it["name"].as_str()).collect();
    assert_eq!(features, ["age", "kind_a", "kind_c", "amount_z"]);
    assert_eq!(shop.predicted(&run, "new.csv").rows(), 300);
}

#[test]
fn a_state_that_does_not_fit_is_refused() {
    let shop = Shop::learned();
    let error = shop.refused("state: lost.json", 3);
    assert!(error.contains("lost.json"), "{error}");
    shop.write("foreign.json", "{\"version\": 1}");
    let error = shop.refused("state: foreign.json", 3);
    assert!(error.contains("foreign.json") && error.contains("expected a saved feature state"), "{error}");
    shop.write("old.json", &shop.text("s.json").replacen("\"version\":1", "\"version\":99", 1));
    let error = shop.refused("state: old.json", 3);
    assert!(error.contains("old.json") && error.contains("version 99"), "{error}");
    shop.run(&["features", "fit", "--config", "features.yaml", "--shard", "0/1", "--state", "part.json"], 0);
    let error = shop.refused("state: part.json", 3);
    assert!(
        error.contains("part.json: expected a state that has been learned") && error.contains("--merge"),
        "{error}"
    );
    let rows = shop.text("rows.csv");
    shop.write("rows.csv", &rows.replacen("id,age,amount", "id,years,amount", 1));
    let error = shop.refused("state: s.json", 3);
    assert!(error.contains("the state s.json does not fit the training rows") && error.contains("`age`"), "{error}");
    shop.write("rows.csv", &rows.replacen("\n0,", "\n0,old", 1));
    let error = shop.refused("state: s.json", 3);
    assert!(error.contains("column `age`: expected integer as in training, found text"), "{error}");
}

#[test]
fn nothing_is_learned_from_the_target_or_from_personal_data() {
    let more =
        "  - row_sum: {columns: [age, bought], into: total}\n  - mask: {columns: [town], method: redact}\nstore:";
    let masked = FEATURES.replace("store:", more).replace("build:", "pii: [town]\nbuild:");
    let shop = Shop::new(&masked);
    shop.run(&["features", "fit", "--config", "features.yaml", "--state", "s.json"], 0);
    let error = shop.refused("state: s.json", 2);
    assert!(error.contains("makes `total` of `bought`, which is the target"), "{error}");
    assert!(error.contains("data.ignore: [total]"), "{error}");
    let config = shop.text("refused.yaml").replace("target: bought", "target: bought, ignore: [total]");
    shop.write("refused.yaml", &config);
    let error = shop.run(&["fit", "--config", "refused.yaml"], 2).stderr;
    assert!(error.contains("makes `town` of `town`, which is personal data"), "{error}");
    shop.write("refused.yaml", &config.replace("[total]", "[total, town]"));
    let (run, _) = shop.fit("refused.yaml");
    for file in ["report.html", "plan.json", "tracking.json", "config.yaml", "model/input_example.json"] {
        assert!(!shop.text(&format!("{run}/{file}")).contains("Bern"), "{file}");
    }
    assert_eq!(shop.predicted(&run, "new.csv").rows(), 300);
}

#[test]
fn an_expectation_on_the_form_of_a_date_sees_it_as_it_is_written() {
    let shop = Shop::new(FEATURES);
    let mut text = String::new();
    for (number, line) in rows(0, 300, true).lines().enumerate() {
        let cell = if number == 0 { "day".to_owned() } else { format!("2024-01-{:02}", 1 + number % 28) };
        text.push_str(&format!("{line},{cell}\n"));
    }
    shop.write("rows.csv", &text);
    shop.config("raw.yaml", "rows.csv", "steps: [{date_parts: {columns: [day], parts: [weekday]}}]", FOREST);
    let expected = "target: bought, expectations: [{column_values_to_match_strftime_format: {column: day, strftime_format: '%Y-%m-%d'}}]";
    let config = shop.text("raw.yaml").replace("target: bought", expected);
    shop.write("raw.yaml", &config);
    let (run, _) = shop.fit("raw.yaml");
    let found = shop.json(&format!("{run}/expectations.json"));
    assert_eq!((&found["success"], &found["results"][0]["result"]["element_count"]), (&json!(true), &json!(300)));
    // And what is learned from is a date all the same.
    let plan = shop.json(&format!("{run}/plan.json"));
    assert!(plan["inputs"].as_array().unwrap().iter().any(|it| it["name"] == "day" && it["kind"] == "date"), "{plan}");
    shop.write("other.yaml", &config.replace("%Y-%m-%d", "%d.%m.%Y"));
    let error = shop.run(&["fit", "--config", "other.yaml"], 3).stderr;
    assert!(error.contains("2024-01-"), "{error}");
}
