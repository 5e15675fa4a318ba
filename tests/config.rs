//! Configs: every mistake is told at its place, every code has its text, every example is right.
//!
//! `tests/config/NAME.yaml` is a wrong config and `NAME.txt` what `trainer check` says of it. To write the texts anew:
//! `TRAINER_UPDATE_SNAPSHOTS=1`; then read them.

use std::collections::BTreeSet;
use std::path::PathBuf;

use serde_json::Value as Json;
use trainer::config::{Code, Overlay, Problem, Schema, load};
use trainer_testkit::{Outcome, Program, SplitMix64, repository, scratch};

use crate::snapshot;

const TRAINER: &str = env!("CARGO_BIN_EXE_trainer");

/// Every example that is shipped.
const EXAMPLES: [&str; 4] = [
    "configs/training_config.yaml",
    "configs/churn_pipeline.yaml",
    "configs/feature_store.yaml",
    "configs/minimal.yaml",
];

/// What a wrong config needs besides `--config`.
struct More {
    case: &'static str,
    args: &'static [&'static str],
    environment: &'static [(&'static str, &'static str)],
}

const MORE: [More; 3] = [
    More { case: "target", args: &["--target=prd"], environment: &[] },
    More { case: "target_of_another_shape", args: &["--target=dev"], environment: &[] },
    More {
        case: "override",
        args: &[
            "--set=training",
            "--set=training.cv_fold=3",
            "--set=model.params.max_depth='3'",
            "--set=data.ignore.2=z",
            "--set=data.ignore.first=z",
            "--set=seed=[1",
            "--set=targets.prod.seed=1",
        ],
        environment: &[("TRAINER__TRAINING__EPOCHS", "many"), ("TRAINER__TRANING__EPOCHS", "5"), ("TRAINER__", "x")],
    },
];

fn folder() -> PathBuf {
    repository().join("tests/config")
}

fn cases() -> Vec<String> {
    let mut names: Vec<String> = std::fs::read_dir(folder())
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "yaml"))
        .map(|path| path.file_stem().unwrap().to_string_lossy().into_owned())
        .collect();
    names.sort();
    names
}

fn check(name: &str, form: &str) -> Outcome {
    let more = MORE.iter().find(|more| more.case == name);
    let (args, environment) = more.map_or((&[][..], &[][..]), |more| (more.args, more.environment));
    let file = format!("{name}.yaml");
    let program = Program::new(TRAINER).args(["check", "--output", form, "--config", &file]).args(args).dir(folder());
    environment.iter().fold(program, |program, (key, value)| program.env(key, value)).expect(2)
}

#[test]
fn every_wrong_config_is_told_as_its_snapshot_says() {
    assert!(cases().len() > 20, "the cases were found");
    for name in cases() {
        let outcome = check(&name, "text");
        assert_eq!(outcome.stdout, "", "{name}: the result goes to stdout, and there is none");
        snapshot::compare(&folder().join(format!("{name}.txt")), &outcome.stderr);
    }
}

#[test]
fn as_json_the_same_problems_are_told() {
    for name in cases() {
        let outcome = check(&name, "json");
        let json: Json = serde_json::from_str(&outcome.stdout).unwrap_or_else(|error| panic!("{name}: {error}"));
        assert_eq!((&json["error"]["kind"], &json["error"]["exit_code"]), (&Json::from("usage"), &Json::from(2)));
        let problems = json["error"]["problems"].as_array().unwrap();
        assert!(!problems.is_empty(), "{name}");
        let mut rest = outcome.stderr.as_str();
        for problem in problems {
            let head =
                format!("error[{}]: {}", problem["code"].as_str().unwrap(), problem["message"].as_str().unwrap());
            let at = rest.find(&head).unwrap_or_else(|| panic!("{name}: `{head}` is not told in its place"));
            rest = &rest[at + head.len()..];
        }
        assert!(!rest.contains("error[TRN"), "{name}: told as text alone: {rest}");
    }
}

