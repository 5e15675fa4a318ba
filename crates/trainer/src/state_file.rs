//! The state of a plan that was learned apart from a run: read from its file, and what a run makes of it.

use trainer_data::{InputFile, Kind, Table, Warning};
use trainer_features::{FeatureError, FeatureState, FittedPlan, PlanSpec};

use crate::config::Config;
use crate::exit::Failure;
use crate::lock::hex_sha256;

/// A plan that a run starts from.
#[derive(Debug, Clone)]
pub struct GivenState {
    /// The file that it is in.
    pub file: InputFile,
    /// What was learned.
    pub plan: FittedPlan,
}

/// Reads a state, and says what file it is in.
///
/// # Errors
/// A file that is not there, or is no state.
pub fn read_state(path: &str) -> anyhow::Result<(FeatureState, InputFile)> {
    let bytes = trainer_data::read_whole(path)?;
    let text = String::from_utf8_lossy(&bytes);
    let state =
        FeatureState::from_json(&text).map_err(|error| anyhow::Error::new(error).context(Failure::data(path)))?;
    let rows = state.rows().unwrap_or_default();
    let file = InputFile { path: path.to_owned(), bytes: bytes.len() as u64, sha256: hex_sha256(&bytes), rows };
    Ok((state, file))
}

impl GivenState {
    /// The state that a config names; none where it names none.
    ///
    /// # Errors
    /// Those of [`read_state`], a state that has not been learned to its end, and one that the config has no use for.
    pub fn of(config: &Config) -> anyhow::Result<Option<Self>> {
        let Some(path) = &config.features.state else { return Ok(None) };
        let (state, file) = read_state(path)?;
        let Some(plan) = state.plan() else {
            let hint = "hint: merge the parts of its last pass with `trainer features fit --merge`";
            let message = format!("{path}: expected a state that has been learned, found one that has not\n  {hint}");
            return Err(Failure::data(message).into());
        };
        let state = Self { file, plan: plan.clone() };
        state.check(config)?;
        Ok(Some(state))
    }

    /// Nothing may be learned from the target, and personal data is in no run.
    fn check(&self, config: &Config) -> Result<(), Failure> {
        let spec = crate::run::plan_spec(config);
        let path = &self.file.path;
        let ids = config.features.entity.iter().flat_map(|entity| entity.names());
        let mut shown = ids.chain(&config.data.weight).chain([&config.data.target]);
        if let Some(name) = shown.find(|name| self.plan.hides(name)) {
            let message = format!("`{name}`: expected a column that may be shown, found personal data as {path} says");
            return Err(Failure::usage(message));
        }
        let secret = self.plan.hidden().iter().map(|name| (name, "personal data, and masked"));
        let answer = [(&config.data.target, "the target")];
        for (input, what) in answer.into_iter().chain(secret) {
            let found: Vec<&str> = self.plan.made_of(input).into_iter().filter(|name| is_wanted(&spec, name)).collect();
            if !found.is_empty() {
                let (made, list) = (format!("`{}`", found.join("`, `")), found.join(", "));
                let message = format!("features.state: {path} makes {made} of `{input}`, which is {what}");
                let hint = format!("leave them out: `data.ignore: [{list}]`");
                return Err(Failure::usage(format!("{message}\n  hint: {hint}")));
            }
        }
        Ok(())
    }

    /// Whether a column is one that the state makes, and not one of the rows.
    pub fn makes(&self, name: &str) -> bool {
        self.plan.programs().iter().any(|program| program.outputs.iter().any(|output| output == name))
    }

    /// Whether the state reads a column.
    pub fn reads(&self, name: &str) -> bool {
        self.plan.inputs().iter().any(|input| input.name == name)
    }

    /// The columns that were text when the state was learned.
    pub fn text_columns(&self) -> Vec<String> {
        let text = self.plan.inputs().iter().filter(|input| input.kind == Kind::Text);
        text.map(|input| input.name.clone()).collect()
    }

    /// What is to be told of it once.
    pub fn warnings(&self) -> Vec<Warning> {
        let message = "the state has a `target_mean`: rows that it was learned from are encoded as all others are, \
                       and say more of their own class than new rows will";
        let told = Warning::of_table("state_of_target", 1, message);
        self.plan.knows_its_rows().then_some(told).into_iter().collect()
    }

    /// Learns what a specification asks for from the columns that the state makes, and puts both in one plan.
    ///
    /// # Errors
    /// Rows without the state's columns, or with others than they were; those of [`trainer_features::fit`].
    pub fn fit(&self, table: &Table, y: &[u32], spec: &PlanSpec) -> anyhow::Result<(FittedPlan, Vec<Warning>)> {
        let path = &self.file.path;
        let in_state = |error: FeatureError| {
            let failure = match &error {
                FeatureError::Config(_) => Failure::usage(format!("the state {path} does not go with the config")),
                _ => Failure::data(format!("the state {path} does not fit the training rows")),
            };
            anyhow::Error::new(error).context(failure)
        };
        let made = self.plan.columns_of(table, |name| is_wanted(spec, name)).map_err(in_state)?;
        let (next, warnings) = trainer_features::fit(&made, Some(y), spec)?;
        if next.knows_its_rows() {
            let message = "expected no target_mean among features.steps beside features.state, found one\n  hint: let `trainer features fit` learn it, with the state";
            return Err(Failure::usage(message).into());
        }
        let plan = self.plan.then(&next, table).map_err(in_state)?;
        Ok((plan, warnings))
    }
}

/// Whether a column may become a feature.
fn is_wanted(spec: &PlanSpec, name: &str) -> bool {
    let is_named =
        |item: &String| item == name || item.replace(':', "__") == name || item.rsplit(':').next() == Some(name);
    !spec.exclude.iter().any(|other| other == name)
        && spec.select.as_ref().is_none_or(|select| select.iter().any(is_named))
}
