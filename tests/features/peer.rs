//! Aggregates and windows of a million rows, beside DuckDB's.

use trainer_testkit::{Program, python_feast, repository};

use super::Workshop;
use super::same_bytes::log;

#[test]
fn a_million_rows_are_aggregated_as_duckdb_does() {
    let workshop = Workshop::new();
    workshop.write("rows.csv", log(1_000_000));
    workshop.config(
        "build:
  - group:
      by: [user]
      time: time
      as_of: latest
      aggregates:
        n: count
        total: {sum: amount}
        mean: {mean: amount}
        spread: {std: amount}
        least: {min: amount}
        most: {max: amount}
        times: {distinct: time}
        n7: {count: \"*\", over: 7d}
        amount7: {sum: amount, over: 7d}
        buys30h: {count: \"*\", over: 30h, where: \"kind = 'buy'\"}
        clicks: {count: \"*\", where: \"kind = 'click'\"}
        recency: {recency: days}
",
    );
    workshop.run(&[]);
    let whole = workshop.bytes("out.parquet");
    let script = repository().join("tests/peers/aggregates.py");
    let compare = Program::new(python_feast()).args([script, workshop.path("rows.csv"), workshop.path("out.parquet")]);
    assert_eq!(compare.expect(0).stdout.trim(), "997");
    // In little memory too.
    workshop.run(&["--memory", "16MiB", "--spill-dir", "spill"]);
    assert_eq!(workshop.bytes("out.parquet"), whole);
}
