use trainer_quality::GateReport;
use trainer_tracking::{Tag, VersionRecord};

use super::note::gate_table;
use crate::config::{Config, OnFailure, Registry};

/// The alias of the version in use.
pub const CHAMPION: &str = "champion";

/// What the registry is told of a judged model; nothing where it is not to be registered.
pub fn registration(
    config: &Config,
    gates: &GateReport,
    model_hash: &str,
    compared_to: Option<u64>,
) -> Option<VersionRecord> {
    let registry = &config.registry;
    let (judged, passed) = (!gates.verdicts.is_empty(), gates.passed);
    let named = registry.name.is_some();
    let wanted = match registry.on_failure {
        _ if passed => judged || named || registry.promote.is_some(),
        Some(what) => what == OnFailure::Register,
        None => named,
    };
    wanted.then(|| {
        let mut tags = vec![Tag::new("validation_status", status(registry, judged, passed))];
        tags.extend(gate_tags(gates));
        tags.push(Tag::new("trainer.version", env!("CARGO_PKG_VERSION")));
        tags.push(Tag::new("trainer.model_hash", model_hash));
        VersionRecord {
            name: name(config),
            description: gate_table(gates),
            tags,
            compared_to,
            alias: registry.promote.clone().filter(|_| passed),
        }
    })
}

/// Whether a run of this config may come to be registered.
pub fn may_register(config: &Config) -> bool {
    let registry = &config.registry;
    let judged = !config.quality_gates.is_empty() || registry.compare_to.is_some();
    let asked = registry.name.is_some() || registry.promote.is_some();
    judged || asked || registry.on_failure == Some(OnFailure::Register)
}

/// The registered model's name.
pub fn name(config: &Config) -> String {
    // A project may be called what no registered model can be.
    let name = config.registry.name.as_ref().unwrap_or(&config.project.name);
    name.replace(['/', ':'], "-")
}

/// Approved when its gates said so and nobody else is to be asked: another alias than that of the version in use means
/// that people decide.
fn status(registry: &Registry, judged: bool, passed: bool) -> &'static str {
    let people = registry.promote.as_deref().is_some_and(|alias| alias != CHAMPION);
    match (judged, passed) {
        (_, false) => "rejected",
        (true, true) if !people => "approved",
        _ => "pending",
    }
}

/// `gate.<metric>`, with what was compared added where it was not the metric itself, and a number where that is not
/// enough.
fn gate_tags(gates: &GateReport) -> Vec<Tag> {
    let mut tags: Vec<Tag> = Vec::new();
    for verdict in &gates.verdicts {
        let key = match verdict.on.as_str() {
            "point" => format!("gate.{}", verdict.metric),
            on => format!("gate.{}.{on}", verdict.metric),
        };
        let taken = |key: &str| tags.iter().any(|tag| tag.key == key);
        let numbered = (2..).map(|number: u32| format!("{key}.{number}"));
        let key =
            std::iter::once(key.clone()).chain(numbered).find(|key| !taken(key)).expect("an endless row of names");
        let word = if verdict.passed { "passed" } else { "failed" };
        let value = verdict.value.map_or_else(|| "undefined".to_owned(), |value| value.to_string());
        tags.push(Tag::new(key, format!("{word}: {value} {} {}", verdict.comparison, verdict.threshold)));
    }
    tags
}

#[cfg(test)]
mod tests {
    use trainer_quality::Verdict;

    use super::*;
    use crate::config::{Overlay, load};

    fn verdict(metric: &str, on: &str, passed: bool) -> Verdict {
        Verdict {
            metric: metric.into(),
            on: on.into(),
            value: Some(0.9),
            comparison: ">=".into(),
            threshold: 0.85,
            passed,
            reason: String::new(),
        }
    }

    fn of(registry: &str, verdicts: Vec<Verdict>) -> Option<VersionRecord> {
        let text = format!(
            "project: {{name: 'a/b'}}\ndata: {{source: ., train_path: t.csv}}\nmodel: {{type: dummy}}\nregistry: {registry}\n"
        );
        let config = load("c", &text, &Overlay::default()).unwrap().config;
        let gates = GateReport { passed: verdicts.iter().all(|it| it.passed), verdicts };
        registration(&config, &gates, "hash", None)
    }

    fn told(registry: &str, verdicts: Vec<Verdict>) -> (String, Option<String>) {
        let version = of(registry, verdicts).unwrap();
        let status = version.tags.iter().find(|tag| tag.key == "validation_status").unwrap().value.clone();
        (status, version.alias)
    }

    #[test]
    fn a_failed_gate_never_moves_an_alias() {
        let failed = || vec![verdict("accuracy", "point", true), verdict("recall", "point", false)];
        assert_eq!(told("{name: m, promote: champion}", failed()), ("rejected".into(), None));
        assert_eq!(told("{promote: champion, on_failure: register}", failed()), ("rejected".into(), None));
        assert_eq!(of("{name: m, on_failure: skip}", failed()), None);
        assert_eq!(of("{}", failed()), None);
    }

    #[test]
    fn people_decide_about_a_challenger() {
        let passed = || vec![verdict("accuracy", "point", true)];
        assert_eq!(told("{promote: champion}", passed()), ("approved".into(), Some("champion".into())));
        assert_eq!(told("{promote: challenger}", passed()), ("pending".into(), Some("challenger".into())));
        assert_eq!(told("{}", passed()), ("approved".into(), None));
        assert_eq!(of("{}", passed()).unwrap().name, "a-b");
    }

    #[test]
    fn what_nobody_judged_is_pending_and_not_registered_unasked() {
        assert_eq!(of("{}", vec![]), None);
        assert_eq!(told("{name: m}", vec![]), ("pending".into(), None));
    }

    #[test]
    fn each_verdict_has_its_tag() {
        let verdicts =
            ["point", "point", "lower_bound", "champion"].map(|on| verdict("accuracy", on, on != "champion"));
        let tags = gate_tags(&GateReport { passed: false, verdicts: verdicts.into() });
        let told: Vec<_> = tags.iter().map(|tag| (tag.key.as_str(), tag.value.as_str())).collect();
        assert_eq!(
            told,
            [
                ("gate.accuracy", "passed: 0.9 >= 0.85"),
                ("gate.accuracy.2", "passed: 0.9 >= 0.85"),
                ("gate.accuracy.lower_bound", "passed: 0.9 >= 0.85"),
                ("gate.accuracy.champion", "failed: 0.9 >= 0.85"),
            ]
        );
    }
}
