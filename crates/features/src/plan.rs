use serde::{Deserialize, Serialize};
use trainer_data::{Categories, Fault, Feature, FeatureKind, Kind, Matrix, Needs, Table, Warning};
use trainer_kernels::Device;

use crate::FeatureError;
use crate::frame::{Frame, FrameColumn, Learned};
use crate::graph::{Evaluation, Graph, NodeId};
use crate::program::affine::Affine;
use crate::program::arithmetic::Arithmetic;
use crate::program::lookup::{Keys, Lookup};
use crate::program::{CellType, ColumnOp};
use crate::select::{candidates, no_features};
use crate::source::Sources;
use crate::step::impute::{Impute, Strategy};
use crate::step::one_hot::OneHot;
use crate::step::standardize::Standardize;
use crate::step::{Step, Transform};

/// The version of the saved form that this program writes, and the only one it reads.
pub const PLAN_VERSION: u32 = 1;

/// How a table becomes features.
#[derive(Debug, Clone)]
pub struct PlanSpec {
    /// The columns to use, `column` or `view:column`; none = all that are not excluded.
    pub select: Option<Vec<String>>,
    /// Columns that are never features: target, ids, event timestamp, weight, ignored ones. They need not exist.
    pub exclude: Vec<String>,
    /// What is done to the columns, in order.
    pub steps: Vec<Step>,
    /// What the learner takes; what the steps leave is brought to it.
    pub needs: Needs,
}

/// A column of the table that a plan reads.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Input {
    /// Its name.
    pub name: String,
    /// What its cells were in training.
    pub kind: Kind,
    /// Whether cells were missing in training.
    pub missing: bool,
}

/// One operation of a plan.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Program {
    /// What is done.
    pub op: ColumnOp,
    /// The columns that it reads, as earlier programs left them.
    pub inputs: Vec<String>,
    /// The columns that it writes; a name that exists from now on means the new column.
    pub outputs: Vec<String>,
}

/// A plan with everything that was learned from the training rows.
///
/// Saved as JSON ([`PLAN_VERSION`]); constants read back bit for bit.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(try_from = "SavedPlan", into = "SavedPlan")]
pub struct FittedPlan {
    inputs: Vec<Input>,
    programs: Vec<Program>,
    features: Vec<Feature>,
    graph: Graph,
}

#[derive(Serialize, Deserialize, Clone)]
#[serde(deny_unknown_fields)]
struct SavedPlan {
    version: u32,
    inputs: Vec<Input>,
    programs: Vec<Program>,
    features: Vec<Feature>,
}

/// A matrix, and what was odd about the table that it was made from.
#[derive(Debug, Clone, PartialEq)]
pub struct Applied {
    /// The features.
    pub matrix: Matrix,
    /// Levels that were not in training, cells that are missing where none was, numbers that were rounded.
    pub warnings: Vec<Warning>,
}

/// Learns a plan from the training rows.
///
/// `y` is the class of each row, for steps that look at it.
///
/// # Errors
/// `Config` when the specification names columns that are not there, or of the wrong type; `Data` when a column cannot be
/// used as it is, or nothing is left to learn from.
pub fn fit(table: &Table, y: Option<&[u32]>, spec: &PlanSpec) -> Result<(FittedPlan, Vec<Warning>), FeatureError> {
    let (candidates, mut warnings) = candidates(table, spec)?;
    let (inputs, features): (Vec<_>, Vec<_>) = candidates.into_iter().map(|it| (it.input, it.feature)).unzip();
    let mut frame = Frame::new(table, inputs, &features)?;
    for step in &spec.steps {
        step.as_dyn().check().map_err(|problem| {
            FeatureError::config(Fault::new("step", format!("step `{}`: {problem}", step.name())))
        })?;
        let learned = step.as_dyn().fit(&frame, y)?;
        warnings.extend(frame.extend(step.name(), learned)?);
    }
    warnings.extend(suit(&mut frame, spec.needs)?);
    let (inputs, programs, columns) = frame.into_parts();
    let columns: Vec<_> = columns.into_iter().filter(|column| column.feature).collect();
    if columns.is_empty() {
        return Err(no_features(table));
    }
    Ok((FittedPlan::of(inputs, programs, &columns), warnings))
}

