//! What MLflow's stores take: what is longer, or has other characters, is made to fit here and told, where a server
//! would cut it without a word or refuse the whole call.

use std::collections::{HashMap, HashSet};
use std::sync::LazyLock;

use regex::Regex;

use crate::record::{Dataset, Record, Tag};

/// Lengths in characters, as Python counts them: of each the shortest of all stores. The embedded store looks at the same
/// numbers, so that what fits here fits there.
///
/// The key of a tag, a parameter or a metric.
pub const KEY: usize = 250;
/// The value of a parameter.
pub const PARAM: usize = 6000;
/// The value of a tag of a run.
pub const RUN_TAG: usize = 8000;
/// The value of a tag of a version: what the oldest servers take.
const VERSION_TAG: usize = 5000;
/// The description of a version.
pub const DESCRIPTION: usize = 5000;
/// The name of a run.
pub const RUN_NAME: usize = 250;
/// Who ran it.
pub const USER: usize = 250;
/// The name of a dataset or of a logged model.
pub const NAME: usize = 500;
/// What tells a dataset's content, and its kind of source.
pub const DIGEST: usize = 36;
/// What a dataset is for.
pub const CONTEXT: usize = 500;
const SCHEMA: usize = 1_048_575;
const SOURCE: usize = 65_535;
const PROFILE: usize = 16_777_215;
/// The name of an experiment. Servers say 500, and their databases take 256.
pub const EXPERIMENT: usize = 256;
/// The name of a registered model.
const REGISTERED: usize = 256;
const ALIAS: usize = 255;

/// More of one kind are only counted.
const MOST: usize = 10;

/// A record that every store takes, and what was changed for that.
pub fn fit(record: &Record) -> (Record, Vec<String>) {
    let mut record = record.clone();
    let mut fitter = Fitter::default();
    fitter.cut(|| "name of the run".into(), &mut record.name, RUN_NAME);
    if record.name.is_empty() {
        record.name = "run".to_owned();
        fitter.tell("names that were given", "the run has no name: logged as `run`".to_owned());
    }
    fitter.cut(|| "user".into(), &mut record.user, USER);
    fitter.tags("parameter", &mut record.params, PARAM);
    fitter.tags("tag", &mut record.tags, RUN_TAG);
    // The same as the name, or the server refuses both.
    for tag in record.tags.iter_mut().filter(|tag| tag.key == "mlflow.runName") {
        tag.value = match tag.value.is_empty() {
            true => record.name.clone(),
            false => tag.value.chars().take(RUN_NAME).collect(),
        };
    }
    fitter.keys("metric", record.metrics.iter_mut().map(|metric| &mut metric.key));
    fitter.datasets(&mut record.datasets);
    if let Some(model) = &mut record.model {
        fitter.tags("parameter of the model", &mut model.params, PARAM);
        fitter.tags("tag of the model", &mut model.tags, RUN_TAG);
    }
    if let Some(version) = &mut record.version {
        fitter.tags("tag of the version", &mut version.tags, VERSION_TAG);
        fitter.cut(|| "description of the version".into(), &mut version.description, DESCRIPTION);
    }
    for child in &mut record.children {
        fitter.cut(|| "name of a nested run".into(), &mut child.name, RUN_NAME);
        if child.name.is_empty() {
            child.name = "nested run".to_owned();
        }
        fitter.tags("parameter of a nested run", &mut child.params, PARAM);
        fitter.tags("tag of a nested run", &mut child.tags, RUN_TAG);
        fitter.keys("metric of a nested run", child.metrics.iter_mut().map(|metric| &mut metric.key));
    }
    (record, fitter.told())
}

/// What is wrong with the name of an experiment; nothing where it can be one.
pub fn experiment_name_problem(name: &str) -> Option<String> {
    let length = name.chars().count();
    if length == 0 || length > EXPERIMENT {
        return Some(format!("expected an experiment's name of 1 to {EXPERIMENT} characters, found {length}"));
    }
    None
}

