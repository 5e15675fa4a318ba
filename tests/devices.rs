//! Devices as a user meets them: what is listed, what `doctor` advises, predictions that are the CPU's, and a device that is
//! lost half-way.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Instant;

use serde_json::{Value as Json, json};
use trainer_testkit::{Outcome, Program, repository, scratch, shared};

const TRAINER: &str = env!("CARGO_BIN_EXE_trainer");
/// Lists of Vulkan's drivers that name none.
const NO_VULKAN: [(&str, &str); 2] = [("VK_DRIVER_FILES", "/dev/null"), ("VK_ICD_FILENAMES", "/dev/null")];

fn trainer(dir: &Path, args: &[&str], variables: &[(&str, &str)]) -> Program {
    let program = Program::new(TRAINER).args(args).dir(dir).env("MLFLOW_TRACKING_URI", "none");
    variables.iter().fold(program, |program, (name, value)| program.env(name, value))
}

fn told(outcome: &Outcome) -> Json {
    serde_json::from_str(&outcome.stdout).unwrap()
}

/// All GPUs that open, software ones too; `TRAINER_REQUIRE` names those that must be.
fn gpus() -> Vec<String> {
    let listed = told(&trainer(&repository(), &["devices", "-o", "json"], &[]).expect(0));
    let opens = listed["devices"].as_array().unwrap().iter().filter(|it| it["name"] != "cpu" && it["opens"] == true);
    let gpus: Vec<String> = opens.map(|device| device["name"].as_str().unwrap().to_owned()).collect();
    let required = std::env::var("TRAINER_REQUIRE").unwrap_or_default();
    for kind in required.split(',').filter(|kind| !kind.is_empty()) {
        assert!(gpus.iter().any(|gpu| gpu.starts_with(kind)), "TRAINER_REQUIRE={required}, found {gpus:?}");
    }
    gpus
}

#[test]
fn devices_tell_what_they_hold_and_take_at_once() {
    let outcome = trainer(&repository(), &["devices", "-o", "json"], &[("XDG_RUNTIME_DIR", "")]).expect(0);
    assert_eq!(outcome.stderr, "", "no driver writes where errors go");
    let text = trainer(&repository(), &["devices"], &[]).expect(0).stdout;
    for device in told(&outcome)["devices"].as_array().unwrap().iter().filter(|device| device["opens"] == true) {
        if device["name"] == "cpu" {
            assert!(device["memory_bytes"].as_u64().is_some_and(|bytes| bytes > 1 << 28), "{device}");
            continue;
        }
        let limits = &device["limits"];
        // What every WebGPU adapter has.
        let least = [("buffer_bytes", 128 << 20), ("shared_bytes", 16 << 10), ("units", 256), ("buffers", 7)];
        for (name, least) in least {
            assert!(limits[name].as_u64().is_some_and(|found| found >= least), "{name}: {device}");
        }
        let driver = device["driver"].as_str().unwrap();
        assert!(text.contains(&format!("driver: {driver}")) && text.contains(" a buffer, "), "{text}");
    }
}

#[test]
fn doctor_finds_nothing_failed_where_no_device_is_asked_for() {
    let outcome = trainer(&repository(), &["doctor"], &NO_VULKAN).expect(0);
    assert_eq!(outcome.stderr, "");
    for line in ["working folder", "memory", "s3 credentials", "tracking", "vulkan loader", "cuda driver"] {
        assert!(outcome.stdout.contains(line), "no `{line}` in {}", outcome.stdout);
    }
    for device in gpus() {
        let checks = told(&trainer(&repository(), &["doctor", "--device", &device, "-o", "json"], &[]).expect(0));
        let check = checks["checks"].as_array().unwrap().iter().find(|check| check["name"] == *device).unwrap().clone();
        assert!(check["verdict"] == "ok" && check["found"].as_str().unwrap().contains("kernels run"), "{check}");
    }
}

