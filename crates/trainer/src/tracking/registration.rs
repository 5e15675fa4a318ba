use trainer_quality::GateReport;
use trainer_tracking::{CHAMPION, Tag, VALIDATION_STATUS, VersionRecord};

use super::note::gate_table;
use crate::config::{Config, OnFailure, Registry};

/// What the gates and the export found of a model.
pub struct Found<'a> {
    /// The verdicts.
    pub gates: &'a GateReport,
    /// SHA-256 of the model file.
    pub model_hash: &'a str,
    /// The version that it was held against.
    pub compared_to: Option<u64>,
    /// Whether others who load it get the answers that were judged.
    pub is_served_alike: bool,
}

/// What the registry is told of a judged model; nothing where it is not to be registered.
pub fn registration(config: &Config, found: &Found<'_>) -> Option<VersionRecord> {
    let Found { gates, model_hash, compared_to, is_served_alike } = *found;
    let registry = &config.registry;
    let (judged, passed) = (!gates.verdicts.is_empty(), gates.passed);
    let named = registry.name.is_some();
    let wanted = match registry.on_failure {
        _ if passed => judged || named || registry.promote.is_some(),
        Some(what) => what == OnFailure::Register,
        None => named,
    };
    wanted.then(|| {
        let mut tags = vec![Tag::new(VALIDATION_STATUS, status(registry, judged, passed, is_served_alike))];
        tags.extend(gate_tags(gates));
        tags.push(Tag::new("trainer.version", env!("CARGO_PKG_VERSION")));
        tags.push(Tag::new("trainer.model_hash", model_hash));
        VersionRecord {
            name: name(config),
            description: gate_table(gates),
            tags,
            compared_to,
            alias: registry.promote.clone().filter(|_| passed && is_served_alike),
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

/// Approved when its gates said so, or the config does without any, and nobody else is to be asked: another alias than that
/// of the version in use means that people decide.
fn status(registry: &Registry, judged: bool, passed: bool, is_served_alike: bool) -> &'static str {
    match (registry.promote.as_deref(), judged) {
        _ if !passed => "rejected",
        _ if !is_served_alike => "pending",
        (Some(CHAMPION), _) | (None, true) => "approved",
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
        let told = match verdict.threshold {
            Some(_) => format!("{word}: {value} {}", verdict.needs()),
            None => format!("{word}: {}", verdict.reason),
        };
        tags.push(Tag::new(key, told));
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
            threshold: Some(0.85),
            passed,
            reason: String::new(),
        }
    }

    fn of(registry: &str, verdicts: Vec<Verdict>) -> Option<VersionRecord> {
        of_served(registry, verdicts, true)
    }

    fn of_served(registry: &str, verdicts: Vec<Verdict>, is_served_alike: bool) -> Option<VersionRecord> {
        let text = format!(
            "project: {{name: 'a/b'}}\ndata: {{source: ., train_path: t.csv}}\nmodel: {{type: dummy}}\nregistry: {registry}\n"
        );
        let config = load("c", &text, &Overlay::default()).unwrap().config;
        let gates = GateReport { passed: verdicts.iter().all(|it| it.passed), verdicts };
        registration(&config, &Found { gates: &gates, model_hash: "hash", compared_to: None, is_served_alike })
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
    fn what_is_served_otherwise_is_not_promoted() {
        let passed = vec![verdict("accuracy", "point", true)];
        let version = of_served("{promote: champion}", passed, false).unwrap();
        assert_eq!((version.alias, version.tags[0].value.as_str()), (None, "pending"));
    }

    #[test]
    fn what_nobody_judged_is_pending_and_not_registered_unasked() {
        assert_eq!(of("{}", vec![]), None);
        assert_eq!(told("{name: m}", vec![]), ("pending".into(), None));
        // Said in so many words: every model is to be the champion.
        assert_eq!(told("{promote: champion}", vec![]), ("approved".into(), Some("champion".into())));
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