/// What is wrong with the name of a registered model; nothing where it can be one.
pub fn registered_name_problem(name: &str) -> Option<String> {
    let length = name.chars().count();
    if name.contains(['/', ':']) || name.trim().is_empty() || name == "." || name.starts_with("..") {
        return Some(format!("expected a registered model's name without `/` and `:`, found `{name}`"));
    }
    (length > REGISTERED)
        .then(|| format!("expected a registered model's name of at most {REGISTERED} characters, found {length}"))
}

/// What is wrong with an alias; nothing where it can be one.
pub fn alias_problem(alias: &str) -> Option<String> {
    let version = alias
        .strip_prefix(['v', 'V'])
        .is_some_and(|rest| !rest.is_empty() && rest.chars().all(|digit| digit.is_ascii_digit()));
    let letters = alias.chars().all(|letter| letter.is_alphanumeric() || letter == '_' || letter == '-');
    let length = alias.chars().count();
    let fits = (1..=ALIAS).contains(&length) && letters && !version && !alias.eq_ignore_ascii_case("latest");
    (!fits).then(|| {
        format!("expected an alias of letters, digits, `_` and `-`, not `latest` and not `v1`, found `{alias}`")
    })
}

#[derive(Default)]
struct Fitter {
    /// By kind, in the order in which they came.
    told: Vec<(&'static str, Vec<String>)>,
}

impl Fitter {
    fn tell(&mut self, kind: &'static str, message: String) {
        match self.told.iter_mut().find(|(other, _)| *other == kind) {
            Some((_, messages)) => messages.push(message),
            None => self.told.push((kind, vec![message])),
        }
    }

    fn told(self) -> Vec<String> {
        let shortened = |(kind, mut messages): (&'static str, Vec<String>)| {
            if messages.len() > MOST {
                let more = messages.len() - MOST;
                messages.truncate(MOST);
                messages.push(format!("... and {more} more {kind}"));
            }
            messages
        };
        self.told.into_iter().flat_map(shortened).collect()
    }

    fn cut(&mut self, what: impl FnOnce() -> String, text: &mut String, most: usize) {
        // No text has more characters than bytes.
        if text.len() <= most {
            return;
        }
        let Some((end, _)) = text.char_indices().nth(most) else { return };
        let length = text.chars().count();
        text.truncate(end);
        self.tell("texts that were cut", format!("{}: {length} characters, cut to {most}", what()));
    }

    fn tags(&mut self, what: &str, tags: &mut [Tag], most: usize) {
        self.keys(what, tags.iter_mut().map(|tag| &mut tag.key));
        for tag in tags {
            let Tag { key, value } = tag;
            self.cut(|| format!("{what} `{key}`"), value, most);
        }
    }

    /// Keys that MLflow takes; the same key gets the same one, and two keys never do.
    fn keys<'a>(&mut self, what: &str, keys: impl Iterator<Item = &'a mut String>) {
        let keys: Vec<&mut String> = keys.collect();
        // Keys that are good keep their names, whatever comes before them.
        let mut taken: HashSet<String> = keys.iter().filter(|key| is_good(key)).map(|key| (**key).clone()).collect();
        let mut renamed: HashMap<String, String> = HashMap::new();
        for key in keys.into_iter().filter(|key| !is_good(key)) {
            if let Some(known) = renamed.get(key) {
                key.clone_from(known);
                continue;
            }
            let free = free(&mapped(key), &taken);
            taken.insert(free.clone());
            self.tell("keys that were changed", format!("{what} `{key}`: not a key to MLflow, logged as `{free}`"));
            renamed.insert(std::mem::replace(key, free.clone()), free);
        }
    }

