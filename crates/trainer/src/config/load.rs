//! From texts to a typed config: one call, every error at once.

use std::path::Path;

use serde_json::Value as Json;

use super::default::fill;
use super::document::Document;
use super::inspect::inspect;
use super::problem::{Code, Problem};
use super::rule::Rules;
use super::schema::{Schema, join};
use super::source::{Sources, Span};
use super::tree::{Layer, Node, Value};
use super::{Config, layer, variable, yaml};

/// A config is written by hand: more bytes than this are another file given by mistake.
const LARGEST: u64 = 4 << 20;

/// What is laid over the file.
#[derive(Debug, Clone, Default)]
pub struct Overlay {
    /// Name of a section of `targets:`.
    pub target: Option<String>,
    /// Variables of the environment: for `${VAR}`, those of the MLflow client, and those that start with `TRAINER__`.
    pub environment: Vec<(String, String)>,
    /// `KEY=VALUE`, the last one wins.
    pub set: Vec<String>,
    /// Whether `${VAR}` that is not set stays as it is written: for a config that is kept with a run, where the
    /// variable was set when it was fitted.
    pub keep_unset: bool,
    /// Whether variables only replace `${VAR}` and are not laid over the config.
    pub replace_only: bool,
}

impl Overlay {
    /// The process's environment, and nothing else. What is not UTF-8 in a variable shows as U+FFFD.
    pub fn of_environment() -> Self {
        let text = |value: std::ffi::OsString| value.to_string_lossy().into_owned();
        let mut environment: Vec<_> = std::env::vars_os().map(|(name, value)| (text(name), text(value))).collect();
        // The order of the environment is arbitrary.
        environment.sort();
        Self { environment, ..Self::default() }
    }
}

/// A config that is right, with where each value came from.
#[derive(Debug)]
pub struct Loaded<C = Config> {
    /// The typed config.
    pub config: C,
    /// All values in use, defaults too, as written: variables not replaced and passwords blotted out. For lock files.
    pub effective: Json,
    /// What the user should know and that stops nothing: lower case, one sentence each.
    pub notes: Vec<String>,
    pub(super) tree: Node,
    pub(super) sources: Sources,
    pub(super) targets: Vec<String>,
}

impl<C> Loaded<C> {
    /// Names under `targets:`.
    pub fn targets(&self) -> &[String] {
        &self.targets
    }

    /// Number of values that stand in the file.
    pub fn given(&self) -> usize {
        self.leaves().iter().filter(|(_, node)| node.layer != Layer::Default).count()
    }

    /// Whether a value comes from the environment or from `--set`.
    pub fn is_laid_over(&self, path: &str) -> bool {
        let node = self.tree.at(path.split('.'));
        node.is_some_and(|node| matches!(node.layer, Layer::Environment | Layer::Set))
    }

    /// Every value that is not a section with something in it, with its path.
    pub(super) fn leaves(&self) -> Vec<(String, &Node)> {
        let mut leaves = Vec::new();
        collect(&self.tree, String::new(), &mut leaves);
        leaves
    }
}

fn collect<'n>(node: &'n Node, path: String, leaves: &mut Vec<(String, &'n Node)>) {
    match &node.value {
        Value::Map(entries) if !entries.is_empty() => {
            entries.iter().for_each(|entry| collect(&entry.node, join(&path, &entry.key), leaves));
        }
        Value::List(items) if !items.is_empty() => {
            let paths = (0..).map(|at: usize| join(&path, &at.to_string()));
            items.iter().zip(paths).for_each(|(item, path)| collect(item, path, leaves));
        }
        _ => leaves.push((path, node)),
    }
}

/// Reads a file and loads it.
///
/// # Errors
/// The file cannot be read or is not UTF-8, and everything that [`load`] finds.
pub fn load_file<C: Document>(path: &Path, overlay: &Overlay) -> Result<Loaded<C>, Vec<Problem>> {
    let name = path.display().to_string();
    let unreadable = |message: String| vec![Problem::new(Code::Unreadable, message)];
    let size = fs_err::metadata(path).map_err(|error| unreadable(format!("cannot read the config: {error}")))?.len();
    if size > LARGEST {
        return Err(unreadable(format!("{name} has {size} bytes, more than any config ({LARGEST})")));
    }
    let bytes = fs_err::read(path).map_err(|error| unreadable(format!("cannot read the config: {error}")))?;
    match String::from_utf8(bytes) {
        Ok(text) => load_as(&name, &text, overlay),
        Err(error) => {
            let at = error.utf8_error().valid_up_to();
            let byte = error.as_bytes()[at];
            let mut sources = Sources::default();
            let source = sources.add(&name, String::from_utf8_lossy(error.as_bytes()));
            let message = format!("byte 0x{byte:02x} is not UTF-8");
            let problem = Problem::at(Code::Unreadable, &sources, Span::new(source, at..at + 1), message);
            Err(vec![problem.expected("a file in UTF-8")])
        }
    }
}