#[test]
fn every_code_has_a_case() {
    let told: String = cases().iter().map(|name| check(name, "text").stderr).collect();
    for code in Code::ALL {
        assert!(told.contains(&format!("error[{}]", code.name())), "{code:?} ({}) is told by no case", code.name());
    }
}

#[test]
fn every_code_is_on_the_page() {
    let page = std::fs::read_to_string(repository().join("configs/README.md")).unwrap();
    let listed: Vec<&str> = page.lines().filter_map(|line| line.strip_prefix("| TRN-")?.split(' ').next()).collect();
    let known: Vec<String> = Code::ALL.iter().map(|code| code.name().replace("TRN-", "")).collect();
    assert_eq!(listed, known);
}

#[test]
fn no_secret_is_told() {
    for name in cases() {
        let outcome = check(&name, "json");
        assert!(!outcome.stdout.contains("s3cret") && !outcome.stderr.contains("s3cret"), "{name}");
    }
}

#[test]
fn a_file_that_is_not_there_is_named() {
    for path in ["no/such.yaml", "."] {
        Program::new(TRAINER).args(["check", "--config", path]).dir(folder()).expect(2).says(&["TRN-C014", path]);
    }
}

#[test]
fn every_example_is_valid_with_each_of_its_targets() {
    for path in EXAMPLES {
        let outcome = Program::new(TRAINER).args(["check", "-o", "json", "--config", path]).dir(repository()).expect(0);
        let json: Json = serde_json::from_str(&outcome.stdout).unwrap();
        assert_eq!(json["valid"], true);
        for target in json["targets"].as_array().unwrap() {
            let target = target.as_str().unwrap();
            Program::new(TRAINER).args(["check", "--config", path, "--target", target]).dir(repository()).expect(0);
        }
    }
}

#[test]
fn every_example_passes_its_gates() {
    let runs = scratch();
    for path in EXAMPLES {
        let args = ["fit", "--config", path, "--set=training.cv_folds=0", "--runs"];
        let program = Program::new(TRAINER).args(args).args([runs.path()]).dir(repository());
        program.env("MLFLOW_TRACKING_URI", "none").expect(0);
    }
}

#[test]
fn every_example_names_the_schema() {
    for path in EXAMPLES {
        let text = std::fs::read_to_string(repository().join(path)).unwrap();
        assert!(text.starts_with("# yaml-language-server: $schema=trainer.schema.json\n"), "{path}");
    }
}

#[test]
fn the_committed_schemas_are_those_of_this_version() {
    for (kind, file) in [("training", "trainer.schema.json"), ("features", "features/features.schema.json")] {
        let printed = Program::new(TRAINER).args(["schema", kind]).expect(0).stdout;
        snapshot::compare(&repository().join("configs").join(file), &printed);
    }
}

#[test]
fn what_is_shown_is_what_is_used() {
    for path in EXAMPLES {
        let shown = Program::new(TRAINER).args(["config", "-q", "--config", path]).dir(repository()).expect(0).stdout;
        let text = std::fs::read_to_string(repository().join(path)).unwrap();
        let again = load("shown.yaml", &shown, &Overlay::default()).unwrap_or_else(|problems| panic!("{problems:#?}"));
        assert_eq!(again.config, load(path, &text, &Overlay::default()).unwrap().config, "{path}");
    }
}

#[test]
fn a_check_is_quick() {
    let quickest = (0..5)
        .map(|_| {
            let started = std::time::Instant::now();
            Program::new(TRAINER).args(["check", "--config", EXAMPLES[1]]).dir(repository()).expect(0);
            started.elapsed()
        })
        .min()
        .unwrap();
    assert!(quickest.as_millis() < 50, "{quickest:?}");
}

