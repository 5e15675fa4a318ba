//! The command line: help, usage errors, the two streams, and what every command promises.

use std::io::Read;
use std::process::{Command, Stdio};

use serde_json::Value as Json;
use trainer_testkit::{Outcome, Program, python, repository, scratch};

use crate::snapshot;

const TRAINER: &str = env!("CARGO_BIN_EXE_trainer");
const CONFIG: &str = "configs/training_config.yaml";

const COMMANDS: [&str; 19] = [
    "fit",
    "predict",
    "evaluate",
    "features",
    "export",
    "reproduce",
    "sync",
    "compare",
    "promote",
    "rollback",
    "validate",
    "check",
    "config",
    "schema",
    "sample",
    "devices",
    "doctor",
    "bench",
    "completions",
];

fn trainer(args: &[&str]) -> Program {
    Program::new(TRAINER).args(args).dir(repository())
}

#[test]
fn help_is_as_its_snapshot() {
    let mut text = trainer(&["--help"]).expect(0).stdout;
    for command in COMMANDS {
        text += &format!("\n---- trainer {command} --help\n\n{}", trainer(&[command, "--help"]).expect(0).stdout);
    }
    snapshot::compare(&repository().join("tests/command/help.txt"), &text);
}

#[test]
fn help_names_every_command() {
    let text = trainer(&["--help"]).expect(0).stdout;
    let listed: Vec<&str> = text
        .lines()
        .skip_while(|line| *line != "Commands:")
        .skip(1)
        .take_while(|line| !line.is_empty())
        .map(|line| line.split_whitespace().next().unwrap())
        .filter(|name| *name != "help")
        .collect();
    assert_eq!(listed, COMMANDS);
}

#[test]
fn the_version_is_the_package_s() {
    assert_eq!(trainer(&["--version"]).expect(0).stdout, format!("trainer {}\n", env!("CARGO_PKG_VERSION")));
}

#[test]
fn a_wrong_command_line_is_exit_2_with_the_nearest_name() {
    trainer(&["chekc", "--config", CONFIG]).expect(2).says(&["unrecognized subcommand 'chekc'", "'check'"]);
    trainer(&["check", "--confg", CONFIG]).expect(2).says(&["unexpected argument '--confg'", "'--config'"]);
    trainer(&["check"]).expect(2).says(&["--config <FILE>"]);
    trainer(&["check", "--config", CONFIG, "--output", "yaml"]).expect(2).says(&["invalid value 'yaml'", "text, json"]);
    trainer(&["check", "--config", CONFIG, "--threads", "0"]).expect(2).says(&["--threads"]);
    trainer(&[]).expect(2);
}

#[test]
fn as_json_a_wrong_command_line_is_one_object() {
    let outcome = trainer(&["check", "--output", "json"]).expect(2);
    let json: Json = serde_json::from_str(&outcome.stdout).unwrap();
    assert_eq!(json["error"]["exit_code"], 2);
    assert!(json["error"]["message"].as_str().unwrap().contains("required arguments"), "{json}");
}

#[test]
fn every_command_takes_both_forms() {
    for args in [
        &["check", "--config", CONFIG][..],
        &["config", "--config", CONFIG],
        &["schema"],
        &["devices"],
        &["doctor"],
        &["completions", "bash"],
    ] {
        let json = trainer(args).args(["--output", "json"]).expect(0).stdout;
        assert!(serde_json::from_str::<Json>(&json).unwrap().is_object(), "{args:?}");
        assert!(!trainer(args).args(["--output", "text"]).expect(0).stdout.is_empty(), "{args:?}");
    }
}

#[test]
fn notes_go_to_stderr_unless_quiet() {
    let outcome = trainer(&["check", "--config", CONFIG]).expect(0);
    assert!(outcome.stdout.starts_with("configs/training_config.yaml is valid: "), "{}", outcome.stdout);
    let notes = "note: training.epochs is ignored: a random_forest is not fitted in epochs\n\
                 note: training.batch_size is ignored: a random_forest is not fitted in epochs\n";
    assert_eq!(outcome.stderr, notes);
    assert_eq!(trainer(&["check", "--quiet", "--config", CONFIG]).expect(0).stderr, "");
}