#[test]
fn doctor_has_a_line_for_each_thing_that_is_missing() {
    let home = scratch();
    let secret = "hunter2";
    let cases = [
        (&NO_VULKAN[..], 0, "vulkan drivers", "unset VK_DRIVER_FILES"),
        (&[("NVIDIA_VISIBLE_DEVICES", "void")], 0, "NVIDIA_VISIBLE_DEVICES", "--gpus all"),
        (
            &[("NVIDIA_DRIVER_CAPABILITIES", "compute,utility")],
            0,
            "NVIDIA_DRIVER_CAPABILITIES",
            "compute,utility,graphics",
        ),
        (&[("NVIDIA_DRIVER_CAPABILITIES", "graphics")], 0, "NVIDIA_DRIVER_CAPABILITIES", "compute,utility,graphics"),
        (&[("CUDA_VISIBLE_DEVICES", "")], 0, "CUDA_VISIBLE_DEVICES", "unset CUDA_VISIBLE_DEVICES"),
        (&[("AWS_ACCESS_KEY_ID", secret)], 0, "s3 credentials", "set both"),
        (&[("MLFLOW_TRACKING_USERNAME", secret)], 2, "tracking", "MLflow client"),
        (&[("MLFLOW_TRACKING_URI", "mlflow:5000")], 2, "tracking", "http://mlflow:5000"),
    ];
    for (variables, code, name, mend) in cases {
        let home = [("HOME", home.path().to_str().unwrap())];
        let outcome = trainer(&repository(), &["doctor", "-o", "json"], &[&home[..], variables].concat()).expect(code);
        let checks = told(&outcome);
        let check = checks["checks"].as_array().unwrap().iter().find(|check| check["name"] == name).unwrap();
        assert_eq!(check["verdict"], if code == 0 { "warning" } else { "failed" }, "{check}");
        assert!(check["mend"].as_str().unwrap().contains(mend), "{check}");
        assert!(!outcome.stdout.contains(secret), "a secret is shown: {}", outcome.stdout);
    }
    let outcome = trainer(Path::new("/proc"), &["doctor"], &[]).expect(3);
    assert!(outcome.stdout.contains("--runs"), "{}", outcome.stdout);
    trainer(&repository(), &["doctor", "--device", "gpu"], &[])
        .expect(2)
        .says(&["expected auto, cpu, wgpu:N or cuda:N"]);
}

#[test]
fn doctor_fails_at_once_for_a_device_that_is_asked_for_and_missing() {
    for device in ["cuda:7", "wgpu:7"] {
        let started = Instant::now();
        let outcome = trainer(&repository(), &["doctor", "--device", device, "-o", "json"], &NO_VULKAN).expect(5);
        assert!(started.elapsed().as_secs_f64() < 1.0, "{:?}", started.elapsed());
        let checks = told(&outcome);
        let check = checks["checks"].as_array().unwrap().iter().find(|check| check["name"] == device).unwrap();
        assert_eq!(check["verdict"], "failed");
        assert!(!check["mend"].as_str().unwrap().is_empty(), "{check}");
    }
}

/// A forest that was grown on the CPU, and its run folder; `target` may be followed by other keys of `data`.
fn fit(dir: &Path, file: &Path, target: &str, trees: u32) -> PathBuf {
    let (source, name) = (file.parent().unwrap().display(), file.file_name().unwrap().to_string_lossy());
    let config = format!(
        "project: {{name: d}}\ndata: {{source: '{source}', train_path: {name}, target: {target}}}\n\
         model: {{type: random_forest, params: {{n_estimators: {trees}, max_depth: 9, random_state: 3}}}}\n\
         training: {{cv_folds: 0}}\ndevice: cpu\n"
    );
    std::fs::write(dir.join("config.yaml"), config).unwrap();
    let told = told(&trainer(dir, &["fit", "--config", "config.yaml", "-o", "json"], &[]).expect(0));
    dir.join(told["run_dir"].as_str().unwrap())
}

/// Predictions and scores of a file on a device.
fn said(dir: &Path, run: &Path, file: &Path, device: &str) -> (Vec<u8>, Json) {
    let (run, file) = (run.to_str().unwrap(), file.to_str().unwrap());
    let predict = ["predict", "--run", run, "--input", file, "--output", "p.parquet", "--device", device];
    trainer(dir, &predict, &[]).expect(0);
    let predicted = std::fs::read(dir.join("p.parquet")).unwrap();
    std::fs::remove_file(dir.join("p.parquet")).unwrap();
    let evaluate = ["evaluate", "--run", run, "--input", file, "--device", device, "-o", "json"];
    (predicted, told(&trainer(dir, &evaluate, &[]).expect(0)))
}

#[test]
fn every_device_predicts_what_the_cpu_predicts() {
    let mut sets = vec![(repository().join("datasets/churn/train.parquet"), "target, ignore: [user_id]", 20)];
    if let Some(data) = shared("data") {
        // More trees than one launch sums; text columns and missing values; many classes.
        sets.push((data.join("telco_churn.parquet"), "Churn, ignore: [customerID]", 300));
        sets.push((data.join("digits.parquet"), "digit", 40));
        sets.push((data.join("adult.parquet"), "income", 30));
    }
    let gpus = gpus();
    for (file, target, trees) in sets {
        let dir = scratch();
        let run = fit(dir.path(), &file, target, trees);
        let expected = said(dir.path(), &run, &file, "cpu");
        for gpu in &gpus {
            assert!(said(dir.path(), &run, &file, gpu) == expected, "{} on {gpu}", file.display());
        }
        // Without being told, and without a GPU's driver: a model does not ask for the device that it was trained on.
        let (run, file) = (run.to_str().unwrap(), file.to_str().unwrap());
        let anywhere = ["predict", "--run", run, "--input", file, "--output", "p.parquet"];
        trainer(dir.path(), &anywhere, &NO_VULKAN).expect(0);
        assert_eq!(std::fs::read(dir.path().join("p.parquet")).unwrap(), expected.0);
    }
}

