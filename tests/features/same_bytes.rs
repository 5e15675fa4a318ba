//! The same rows give the same bytes: with any number of threads, any memory, after a stop, and from parts.

use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use super::{TRAINER, Workshop};

/// A log of so many events, in no order.
pub(super) fn log(rows: u64) -> String {
    let mut text = "time,user,kind,amount\n".to_owned();
    for row in 0..rows {
        let mixed = row.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 20;
        let (user, day, kind) = (mixed % 997, mixed / 997 % 28 + 1, ["view", "click", "buy"][(mixed % 3) as usize]);
        text.push_str(&format!(
            "2026-02-{day:02}T0{}:00:00,u{user},{kind},{}.{:02}\n",
            mixed % 10,
            mixed % 89,
            mixed % 97
        ));
    }
    text
}

const CONFIG: &str = "
build:
  - coerce: {columns: numeric, unparsable: zero}
  - derive: {double: \"amount * 2\"}
  - standardize: {columns: [amount], suffix: _z}
  - quantile_bin: {columns: [double], n_bins: 16}
  - one_hot: {columns: [kind]}
  - group: {by: [user], time: time, as_of: latest, aggregates: {n: count, total: {sum: amount}, mean: {mean: amount_z}, spread: {std: amount}, days: {distinct: time}, last: {last: amount}}}
";

#[test]
fn threads_and_memory_do_not_show() {
    let workshop = Workshop::new();
    workshop.write("rows.csv", log(60_000));
    workshop.config(CONFIG);
    workshop.run(&["--threads", "1"]);
    let (rows, state) = (workshop.bytes("out.parquet"), workshop.bytes("out.state.json"));
    for args in [&["--threads", "2"][..], &["--threads", "3", "--memory", "24MiB"], &["--memory", "16MiB"]] {
        workshop.run(args);
        assert_eq!(workshop.bytes("out.parquet"), rows, "{args:?}");
        assert_eq!(workshop.bytes("out.state.json"), state, "{args:?}");
    }
}

#[test]
fn a_run_that_was_killed_leaves_the_old_output_and_runs_again() {
    let workshop = Workshop::new();
    workshop.write("rows.csv", log(400_000));
    workshop.config(CONFIG);
    workshop.run(&[]);
    let whole = workshop.bytes("out.parquet");
    workshop.write("out.parquet", "the old one");
    let mut killed = 0;
    for wait_ms in [20, 60, 120, 240, 480] {
        let mut child = Command::new(TRAINER)
            .args(["features", "run", "--quiet", "--config", "features.yaml"])
            .current_dir(workshop.dir.path())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let start = Instant::now();
        while start.elapsed() < Duration::from_millis(wait_ms) {
            std::thread::sleep(Duration::from_millis(5));
        }
        child.kill().unwrap();
        child.wait().unwrap();
        let found = workshop.bytes("out.parquet");
        if found == whole {
            break;
        }
        killed += 1;
        assert!(found == b"the old one", "killed after {wait_ms} ms: {} bytes of neither", found.len());
    }
    assert!(killed > 0, "no run could be stopped in its midst");
    workshop.run(&[]);
    assert_eq!(workshop.bytes("out.parquet"), whole);
}

#[test]
fn shards_are_parts_of_the_whole() {
    let workshop = Workshop::new();
    for file in 0..5 {
        workshop.write(&format!("in/{file}.csv"), format!("a\n{file}\n{}\n", file + 10));
    }
    workshop.config("extract: {path: in}\nbuild: [{derive: {b: \"a + 1\"}}]\n");
    let mut rows = Vec::new();
    for index in 0..2 {
        workshop.run(&["--shard", &format!("{index}/2")]);
        rows.extend(super::numbers(&workshop.table(&format!("out-{index:05}-of-00002.parquet")), "b"));
    }
    workshop.run(&[]);
    let mut whole = super::numbers(&workshop.table("out.parquet"), "b");
    rows.sort_by(f64::total_cmp);
    whole.sort_by(f64::total_cmp);
    assert_eq!(rows, whole);
    let indexed = workshop.program(&[]).env("JOB_COMPLETION_INDEX", "1").env("TRAINER_SHARDS", "2");
    indexed.expect(0);
    workshop.config("extract: {path: in}\nbuild: [{group: {by: [a], aggregates: {n: count}}}]\n");
    workshop.program(&["--shard", "0/2"]).expect(2).says(&["`group`", "--shard"]);
}