/// Each key of each example, misspelled in each of these ways, is refused at its place with the right name as the hint.
#[test]
fn a_misspelled_key_is_caught_and_the_right_one_named() {
    let (mut tried, mut named, mut missed) = (0, 0, Vec::new());
    for path in EXAMPLES {
        let text = std::fs::read_to_string(repository().join(path)).unwrap();
        for (at, key) in keys(&text) {
            for typo in misspellings(&key) {
                let wrong = format!("{}{typo}{}", &text[..at], &text[at + key.len()..]);
                let problems = match load("t.yaml", &wrong, &Overlay::default()) {
                    Err(problems) => problems,
                    Ok(_) => panic!("{path}: `{typo}` for `{key}` is taken"),
                };
                let line = text[..at].matches('\n').count() + 1;
                assert!(problems.iter().any(|problem| problem.line() == line), "{path}: `{typo}`: {problems:#?}");
                tried += 1;
                if problems.iter().any(|problem| problem.line() == line && hints_at(problem, &key)) {
                    named += 1;
                } else {
                    missed.push(format!("{typo} for {key}"));
                }
            }
        }
    }
    assert!(tried > 400, "{tried} misspellings");
    assert!(named * 100 >= tried * 95, "{named} of {tried} are named; not: {missed:?}");
}

fn hints_at(problem: &Problem, key: &str) -> bool {
    problem.hint.as_deref() == Some(&format!("did you mean `{key}`?"))
}

/// Where keys stand that the schema knows: not the names of targets, nor what stands in comments.
fn keys(text: &str) -> Vec<(usize, String)> {
    let schema = Schema::of_config();
    let known = known_keys(schema.root());
    let mut found = Vec::new();
    let mut start = 0;
    for line in text.split_inclusive('\n') {
        let code =
            line.split(" #").next().unwrap().split_once("# ").map_or(line.split(" #").next().unwrap(), |it| it.0);
        let mut word = None;
        for (at, c) in code.char_indices() {
            match c {
                'a'..='z' | '0'..='9' | '_' => _ = word.get_or_insert(at),
                ':' if word.is_some()
                    && code[at..].starts_with([':'])
                    && !code[at + 1..].starts_with(|c: char| c.is_alphanumeric() || c == '/') =>
                {
                    let key = &code[word.unwrap()..at];
                    if known.contains(key) {
                        found.push((start + word.unwrap(), key.to_owned()));
                    }
                    word = None;
                }
                _ => word = None,
            }
        }
        start += line.len();
    }
    found
}

fn known_keys(schema: &Json) -> BTreeSet<String> {
    match schema {
        Json::Object(map) => {
            let own = map.get("properties").and_then(Json::as_object).into_iter().flat_map(|keys| keys.keys().cloned());
            own.chain(map.values().flat_map(known_keys)).collect()
        }
        Json::Array(items) => items.iter().flat_map(known_keys).collect(),
        _ => BTreeSet::new(),
    }
}

/// One edit each: a letter lost, doubled, changed, swapped with the next, or added; not those that make another key.
fn misspellings(key: &str) -> Vec<String> {
    let letters: Vec<char> = key.chars().collect();
    let middle = letters.len() / 2;
    let text = |letters: Vec<char>| letters.into_iter().collect::<String>();
    let edit = |change: &dyn Fn(&mut Vec<char>)| {
        let mut letters = letters.clone();
        change(&mut letters);
        text(letters)
    };
    let mut typos = vec![
        edit(&|it| _ = it.pop()),
        edit(&|it| it.insert(middle, it[middle])),
        edit(&|it| it[middle] = if it[middle] == 'x' { 'z' } else { 'x' }),
        edit(&|it| it.swap(middle - 1, middle)),
        edit(&|it| it.push('s')),
        edit(&|it| _ = it.remove(0)),
    ];
    let schema = Schema::of_config();
    let known = known_keys(schema.root());
    typos.retain(|typo| !known.contains(typo) && typo != key && !typo.is_empty());
    typos
}

