//! What is known of a fit, in one file that any engine can write and merge.

use serde::{Deserialize, Serialize};
use serde_json::json;
use sha2::{Digest, Sha256};
use trainer_data::{Categories, Fault, Needs, Table, Warning};

use crate::fitting::{Advance, ColumnType, Fitting, Partial};
use crate::frame::Found;
use crate::statistic::{Facts, State, Statistic};
use crate::{FeatureError, FittedPlan, PlanSpec, Step};

/// The version of the file of a state.
pub const STATE_VERSION: u32 = 1;

/// How columns are hashed by the step `hash`; the seed is zero.
const HASH: &str = "murmur3_x86_32";

/// A fit at any moment: before a pass, with the statistics of some rows, or done.
///
/// Each shard takes the state, adds the statistics of its rows and writes its own; merged, in any order, they are the state
/// of all rows, and [`FeatureState::advance`] is the next pass or the plan.
#[derive(Debug, Clone)]
pub struct FeatureState {
    fitting: Fitting,
    partial: Option<Partial>,
    /// How many rows the first pass had.
    rows: Option<u64>,
    done: Option<(FittedPlan, Vec<Warning>)>,
}

/// A specification as it is saved.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct SavedSpec {
    select: Option<Vec<String>>,
    exclude: Vec<String>,
    steps: Vec<Step>,
    needs: Option<SavedNeeds>,
    pii: Vec<String>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct SavedNeeds {
    /// None: one column a level.
    max_levels: Option<u32>,
    missing: bool,
    scaled: bool,
}

impl From<&PlanSpec> for SavedSpec {
    fn from(spec: &PlanSpec) -> Self {
        let needs = spec.needs.map(|Needs { categories, missing, scaled }| {
            let max_levels = match categories {
                Categories::Native { max_levels } => Some(max_levels),
                Categories::OneHot => None,
            };
            SavedNeeds { max_levels, missing, scaled }
        });
        let PlanSpec { select, exclude, steps, pii, .. } = spec.clone();
        Self { select, exclude, steps, needs, pii }
    }
}

impl From<SavedSpec> for PlanSpec {
    fn from(saved: SavedSpec) -> Self {
        let needs = saved.needs.map(|SavedNeeds { max_levels, missing, scaled }| {
            let categories = max_levels.map_or(Categories::OneHot, |max_levels| Categories::Native { max_levels });
            Needs { categories, missing, scaled }
        });
        let SavedSpec { select, exclude, steps, pii, .. } = saved;
        Self { select, exclude, steps, needs, pii }
    }
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Saved {
    version: u32,
    spec: SavedSpec,
    /// Of the specification and the columns.
    hash: String,
    columns: Vec<ColumnType>,
    hash_function: HashFunction,
    pass: u32,
    rows: Option<u64>,
    facts: Option<Vec<Facts>>,
    found: Vec<SavedStatistic>,
    partial: Option<Partial>,
    plan: Option<FittedPlan>,
    warnings: Vec<Warning>,
}

#[derive(Serialize, Deserialize, PartialEq)]
#[serde(deny_unknown_fields)]
struct HashFunction {
    name: String,
    seed: u32,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct SavedStatistic {
    column: String,
    statistic: Statistic,
    state: State,
}

/// The hash of some bytes, in hexadecimal digits.
pub(crate) fn sha256(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}

fn damaged(problem: impl std::fmt::Display) -> FeatureError {
    FeatureError::plan(Fault::new("damaged_state", format!("expected a saved feature state: {problem}")))
}

impl FeatureState {
    /// Before the first pass, of rows with these columns.
    ///
    /// # Errors
    /// As [`Fitting::new`].
    pub fn new(spec: &PlanSpec, columns: Vec<ColumnType>) -> Result<Self, FeatureError> {
        Ok(Fitting::new(spec, columns)?.into())
    }

    /// Adds the statistics of some rows. `y` is the class of each row.
    ///
    /// # Errors
    /// As [`Fitting::partial`].
    pub fn add(&mut self, table: &Table, y: Option<&[u32]>) -> Result<(), FeatureError> {
        let partial = self.fitting.partial(table, y)?;
        self.add_partial(partial)
    }

    /// Adds the statistics of some rows.
    ///
    /// # Errors
    /// As [`Partial::merge`].
    pub fn add_partial(&mut self, partial: Partial) -> Result<(), FeatureError> {
        match &mut self.partial {
            Some(mine) => mine.merge(partial),
            None => {
                self.partial = Some(partial);
                Ok(())
            }
        }
    }

    /// The same with the rows of another shard.
    ///
    /// # Errors
    /// `Plan` when the two are not of one fit, or of one pass.
    pub fn merge(&mut self, other: Self) -> Result<(), FeatureError> {
        let is_one_fit = (self.fitting.hash(), self.fitting.pass) == (other.fitting.hash(), other.fitting.pass);
        if !is_one_fit || self.done.is_some() || other.done.is_some() {
            let message = "expected states of one fit and one pass, found a different specification, columns or pass";
            return Err(FeatureError::plan(Fault::new("other_state", message)));
        }
        other.partial.map_or(Ok(()), |partial| self.add_partial(partial))
    }