/// Reads, lays over, checks and decodes a training config. `name` is what messages call the file.
///
/// # Errors
/// Everything that is wrong with it, in the order of the file.
pub fn load(name: &str, text: &str, overlay: &Overlay) -> Result<Loaded, Vec<Problem>> {
    load_as(name, text, overlay)
}

/// [`load`], for any kind of config.
///
/// # Errors
/// As [`load`].
pub fn load_as<C: Document>(name: &str, text: &str, overlay: &Overlay) -> Result<Loaded<C>, Vec<Problem>> {
    let mut loading = Loading::default();
    let loaded = loading.run::<C>(name, text, overlay);
    let mut problems = loading.problems;
    // The file from top to bottom, then what is laid over it.
    problems.sort_by_key(|problem| {
        let outside = problem.place.as_ref().is_some_and(|place| place.file != name);
        (outside, problem.line(), problem.column())
    });
    match loaded {
        Some(loaded) if problems.is_empty() => Ok(loaded),
        _ => Err(problems),
    }
}

/// Takes the value of a path out of its section; a value within a list goes with the whole list.
fn leave_out(tree: &mut Node, path: &str) {
    let Some((key, rest)) = path.split_once('.') else {
        tree.remove(path);
        return;
    };
    let inner = tree.at_mut([key]).filter(|node| node.entries().is_some());
    match inner {
        Some(section) => leave_out(section, rest),
        None => {
            tree.remove(key);
        }
    }
}

/// Fills what is missing.
fn stand_in(json: &mut Json, other: &Json) {
    let (Json::Object(map), Json::Object(other)) = (json, other) else { return };
    for (key, value) in other {
        match map.get_mut(key) {
            Some(own) => stand_in(own, value),
            None => {
                map.insert(key.clone(), value.clone());
            }
        }
    }
}

#[derive(Default)]
struct Loading {
    sources: Sources,
    problems: Vec<Problem>,
}

impl Loading {
    fn run<C: Document>(&mut self, name: &str, text: &str, overlay: &Overlay) -> Option<Loaded<C>> {
        let schema = Schema::of::<C>();
        let mut base = self.read(name, text)?;
        let targets = base.remove("targets").map(|entry| entry.node);
        let names = self.target_names(targets.as_ref());
        let mut tree = base.clone();
        self.lay_all::<C>(&mut tree, targets.as_ref(), overlay);
        let mut renamed = Vec::new();
        C::plain_names(&mut tree, &mut renamed);
        self.resolve(&mut tree, overlay);
        self.problems.extend(inspect(&schema, &self.sources, &tree, false));
        self.other_targets::<C>(&schema, &base, targets.as_ref(), overlay);
        if !self.problems.is_empty() {
            self.rules_of_the_rest::<C>(&schema, tree);
            return None;
        }
        fill(&schema, &mut tree, schema.root());
        tree.remove("targets");
        let config: C = self.decode(&tree)?;
        let Rules { conflicts, notes } = config.rules();
        for (path, problem) in conflicts {
            self.at_path(&tree, &path, problem);
        }
        let effective = tree.to_json_as_written();
        let sources = std::mem::take(&mut self.sources);
        let notes = renamed.into_iter().chain(notes).collect();
        Some(Loaded { config, effective, notes, tree, sources, targets: names })
    }

    /// Rules between values hold for what is right as well, and are told together with what is wrong: a value with a
    /// problem is left out, and its default, or something that does no harm, stands in.
    fn rules_of_the_rest<C: Document>(&mut self, schema: &Schema, mut tree: Node) {
        let wrong: Vec<String> = self.problems.iter().map(|problem| problem.path.clone()).collect();
        wrong.iter().for_each(|path| leave_out(&mut tree, path));
        fill(schema, &mut tree, schema.root());
        tree.remove("targets");
        let mut json = tree.to_json();
        stand_in(&mut json, &C::harmless());
        let Ok(config) = serde_json::from_value::<C>(json) else { return };
        for (path, problem) in config.rules().conflicts {
            let written = |path: &str| tree.at(path.split('.')).is_some_and(|node| node.layer != Layer::Default);
            if path.split('|').any(written) {
                self.at_path(&tree, &path, problem);
            }
        }
    }

