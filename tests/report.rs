//! The report in a real browser: it renders, logs nothing to the console, runs and loads nothing.

use std::path::Path;

use ndarray::Array2;
use trainer::report::{Importance, Profile, Report};
use trainer_data::{Column, Label, Table};
use trainer_quality::{
    Average, Averaging, Bootstrap, FlatMetrics, Gate, Gates, Scores, evaluate, judge, most_probable,
};
use trainer_testkit::{Program, scratch};

fn report(classes: &[&str]) -> Report {
    let rows = 240;
    let labels: Vec<Label> = classes.iter().map(|class| Label::Text((*class).to_owned())).collect();
    let y: Vec<u32> = (0..rows).map(|row| (row * 7 % labels.len()) as u32).collect();
    let mut proba = Array2::from_shape_fn((rows, labels.len()), |(row, class)| {
        ((row * 31 + class * 17) % 53) as f32 / 53.0 + if y[row] as usize == class { 0.5 } else { 0.01 }
    });
    proba.rows_mut().into_iter().for_each(|mut row| row /= row.sum());
    let predicted = most_probable(proba.view());
    let averaging = Averaging::new(Average::Macro, None, &labels).unwrap();
    let scores = Scores::new(&y, proba.view(), &predicted, &labels, averaging);
    let evaluation = evaluate(&scores);
    let column = Column::from_numbers("tenure", (0..rows).map(|row| Some(row as f64)).collect());
    Report {
        project: "browser".into(),
        version: None,
        run: "run-1".into(),
        created: "2026-11-20 07:00:00 UTC".into(),
        learner: "random_forest".into(),
        judged: "test".into(),
        gates: judge(&Gates(vec![Gate::bare("accuracy", 0.99)]), &scores, &Bootstrap::seeded(1)),
        metrics: FlatMetrics::default().judged(&evaluation.metrics),
        importances: vec![Importance { feature: "tenure".into(), impurity: 1.0, permutation: Some((0.1, 0.01)) }],
        profile: Profile::of(&Table::from_columns(vec![column]).unwrap(), |_| String::new()),
        expectations: Vec::new(),
        warnings: Vec::new(),
        facts: vec![("seed".into(), "42".into())],
        inputs: Vec::new(),
        seconds: vec![("fit".into(), 0.5)],
        evaluation,
    }
}

/// The page after the browser has read it, and what the browser logged.
fn opened(page: &Path, folder: &Path) -> (String, String) {
    let browser = ["/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome"];
    let browser = browser.into_iter().find(|path| Path::new(path).exists());
    let browser = browser.expect("no chromium in /usr/bin: run ./tests/run once, it installs it");
    let profile = format!("--user-data-dir={}", folder.join("browser").display());
    let flags = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run"];
    let log = ["--enable-logging=stderr", "--v=0", "--dump-dom"];
    let url = format!("file://{}", page.display());
    let outcome = Program::new(browser).args(flags).args(log).args([&profile, &url]).expect(0);
    (outcome.stdout, outcome.stderr)
}

#[test]
fn the_report_renders_without_console_messages() {
    let folder = scratch();
    for (name, classes) in [("binary", &["no", "yes"][..]), ("multiclass", &["a", "b", "<script>throw 1</script>"])] {
        let page = folder.path().join(format!("{name}.html"));
        std::fs::write(&page, report(classes).html().unwrap()).unwrap();
        let (dom, log) = opened(&page, folder.path());
        // A refused script or resource, and any error, would be a line with CONSOLE in it.
        assert!(!log.contains("CONSOLE"), "{name}: {log}");
        assert!(dom.contains("<strong>Failed</strong>") && dom.contains("</html>"), "{name}: {dom}");
        assert!(dom.matches("<svg").count() >= 4 && !dom.contains("<script"), "{name}: {dom}");
    }
}

#[test]
fn the_browser_would_have_told() {
    let folder = scratch();
    let page = folder.path().join("broken.html");
    let html =
        report(&["no", "yes"]).html().unwrap().replace("</main>", "<script>throw new Error('seen')</script></main>");
    std::fs::write(&page, html).unwrap();
    let (_, log) = opened(&page, folder.path());
    assert!(log.contains("CONSOLE"), "a page that breaks its own rules must be noticed: {log}");
}
