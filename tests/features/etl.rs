//! The shop's exports: customers become one clean row each, orders get their totals behind a suite.

use std::collections::BTreeMap;

use trainer_testkit::{Program, repository, scratch};

use super::{TRAINER, example, numbers, plain_csv, table, texts};

fn run(config: &str) -> tempfile::TempDir {
    let dir = scratch();
    for folder in ["datasets", "configs"] {
        std::os::unix::fs::symlink(repository().join(folder), dir.path().join(folder)).unwrap();
    }
    Program::new(TRAINER).dir(dir.path()).args(["features", "run", "--config"]).args([example(config)]).expect(0);
    dir
}

/// `name@host.tld`, with no space and one `@`.
fn is_address(text: &str) -> bool {
    let Some((name, host)) = text.split_once('@') else { return false };
    let host_is = host.split_once('.').is_some_and(|(host, rest)| !host.is_empty() && !rest.is_empty());
    !name.is_empty() && host_is && !host.contains('@') && !text.contains(' ')
}

#[test]
fn customers_are_those_with_id_and_address_in_their_last_state() {
    let dir = run("customers.yaml");
    let rows = plain_csv(&repository().join("datasets/shop/customers.csv"));
    let mut last: BTreeMap<&str, usize> = BTreeMap::new();
    for (row, id) in rows["customer_id"].iter().enumerate() {
        if id.is_empty() || !is_address(&rows["email"][row]) {
            continue;
        }
        let before = last.get(id.as_str()).is_some_and(|&old| rows["updated_at"][old] > rows["updated_at"][row]);
        if !before {
            last.insert(id, row);
        }
    }
    let mut kept: Vec<usize> = last.into_values().collect();
    kept.sort_unstable();
    let made = table(&dir.path().join("features/customers.parquet"));
    let expected = |name: &str, empty: &str| -> Vec<Option<String>> {
        let cell = |&row: &usize| if rows[name][row].is_empty() { empty.to_owned() } else { rows[name][row].clone() };
        kept.iter().map(cell).map(Some).collect()
    };
    assert_eq!(texts(&made, "customer_id"), expected("customer_id", ""));
    assert_eq!(texts(&made, "status"), expected("status", "active"));
    assert_eq!(texts(&made, "email"), expected("email", ""));
    assert!(kept.len() > 200 && kept.len() < 300, "{} customers", kept.len());
}

#[test]
fn every_example_is_a_right_config() {
    let files = std::fs::read_dir(repository().join("configs/features")).unwrap();
    let yaml = files.map(|file| file.unwrap().path()).filter(|path| path.extension().is_some_and(|it| it == "yaml"));
    let mut seen = 0;
    for path in yaml {
        let told = Program::new(TRAINER).args(["check", "--config"]).args([&path]).expect(0).stdout;
        assert!(told.contains("is valid"), "{told}");
        Program::new(TRAINER).args(["config", "--config"]).args([&path]).expect(0);
        seen += 1;
    }
    assert!(seen >= 3, "{seen} examples");
}

#[test]
fn orders_have_their_totals() {
    let dir = run("orders.yaml");
    let rows = plain_csv(&repository().join("datasets/shop/orders.csv"));
    let made = table(&dir.path().join("features/orders.parquet"));
    assert_eq!(made.rows(), 1_200);
    let cell = |name: &str, row: usize| rows[name][row].parse::<f64>().unwrap_or(0.0);
    let (total, last) = (numbers(&made, "total"), numbers(&made, "final_amount"));
    for row in 0..made.rows() {
        let expected = cell("quantity", row) * cell("unit_price", row);
        assert_eq!(total[row], expected, "row {row}");
        assert_eq!(last[row], expected - cell("discount", row), "row {row}");
    }
    assert_eq!(made.column("order_date").unwrap().kind(), trainer_data::Kind::Date);
    assert_eq!(numbers(&made, "discount"), (0..1_200).map(|row| cell("discount", row)).collect::<Vec<_>>());
}

#[test]
fn orders_that_break_the_suite_are_not_stored() {
    let dir = scratch();
    let text = std::fs::read_to_string(repository().join("datasets/shop/orders.csv")).unwrap();
    for (name, broken) in [
        ("too few", text.lines().take(900).collect::<Vec<_>>().join("\n") + "\n"),
        ("a status", text.replacen(",paid", ",payed", 1)),
        ("a date", text.replacen("2026-10-23", "23.10.2026", 1)),
        ("an id twice", text.replacen("O000001", "O000000", 1)),
        ("a price", text.replacen("39.51", "-39.51", 1)),
    ] {
        std::fs::write(dir.path().join("orders.csv"), broken).unwrap();
        std::fs::create_dir_all(dir.path().join("features")).unwrap();
        std::fs::write(dir.path().join("features/orders.parquet"), "the old one").unwrap();
        let suite = repository().join("configs/features/orders_suite.json");
        let outcome = Program::new(TRAINER)
            .dir(dir.path())
            .args(["features", "run", "--set", "extract.path=orders.csv", "--set"])
            .args([format!("validate.expectations={}", suite.display())])
            .arg_config(&example("orders.yaml"))
            .expect(3);
        outcome.says(&["step validate"]);
        let old = std::fs::read(dir.path().join("features/orders.parquet")).unwrap();
        assert_eq!(old, b"the old one", "{name}");
    }
}

trait Config {
    fn arg_config(self, path: &std::path::Path) -> Self;
}

impl Config for Program {
    fn arg_config(self, path: &std::path::Path) -> Self {
        self.args(["--config"]).args([path])
    }
}