    fn read(&mut self, name: &str, text: &str) -> Option<Node> {
        let source = self.sources.add(name, text.strip_prefix('\u{feff}').unwrap_or(text));
        let mut root = yaml::read(&self.sources, source, 0, &Layer::File, &mut self.problems)?;
        if matches!(root.value, Value::Null) {
            root.value = Value::Map(Vec::new());
        }
        Some(root)
    }

    fn target_names(&mut self, targets: Option<&Node>) -> Vec<String> {
        let entries = targets.and_then(Node::entries).unwrap_or_default();
        let sections = targets.into_iter().filter(|node| !matches!(node.value, Value::Map(_) | Value::Null));
        let wrong = sections.chain(entries.iter().map(|entry| &entry.node).filter(|node| node.entries().is_none()));
        for node in wrong {
            let problem = Problem::new(Code::WrongType, "wrong type of value under `targets`")
                .path("targets")
                .expected("names, each with a section of overrides");
            self.problems.push(placed(problem, &self.sources, node.span));
        }
        entries.iter().map(|entry| entry.key.clone()).collect()
    }

    fn lay_all<C: Document>(&mut self, tree: &mut Node, targets: Option<&Node>, overlay: &Overlay) {
        let mut layers = Vec::new();
        if let Some(name) = &overlay.target {
            layers.extend(layer::target(name, targets, &mut self.sources, &mut self.problems));
        }
        let variables = if overlay.replace_only { &[] } else { overlay.environment.as_slice() };
        for (name, value) in variables.iter().filter(|_| C::MLFLOW_VARIABLES) {
            layers.extend(layer::mlflow_variable(name, value, &mut self.sources));
        }
        for (name, value) in variables.iter().filter(|(name, _)| name.starts_with(C::PREFIX)) {
            layers.extend(layer::variable(C::PREFIX, name, value, &mut self.sources, &mut self.problems));
        }
        for argument in &overlay.set {
            layers.extend(layer::set(argument, &mut self.sources, &mut self.problems));
        }
        for upper in layers {
            layer::lay(tree, upper, &self.sources, "", &mut self.problems);
        }
        if let Some(nested) = tree.remove("targets") {
            let problem = Problem::new(Code::Override, "`targets` cannot be overridden").path("targets");
            self.problems.push(placed(problem, &self.sources, nested.key_span));
        }
    }

    /// A mistake in `prod` is found before the day on which `prod` is chosen; its variables need not be set until then.
    fn other_targets<C: Document>(&mut self, schema: &Schema, base: &Node, targets: Option<&Node>, overlay: &Overlay) {
        let entries = targets.and_then(Node::entries).unwrap_or_default();
        for entry in entries.iter().filter(|entry| Some(&entry.key) != overlay.target.as_ref()) {
            let mut tree = base.clone();
            let mut upper = entry.node.clone();
            upper.give_to(&Layer::Target(entry.key.as_str().into()));
            let mut found = Vec::new();
            if upper.entries().is_some() {
                layer::lay(&mut tree, upper, &self.sources, "", &mut found);
                C::plain_names(&mut tree, &mut Vec::new());
                found.extend(inspect(schema, &self.sources, &tree, true));
            }
            found.retain(|problem| !self.problems.contains(problem));
            self.problems.append(&mut found);
        }
    }

    /// `${NAME}`: first what the file's own `vars` say, where a kind of config has them, then the environment.
    fn resolve(&mut self, tree: &mut Node, overlay: &Overlay) {
        let outside = |name: &str| {
            let found = overlay.environment.iter().find(|(key, _)| key == name).map(|(_, value)| value.clone());
            found.or_else(|| overlay.keep_unset.then(|| format!("${{{name}}}")))
        };
        let mut own = Vec::new();
        if let Some(vars) = tree.at_mut(["vars"]) {
            variable::resolve(vars, &outside, &self.sources, "vars", &mut self.problems);
            let entries = vars.entries().unwrap_or_default();
            own.extend(entries.iter().filter_map(|entry| Some((entry.key.clone(), plain_text(&entry.node)?))));
        }
        let lookup = |name: &str| {
            let found = own.iter().find(|(key, _)| key == name).map(|(_, value)| value.clone());
            found.or_else(|| outside(name))
        };
        let entries = match &mut tree.value {
            Value::Map(entries) => entries.as_mut_slice(),
            _ => &mut [],
        };
        for entry in entries.iter_mut().filter(|entry| entry.key != "vars") {
            variable::resolve(&mut entry.node, &lookup, &self.sources, &entry.key, &mut self.problems);
        }
    }