#[test]
fn devices_says_what_opens() {
    let json: Json = serde_json::from_str(&trainer(&["devices", "-o", "json"]).expect(0).stdout).unwrap();
    let devices = json["devices"].as_array().unwrap();
    assert_eq!((&devices[0]["name"], &devices[0]["opens"]), (&Json::from("cpu"), &Json::from(true)));
    for kind in ["wgpu:0", "cuda:0"] {
        let device = devices.iter().find(|device| device["name"] == kind).expect(kind);
        // What does not open says what mends it.
        assert_eq!(device["opens"] == true, device["hint"].is_null(), "{device}");
        assert!(device["about"].as_str().is_some_and(|about| !about.is_empty()), "{device}");
    }
    // No card has run the kernels yet: a GPU is taken by its name.
    assert_eq!(json["auto"], "cpu");
    let auto = devices.iter().find(|device| device["name"] == json["auto"]).unwrap();
    assert_eq!((&auto["opens"], &auto["software"]), (&Json::from(true), &Json::from(false)));
}

#[test]
fn without_a_driver_a_named_gpu_is_refused_at_once_and_auto_trains() {
    let dir = scratch();
    // The Vulkan loader takes its drivers from these lists alone.
    let bare = |args: &[&str]| {
        let program = trainer(args).env("VK_DRIVER_FILES", "/dev/null").env("VK_ICD_FILENAMES", "/dev/null");
        program.env("MLFLOW_TRACKING_URI", "none").args(["--runs"]).args([dir.path()])
    };
    let fit = ["fit", "--config", "configs/minimal.yaml"];
    for device in ["wgpu:7", "cuda:7"] {
        let started = std::time::Instant::now();
        let outcome = bare(&[&fit[..], &[&format!("--set=device={device}")]].concat()).expect(5);
        outcome.says(&[&format!("device `{device}` was asked for, and "), "hint: "]);
        assert!(started.elapsed().as_secs_f64() < 1.0, "{:?}", started.elapsed());
    }
    bare(&[&fit[..], &["--set=device=auto"]].concat()).expect(0);
}

/// A bench of a small table, as JSON.
fn bench(args: &[&str]) -> Json {
    let small = ["bench", "--rows", "600", "--features", "5", "--classes", "3", "--trees", "4", "--depth", "4"];
    let args: Vec<&str> = small.iter().chain(&["--repeats", "1", "-o", "json"]).chain(args).copied().collect();
    serde_json::from_str(&trainer(&args).expect(0).stdout).unwrap()
}

#[test]
fn a_bench_times_devices_and_compares_their_models() {
    let told = bench(&["--device", "wgpu:0", "--max-bins", "16", "--max-features", "all"]);
    assert_eq!((&told["same_model"], &told["reference"]), (&Json::from(true), &Json::from("cpu")), "{told:#}");
    let devices = told["devices"].as_array().unwrap();
    assert_eq!((devices.len(), &devices[0]["device"], &devices[1]["device"]), (2, &"cpu".into(), &"wgpu:0".into()));
    for device in devices {
        for seconds in ["first_fit_s", "predict_s", "features_s"] {
            assert!(device[seconds].as_f64().unwrap() > 0.0, "{seconds}: {device:#}");
        }
        for hash in ["model_hash", "predictions_hash"] {
            assert_eq!(device[hash], devices[0][hash]);
        }
    }
    // The CPU was not asked for: one fit of it is enough.
    assert!(devices[0].get("fit_s").is_none() && devices[1]["fit_s"].as_f64().unwrap() > 0.0);
    for rate in ["copy_bytes_per_s", "shared_adds_per_s", "shared_adds_one_bin_per_s", "gathers_32_bytes_per_s"] {
        assert!(devices[1]["rates"][rate].as_f64().unwrap() > 1e5, "{rate}: {:#}", devices[1]);
    }
    assert!(devices[1]["features_share_of_copy"].as_f64().unwrap() > 0.0, "{:#}", devices[1]);
    assert!(devices[1]["memory_bytes"].as_u64().unwrap() > 0);
    assert_eq!(bench(&["--only", "fit"])["devices"][0]["device"], "cpu");
}