/// Brings what the steps left to what the learner takes.
fn suit(frame: &mut Frame<'_>, needs: Needs) -> Result<Vec<Warning>, FeatureError> {
    let text: Vec<String> = features_where(frame, |column| column.cell_type == CellType::Text);
    let mut warnings = match needs.categories {
        Categories::OneHot => extend(frame, &OneHot { columns: Some(text), ..OneHot::default() })?,
        Categories::Native { max_levels } => {
            let learned = encode(frame, &text, max_levels as usize)?;
            frame.extend(FEATURES, learned)?
        }
    };
    let learned = since_first(frame)?;
    warnings.extend(frame.extend(FEATURES, learned)?);
    let numbers = |frame: &Frame<'_>| features_where(frame, |column| column.levels.is_none());
    if !needs.missing {
        let impute = Impute { columns: Some(numbers(frame)), strategy: Strategy::Median, fill_value: None };
        warnings.extend(extend(frame, &impute)?);
    }
    if needs.scaled {
        let columns = Some(numbers(frame));
        warnings.extend(extend(frame, &Standardize { columns, ..Standardize::default() })?);
    }
    Ok(warnings)
}

/// What messages name in place of a step, for what is done without one.
const FEATURES: &str = "features";

fn extend(frame: &mut Frame<'_>, step: &dyn Transform) -> Result<Vec<Warning>, FeatureError> {
    let learned = step.fit(frame, None)?;
    frame.extend(FEATURES, learned)
}

fn features_where(frame: &Frame<'_>, wanted: impl Fn(&FrameColumn) -> bool) -> Vec<String> {
    frame.columns().iter().filter(|column| column.feature && wanted(column)).map(|column| column.name.clone()).collect()
}

/// Level codes for text columns, for a learner that takes them.
fn encode(frame: &Frame<'_>, text: &[String], max_levels: usize) -> Result<Learned, FeatureError> {
    let mut learned = Learned::default();
    let mut too_many: Vec<(String, usize)> = Vec::new();
    for name in text {
        let levels = frame.levels(name).values;
        if levels.len() > max_levels {
            too_many.push((name.clone(), levels.len()));
            continue;
        }
        let values = (0..levels.len()).map(|code| code as f64).collect();
        let op = Lookup { keys: Keys::Text(levels.clone()), values, missing: None, unknown: None };
        learned.category(name, op, levels);
    }
    let wide = frame.columns().iter().filter(|column| column.feature && text.iter().all(|name| *name != column.name));
    too_many.extend(wide.filter_map(|column| {
        let levels = column.levels.as_ref()?.len();
        (levels > max_levels).then(|| (column.name.clone(), levels))
    }));
    if too_many.is_empty() { Ok(learned) } else { Err(too_many_levels(&too_many, max_levels)) }
}

/// All columns at once, so that one change of the config repairs them.
fn too_many_levels(columns: &[(String, usize)], max_levels: usize) -> FeatureError {
    let found: Vec<String> = columns.iter().map(|(name, levels)| format!("`{name}` with {levels}")).collect();
    let message = format!("expected at most {max_levels} levels in a text column, found {}", found.join(", "));
    let names: Vec<&str> = columns.iter().map(|(name, _)| name.as_str()).collect();
    let hint = format!(
        "leave them out with `data.ignore: [{}]`, or add a step: `hash: {{columns: [...]}}` or `one_hot: {{columns: [...], max_levels: 20}}`",
        names.join(", ")
    );
    FeatureError::data(Fault::new("too_many_levels", message).hint(hint))
}

