//! Aggregates, windows and joins of a million rows, beside DuckDB's.

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

#[test]
fn a_million_rows_are_joined_as_duckdb_does() {
    let workshop = Workshop::new();
    let (mut rows, mut users) = ("id,user,kind,amount\n".to_owned(), "id,user,kind,level\n".to_owned());
    for row in 0..1_000_000_u64 {
        let mixed = row.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 20;
        // Some users are not known, and some rows have no user.
        let user = if mixed.is_multiple_of(50) { String::new() } else { format!("u{}", mixed % 120_011) };
        rows.push_str(&format!("{row},{user},{},{}\n", ["a", "b", "c"][(mixed % 3) as usize], mixed % 997));
    }
    for row in 0..150_000_u64 {
        let mixed = row.wrapping_mul(0xd134_2543_de82_ef95) >> 22;
        // Some users come several times, some never, and some rows have no user.
        let user = if row.is_multiple_of(1000) { String::new() } else { format!("u{}", mixed % 100_003) };
        let kind = if row.is_multiple_of(777) { "" } else { ["a", "b", "c"][(mixed % 3) as usize] };
        users.push_str(&format!("{row},{user},{kind},{}\n", mixed % 9));
    }
    workshop.write("rows.csv", rows);
    workshop.write("users.csv", users);
    let script = repository().join("tests/peers/joins.py");
    for (how, on) in [("inner", "user"), ("left", "user"), ("inner", "user, kind"), ("left", "user, kind")] {
        workshop.config(&format!(
            "inputs: {{users: {{path: users.csv}}}}\nbuild: [{{join: {{with: users, on: [{on}], how: {how}}}}}]\n"
        ));
        workshop.run(&[]);
        let whole = workshop.bytes("out.parquet");
        let compare = Program::new(python_feast())
            .args([&script, &workshop.path("rows.csv"), &workshop.path("users.csv"), &workshop.path("out.parquet")])
            .args([how, &on.replace(' ', "")]);
        let joined: u64 = compare.expect(0).stdout.trim().parse().unwrap();
        assert!(joined > 400_000, "{how} join on {on}: {joined} rows");
        // In little memory too.
        workshop.run(&["--memory", "16MiB", "--spill-dir", "spill"]);
        assert_eq!(workshop.bytes("out.parquet"), whole, "{how} join on {on}");
    }
}
