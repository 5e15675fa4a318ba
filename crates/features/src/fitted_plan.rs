mod composition;

use serde::{Deserialize, Serialize};
use trainer_data::{Fault, Feature, FeatureKind, Kind, Matrix, Table, Warning};
use trainer_kernels::Device;

use crate::FeatureError;
use crate::evaluation::{Evaluation, Unknown};
use crate::frame::{FrameColumn, Parts};
use crate::graph::{Graph, Node, NodeId};
use crate::learned::Drawn;
use crate::on_device;
use crate::program::arithmetic::Arithmetic;
use crate::program::coerce::Unparsable;
use crate::program::lookup::Lookup;
use crate::program::mask::Mask;
use crate::program::{CellType, ColumnOp, Operator};
use crate::row_fold::{Draw, row_folds};
use crate::source::Sources;

/// The version of the saved form that this program writes. It reads this one and all before it: version 1 has no columns
/// that come beside the one that they are made of.
pub const PLAN_VERSION: u32 = 2;

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
    /// Whether its columns come beside the first of those that it reads, and not in its place. Sums and ratios do anyway.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub beside: bool,
}

impl Program {
    /// Whether its columns come beside those that it reads, which stay.
    pub(crate) fn is_added(&self) -> bool {
        self.beside || matches!(self.op, ColumnOp::Arithmetic(Arithmetic::RowSum | Arithmetic::Ratio { .. }))
    }
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
    dropped: Vec<String>,
    pii: Vec<String>,
    training: Option<Training>,
    graph: Graph,
}

#[derive(Serialize, Deserialize, Clone)]
#[serde(deny_unknown_fields)]
struct SavedPlan {
    version: u32,
    inputs: Vec<Input>,
    programs: Vec<Program>,
    features: Vec<Feature>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    dropped: Vec<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pii: Vec<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    training: Option<Training>,
}

/// How the rows that a plan was learned from are told from others.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Training {
    /// The columns that say to which fold a row belongs.
    columns: Vec<String>,
    programs: Vec<DrawnProgram>,
}

/// A program that is another one for each fold of those rows.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct DrawnProgram {
    program: usize,
    drawn: Drawn,
}

/// What a plan is made of.
pub(crate) struct Made {
    pub parts: Parts,
    /// Whether all columns that were made are wanted, and not the features alone.
    pub keeps_columns: bool,
    pub pii: Vec<String>,
}

/// A matrix, and what was odd about the table that it was made from.
#[derive(Debug, Clone, PartialEq)]
pub struct Applied {
    /// The features.
    pub matrix: Matrix,
    /// Levels that were not in training, cells that are missing where none was, numbers that were rounded.
    pub warnings: Vec<Warning>,
}

/// What was odd about some rows, in numbers that add up.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Tally {
    /// Missing cells of each input.
    missing: Vec<u64>,
    /// Cells that each program did not know.
    unknown: Unknown,
}

impl Tally {
    pub fn of(sources: &Sources<'_>, unknown: Unknown) -> Self {
        let mut missing = Vec::new();
        for (input, column) in sources.opened() {
            missing.resize(input, 0);
            missing.push(column.null_count() as u64);
        }
        Self { missing, unknown }
    }

    pub fn add(&mut self, other: &Self) {
        let add = |sums: &mut Vec<u64>, counts: &[u64]| {
            sums.resize(sums.len().max(counts.len()), 0);
            sums.iter_mut().zip(counts).for_each(|(sum, count)| *sum += count);
        };
        add(&mut self.missing, &other.missing);
        add(&mut self.unknown, &other.unknown);
    }
}

