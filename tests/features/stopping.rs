//! A run that is told to stop leaves what was there before, and runs again.

use std::process::{Command, Stdio};
use std::time::Duration;

use super::same_bytes::log;
use super::{TRAINER, Workshop};

const CONFIG: &str = "
build:
  - coerce: {columns: numeric, unparsable: zero}
  - standardize: {columns: [amount], suffix: _z}
  - group: {by: [user, kind, amount], aggregates: {n: count, mean: {mean: amount_z}}}
";

#[test]
fn sigterm_ends_a_run_with_143_and_the_old_output_stays() {
    let workshop = Workshop::new();
    workshop.write("rows.csv", log(600_000));
    workshop.config(CONFIG);
    let limits = ["--memory", "16MiB", "--spill-dir", "spill"];
    workshop.run(&limits);
    let (whole, names) = (workshop.bytes("out.parquet"), workshop.names());
    workshop.write("out.parquet", "the old one");
    let mut stopped = 0;
    for wait_ms in [30, 100, 200, 400, 800] {
        let child = Command::new(TRAINER)
            .args(["features", "run", "--config", "features.yaml"])
            .args(limits)
            .current_dir(workshop.dir.path())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        std::thread::sleep(Duration::from_millis(wait_ms));
        let sent = Command::new("kill").args(["-s", "TERM", &child.id().to_string()]).status().unwrap();
        let output = child.wait_with_output().unwrap();
        if !sent.success() || output.status.code() == Some(0) {
            break;
        }
        let stderr = String::from_utf8(output.stderr).unwrap();
        if output.status.code().is_none() {
            // It did not listen yet, and was ended as every program is.
            assert!(wait_ms < 400, "{stderr}");
            continue;
        }
        stopped += 1;
        assert_eq!(output.status.code(), Some(143), "after {wait_ms} ms: {stderr}");
        assert!(stderr.contains("stopped by SIGTERM"), "{stderr}");
        assert!(output.stdout.is_empty(), "{:?}", output.stdout);
        assert_eq!(workshop.bytes("out.parquet"), b"the old one", "after {wait_ms} ms");
        assert_eq!(workshop.names(), names, "after {wait_ms} ms");
        let spilled: Vec<_> = std::fs::read_dir(workshop.path("spill")).unwrap().collect();
        assert!(spilled.is_empty(), "after {wait_ms} ms: {spilled:?}");
    }
    assert!(stopped > 0, "no run could be stopped in its midst");
    workshop.run(&limits);
    assert_eq!(workshop.bytes("out.parquet"), whole);
    assert_eq!(workshop.names(), names);
}