/// Timestamps that no step has changed become seconds since the first one in training: `f32` has no room for seconds since
/// 1970.
fn since_first(frame: &Frame<'_>) -> Result<Learned, FeatureError> {
    let mut learned = Learned::default();
    for name in features_where(frame, |column| frame.input_kind(&column.name) == Some(Kind::Timestamp)) {
        let first = frame.numbers(&name)?.into_iter().fold(f64::NAN, f64::min);
        if first.is_finite() {
            learned.in_place(&name, Affine { center: first, ..Affine::clip(None, None) });
        }
    }
    Ok(learned)
}

impl FittedPlan {
    /// The plan of these columns, without the inputs and programs that none of them needs.
    fn of(inputs: Vec<Input>, programs: Vec<Program>, columns: &[FrameColumn]) -> Self {
        let mut graph = Graph::new(&inputs);
        for (number, program) in programs.iter().enumerate() {
            graph.push(number, program).expect("it was pushed before");
        }
        let targets: Vec<NodeId> = columns.iter().map(|column| graph.node(&column.name).expect("a column")).collect();
        let needed = graph.needed(&targets);
        let keep = |among: &[usize], i: usize| among.contains(&i);
        let (kept_inputs, kept_programs) = (graph.inputs_among(&needed), graph.programs_among(&needed));
        let inputs = inputs.into_iter().enumerate().filter(|(i, _)| keep(&kept_inputs, *i)).map(|(_, it)| it).collect();
        let programs =
            programs.into_iter().enumerate().filter(|(i, _)| keep(&kept_programs, *i)).map(|(_, it)| it).collect();
        let features = columns.iter().map(feature).collect();
        let saved = SavedPlan { version: PLAN_VERSION, inputs, programs, features };
        Self::try_from(saved).expect("a plan that was just made")
    }

    /// The features, in the order of the matrix's columns.
    pub fn features(&self) -> &[Feature] {
        &self.features
    }

    /// The columns that a table must have.
    pub fn inputs(&self) -> &[Input] {
        &self.inputs
    }

    /// The operations, in order.
    pub fn programs(&self) -> &[Program] {
        &self.programs
    }

    /// The plan as it is saved.
    pub fn to_json(&self) -> String {
        serde_json::to_string_pretty(self).expect("finite numbers and text")
    }

    /// A saved plan.
    ///
    /// # Errors
    /// `Plan` when it is damaged, or of another version.
    pub fn from_json(json: &str) -> Result<Self, FeatureError> {
        serde_json::from_str(json).map_err(|problem| {
            FeatureError::plan(Fault::new("damaged_plan", format!("expected a saved feature plan: {problem}")))
        })
    }

    /// Computes the features of a table: the same numbers for the same row, whatever rows are beside it.
    ///
    /// Columns that the plan does not read are ignored, and their order does not matter.
    ///
    /// # Errors
    /// `Data` when a column is missing or of another type than in training, or a cell is infinite or too large for `f32`.
    pub fn apply(&self, table: &Table, device: &Device) -> Result<Applied, FeatureError> {
        // The host is all there is today; a device that is added must be handled here.
        let Device::Cpu = device;
        let sources = Sources::open(table, &self.inputs)?;
        let evaluation = Evaluation { graph: &self.graph, programs: &self.programs, sources: &sources };
        let names: Vec<&str> = self.features.iter().map(|feature| feature.name.as_str()).collect();
        let targets: Vec<NodeId> = names.iter().map(|name| self.graph.node(name).expect("checked when made")).collect();
        let (cells, unknown) = evaluation.matrix(&targets, &names)?;
        let matrix = Matrix::from_cells(table.rows(), cells, self.features.clone());
        let mut warnings = self.newly_missing(&sources);
        warnings.extend(unknown.iter().zip(&self.programs).filter(|(count, _)| **count > 0).map(unknown_values));
        warnings.extend(self.rounded(&sources, &targets, &matrix));
        Ok(Applied { matrix, warnings })
    }