    fn decode<C: Document>(&mut self, tree: &Node) -> Option<C> {
        match serde_path_to_error::deserialize::<_, C>(tree.to_json()) {
            Ok(config) => Some(config),
            Err(error) => {
                let path = error.path().to_string();
                let problem = Problem::new(Code::Refused, error.into_inner().to_string());
                self.at_path(tree, &path.replace(['['], ".").replace(']', ""), problem);
                None
            }
        }
    }

    /// Places a problem at the value of a path (of several, parted by `|`: the first that is there), or at the nearest
    /// section above it that is written somewhere.
    fn at_path(&mut self, tree: &Node, path: &str, problem: Problem) {
        let known = |path: &&str| tree.at(path.split('.')).is_some();
        let path = path.split('|').find(known).or_else(|| path.split('|').next()).unwrap_or_default();
        let keys: Vec<&str> = path.split('.').collect();
        let span = (0..=keys.len()).rev().find_map(|length| tree.at(keys[..length].iter().copied())?.span);
        self.problems.push(placed(problem.path(path), &self.sources, span));
    }
}

/// What a value is in a text that it is put into.
fn plain_text(node: &Node) -> Option<String> {
    match &node.value {
        Value::Text(text) => Some(text.value.clone()),
        Value::Integer(number) => Some(number.to_string()),
        Value::Float(number) => Some(number.to_string()),
        Value::Bool(yes) => Some(yes.to_string()),
        _ => None,
    }
}

fn placed(problem: Problem, sources: &Sources, span: Option<Span>) -> Problem {
    Problem { place: span.map(|span| sources.place(span)), ..problem }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LEAST: &str = "project: {name: a}\ndata: {source: d, train_path: t.csv}\nmodel: {type: dummy}\n";

    fn right(text: &str) -> Config {
        load("t.yaml", text, &Overlay::default()).unwrap_or_else(|problems| panic!("{text}: {problems:#?}")).config
    }

    #[test]
    fn a_mark_at_the_start_and_windows_line_ends_change_nothing() {
        assert_eq!(right(&format!("\u{feff}{}", LEAST.replace('\n', "\r\n"))), right(LEAST));
    }

    #[test]
    fn a_section_with_nothing_in_it_is_its_defaults() {
        for empty in ["training:\n", "features:\n", "quality_gates:\n", "targets:\n", "data:\n  csv:\n"] {
            let text = match empty.strip_prefix("data:\n") {
                Some(inner) => LEAST.replace(
                    "data: {source: d, train_path: t.csv}\n",
                    &format!("data:\n  source: d\n  train_path: t.csv\n{inner}"),
                ),
                None => format!("{LEAST}{empty}"),
            };
            assert_eq!(right(&text), right(LEAST), "{empty}");
        }
        assert_eq!(right(&LEAST.replace("type: dummy", "type: dummy, params:")), right(LEAST));
    }

    #[test]
    fn json_is_yaml() {
        let json =
            r#"{"project": {"name": "a"}, "data": {"source": "d", "train_path": "t.csv"}, "model": {"type": "dummy"}}"#;
        assert_eq!(right(json), right(LEAST));
    }

    #[test]
    fn a_kept_config_needs_no_variables() {
        let text = LEAST.replace("source: d", "source: 's3://${BUCKET}/x'");
        assert_eq!(load("t.yaml", &text, &Overlay::default()).unwrap_err()[0].code, Code::Variable);
        let kept = load("t.yaml", &text, &Overlay { keep_unset: true, ..Overlay::default() }).unwrap();
        assert_eq!(kept.config.data.source, "s3://${BUCKET}/x");
    }

    #[test]
    fn an_alias_brings_its_place_along() {
        let text = "project: {name: a}\ndata: {source: d, train_path: t.csv}\nmodel: {type: random_forest, params: {max_depth: &n 0, n_estimators: *n}}\n";
        let problems = load("t.yaml", text, &Overlay::default()).unwrap_err();
        let paths: Vec<&str> = problems.iter().map(|problem| problem.path.as_str()).collect();
        assert_eq!(paths.len(), 2, "{problems:#?}");
        assert!(problems.iter().all(|problem| problem.column() == 53), "{problems:#?}");
    }

    #[test]
    fn given_counts_what_is_not_a_default() {
        assert_eq!(load("t.yaml", LEAST, &Overlay::default()).unwrap().given(), 4);
    }
}