#[test]
fn a_bench_says_what_its_models_were_held_against() {
    let told = bench(&["--device", "cpu", "--only", "fit"]);
    let hash = told["devices"][0]["model_hash"].as_str().unwrap();
    let given = bench(&["--device", "wgpu:0", "--only", "fit", "--reference-hash", hash]);
    assert_eq!((given["reference"].as_str(), given["devices"].as_array().unwrap().len()), (Some(hash), 1));
    let alone = bench(&["--device", "wgpu:0", "--only", "fit", "--no-cpu"]);
    assert_eq!((&alone["reference"], &alone["same_model"]), (&Json::Null, &Json::Null));
    assert_eq!(alone["devices"][0]["model_hash"], hash);
    let small = ["bench", "--rows", "600", "--features", "5", "--trees", "4", "--only", "fit", "--device", "wgpu:0"];
    let text = trainer(&[&small[..], &["--no-cpu"]].concat()).expect(0).stdout;
    assert!(text.contains("NOT compared with the CPU's"), "{text}");
    let text = trainer(&[&small[..], &["--reference-hash", "0123"]].concat()).expect(1).stdout;
    assert!(text.contains("DIFFER"), "{text}");
}

#[test]
fn a_bench_refuses_what_it_cannot_time() {
    trainer(&["bench", "--device", "gpu"]).expect(2).says(&["expected auto, cpu, wgpu:N or cuda:N"]);
    trainer(&["bench", "--device", "cuda:99"]).expect(5).says(&["cuda:99"]);
    trainer(&["bench", "--device", "cpu", "--no-cpu"]).expect(2).says(&["no device is left"]);
    for rule in ["most", "0", "1.5", "-1"] {
        trainer(&["bench", &format!("--max-features={rule}")]).expect(2).says(&["expected sqrt, log2, all", rule]);
    }
}

#[test]
fn the_table_of_a_bench_is_read_by_numpy() {
    let dir = scratch();
    let folder = dir.path().join("table");
    let told = bench(&["--device", "cpu", "--only", "fit", "--table", folder.to_str().unwrap()]);
    let script = "import sys, numpy as np
x, y = (np.load(sys.argv[1] + name) for name in ('/x.npy', '/y.npy'))
print(x.shape, x.dtype, y.shape, y.dtype, sorted(set(y.tolist())), x.min() >= 0, x.max() < 1)";
    let read = Program::new(python()).args(["-c", script]).args([&folder]).expect(0).stdout;
    assert_eq!(read.trim(), "(600, 5) float32 (600,) int32 [0, 1, 2] True True", "{told:#}");
}

#[test]
fn libraries_of_devices_are_those_of_the_lock_file() {
    let lock = std::fs::read_to_string(repository().join("Cargo.lock")).unwrap();
    for (name, version) in trainer_kernels::LIBRARIES {
        assert!(lock.contains(&format!("name = \"{name}\"\nversion = \"{version}\"\n")), "{name} {version}");
    }
}

#[test]
fn completions_are_for_the_shell_that_is_asked_for() {
    assert!(trainer(&["completions", "bash"]).expect(0).stdout.contains("complete -F _trainer"));
    assert!(trainer(&["completions", "fish"]).expect(0).stdout.contains("complete -c trainer"));
    trainer(&["completions", "tcsh"]).expect(2).says(&["possible values: bash"]);
}

#[test]
fn a_reader_that_goes_away_is_no_error() {
    let mut child =
        Command::new(TRAINER).args(["schema"]).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    // Closed before anything is read: far less than the schema fits into the pipe.
    drop(child.stdout.take());
    let mut told = String::new();
    child.stderr.take().unwrap().read_to_string(&mut told).unwrap();
    assert_eq!((child.wait().unwrap().code(), told.as_str()), (Some(0), ""));
}

#[test]
fn a_result_that_cannot_be_written_is_an_error() {
    let full = std::fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
    let output = Command::new(TRAINER).args(["schema"]).stdout(full).output().unwrap();
    let told = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(3));
    assert!(told.contains("cannot write to stdout") && told.contains("No space left"), "{told}");
}

#[test]
fn colours_only_where_they_are_seen() {
    let outcome = trainer(&["check", "--config", "tests/config/unknown_key.yaml"]).env("TERM", "xterm").expect(2);
    assert!(!outcome.stderr.contains('\x1b'));
}

/// A fit of a second or so.
const QUICK_FIT: [&str; 5] = ["fit", "--config", "configs/minimal.yaml", "--set=training.cv_folds=2", "--runs"];