    /// Columns with missing cells that had none in training.
    fn newly_missing(&self, sources: &Sources<'_>) -> Vec<Warning> {
        let mut warnings = Vec::new();
        for (i, input) in self.inputs.iter().enumerate().filter(|(_, input)| !input.missing) {
            let count = sources.column(i).null_count() as u64;
            if count > 0 {
                let message = format!("{count} cells are missing, and none was in training: treated as missing");
                let (code, column) = ("new_missing".into(), Some(input.name.clone()));
                warnings.push(Warning { code, column, count, message });
            }
        }
        warnings
    }

    /// Columns of whole numbers that `f32` cannot hold as they are.
    fn rounded(&self, sources: &Sources<'_>, targets: &[NodeId], matrix: &Matrix) -> Vec<Warning> {
        let mut warnings = Vec::new();
        for (j, &node) in targets.iter().enumerate() {
            let Some(input) = self.graph.keeps_values(node, &self.programs) else { continue };
            if self.inputs[input].kind != Kind::Integer || !matrix.column(j).iter().any(|x| x.abs() >= MAX_EXACT) {
                continue;
            }
            let count = sources.rounded(input);
            if count > 0 {
                let message = format!("{count} whole numbers beyond 2^24 were rounded to the nearest 32-bit float");
                let (code, column) = ("rounded_integers".into(), Some(self.features[j].name.clone()));
                warnings.push(Warning { code, column, count, message });
            }
        }
        warnings
    }
}

/// Up to here `f32` holds every whole number.
const MAX_EXACT: f32 = 16_777_216.0;

fn feature(column: &FrameColumn) -> Feature {
    let kind = match &column.levels {
        Some(levels) => FeatureKind::Category { levels: levels.clone() },
        None => FeatureKind::Number,
    };
    Feature { name: column.name.clone(), kind }
}

fn unknown_values((count, program): (&u64, &Program)) -> Warning {
    let column = program.inputs[0].clone();
    let (code, message) = match &program.op {
        ColumnOp::Arithmetic(Arithmetic::Log1p) => {
            ("no_logarithm", format!("{count} values at or below -1 have no log1p: treated as missing"))
        }
        ColumnOp::OneHot(op) if op.unknown.is_some() => {
            ("unknown_level", format!("{count} values were not seen in training: counted as rare"))
        }
        ColumnOp::OneHot(_) => ("unknown_level", format!("{count} values were not seen in training: no column is one")),
        ColumnOp::Lookup(Lookup { unknown: Some(value), .. }) => {
            ("unknown_level", format!("{count} values were not seen in training: replaced by {value}"))
        }
        _ => ("unknown_level", format!("{count} values were not seen in training: treated as missing")),
    };
    Warning { code: code.into(), column: Some(column), count: *count, message }
}

impl From<FittedPlan> for SavedPlan {
    fn from(plan: FittedPlan) -> Self {
        let FittedPlan { inputs, programs, features, .. } = plan;
        Self { version: PLAN_VERSION, inputs, programs, features }
    }
}

impl TryFrom<SavedPlan> for FittedPlan {
    type Error = String;

    fn try_from(saved: SavedPlan) -> Result<Self, String> {
        let SavedPlan { version, inputs, programs, features } = saved;
        if version != PLAN_VERSION {
            return Err(format!("version {version}, where this program reads version {PLAN_VERSION}"));
        }
        let mut graph = Graph::new(&inputs);
        for (number, program) in programs.iter().enumerate() {
            graph.push(number, program).map_err(|problem| format!("program {number}: {problem}"))?;
        }
        for feature in &features {
            match graph.node(&feature.name) {
                Some(node) if graph.cell_type(node) == CellType::Number => {}
                Some(_) => return Err(format!("feature `{}` is text", feature.name)),
                None => return Err(format!("nothing computes the feature `{}`", feature.name)),
            }
        }
        Ok(Self { inputs, programs, features, graph })
    }
}