#[test]
fn one_run_tells_everything_at_once() {
    let outcome = check("unknown_key", "json");
    let json: Json = serde_json::from_str(&outcome.stdout).unwrap();
    let paths: Vec<&str> =
        json["error"]["problems"].as_array().unwrap().iter().map(|problem| problem["path"].as_str().unwrap()).collect();
    let want = [
        "project.owner",
        "data.test_fractoin",
        "data.cv_folds",
        "features.steps.0.impute.colums",
        "features.steps.1.standardise",
        "model.params.max_dept",
        "model.params.max_depth",
        "quality_gates.acuracy",
        "qualtiy_gates",
    ];
    assert_eq!(paths, want);
}

#[test]
fn secrets_of_the_environment_are_shown_as_their_names() {
    let dir = scratch();
    let file = dir.path().join("c.yaml");
    std::fs::write(
        &file,
        "project: {name: a}\ndata: {source: '${WHERE}', train_path: t.parquet}\nmodel: {type: dummy}\n",
    )
    .unwrap();
    for form in ["text", "json"] {
        let outcome = Program::new(TRAINER)
            .args(["config", "--output", form, "--config"])
            .args([&file])
            .env("WHERE", "s3://key:hidden@bucket/")
            .expect(0);
        assert!(!outcome.stdout.contains("hidden") && outcome.stdout.contains("${WHERE}"), "{}", outcome.stdout);
    }
}

#[test]
fn later_layers_win() {
    let outcome = Program::new(TRAINER)
        .args(["config", "-o", "json", "--config", EXAMPLES[1], "--target", "prod", "--set", "training.cv_folds=9"])
        .env("TRAINER__TRAINING__CV_FOLDS", "8")
        .env("TRAINER__SEED", "99")
        .dir(repository())
        .expect(0);
    let json: Json = serde_json::from_str(&outcome.stdout).unwrap();
    let value = |path: &str| (&json["config"].pointer(&format!("/{}", path.replace('.', "/"))).unwrap()).to_string();
    let from = |path: &str| json["origins"][path]["from"].as_str().unwrap().to_owned();
    assert_eq!((value("training.cv_folds"), from("training.cv_folds")), ("9".into(), "set".into()));
    assert_eq!((value("seed"), from("seed")), ("99".into(), "environment".into()));
    assert_eq!(
        (value("model.params.n_estimators"), from("model.params.n_estimators")),
        ("400".into(), "target".into())
    );
    assert_eq!((value("model.params.max_depth"), from("model.params.max_depth")), ("8".into(), "file".into()));
    assert_eq!(
        (value("model.params.criterion"), from("model.params.criterion")),
        ("\"gini\"".into(), "default".into())
    );
}

/// Whatever stands in a file, it is answered: with a config or with problems, never with a panic or a hang.
#[test]
fn any_text_is_answered() {
    let mut random = SplitMix64::new(11);
    let pieces = [
        "{", "}", "[", "]", ": ", "\n", "  ", "- ", "&a ", "*a", "<<: *a", "!!str ", "|\n", "'", "\"", "#", "null",
        "${", "${X}", "~", "\t", "é", "\u{0}", "1e999", "-", "?", ",",
    ];
    let mut refused = 0;
    for path in EXAMPLES {
        let text = std::fs::read_to_string(repository().join(path)).unwrap();
        for _ in 0..500 {
            let mut wrong = text.clone();
            for _ in 0..=random.below(3) {
                let at = wrong.floor_char_boundary(random.below(wrong.len() as u64) as usize);
                let end = wrong.floor_char_boundary((at + random.below(9) as usize).min(wrong.len()));
                let piece = pieces[random.below(pieces.len() as u64) as usize];
                wrong.replace_range(at..end.max(at), piece);
            }
            let set =
                vec![format!("training.{}={}", pieces[random.below(27) as usize], pieces[random.below(27) as usize])];
            let overlay = Overlay { set: if random.below(4) == 0 { set } else { Vec::new() }, ..Overlay::default() };
            if let Err(problems) = load("t.yaml", &wrong, &overlay) {
                assert!(!problems.is_empty(), "refused without a word:\n{wrong}");
                refused += 1;
            }
        }
    }
    assert!(refused > 500, "{refused} were refused: the texts are changed enough");
}