#[test]
fn without_a_terminal_progress_is_plain_lines_and_quiet_is_quiet() {
    let runs = scratch();
    let loud = trainer(&QUICK_FIT).args([runs.path()]).expect(0);
    assert!(!loud.stderr.contains(['\r', '\x1b']), "{:?}", loud.stderr);
    let quiet = trainer(&QUICK_FIT).args([runs.path()]).args(["--quiet"]).expect(0);
    assert_eq!(quiet.stderr, "");
    assert!(quiet.stdout.contains("accuracy"), "the result is not progress: {}", quiet.stdout);
}

#[test]
fn on_a_terminal_there_is_a_bar_that_goes_away() {
    let runs = scratch();
    let script = "import pty, sys; sys.exit(pty.spawn(sys.argv[1:]) >> 8)";
    let shown = Program::new(python())
        .args(["-c", script, TRAINER])
        .args(QUICK_FIT)
        .args([runs.path()])
        .env("TERM", "xterm")
        .dir(repository())
        .expect(0)
        .stdout;
    for told in ["fit", "cross_validation", " of 100, "] {
        assert!(shown.contains(told), "{told}: {shown:?}");
    }
    let result = shown.rsplit("\x1b[2K").next().unwrap();
    assert!(result.contains("accuracy") && !result.contains(" left"), "{result:?}");
}

#[test]
fn each_way_to_end_has_its_code() {
    let runs = scratch();
    let ended = |more: &[&str], code: i32| {
        trainer(&QUICK_FIT).args([runs.path()]).args(more).args(["--output", "json"]).expect(code)
    };
    let told = |outcome: &Outcome| serde_json::from_str::<Json>(&outcome.stdout).unwrap();
    assert_eq!(told(&ended(&[], 0))["gates"]["passed"], true);
    let gate = told(&ended(&["--set=quality_gates.accuracy=0.999"], 4));
    assert_eq!(gate["gates"]["passed"], false);
    let folder = repository().join(gate["run_dir"].as_str().unwrap());
    assert!(folder.join("report.html").exists(), "a gate that fails leaves a whole run folder");
    for (more, code, kind, words) in [
        ("--set=seed=x", 2, "usage", "expected a whole number"),
        ("--set=data.train_path=none.parquet", 3, "data", "none.parquet"),
        ("--set=data.target=absent", 3, "data", "absent"),
        ("--set=device=cuda:99", 5, "device", "device `cuda:99` was asked for"),
    ] {
        let outcome = ended(&[more], code).says(&[words]);
        let error = &told(&outcome)["error"];
        assert_eq!((&error["kind"], &error["exit_code"]), (&Json::from(kind), &Json::from(code)), "{more}");
    }
}

#[test]
fn a_place_that_cannot_be_written_is_named_before_anything_is_fitted() {
    let started = std::time::Instant::now();
    let args = ["fit", "--config", "configs/minimal.yaml", "--set=model.params.n_estimators=100000"];
    trainer(&args).args(["--runs", "/dev/null/runs"]).expect(3).says(&["/dev/null/runs"]);
    assert!(started.elapsed().as_secs() < 10);
}

#[test]
fn a_model_predicts_where_the_variables_of_its_training_are_not_set() {
    let dir = scratch();
    let config = "project: {name: a}\ndata: {source: '${TRAINER_TEST_PLACE}', train_path: train.parquet, ignore: [user_id]}\n\
                  model: {type: dummy}\ntraining: {cv_folds: 0}\n";
    std::fs::write(dir.path().join("c.yaml"), config).unwrap();
    let fitted = Program::new(TRAINER)
        .args(["fit", "--config", "c.yaml", "--output", "json"])
        .env("TRAINER_TEST_PLACE", repository().join("datasets/churn"))
        .dir(dir.path())
        .expect(0);
    let run = serde_json::from_str::<Json>(&fitted.stdout).unwrap()["run_dir"].as_str().unwrap().to_owned();
    let input = repository().join("datasets/churn/test.parquet");
    let program =
        Program::new(TRAINER).args(["predict", "--run", &run, "--output", "p.parquet", "--input"]).args([&input]);
    program.dir(dir.path()).expect(0);
    assert!(dir.path().join("p.parquet").exists());
    // To fit again it must be known where the rows are.
    let lock = format!("{run}/run.lock.json");
    Program::new(TRAINER)
        .args(["reproduce", &lock])
        .dir(dir.path())
        .expect(2)
        .says(&["`TRAINER_TEST_PLACE` is not set"]);
}
