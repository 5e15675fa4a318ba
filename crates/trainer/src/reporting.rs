//! From what came of a run to its report.

use trainer_features::expectation::ValidationResult;

use crate::config::{Config, Loaded};
use crate::lock::Lock;
use crate::progress::Progress;
use crate::report::{Expected, Importance, InputFact, Profile, Report};
use crate::run::Outcome;

/// The report of a run.
pub fn report_of(
    loaded: &Loaded,
    lock: &Lock,
    outcome: &Outcome,
    expected: Option<&ValidationResult>,
    progress: &Progress,
    run: String,
) -> Report {
    let config = &loaded.config;
    Report {
        project: config.project.name.clone(),
        version: config.project.version.clone(),
        run,
        created: lock.started.clone(),
        learner: config.model.name().to_owned(),
        judged: outcome.judged.name().to_owned(),
        gates: outcome.gates.clone(),
        evaluation: outcome.evaluation.clone(),
        metrics: outcome.metrics.clone(),
        importances: importances(outcome),
        profile: Profile::of(&outcome.training_table, |name| role(config, outcome, name)),
        expectations: expected.iter().flat_map(|result| result.results.iter().map(expected_of)).collect(),
        warnings: outcome.warnings.clone(),
        facts: facts(config, lock, outcome),
        inputs: lock.inputs.iter().map(input_fact).collect(),
        seconds: progress.seconds().into_iter().map(|(stage, seconds)| (stage.name().to_owned(), seconds)).collect(),
    }
}

fn importances(outcome: &Outcome) -> Vec<Importance> {
    let permuted = |name: &str| outcome.permutation.iter().find(|it| it.feature == name).map(|it| (it.mean, it.std));
    let one = |(name, impurity): &(String, f64)| Importance {
        feature: name.clone(),
        impurity: *impurity,
        permutation: permuted(name),
    };
    outcome.importances.iter().map(one).collect()
}

/// What a column is for; empty for a feature.
fn role(config: &Config, outcome: &Outcome, name: &str) -> String {
    let is_id = config.features.entity.iter().flat_map(|entity| entity.names()).any(|id| id == name);
    let role = match name {
        _ if name == config.data.target => "target",
        _ if is_id => "id",
        _ if config.data.weight.as_deref() == Some(name) => "weight",
        _ if config.data.ignore.iter().any(|ignored| ignored == name) => "ignored",
        "event_timestamp" => "time",
        _ if !outcome.plan.inputs().iter().any(|input| input.name == name) => "not used",
        _ => "",
    };
    role.to_owned()
}

fn expected_of(result: &trainer_features::expectation::ExpectationResult) -> Expected {
    Expected {
        name: result.type_name().to_owned(),
        on: result.column.clone().unwrap_or_default(),
        met: result.success,
        observed: result.summary(),
    }
}

fn facts(config: &Config, lock: &Lock, outcome: &Outcome) -> Vec<(String, String)> {
    let model = serde_json::to_value(&config.model).unwrap_or_default();
    let parameters = model.get("params").and_then(|params| params.as_object().cloned()).unwrap_or_default();
    let parameters: Vec<String> = parameters.iter().map(|(name, value)| format!("{name}={value}")).collect();
    let decision = outcome.model.decision.map(|decision| format!("{}", decision.threshold));
    let mut facts = vec![
        ("model", config.model.name().to_owned()),
        ("parameters", parameters.join(", ")),
        ("features", outcome.model.features.len().to_string()),
        ("rows", lock.rows.to_string()),
        ("seed", lock.seed.to_string()),
        ("device", format!("{} (asked for {})", lock.device.used, lock.device.asked)),
        ("model SHA-256", lock.model_hash.clone()),
        ("plan SHA-256", lock.plan_hash.clone()),
        ("trainer", format!("{} on {}", lock.trainer.version, lock.trainer.platform)),
    ];
    facts.extend(lock.state_hash.iter().map(|hash| ("state SHA-256", hash.clone())));
    let features = lock.feature_views.iter().map(|it| ("features", it.line()));
    facts.extend(features);
    facts.extend(decision.map(|decision| ("decision threshold", decision)));
    facts.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
}

fn input_fact(input: &crate::lock::LockedInput) -> InputFact {
    let file = &input.file;
    InputFact {
        part: input.part.clone(),
        path: file.path.clone(),
        rows: file.rows,
        bytes: file.bytes,
        sha256: file.sha256.clone(),
    }
}