impl FittedPlan {
    /// The plan of these columns, without the inputs and programs that nothing needs.
    pub(crate) fn of(made: Made) -> Self {
        let Made { parts: Parts { inputs, programs, columns, dropped, drawn }, keeps_columns, pii } = made;
        let names: Vec<String> = inputs.iter().map(|input| input.name.clone()).collect();
        let mut graph = Graph::new(&inputs);
        for (number, program) in programs.iter().enumerate() {
            graph.push(number, program).expect("it was pushed before");
        }
        let node = |column: &FrameColumn| graph.node(&column.name).expect("a column");
        let is_feature = |column: &&FrameColumn| column.feature && column.cell_type == CellType::Number;
        let is_made = |column: &&FrameColumn| keeps_columns && !matches!(graph.at(node(column)), Node::Input(_));
        let targets: Vec<NodeId> =
            columns.iter().filter(|column| is_feature(column) || is_made(column)).map(node).collect();
        let (inputs, programs, kept_programs) = composition::needed_of(&graph, &targets, inputs, programs);
        let features = columns.iter().filter(is_feature).map(feature).collect();
        let place = |program: usize| kept_programs.iter().position(|&kept| kept == program);
        let drawn =
            drawn.into_iter().filter_map(|(program, drawn)| Some(DrawnProgram { program: place(program)?, drawn }));
        let drawn: Vec<DrawnProgram> = drawn.collect();
        let training = (!drawn.is_empty()).then_some(Training { columns: names, programs: drawn });
        let saved = SavedPlan { version: PLAN_VERSION, inputs, programs, features, dropped, pii, training };
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

    pub(crate) fn graph(&self) -> &Graph {
        &self.graph
    }

    /// Columns that are in no table that the plan makes.
    pub fn dropped(&self) -> &[String] {
        &self.dropped
    }

    /// Whether a column holds personal data, and passes in no form but what a step has made of it.
    pub fn hides(&self, name: &str) -> bool {
        self.pii.iter().any(|hidden| hidden == name)
    }

    /// The same with the keys of its `mask` steps, which are in no file.
    ///
    /// # Errors
    /// `Config` when one is missing: no key has its fingerprint.
    pub fn with_keys(mut self, keys: &[&str]) -> Result<Self, FeatureError> {
        for program in &mut self.programs {
            if let ColumnOp::Mask(Mask::Hash { key }) = &mut program.op {
                key.recall(keys);
            }
        }
        check_keys(&self.programs)?;
        Ok(self)
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
    /// Columns that the plan does not read are ignored, and their order does not matter. Every device gives the same bits
    /// and the same warnings; a table that is larger than its memory goes there in blocks of rows.
    ///
    /// # Errors
    /// `Data` when a column is missing or of another type than in training, or a cell is infinite or too large for `f32`;
    /// `Device` when the device is lost.
    pub fn apply(&self, table: &Table, device: &Device) -> Result<Applied, FeatureError> {
        check_keys(&self.programs)?;
        let sources = Sources::open(table, &self.inputs)?;
        let evaluation = Evaluation::new(&self.graph, &self.programs, &sources);
        let names: Vec<&str> = self.features.iter().map(|feature| feature.name.as_str()).collect();
        let targets: Vec<NodeId> = names.iter().map(|name| self.graph.node(name).expect("checked when made")).collect();
        let (cells, unknown) = match device {
            Device::Cpu => evaluation.matrix(&targets, &names)?,
            Device::Gpu(gpu) => on_device::matrix(&evaluation, gpu, &targets, &names)?,
        };
        let matrix = Matrix::from_cells(table.rows(), cells, self.features.clone());
        let mut warnings = self.told(&Tally::of(&sources, unknown));
        warnings.extend(self.rounded(&sources, &targets, &matrix));
        Ok(Applied { matrix, warnings })
    }

    /// Computes the features of the rows that the plan was learned from: where a step learns from their classes
    /// (`target_mean`), each row is encoded without the rows of its own fold. Else the same as [`Self::apply`].
    ///
    /// # Errors
    /// As [`Self::apply`]; all columns that the plan was learned from must be there.
    pub fn apply_training(&self, table: &Table, device: &Device) -> Result<Applied, FeatureError> {
        let mut applied = self.apply(table, device)?;
        let Some(training) = &self.training else { return Ok(applied) };
        let Some(DrawnProgram { drawn, .. }) = training.programs.first() else { return Ok(applied) };
        let columns: Vec<&str> = training.columns.iter().map(String::as_str).collect();
        let draw = Draw { folds: drawn.folds, seed: drawn.seed };
        let folds = row_folds(table, &columns, draw)?;
        for fold in 0..draw.folds {
            let rows: Vec<u32> = (0..table.rows() as u32).filter(|&row| folds[row as usize] == fold).collect();
            let part = self.of_fold(training, fold as usize).apply(&table.take(&rows), device)?.matrix;
            for (place, &row) in rows.iter().enumerate() {
                applied.matrix.x.row_mut(row as usize).assign(&part.x.row(place));
            }
        }
        Ok(applied)
    }

    /// The same for the rows of one fold.
    fn of_fold(&self, training: &Training, fold: usize) -> Self {
        let mut plan = self.clone();
        for DrawnProgram { program, drawn } in &training.programs {
            plan.programs[*program].op = drawn.lookups[fold].clone().into();
        }
        plan
    }

    /// Columns with missing cells that had none in training, and values that programs do not know.
    pub(crate) fn told(&self, tally: &Tally) -> Vec<Warning> {
        let mut warnings = Vec::new();
        for (input, &count) in self.inputs.iter().zip(&tally.missing).filter(|(input, _)| !input.missing) {
            if count > 0 {
                let message = format!("{count} cells are missing, and none was in training: treated as missing");
                let (code, column) = ("new_missing".into(), Some(input.name.clone()));
                warnings.push(Warning { code, column, count, message });
            }
        }
        let unknown = tally.unknown.iter().zip(&self.programs).filter(|(count, _)| **count > 0);
        warnings.extend(unknown.map(unknown_values));
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

impl Training {
    fn check(&self, programs: &[Program]) -> Result<(), String> {
        for DrawnProgram { program, drawn } in &self.programs {
            let is_lookup = programs.get(*program).is_some_and(|program| matches!(program.op, ColumnOp::Lookup(_)));
            if !is_lookup || drawn.lookups.len() != drawn.folds as usize {
                return Err(format!("folds of program {program}, which do not fit it"));
            }
            drawn.lookups.iter().try_for_each(|lookup| lookup.check())?;
        }
        let draws = self.programs.iter().map(|it| (it.drawn.folds, it.drawn.seed));
        let first = self.programs.first().map(|it| (it.drawn.folds, it.drawn.seed));
        if draws.into_iter().any(|draw| Some(draw) != first) {
            return Err("folds that are drawn in different ways".into());
        }
        Ok(())
    }
}

/// # Errors
/// When the key of a mask is not at hand.
pub(crate) fn check_keys(programs: &[Program]) -> Result<(), FeatureError> {
    let lacks = |program: &&Program| matches!(&program.op, ColumnOp::Mask(mask) if mask.lacks_key());
    let Some(program) = programs.iter().find(lacks) else { return Ok(()) };
    let fault = Fault::new("mask_key", "expected the key with which the column was masked, found none or another");
    Err(FeatureError::config(fault.column(&program.inputs[0]).hint("give the `key` of the step `mask`")))
}

/// More levels than this have no names: no learner takes so many, and a table needs none.
const MOST_NAMES: usize = 1 << 16;

/// Up to here `f32` holds every whole number.
const MAX_EXACT: f32 = 16_777_216.0;

fn feature(column: &FrameColumn) -> Feature {
    let kind = match &column.levels {
        Some(levels) if levels.count() <= MOST_NAMES => FeatureKind::Category { levels: levels.names() },
        _ => FeatureKind::Number,
    };
    Feature { name: column.name.clone(), kind }
}

fn unknown_values((count, program): (&u64, &Program)) -> Warning {
    let column = program.inputs[0].clone();
    let (code, message) = match &program.op {
        ColumnOp::Arithmetic(Arithmetic::Log1p) => {
            ("no_logarithm", format!("{count} values at or below -1 have no log1p: treated as missing"))
        }
        ColumnOp::Fill(_) => ("missing_replaced", format!("{count} cells were missing: replaced by 0")),
        ColumnOp::Coerce(op) => {
            let become_what = if op.unparsable == Unparsable::Zero { "replaced by 0" } else { "treated as missing" };
            ("unparsable_replaced", format!("{count} cells were no numbers: {become_what}"))
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
        let FittedPlan { inputs, programs, features, dropped, pii, training, .. } = plan;
        Self { version: PLAN_VERSION, inputs, programs, features, dropped, pii, training }
    }
}

impl TryFrom<SavedPlan> for FittedPlan {
    type Error = String;

    fn try_from(saved: SavedPlan) -> Result<Self, String> {
        let SavedPlan { version, inputs, programs, features, dropped, pii, training } = saved;
        if !(1..=PLAN_VERSION).contains(&version) {
            return Err(format!("version {version}, where this program reads versions up to {PLAN_VERSION}"));
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
        if let Some(training) = &training {
            training.check(&programs)?;
        }
        Ok(Self { inputs, programs, features, dropped, pii, training, graph })
    }
}

impl PartialEq for FittedPlan {
    fn eq(&self, other: &Self) -> bool {
        (&self.inputs, &self.programs, &self.features) == (&other.inputs, &other.programs, &other.features)
            && (&self.dropped, &self.pii, &self.training) == (&other.dropped, &other.pii, &other.training)
    }
}
