use ndarray::Array2;
use trainer_data::{Column, Label, Table, Warning};
use trainer_quality::{
    Average, Averaging, Bootstrap, FlatMetrics, FoldSummary, Gate, Gates, Scores, Values, evaluate, judge, measure,
    most_probable, positive_at_least,
};

use super::*;

/// A report of made-up rows: deterministic, with everything that a report can hold.
fn report(classes: &[&str], gates: &[(&str, f64)], columns: usize) -> Report {
    let rows = 1200;
    let labels: Vec<Label> = classes.iter().map(|class| Label::Text((*class).to_owned())).collect();
    let count = labels.len();
    let noise = |row: usize, class: usize| (((row * 7919 + class * 104_729) % 997) as f32) / 997.0;
    let y: Vec<u32> = (0..rows).map(|row| ((row * 31 % 100) * count / 130 % count) as u32).collect();
    let mut proba = Array2::from_shape_fn((rows, count), |(row, class)| {
        0.02 + noise(row, class).powi(2) + if y[row] as usize == class { 0.3 } else { 0.0 }
    });
    proba.rows_mut().into_iter().for_each(|mut row| row /= row.sum());
    let averaging = Averaging::new(Average::Macro, None, &labels).unwrap();
    let threshold = averaging.positive().map(|_| 0.43);
    let predicted = match (threshold, averaging.positive()) {
        (Some(threshold), Some(positive)) => positive_at_least(threshold, proba.view(), positive),
        _ => most_probable(proba.view()),
    };
    let scores = Scores::new(&y, proba.view(), &predicted, &labels, averaging).decided_at(threshold);
    let evaluation = evaluate(&scores);
    let gates = Gates(gates.iter().map(|(metric, bound)| Gate::bare(metric, *bound)).collect());
    let shifted =
        |by: f64| evaluation.metrics.iter().map(|(name, value)| (name, (value + by).min(0.999))).collect::<Values>();
    let constant = vec![0u32; rows];
    let certain = Array2::from_shape_fn((rows, count), |(_, class)| f32::from(class == 0));
    let metrics = FlatMetrics::default()
        .judged(&evaluation.metrics)
        .training(&shifted(0.04))
        .validation(&shifted(-0.003))
        .cross_validation(&FoldSummary::of(&[shifted(0.01), shifted(-0.012), shifted(0.004)]))
        .out_of_bag(&shifted(-0.002))
        .baseline(&measure(&Scores::new(&y, certain.view(), &constant, &labels, averaging)));
    let table = table(rows, columns);
    Report {
        project: "churn-prediction".into(),
        version: Some("1.0.0".into()),
        run: "20261120T070000Z-churn-prediction-4f1c2a9b".into(),
        created: "2026-11-20 07:00:00 UTC".into(),
        learner: "random_forest".into(),
        judged: "test".into(),
        gates: judge(&gates, &scores, &Bootstrap::seeded(1)),
        importances: (0..columns)
            .map(|i| Importance {
                feature: format!("feature_{i}"),
                impurity: 0.4 / (1.0 + i as f64),
                permutation: (i % 3 != 2).then(|| (0.08 / (1.0 + i as f64) - 0.002, 0.0031)),
            })
            .collect(),
        profile: Profile::of(&table, |name| if name == "plan" { "target".into() } else { String::new() }),
        expectations: vec![
            Expected { name: "not_null".into(), on: "tenure_months".into(), met: true, observed: "0 of 1,200".into() },
            Expected { name: "between".into(), on: "age".into(), met: false, observed: "17 rows below 18".into() },
        ],
        warnings: vec![Warning {
            code: "constant_column".into(),
            column: Some("region".into()),
            count: 1200,
            message: "the column has one value only and is left out".into(),
        }],
        facts: ["seed", "device", "threads", "trainer", "model hash", "training rows", "validation rows", "test rows"]
            .into_iter()
            .zip(["42", "cpu", "2", "0.1.0", "sha256:4f1c2a9b7d0e", "8,000", "2,000", "2,000"])
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .collect(),
        inputs: vec![InputFact {
            part: "training".into(),
            path: "datasets/churn/train.parquet".into(),
            rows: 10_000,
            bytes: 412_334,
            sha256: "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08".into(),
        }],
        seconds: [("read", 0.021), ("features", 0.012), ("fit", 0.412), ("cross_validation", 1.31), ("judge", 0.05)]
            .map(|(name, seconds)| (name.to_owned(), seconds))
            .to_vec(),
        evaluation,
        metrics,
    }
}

