//! Rules between values of a config, and what is worth a note.

use trainer_data::{CsvOptions, Malformed};
use trainer_kernels::DeviceSpec;
use trainer_quality::DecisionThreshold;
use trainer_tracking::{Address, alias_problem, experiment_name_problem, registered_name_problem};

use super::problem::{Code, Problem};
use super::schema::{did_you_mean, list};
use super::{Config, FeatureConfig, Features, Training};
use crate::tracking::registered_name;

/// What the rules say.
#[derive(Debug, Default)]
pub struct Rules {
    /// Path of the value, and what is wrong with it.
    pub conflicts: Vec<(String, Problem)>,
    /// What stops nothing.
    pub notes: Vec<String>,
}

/// Holds a typed config against every rule.
pub fn check(config: &Config) -> Rules {
    let mut rules = Rules::default();
    rules.device(config);
    rules.tracking(config);
    rules.registry(config);
    rules.folds(&config.training);
    rules.columns(config);
    rules.ids(config);
    rules.store(&config.features);
    rules.paths(config);
    rules.held_out(config);
    rules.csv(config);
    rules.gates(config);
    rules.steps(config);
    rules.ignored(config);
    rules
}

/// Holds a typed config of features against every rule.
pub fn check_features(config: &FeatureConfig) -> Rules {
    let mut rules = Rules::default();
    rules.device_name(&config.device);
    for (at, step) in config.build.iter().enumerate() {
        if let Err(message) = step.check() {
            let path = format!("build.{at}.{}", step.name());
            rules.refuse(path, Problem::new(Code::Conflict, message));
        }
        for name in step.inputs().into_iter().filter(|name| !config.inputs.contains_key(*name)) {
            let known: Vec<&str> = config.inputs.keys().map(String::as_str).collect();
            let expected = if known.is_empty() { "an entry under `inputs`".to_owned() } else { list(&known) };
            let mut problem = Problem::new(Code::UnknownName, format!("there is no input `{name}`")).expected(expected);
            problem.hint = did_you_mean(name, &known);
            rules.refuse(format!("build.{at}.{}", step.name()), problem);
        }
    }
    for (path, csv) in config.inputs.iter().map(|(name, input)| (format!("inputs.{name}"), &input.csv)) {
        rules.csv_of(&path, csv);
    }
    rules.csv_of("extract", &config.extract.csv);
    if !config.pii.is_empty() && config.validate.malformed == Malformed::Quarantine {
        let message = "rows that are set aside are kept as they are, and `pii` must not leave in clear";
        rules.refuse(
            "validate.malformed",
            Problem::new(Code::Conflict, message).expected("`drop` or `error`, or no `pii`"),
        );
    }
    if config.validate.quarantine.is_some() && config.validate.malformed != Malformed::Quarantine {
        rules.notes.push("validate.quarantine is ignored: validate.malformed is not `quarantine`".into());
    }
    rules
}

impl Rules {
    fn refuse(&mut self, path: impl Into<String>, problem: Problem) {
        self.conflicts.push((path.into(), problem));
    }

    fn device(&mut self, config: &Config) {
        self.device_name(&config.device);
    }

    fn device_name(&mut self, device: &str) {
        if let Err(message) = device.parse::<DeviceSpec>() {
            let problem = Problem::new(Code::WrongForm, "not a device")
                .expected("auto, cpu, wgpu:N or cuda:N")
                .found(message.rsplit("found ").next().unwrap_or_default());
            self.refuse("device", problem);
        }
    }

    fn tracking(&mut self, config: &Config) {
        for (path, uri) in
            [("training.tracking_uri", &config.training.tracking_uri), ("registry.uri", &config.registry.uri)]
        {
            if let Some(Err(error)) = uri.as_deref().map(Address::parse) {
                let text = error.to_string();
                let (message, hint) =
                    text.split_once("\n  hint: ").map_or((&*text, None), |(it, hint)| (it, Some(hint)));
                let code = if message.contains("not supported") { Code::Unsupported } else { Code::WrongForm };
                let mut problem = Problem::new(code, message);
                problem.hint = hint.map(str::to_owned);
                self.refuse(path, problem);
            }
        }
    }