#[test]
fn a_device_that_is_missing_predicts_nothing() {
    let dir = scratch();
    let file = repository().join("datasets/churn/train.parquet");
    let run = fit(dir.path(), &file, "target, ignore: [user_id]", 3);
    let (run, file) = (run.to_str().unwrap(), file.to_str().unwrap());
    let ask = |args: &[&str]| {
        trainer(dir.path(), args, &NO_VULKAN).expect(5).says(&["device `wgpu:0` was asked for, and", "hint: "])
    };
    ask(&["predict", "--run", run, "--input", file, "--output", "p.parquet", "--device", "wgpu:0"]);
    assert!(!dir.path().join("p.parquet").exists());
    ask(&["evaluate", "--run", run, "--input", file, "--device", "wgpu:0"]);
    ask(&["export", "--run", run, "--output", "model", "--verify", "--device", "wgpu:0"]);
    assert!(!dir.path().join("model").exists());
}

/// A driver that loses its device after some submissions, over Mesa's software driver; its file, and the real library.
fn lost_driver(dir: &Path) -> Option<(PathBuf, PathBuf)> {
    let places = ["/usr/share/vulkan/icd.d", "/etc/vulkan/icd.d"];
    let files = places.iter().filter_map(|place| std::fs::read_dir(place).ok()).flatten().flatten();
    let real = files.map(|file| file.path()).find(|path| path.to_string_lossy().contains("lvp_icd"))?;
    let mut real: Json = serde_json::from_str(&std::fs::read_to_string(real).unwrap()).unwrap();
    let source = repository().join("tests/devices/lost_driver.rs");
    let library = dir.join("liblost_driver.so");
    let mut rustc = Command::new(std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into()));
    rustc.args(["--edition", "2024", "--crate-type", "cdylib", "-o"]).arg(&library).arg(source);
    assert!(rustc.status().unwrap().success());
    let path = real["ICD"]["library_path"].as_str().unwrap().into();
    real["ICD"]["library_path"] = json!(library);
    let file = dir.join("lost_driver.json");
    std::fs::write(&file, real.to_string()).unwrap();
    Some((file, path))
}

#[test]
fn a_device_that_is_lost_ends_a_fit_with_nothing_half_done() {
    let dir = scratch();
    let Some((driver, real)) = lost_driver(dir.path()) else {
        assert!(!gpus().iter().any(|gpu| gpu == "wgpu:0"), "no software Vulkan to lose");
        return;
    };
    let (driver, real) = (driver.to_str().unwrap(), real.to_str().unwrap());
    let config = repository().join("configs/minimal.yaml");
    let small = ["--set=training.cv_folds=0", "--set=model.params.n_estimators=4", "--set=device=wgpu:0"];
    let fit = |lost_after: &str| {
        let variables = [("VK_DRIVER_FILES", driver), ("VK_ICD_FILENAMES", driver), ("REAL_DRIVER", real)];
        let args = ["fit", "--quiet", "--config", config.to_str().unwrap(), "--runs"];
        let program = trainer(&repository(), &args, &[&variables[..], &[("LOST_AFTER", lost_after)]].concat());
        program.args([dir.path().join("runs")]).args(small)
    };
    let runs = || std::fs::read_dir(dir.path().join("runs")).unwrap().count();
    for lost_after in ["0", "1", "2", "5", "9"] {
        let outcome = fit(lost_after).expect(5);
        assert!(outcome.stderr.starts_with("error: device `wgpu:0` was lost: "), "{}", outcome.stderr);
        assert!(outcome.stderr.contains("hint: run again") && !outcome.stderr.contains("bug"), "{}", outcome.stderr);
        assert_eq!((outcome.stderr.lines().count(), runs()), (2, 0), "{}", outcome.stderr);
    }
    // The same command again, with a device that holds.
    fit("1000000").expect(0);
    assert_eq!(runs(), 1);
}

#[test]
fn a_fit_says_first_what_it_takes_of_a_device() {
    let dir = scratch();
    let config = repository().join("configs/minimal.yaml");
    for gpu in gpus() {
        let args = ["fit", "--config", config.to_str().unwrap(), "--set=training.cv_folds=0"];
        let small = [format!("--set=device={gpu}"), "--set=model.params.n_estimators=4".into()];
        let program = trainer(&repository(), &args, &[])
            .args(small)
            .args(["--runs".as_ref(), dir.path().join("runs").as_os_str()]);
        program.expect(0).says(&[&format!("note: {gpu}: "), " for 4 trees at a time"]);
    }
}