fn table(rows: usize, columns: usize) -> Table {
    let number = |i: usize| {
        let cells = (0..rows).map(|row| (row % (7 + i) != 0).then(|| ((row * (i + 3)) % 97) as f64 * 1.37));
        Column::from_numbers(format!("feature_{i}"), cells.collect())
    };
    let levels = (0..rows).map(|row| Some(["gold", "silver", "bronze", "free"][row * row % 11 % 4])).collect();
    let mut all: Vec<Column> = (0..columns).map(number).collect();
    all.push(Column::from_text("plan", levels));
    all.push(Column::from_booleans("active", (0..rows).map(|row| Some(row % 3 == 0)).collect()));
    all.push(Column::from_timestamps(
        "event_timestamp",
        (0..rows as i64).map(|row| Some(row * 86_400_000_000)).collect(),
    ));
    Table::from_columns(all).unwrap()
}

/// Where a test of the whole program, and whoever wants to see it, finds the page.
fn written(name: &str, report: &Report) -> String {
    let html = report.html().unwrap();
    let folder = trainer_testkit::repository().join("target/reports");
    std::fs::create_dir_all(&folder).unwrap();
    std::fs::write(folder.join(name), &html).unwrap();
    html
}

#[test]
fn a_binary_run_that_failed_says_so_first() {
    let html =
        written("binary.html", &report(&["no", "yes"], &[("accuracy", 0.5), ("recall", 0.99), ("log_loss", 1.0)], 6));
    assert!(html.contains("<strong>Failed</strong>") && html.contains("1 of 3 gates failed"));
    for section in [
        "gates",
        "metrics",
        "confusion",
        "curves",
        "thresholds",
        "importances",
        "expectations",
        "warnings",
        "profile",
        "facts",
    ] {
        assert!(html.contains(&format!("<h2 id=\"{section}\">")), "{section}");
    }
    assert!(html.contains("decides ▸ 0.4300") && html.contains("cross-validation") && html.contains("baseline 0."));
}

#[test]
fn a_multi_class_run_that_passed() {
    let html = written("multiclass.html", &report(&["setosa", "versicolor", "virginica"], &[("accuracy", 0.5)], 4));
    assert!(html.contains("<strong>Passed</strong>") && html.contains("1 of 1 gate passed"));
    assert!(!html.contains("<h2 id=\"thresholds\">") && html.contains("class=\"legend\""));
}

#[test]
fn a_run_without_gates_claims_nothing() {
    let html = report(&["no", "yes"], &[], 2).html().unwrap();
    assert!(html.contains("<strong>No gates</strong>") && !html.contains("<h2 id=\"gates\">"));
}

#[test]
fn no_text_of_the_data_becomes_markup() {
    let evil = "<script>alert('x')</script>";
    let mut report = report(&[evil, "\"><img src=x>", "c"], &[("accuracy", 0.5)], 3);
    report.project = evil.into();
    report.importances[0].feature = evil.into();
    report.warnings[0].message = evil.into();
    report.facts[0].1 = evil.into();
    report.profile.columns[0].name = evil.into();
    let profile::ValueProfile::Levels(levels) = &mut report.profile.columns[3].values else { panic!("levels") };
    levels[0].0 = evil.into();
    let html = written("hostile.html", &report);
    assert!(!html.contains("<script") && !html.contains("<img"));
    assert!(html.matches("alert(").count() >= 6);
}

#[test]
fn nothing_is_loaded_from_elsewhere_and_no_number_is_nan() {
    let html = report(&["no", "yes"], &[("accuracy", 0.5)], 6).html().unwrap();
    for text in ["<script", "http:", "https:", "@import", "url(", "NaN", "inf<"] {
        assert!(!html.contains(text), "{text}");
    }
    assert_eq!(html.matches("<svg").count(), html.matches("</svg>").count());
    assert_eq!(html.matches("role=\"img\"").count(), html.matches("<svg").count());
}

#[test]
fn a_wide_table_of_many_classes_stays_small() {
    let names: Vec<String> = (0..60).map(|class| format!("class {class}")).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let html = written("wide.html", &report(&names, &[("accuracy", 0.1)], 500));
    assert!(html.len() < 2_000_000, "{} bytes", html.len());
    for said in [
        "and 403 more columns are not shown",
        "and 470 more features",
        "and 44 more classes with fewer rows",
        "and 10 more classes with fewer rows",
    ] {
        assert!(html.contains(said), "{said}");
    }
}

#[test]
fn rows_of_one_class_still_make_a_report() {
    let mut report = report(&["no", "yes"], &[("roc_auc", 0.5)], 2);
    let labels = [Label::Integer(0), Label::Integer(1)];
    let proba = ndarray::arr2(&[[0.9, 0.1], [0.8, 0.2]]);
    let averaging = Averaging::new(Average::Macro, None, &labels).unwrap();
    let scores = Scores::new(&[0, 0], proba.view(), &[0, 0], &labels, averaging);
    report.evaluation = evaluate(&scores);
    report.metrics = FlatMetrics::default().judged(&report.evaluation.metrics);
    let html = report.html().unwrap();
    assert!(!html.contains("NaN"), "undefined numbers are dashes");
}