impl PartialEq for FittedPlan {
    fn eq(&self, other: &Self) -> bool {
        (&self.inputs, &self.programs, &self.features) == (&other.inputs, &other.programs, &other.features)
    }
}

#[cfg(test)]
mod tests {
    use trainer_data::Column;

    use super::*;

    const FOREST: Needs = Needs { categories: Categories::Native { max_levels: 255 }, missing: true, scaled: false };
    const LINEAR: Needs = Needs { categories: Categories::OneHot, missing: false, scaled: true };

    fn spec(steps: &str, needs: Needs) -> PlanSpec {
        PlanSpec { select: None, exclude: vec!["y".into()], steps: serde_json::from_str(steps).unwrap(), needs }
    }

    fn table() -> Table {
        Table::from_columns(vec![
            Column::from_numbers("age", vec![Some(30.0), None, Some(40.0), Some(50.0)]),
            Column::from_text("city", vec![Some("Ulm"), Some("Bern"), None, Some("Ulm")]),
            Column::from_booleans("member", vec![Some(true), Some(false), Some(true), Some(true)]),
            Column::from_integers("y", vec![Some(0), Some(1), Some(0), Some(1)]),
        ])
        .unwrap()
    }

    fn names(plan: &FittedPlan) -> Vec<&str> {
        plan.features().iter().map(|feature| feature.name.as_str()).collect()
    }

    #[test]
    fn without_steps_types_decide() {
        let (plan, warnings) = fit(&table(), None, &spec("[]", FOREST)).unwrap();
        assert_eq!((names(&plan), warnings), (vec!["age", "city", "member"], vec![]));
        assert_eq!(plan.features()[1].kind, FeatureKind::Category { levels: vec!["Bern".into(), "Ulm".into()] });
        let matrix = plan.apply(&table(), &Device::Cpu).unwrap().matrix;
        assert_eq!(matrix.column(2), [1.0, 0.0, 1.0, 1.0]);
        assert_eq!((matrix.column(1)[0], matrix.column(1)[1]), (1.0, 0.0));
        assert!(matrix.column(0)[1].is_nan() && matrix.column(1)[2].is_nan());
    }

    #[test]
    fn a_learner_that_needs_more_gets_it() {
        let (plan, _) = fit(&table(), None, &spec("[]", LINEAR)).unwrap();
        assert_eq!(names(&plan), ["age", "city_Bern", "city_Ulm", "city_missing", "member"]);
        let matrix = plan.apply(&table(), &Device::Cpu).unwrap().matrix;
        assert!(matrix.x.iter().all(|x| x.is_finite()));
        let mean: f32 = matrix.column(0).iter().sum::<f32>() / 4.0;
        assert!(mean.abs() < 1e-6);
    }

    #[test]
    fn only_what_the_features_need_is_kept() {
        let steps = r#"[{"ratio": {"numerator": "age", "denominator": "member"}}]"#;
        let selected = PlanSpec { select: Some(vec!["age".into(), "member".into()]), ..spec(steps, FOREST) };
        let (plan, _) = fit(&table(), None, &selected).unwrap();
        let inputs: Vec<&str> = plan.inputs().iter().map(|input| input.name.as_str()).collect();
        assert_eq!((inputs, names(&plan)), (vec!["age", "member"], vec!["age", "member", "age_per_member"]));
    }