    fn registry(&mut self, config: &Config) {
        let registry = &config.registry;
        let names = [
            ("registry.name", registry.name.as_deref().and_then(registered_name_problem)),
            ("registry.promote", registry.promote.as_deref().and_then(alias_problem)),
            ("registry.compare_to", registry.compare_to.as_deref().and_then(alias_problem)),
            ("training.experiment_name", config.training.experiment_name.as_deref().and_then(experiment_name_problem)),
        ];
        for (path, problem) in names {
            if let Some(message) = problem {
                self.refuse(path, Problem::new(Code::WrongForm, message));
            }
        }
        if registry.name.is_none() && registered_name_problem(&config.project.name).is_some() {
            let name = registered_name(config);
            self.notes.push(format!("the registered model is called `{name}`: `project.name` cannot be its name"));
        }
        let uri = config.training.tracking_uri.as_deref();
        let off = uri.is_some_and(|uri| matches!(Address::parse(uri), Ok(Address::Off)));
        if off && registry.compare_to.is_some() {
            let message = "there is no registry to compare with: `training.tracking_uri` is `none`";
            self.refuse(
                "registry.compare_to",
                Problem::new(Code::Conflict, message).expected("a store, or no `compare_to`"),
            );
        } else if off && (registry.name.is_some() || registry.promote.is_some()) {
            self.notes.push("registry is ignored: training.tracking_uri is none".into());
        }
        if registry.promote.is_some() && config.quality_gates.is_empty() && registry.compare_to.is_none() {
            self.notes.push("registry.promote without quality_gates: every model is promoted".into());
        }
        if registry.tolerance > 0.0 && registry.compare_to.is_none() {
            self.notes.push("registry.tolerance is ignored: registry.compare_to is not given".into());
        }
        if config.training.nested_folds && config.training.cv_folds == 0 {
            self.notes.push("training.nested_folds is ignored: training.cv_folds is 0".into());
        }
    }

    fn folds(&mut self, training: &Training) {
        if training.cv_folds == 1 {
            let problem = Problem::new(Code::OutOfRange, "`training.cv_folds` is out of range")
                .expected("0 (off), or at least 2")
                .found("`1`");
            self.refuse("training.cv_folds", problem);
        }
    }

    /// A column has one role.
    fn columns(&mut self, config: &Config) {
        let data = &config.data;
        let entity = config.features.entity.as_ref().map(|entity| entity.names()).unwrap_or_default();
        let mut roles: Vec<(&str, String, &str)> = vec![(&data.target, "data.target".into(), "the target")];
        let weight = data.weight.as_ref().map(|name| (name.as_str(), "data.weight".into(), "the row weight"));
        roles.extend(weight);
        roles.extend(entity.iter().map(|name| (name.as_str(), "features.entity".into(), "an id")));
        let ignored = data.ignore.iter().enumerate();
        roles.extend(ignored.map(|(at, name)| (name.as_str(), format!("data.ignore.{at}"), "ignored")));
        let features = config.features.features.iter().flatten().enumerate();
        roles.extend(
            features.map(|(at, name)| (column(&config.features, name), format!("features.features.{at}"), "a feature")),
        );
        for (at, (name, path, role)) in roles.iter().enumerate() {
            if let Some((_, _, other)) = roles[..at].iter().find(|(earlier, ..)| earlier == name) {
                let message = if other == role {
                    format!("column `{name}` is named twice")
                } else {
                    format!("column `{name}` is {other} and cannot be {role}")
                };
                self.refuse(path, Problem::new(Code::Conflict, message).expected("one role for each column"));
            }
        }
    }

    /// Predictions keep the ids beside columns of their own.
    fn ids(&mut self, config: &Config) {
        let ids = config.features.entity.iter().flat_map(|entity| entity.names());
        for id in ids.filter(|id| *id == "prediction" || id.starts_with("probability_")) {
            let message = format!("an id cannot be called `{id}`: predictions have a column of that name");
            self.refuse("features.entity", Problem::new(Code::Conflict, message).expected("another name in the data"));
        }
    }