    /// Ends the pass: all rows have been added.
    ///
    /// # Errors
    /// As [`Fitting::advance`]; `Plan` when no rows have been added.
    pub fn advance(self) -> Result<Self, FeatureError> {
        if self.done.is_some() {
            return Ok(self);
        }
        let Self { fitting, partial, rows, .. } = self;
        let partial = partial.ok_or_else(|| damaged("nothing was added in this pass"))?;
        let rows = rows.or(partial.rows());
        Ok(match fitting.clone().advance(partial)? {
            Advance::Continue(fitting) => Self { rows, ..(*fitting).into() },
            Advance::Done(plan, warnings) => Self { fitting, partial: None, rows, done: Some((*plan, warnings)) },
        })
    }

    /// The same with the keys of its `mask` steps, which are in no file.
    ///
    /// # Errors
    /// `Config` when the plan is there and one is missing.
    pub fn with_keys(self, keys: &[&str]) -> Result<Self, FeatureError> {
        let Fitting { mut spec, columns, facts, found, pass, .. } = self.fitting.clone();
        for step in &mut spec.steps {
            if let Step::Mask(mask) = step {
                mask.key.iter_mut().for_each(|key| key.recall(keys));
            }
        }
        let fitting = Fitting::resume(spec, columns, facts, found, pass)?;
        let done = self
            .done
            .clone()
            .map(|(plan, warnings)| Ok::<_, FeatureError>((plan.with_keys(keys)?, warnings)))
            .transpose()?;
        Ok(Self { fitting, done, ..self })
    }

    /// The fit that it is the state of.
    pub fn fitting(&self) -> &Fitting {
        &self.fitting
    }

    /// The plan, when it is done.
    pub fn plan(&self) -> Option<&FittedPlan> {
        self.done.as_ref().map(|(plan, _)| plan)
    }

    /// How many rows it was learned from, once the first pass is over.
    pub fn rows(&self) -> Option<u64> {
        self.rows
    }

    /// What was odd about the rows, when it is done.
    pub fn warnings(&self) -> &[Warning] {
        self.done.as_ref().map_or(&[], |(_, warnings)| warnings)
    }

    /// The state as it is saved: the same bytes for the same rows, however they were cut.
    pub fn to_json(&self) -> String {
        let Fitting { spec, columns, facts, found, pass, .. } = &self.fitting;
        let found = found.iter().map(|((column, statistic), state)| {
            let (column, statistic, state) = (column.clone(), *statistic, state.clone());
            SavedStatistic { column, statistic, state }
        });
        let saved = Saved {
            version: STATE_VERSION,
            spec: spec.into(),
            hash: self.fitting.hash(),
            columns: columns.clone(),
            hash_function: HashFunction { name: HASH.into(), seed: 0 },
            pass: *pass,
            rows: self.rows,
            facts: facts.clone(),
            found: found.collect(),
            partial: self.partial.clone(),
            plan: self.plan().cloned(),
            warnings: self.warnings().to_vec(),
        };
        serde_json::to_string(&saved).expect("finite numbers and text")
    }

    /// A saved state.
    ///
    /// # Errors
    /// `Plan` when it is damaged, or of another version.
    pub fn from_json(json: &str) -> Result<Self, FeatureError> {
        let saved: Saved = serde_json::from_str(json).map_err(damaged)?;
        if saved.version != STATE_VERSION {
            return Err(damaged(format!(
                "version {}, where this program reads version {STATE_VERSION}",
                saved.version
            )));
        }
        if saved.hash_function != (HashFunction { name: HASH.into(), seed: 0 }) {
            return Err(damaged(format!("another hash function than {HASH}")));
        }
        let found: Found = saved.found.into_iter().map(|it| ((it.column, it.statistic), it.state)).collect();
        let fitting = Fitting::resume(saved.spec.into(), saved.columns, saved.facts, found, saved.pass)?;
        if fitting.hash() != saved.hash {
            return Err(damaged("its hash is not that of its specification"));
        }
        let done = saved.plan.map(|plan| (plan, saved.warnings));
        Ok(Self { fitting, partial: saved.partial, rows: saved.rows, done })
    }

    /// What there is to see of it: no statistic, and of columns of personal data nothing but the name.
    pub fn inspect(&self) -> serde_json::Value {
        let Fitting { spec, columns, found, pass, .. } = &self.fitting;
        let steps: Vec<&str> = spec.steps.iter().map(Step::name).collect();
        let asked = found.keys().map(|(column, statistic)| json!({"column": column, "statistic": statistic}));
        json!({
            "version": STATE_VERSION,
            "hash": self.fitting.hash(),
            "columns": columns,
            "steps": steps,
            "pii": spec.pii,
            "pass": pass,
            "rows": self.rows,
            "statistics": asked.collect::<Vec<_>>(),
            "done": self.done.is_some(),
            "features": self.plan().map(|plan| plan.features().iter().map(|it| it.name.as_str()).collect::<Vec<_>>()),
            "programs": self.plan().map(|plan| plan.programs().len()),
            "warnings": self.warnings(),
        })
    }
}

impl From<Fitting> for FeatureState {
    fn from(fitting: Fitting) -> Self {
        Self { fitting, partial: None, rows: None, done: None }
    }
}
