//! What was learned: apart from a run, in parts, read again, applied to other rows.

use serde_json::Value;

use super::{TRAINER, Told, Workshop, numbers, texts};
use trainer_testkit::Program;

const BUILD: &str = "
build:
  - coerce: {columns: [amount], unparsable: zero}
  - impute: {columns: [age], strategy: mean}
  - standardize: {columns: [age, amount], suffix: _z}
  - one_hot: {columns: [kind]}
";

fn rows(from: u64, to: u64) -> String {
    let mut text = "id,age,amount,kind\n".to_owned();
    for row in from..to {
        let age = if row % 7 == 0 { String::new() } else { (20 + row % 50).to_string() };
        let amount = if row % 11 == 0 { "?".to_owned() } else { format!("{}.{}", row % 90, row % 10) };
        text.push_str(&format!("{row},{age},{amount},{}\n", ["a", "b", "c"][(row % 3) as usize]));
    }
    text
}

fn features(workshop: &Workshop, args: &[&str]) -> Program {
    Program::new(TRAINER).dir(workshop.dir.path()).args(["features"]).args(args)
}

#[test]
fn a_state_that_is_applied_gives_what_the_run_gave() {
    let workshop = Workshop::new();
    workshop.write("rows.csv", rows(0, 3_000));
    workshop.config(BUILD);
    let summary = workshop.run(&[]);
    assert_eq!(summary["states"], serde_json::json!(["out.state.json"]));
    features(&workshop, &["fit", "--config", "features.yaml", "--state", "s.json"]).expect(0);
    assert_eq!(workshop.bytes("s.json"), workshop.bytes("out.state.json"));
    features(&workshop, &["apply", "--state", "s.json", "--input", "rows.csv", "--output", "again.parquet"]).expect(0);
    let (run, again) = (workshop.table("out.parquet"), workshop.table("again.parquet"));
    assert_eq!(run.names().collect::<Vec<_>>(), again.names().collect::<Vec<_>>());
    for name in ["age_z", "amount_z", "kind_a", "kind_c", "age", "amount"] {
        assert_eq!(numbers(&run, name), numbers(&again, name), "{name}");
    }
    workshop.write("one.csv", "id,age,amount,kind\n7,,3.5,b\n");
    features(&workshop, &["apply", "--state", "s.json", "--input", "one.csv", "--output", "one.parquet"]).expect(0);
    let one = workshop.table("one.parquet");
    assert_eq!((numbers(&one, "kind_b"), texts(&one, "id")), (vec![1.0], vec![Some("7".into())]));
    let told = features(&workshop, &["inspect", "--state", "s.json", "--output", "json"]).expect(0).json();
    assert_eq!((&told["done"], &told["rows"]), (&Value::Bool(true), &3_000.into()));
    assert_eq!(told["steps"], serde_json::json!(["coerce", "impute", "standardize", "one_hot"]));
    let text = features(&workshop, &["inspect", "--state", "s.json"]).expect(0).stdout;
    assert!(text.starts_with("learned, ") && text.contains("3000 rows"), "{text}");
}

#[test]
fn parts_learn_what_one_learns() {
    let workshop = Workshop::new();
    for part in 0..3 {
        workshop.write(&format!("in/{part}.csv"), rows(part * 1_000, (part + 1) * 1_000));
    }
    workshop.config(&format!("extract: {{path: in}}\n{BUILD}"));
    features(&workshop, &["fit", "--config", "features.yaml", "--state", "whole.json"]).expect(0);
    let mut from: Option<String> = None;
    for pass in 1.. {
        assert!(pass < 6, "the passes end");
        let parts: Vec<String> = (0..3).map(|part| format!("part-{pass}-{part}.json")).collect();
        for (part, state) in parts.iter().enumerate() {
            let shard = format!("{part}/3");
            let mut args = vec!["fit", "--config", "features.yaml", "--shard", &shard, "--state", state];
            if let Some(from) = &from {
                args.extend(["--from", from.as_str()]);
            }
            features(&workshop, &args).expect(0);
        }
        let merged = format!("merged-{pass}.json");
        let merge = ["fit", "--config", "features.yaml", "--output", "json", "--state", &merged, "--merge"];
        let told = features(&workshop, &merge).args([&parts[2], &parts[0], &parts[1]]).expect(0).json();
        if told["done"] == true {
            assert_eq!(workshop.bytes(&merged), workshop.bytes("whole.json"));
            return;
        }
        from = Some(merged);
    }
}

#[test]
fn what_is_no_state_is_refused() {
    let workshop = Workshop::new();
    workshop.write("rows.csv", rows(0, 50));
    workshop.write("other.json", "{}");
    workshop.config(BUILD);
    let apply = |state: &str| {
        features(&workshop, &["apply", "--state", state, "--input", "rows.csv", "--output", "x.parquet"]).expect(3)
    };
    apply("other.json").says(&["expected a saved feature state"]);
    apply("absent.json").says(&["absent.json"]);
    features(&workshop, &["fit", "--config", "features.yaml", "--shard", "0/1", "--state", "part.json"]).expect(0);
    apply("part.json").says(&["expected a state that has been learned", "--merge"]);
    workshop.config("build: [{row_sum: {columns: [id, age], into: s}}]\n");
    features(&workshop, &["fit", "--config", "features.yaml"]).expect(2).says(&["steps of columns that learn"]);
}

#[test]
fn personal_data_leaves_in_no_form() {
    let workshop = Workshop::new();
    let secret = "ada.lovelace@example.com";
    workshop.write("rows.csv", format!("id,email,age\n1,{secret},20\n2,x@y.z,30\n3,{secret},oops\n"));
    workshop.config(
        "pii: [email]\nvalidate: {expectations: [{column_values_to_be_unique: {column: email, severity: warning}}]}\nbuild:\n  - coerce: {columns: [age], unparsable: zero}\n  - mask: {columns: [email], method: hash, key: \"${KEY}\"}\n  - standardize: {columns: [age]}\n",
    );
    let outcome = workshop.program(&["--verbose"]).env("KEY", "a long key").run();
    assert_eq!(outcome.code, Some(0), "{}", outcome.stderr);
    let mut texts = vec![outcome.stdout.into_bytes(), outcome.stderr.into_bytes()];
    for name in workshop.names().iter().filter(|name| name.starts_with("out.")) {
        texts.push(workshop.bytes(name));
    }
    for text in texts {
        let text = String::from_utf8_lossy(&text).into_owned();
        assert!(!text.contains("lovelace") && !text.contains("a long key"), "{text}");
    }
    let made = workshop.table("out.parquet");
    let codes = super::texts(&made, "email");
    assert_eq!(codes[0], codes[2]);
    assert_ne!(codes[0], codes[1]);
    workshop.config("pii: [email]\nbuild: []\n");
    workshop.run(&[]);
    assert!(workshop.table("out.parquet").column("email").is_none());
    // Neither a cell that changes the type of its column nor a row that is broken is shown.
    let mut rows = "id,phone\n".to_owned();
    (0..30_000).for_each(|row| rows.push_str(&format!("{row},{row}\n")));
    rows.push_str("1,+44 lovelace\n");
    workshop.write("rows.csv", &rows);
    workshop.config("pii: [phone]\nbuild: [{mask: {columns: [phone], method: redact}}]\n");
    let outcome = workshop.program(&[]).expect(0);
    assert!(!outcome.stderr.contains("lovelace"), "{}", outcome.stderr);
    workshop.config("pii: [phone]\nvalidate: {malformed: quarantine}\n");
    workshop.program(&[]).expect(2).says(&["malformed: quarantine", "must not leave in clear"]);
}