    /// What a feature store needs, and what needs one.
    fn store(&mut self, features: &Features) {
        let conflict = |message: &str, expected: &str| Problem::new(Code::Conflict, message).expected(expected);
        if features.store_path.is_none() {
            if features.service.is_some() {
                let problem =
                    conflict("there is no store to have the service", "`features.store_path`, or no `service`");
                self.refuse("features.service", problem);
            }
            for (key, given) in [("full_names", features.full_names), ("created_cutoff", features.created_cutoff)] {
                if given {
                    self.notes.push(format!("features.{key} is ignored: features.store_path is not given"));
                }
            }
            return;
        }
        match (&features.features, &features.service) {
            (None, None) => {
                let expected = "`features.features` with view:feature, or `features.service`";
                self.refuse("features.store_path", conflict("nothing is asked of the store", expected));
            }
            (Some(_), Some(_)) => {
                let problem = conflict("features and a service are asked for", "one of both");
                self.refuse("features.service", problem);
            }
            _ => {}
        }
        for (at, name) in features.features.iter().flatten().enumerate() {
            let parts = name.split_once(':').filter(|(view, feature)| !view.is_empty() && !feature.is_empty());
            if parts.is_none() {
                let problem = Problem::new(Code::WrongForm, "not a feature of a store").expected("view:feature");
                self.refuse(format!("features.features.{at}"), problem.found(format!("`{name}`")));
            }
        }
    }

    fn paths(&mut self, config: &Config) {
        if config.data.test_path.as_ref() == Some(&config.data.train_path) {
            let problem = Problem::new(Code::Conflict, "the test rows are the training rows")
                .expected("rows that the model does not learn from, or no `test_path`");
            self.refuse("data.test_path", problem);
        }
    }

    /// Some rows must be left to judge the model on, and some to choose a threshold on.
    fn held_out(&mut self, config: &Config) {
        let training = &config.training;
        let (held_out, tested) = (config.data.validation_split.get() > 0.0, config.data.test_path.is_some());
        if !held_out && !tested {
            let problem = Problem::new(Code::Conflict, "no rows are left to judge the model on")
                .expected("a part above 0, or a `test_path`");
            self.refuse("data.validation_split", problem);
        }
        // Rows that are judged cannot choose: the threshold would flatter itself.
        let chosen = training.decision_threshold.as_ref().is_some_and(|it| !matches!(it, DecisionThreshold::Fixed(_)));
        if chosen && training.cv_folds == 0 && !(held_out && tested) {
            let problem = Problem::new(Code::Conflict, "no rows are left to choose a threshold on")
                .expected("`training.cv_folds` above 0, or both `data.test_path` and `data.validation_split`");
            self.refuse("training.decision_threshold", problem);
        }
    }

    fn csv(&mut self, config: &Config) {
        self.csv_of("data", &config.data.csv);
    }

    fn csv_of(&mut self, section: &str, csv: &CsvOptions) {
        if let Err(error) = csv.check() {
            // The message names the option first: `data.csv.quote: expected ...`.
            let text = error.fault().message.clone();
            let (path, message) = text.split_once(": ").unwrap_or(("data.csv", &text));
            let path = path.strip_prefix("data.").unwrap_or(path);
            self.refuse(format!("{section}.{path}"), Problem::new(Code::Conflict, message));
        }
    }

    fn gates(&mut self, config: &Config) {
        for (at, error) in config.quality_gates.check() {
            let text = error.to_string();
            let (message, hint) =
                text.split_once("\n  hint: ").map_or((&*text, None), |(text, hint)| (text, Some(hint)));
            let mut problem = Problem::new(Code::Conflict, message);
            problem.hint = hint.map(str::to_owned);
            // A map of gates has the metric as its key, a list the position.
            let metric = &config.quality_gates.0[at].metric;
            self.refuse(format!("quality_gates.{metric}|quality_gates.{at}"), problem);
        }
    }

    fn steps(&mut self, config: &Config) {
        for (at, step) in config.features.steps.iter().enumerate() {
            if let Err(message) = step.as_dyn().check() {
                let path = format!("features.steps.{at}.{}", step.name());
                self.refuse(path, Problem::new(Code::Conflict, message));
            }
        }
    }

    fn ignored(&mut self, config: &Config) {
        let training = &config.training;
        let learner = config.model.name();
        for (key, given) in [("epochs", training.epochs.is_some()), ("batch_size", training.batch_size.is_some())] {
            if given && !config.model.as_dyn().is_iterative() {
                self.notes.push(format!("training.{key} is ignored: a {learner} is not fitted in epochs"));
            }
        }
    }
}

/// The column of `view:column`; with full names the views tell columns apart.
fn column<'n>(features: &Features, name: &'n str) -> &'n str {
    if features.full_names { name } else { name.rsplit(':').next().unwrap_or(name) }
}