    fn datasets(&mut self, datasets: &mut [Dataset]) {
        let mut seen = HashSet::new();
        for dataset in datasets {
            let what = format!("{} data `{}`", dataset.context, dataset.name);
            self.cut(|| format!("{what}: name"), &mut dataset.name, NAME);
            self.cut(|| format!("{what}: digest"), &mut dataset.digest, DIGEST);
            for (part, text, most) in [
                ("schema", &mut dataset.schema, SCHEMA),
                ("source", &mut dataset.source, SOURCE),
                ("profile", &mut dataset.profile, PROFILE),
            ] {
                // Half of a JSON text is of no use. The limits are those of columns that count bytes.
                if text.len() > most {
                    self.tell("texts that were left out", format!("{what}: {part} of {} bytes left out", text.len()));
                    *text = "{}".to_owned();
                }
            }
            // The same data in two roles would keep the first role only.
            if !seen.insert((dataset.name.clone(), dataset.digest.clone())) {
                let room = NAME - dataset.context.chars().count().min(100) - 3;
                let name: String = dataset.name.chars().take(room).collect();
                dataset.name = format!("{name} ({})", dataset.context.chars().take(100).collect::<String>());
                seen.insert((dataset.name.clone(), dataset.digest.clone()));
                self.tell("data that were renamed", format!("{what}: logged as `{}`", dataset.name));
            }
        }
    }
}

fn is_good(key: &str) -> bool {
    !FOREIGN.is_match(key) && is_file_name(key) && key.len() <= KEY * 4 && key.chars().count() <= KEY
}

/// What Python's `\w` has, and `. / : -` and the space.
static FOREIGN: LazyLock<Regex> = LazyLock::new(|| Regex::new(r"[^\p{L}\p{N}_./ :\-]").expect("a regex"));

/// Keys may be files somewhere, and none may be another's name for the same file.
fn is_file_name(key: &str) -> bool {
    !key.starts_with("..") && key.split('/').all(|part| !matches!(part, "" | "." | ".."))
}

fn mapped(key: &str) -> String {
    let mut key: String = FOREIGN.replace_all(key, "_").chars().take(KEY).collect();
    if !is_file_name(&key) {
        key = key.replace('/', "_");
        let dots = key.len() - key.trim_start_matches('.').len();
        key.replace_range(..dots, &"_".repeat(dots));
    }
    if key.is_empty() { "_".to_owned() } else { key }
}