    #[test]
    fn too_many_levels_are_refused_all_at_once() {
        let cells = |prefix: &str| (0..300).map(|row| Some(format!("{prefix}{row}"))).collect::<Vec<_>>();
        let columns = ["a", "b"].map(|name| Column::from_text(name, cells(name)));
        let table = Table::from_columns(columns.to_vec()).unwrap();
        let error = fit(&table, None, &spec("[]", FOREST)).unwrap_err();
        assert_eq!(error.code(), "too_many_levels");
        let message = error.to_string();
        assert!(message.contains("`a` with 300, `b` with 300") && message.contains("data.ignore: [a, b]"), "{message}");
        let (plan, _) = fit(&table, None, &spec(r#"[{"hash": {"buckets": 10}}]"#, FOREST)).unwrap();
        assert!(matches!(&plan.features()[0].kind, FeatureKind::Category { levels } if levels.len() == 10));
    }

    #[test]
    fn steps_must_fit_the_columns() {
        let code = |steps: &str| fit(&table(), None, &spec(steps, FOREST)).unwrap_err().code();
        assert_eq!(code(r#"[{"standardize": {"columns": ["aeg"]}}]"#), "unknown_column");
        assert_eq!(code(r#"[{"standardize": {"columns": ["city"]}}]"#), "text_column");
        assert_eq!(code(r#"[{"log1p": {"columns": ["age", "age"]}}]"#), "column_named_twice");
        assert_eq!(code(r#"[{"one_hot": {}}, {"hash": {"columns": ["city"]}}]"#), "unknown_column");
        assert_eq!(code(r#"[{"row_sum": {"output": "city"}}]"#), "column_exists");
        assert_eq!(code(r#"[{"clip": {}}]"#), "step");
        assert_eq!(code(r#"[{"impute": {"columns": ["y"]}}]"#), "unknown_column");
        let error = fit(&table(), None, &spec(r#"[{"impute": {"columns": ["aeg"]}}]"#, FOREST)).unwrap_err();
        assert_eq!(
            error.to_string(),
            "column `aeg`: step `impute`: expected a column of that name, found none\nhint: did you mean `age`?"
        );
    }

    #[test]
    fn damaged_plans_are_refused() {
        let (plan, _) = fit(&table(), None, &spec(r#"[{"standardize": {}}]"#, FOREST)).unwrap();
        let json = plan.to_json();
        for (from, to) in [
            (r#""version": 1"#, r#""version": 2"#),
            (r#""center""#, r#""centre""#),
            (r#""affine""#, r#""hash""#),
            (r#""name": "member""#, r#""name": "members""#),
            (r#""keys""#, r#""missing": 7, "keys""#),
            ("{", ""),
        ] {
            let damaged = json.replacen(from, to, 1);
            assert_ne!(damaged, json, "{from}");
            let loaded = FittedPlan::from_json(&damaged);
            if from == r#""keys""# {
                assert!(loaded.is_ok_and(|loaded| loaded != plan));
            } else {
                assert_eq!(loaded.unwrap_err().code(), "damaged_plan", "{from}");
            }
        }
    }

    #[test]
    fn whole_numbers_that_are_rounded_are_counted() {
        let large = vec![Some(16_777_217), Some(16_777_218), Some(-16_777_219), Some(5)];
        let table = Table::from_columns(vec![Column::from_integers("n", large)]).unwrap();
        let (plan, _) = fit(&table, None, &spec("[]", FOREST)).unwrap();
        let warnings = plan.apply(&table, &Device::Cpu).unwrap().warnings;
        assert_eq!((warnings.len(), warnings[0].code.as_str(), warnings[0].count), (1, "rounded_integers", 2));
        let (plan, _) = fit(&table, None, &spec(r#"[{"standardize": {}}]"#, FOREST)).unwrap();
        assert_eq!(plan.apply(&table, &Device::Cpu).unwrap().warnings, []);
    }

    #[test]
    fn numbers_beyond_32_bits_are_an_error() {
        let table = Table::from_columns(vec![Column::from_numbers("x", vec![Some(1.0), Some(-1e39)])]).unwrap();
        let (plan, _) = fit(&table, None, &spec("[]", FOREST)).unwrap();
        let error = plan.apply(&table, &Device::Cpu).unwrap_err();
        assert_eq!(
            (error.code(), error.fault().row, error.fault().column.as_deref()),
            ("number_out_of_range", Some(2), Some("x"))
        );
    }
}