fn free(key: &str, taken: &HashSet<String>) -> String {
    let numbered = (2..).map(|number: usize| {
        let end = format!("_{number}");
        key.chars().take(KEY - end.len()).chain(end.chars()).collect()
    });
    let mut candidates = std::iter::once(key.to_owned()).chain(numbered);
    candidates.find(|candidate| !taken.contains(candidate)).expect("an endless row of names")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::record::{Experiment, FORMAT, LoggedModel, Metric, RunStatus, VersionRecord};

    fn record() -> Record {
        Record {
            format: FORMAT,
            key: "k".into(),
            experiment: Experiment::Name("e".into()),
            resume: None,
            name: "n".into(),
            user: "u".into(),
            start_ms: 1,
            end_ms: 2,
            status: RunStatus::Finished,
            params: Vec::new(),
            metrics: Vec::new(),
            tags: Vec::new(),
            datasets: Vec::new(),
            artifacts: Vec::new(),
            model: None,
            version: None,
            children: Vec::new(),
        }
    }

    fn metric(key: &str, step: i64) -> Metric {
        Metric { key: key.into(), value: 0.5, timestamp_ms: 1, step, dataset: None, of_model: false }
    }

    #[test]
    fn what_fits_is_left_alone() {
        let mut record = record();
        record.params = vec![Tag::new("a.b/c d:e-f_ü", "ü".repeat(6000))];
        record.metrics = vec![metric("m", 1), metric("m", 2)];
        assert_eq!(fit(&record), (record, vec![]));
    }

    #[test]
    fn long_values_are_cut_by_characters_and_told() {
        let mut record = record();
        record.params = vec![Tag::new("p", "ü".repeat(6001))];
        record.tags = vec![Tag::new("t", "x".repeat(8001))];
        let tags = vec![Tag::new("v", "x".repeat(5001))];
        record.version =
            Some(VersionRecord { name: "m".into(), description: String::new(), tags, compared_to: None, alias: None });
        let (fitted, told) = fit(&record);
        assert_eq!(fitted.params[0].value, "ü".repeat(6000));
        assert_eq!(fitted.tags[0].value.len(), 8000);
        let expected = [
            "parameter `p`: 6001 characters, cut to 6000",
            "tag `t`: 8001 characters, cut to 8000",
            "tag of the version `v`: 5001 characters, cut to 5000",
        ];
        assert_eq!(told, expected);
    }

    #[test]
    fn keys_are_mapped_and_told_apart() {
        let mut record = record();
        let keys = ["m[1]", "m_1_", "m[1]", "m,1,", "a//b", "../x", "", "ok"];
        record.metrics = keys.iter().enumerate().map(|(step, key)| metric(key, step as i64)).collect();
        let (fitted, told) = fit(&record);
        let found: Vec<&str> = fitted.metrics.iter().map(|metric| metric.key.as_str()).collect();
        assert_eq!(found, ["m_1__2", "m_1_", "m_1__2", "m_1__3", "a__b", "___x", "_", "ok"]);
        assert_eq!(told.len(), 5, "{told:?}");
        assert_eq!(told[0], "metric `m[1]`: not a key to MLflow, logged as `m_1__2`");
    }

    #[test]
    fn many_warnings_are_counted() {
        let mut record = record();
        record.params = (0..50).map(|at| Tag::new(format!("p[{at}]"), "x")).collect();
        let (_, told) = fit(&record);
        assert_eq!((told.len(), told[10].as_str()), (11, "... and 40 more keys that were changed"));
    }

    #[test]
    fn the_same_data_in_two_roles_is_told_apart() {
        let text = |text: &str| text.to_owned();
        let data = |context: &str, profile: String| Dataset {
            context: text(context),
            name: text("d"),
            digest: "x".repeat(40),
            source_type: text("local"),
            source: text("{}"),
            schema: text("{}"),
            profile,
        };
        let mut record = record();
        record.datasets = vec![data("training", text("{}")), data("test", "p".repeat(PROFILE + 1))];
        let (fitted, told) = fit(&record);
        assert_eq!([&fitted.datasets[0].name, &fitted.datasets[1].name], ["d", "d (test)"]);
        assert_eq!((fitted.datasets[1].digest.len(), fitted.datasets[1].profile.as_str()), (36, "{}"));
        assert_eq!(told.len(), 4, "{told:?}");
    }

    #[test]
    fn a_model_has_the_limits_of_a_run() {
        let mut record = record();
        let params = vec![Tag::new("p", "x".repeat(6001))];
        let (tags, files, mlmodel) = (Vec::new(), Vec::new(), serde_json::Value::Null);
        record.model = Some(LoggedModel { name: "model".into(), params, tags, files, mlmodel });
        assert_eq!(fit(&record).1, ["parameter of the model `p`: 6001 characters, cut to 6000"]);
    }

    #[test]
    fn names_are_judged() {
        for (name, good) in
            [("churn", true), ("a b.c", true), ("a/b", false), ("a:b", false), (" ", false), ("", false)]
        {
            assert_eq!(registered_name_problem(name).is_none(), good, "{name}");
        }
        for (alias, good) in
            [("champion", true), ("a-b_1", true), ("v", true), ("v1", false), ("Latest", false), ("a.b", false)]
        {
            assert_eq!(alias_problem(alias).is_none(), good, "{alias}");
        }
        assert!(experiment_name_problem("").is_some() && experiment_name_problem("x").is_none());
    }

    proptest! {
        #[test]
        fn every_key_becomes_a_good_one_and_none_becomes_two(keys in prop::collection::hash_set(".{0,12}|[./]{0,5}|x{249,252}", 0..30)) {
            let mut record = record();
            record.params = keys.iter().map(|key| Tag::new(key.as_str(), "1")).collect();
            let (fitted, _) = fit(&record);
            let found: HashSet<&str> = fitted.params.iter().map(|param| param.key.as_str()).collect();
            prop_assert_eq!(found.len(), keys.len());
            prop_assert!(found.iter().all(|key| is_good(key)));
        }
    }
}
