//! Columns of another input, for rows with equal keys.

use std::collections::BTreeMap;
use std::sync::Arc;

use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use datafusion::logical_expr::type_coercion::binary::comparison_coercion;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use trainer_data::{Batches, Fault, Scan, ScanError};

use super::{MakesRows, ill_formed, position, repeated};
use crate::accumulator::{Aggregate, Function};
use crate::engine::Room;
use crate::error::unknown;
use crate::expression::Expression;
use crate::grouping::Grouping;
use crate::joining::{Joining, Sides};
use crate::mapped::{Mapped, Output};
use crate::{EngineError, Named};

/// Adds the columns of another input, for rows whose keys are equal. Rows stay in their order; a row that meets several of
/// the other input comes once for each, in their order. As in SQL, a missing key meets nothing.
///
/// The other input is held in memory when it fits; else both are put aside on disk by their keys, and joined part by part.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Join {
    /// The other input, by its name under `inputs`.
    pub with: String,
    /// The keys: names that both have, or the name here and the name there.
    pub on: On,
    /// Which rows are kept.
    #[serde(default)]
    pub how: How,
    /// What is appended to a column of the other input whose name is taken here; when left out, `_` and the name of the
    /// other input.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub suffix: Option<String>,
    /// Which side's keys may not repeat, as in pandas; what repeats is an error.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub validate: Option<Validate>,
}

/// Keys of a join.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum On {
    /// Names that both have.
    Same(#[schemars(length(min = 1))] Vec<String>),
    /// The name here, and the name in the other input.
    Pairs(Named<String>),
}

/// Which rows a join keeps.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum How {
    /// All; the columns of a row that meets nothing are missing.
    #[default]
    Left,
    /// Those that meet one.
    Inner,
    /// Those that meet one, without its columns, each once.
    Semi,
    /// Those that meet none.
    Anti,
}

/// Which side's keys may not repeat.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Validate {
    /// Neither's.
    OneToOne,
    /// The keys here.
    OneToMany,
    /// The keys of the other input.
    ManyToOne,
    /// Both may.
    ManyToMany,
}

impl Join {
    fn pairs(&self) -> Vec<(&str, &str)> {
        match &self.on {
            On::Same(names) => names.iter().map(|name| (name.as_str(), name.as_str())).collect(),
            On::Pairs(names) => names.iter().map(|(left, right)| (left, right.as_str())).collect(),
        }
    }
}

impl MakesRows for Join {
    fn inputs(&self) -> Vec<&str> {
        vec![&self.with]
    }

    fn check(&self) -> Result<(), String> {
        let pairs = self.pairs();
        if pairs.is_empty() {
            return Err("expected at least one key in `on`, found none".into());
        }
        match repeated(pairs.iter().map(|(left, _)| *left)) {
            Some(name) => Err(format!("expected every key once, found `{name}` again")),
            None => Ok(()),
        }
    }

    fn rows(
        &self,
        room: &Arc<Room>,
        input: Arc<dyn Scan>,
        others: &BTreeMap<String, Arc<dyn Scan>>,
    ) -> Result<Arc<dyn Scan>, EngineError> {
        self.check().map_err(|message| ill_formed("join", message))?;
        let Some(other) = others.get(&self.with) else {
            return Err(unknown("unknown_input", "join", "input", &self.with, others.keys().map(String::as_str)));
        };
        let keys = self.keys(&*input, &**other)?;
        let (schema, right_columns) = self.schema(&input.schema(), &other.schema(), &keys)?;
        let left_columns = input.schema().fields().len();
        let sides = Sides {
            left: keyed(input, keys.iter().map(|key| (key.left, &key.kind)))?,
            right: keyed(other.clone(), keys.iter().map(|key| (key.right, &key.kind)))?,
            left_columns,
            right_width: other.schema().fields().len(),
            keys: keys.len(),
        };
        let joining = Joining::new(room, sides, self.how, right_columns, schema);
        Ok(match self.validate {
            None | Some(Validate::ManyToMany) => Arc::new(joining),
            Some(validate) => Arc::new(Validated { room: room.clone(), joining, validate, with: self.with.clone() }),
        })
    }
}

/// A pair of columns that are compared, as one type.
struct Key {
    left: usize,
    right: usize,
    kind: DataType,
}

impl Join {
    fn keys(&self, left: &dyn Scan, right: &dyn Scan) -> Result<Vec<Key>, EngineError> {
        let key = |(left_name, right_name): (&str, &str)| {
            let here = position("join", left, left_name)?;
            let there = position(&format!("join with {}", self.with), right, right_name)?;
            let (left, right) = (left.schema(), right.schema());
            let kind = shared(left.field(here), right.field(there))?;
            Ok(Key { left: here, right: there, kind })
        };
        self.pairs().into_iter().map(key).collect()
    }

    /// The columns of the result, and which of the other input are among them.
    fn schema(&self, left: &Schema, right: &Schema, keys: &[Key]) -> Result<(SchemaRef, Vec<usize>), EngineError> {
        let mut fields: Vec<Field> = left.fields().iter().map(|field| field.as_ref().clone()).collect();
        if matches!(self.how, How::Semi | How::Anti) {
            return Ok((Arc::new(Schema::new(fields)), Vec::new()));
        }
        let same = |column: usize| {
            keys.iter().any(|key| key.right == column && left.field(key.left).name() == right.field(column).name())
        };
        let columns: Vec<usize> = (0..right.fields().len()).filter(|&column| !same(column)).collect();
        let suffix = self.suffix.clone().unwrap_or_else(|| format!("_{}", self.with));
        for &column in &columns {
            let field = right.field(column);
            let taken = left.index_of(field.name()).is_ok();
            let name = if taken { format!("{}{suffix}", field.name()) } else { field.name().clone() };
            fields.push(field.clone().with_name(name).with_nullable(true));
        }
        match repeated(fields.iter().map(|field| field.name().as_str())) {
            None => Ok((Arc::new(Schema::new(fields)), columns)),
            Some(name) => {
                let message = format!("expected `join` to give every column a name of its own, found `{name}` twice");
                Err(EngineError::config(Fault::new("duplicate_column", message).hint("choose another `suffix`")))
            }
        }
    }
}

/// The type in which two keys are compared.
fn shared(left: &Field, right: &Field) -> Result<DataType, EngineError> {
    let (here, there) = (left.data_type(), right.data_type());
    let texts = |kind: &DataType| match kind {
        DataType::Dictionary(_, value) => value.is_string(),
        kind => kind.is_string(),
    };
    // Text and numbers could be compared as either: whoever means one of them says so.
    let mixed = texts(here) != texts(there) && !here.is_null() && !there.is_null();
    match comparison_coercion(here, there).filter(|_| !mixed) {
        Some(kind) => Ok(kind),
        None => {
            let message = format!("expected keys of one type, found {here} here and {there} in `{}`", right.name());
            let fault = Fault::new("key_type", message).column(left.name());
            Err(EngineError::config(fault.hint("cast one of them with `derive`")))
        }
    }
}

/// A scan with its keys, as the types in which they are compared, as further columns.
fn keyed<'a>(
    scan: Arc<dyn Scan>,
    keys: impl Iterator<Item = (usize, &'a DataType)>,
) -> Result<Arc<dyn Scan>, EngineError> {
    let schema = scan.schema();
    let columns = schema.fields().iter().enumerate();
    let mut outputs: Vec<(String, Output)> =
        columns.map(|(column, field)| (field.name().clone(), Output::Column(column))).collect();
    for (place, (column, kind)) in keys.enumerate() {
        let output = match schema.field(column).data_type() == kind {
            true => Output::Column(column),
            false => Output::Value(Expression::cast("join", column, kind, &schema)?),
        };
        outputs.push((format!("\u{1}key {place}"), output));
    }
    Ok(Arc::new(Mapped::projected(scan, outputs)))
}

/// A join whose keys are looked through first.
#[derive(Debug)]
struct Validated {
    room: Arc<Room>,
    joining: Joining,
    validate: Validate,
    with: String,
}

impl Validated {
    fn check(&self) -> Result<(), ScanError> {
        let sides = self.joining.sides();
        let left = matches!(self.validate, Validate::OneToOne | Validate::OneToMany);
        let right = matches!(self.validate, Validate::OneToOne | Validate::ManyToOne);
        if left {
            self.unique(&sides.left, &sides.left_keys(), "here")?;
        }
        if right {
            self.unique(&sides.right, &sides.right_keys(), &format!("in `{}`", self.with))?;
        }
        Ok(())
    }

    fn unique(&self, scan: &Arc<dyn Scan>, keys: &[usize], side: &str) -> Result<(), ScanError> {
        let schema = scan.schema();
        let outputs = keys.iter().map(|&key| (schema.field(key).name().clone(), Output::Column(key))).collect();
        let rows = Mapped::projected(scan.clone(), outputs);
        let count = Aggregate {
            name: "\u{1}count".into(),
            function: Function::Count,
            value: None,
            mask: None,
            order: None,
            kind: DataType::Int64,
        };
        let grouping = Grouping { step: "join", keys: (0..keys.len()).collect(), aggregates: vec![count] };
        let all: Vec<usize> = (0..=keys.len()).collect();
        let mut repeated = 0;
        for batch in grouping.group(&self.room, &rows)?.open(&all)? {
            repeated += repeats(&batch?);
        }
        if repeated == 0 {
            return Ok(());
        }
        let message = format!("expected every key of `join` once {side}, found {repeated} that repeat");
        Err(Box::new(EngineError::data(Fault::new("keys_repeat", message).hint("`dedupe` first, or change `validate`"))))
    }
}

/// How many keys that are there are there more than once; the last column says how often.
fn repeats(batch: &arrow::array::RecordBatch) -> usize {
    use arrow::array::{Array, AsArray};
    let (count, keys) = batch.columns().split_last().expect("the count");
    let count = count.as_primitive::<arrow::datatypes::Int64Type>();
    (0..batch.num_rows()).filter(|&row| count.value(row) > 1 && keys.iter().all(|key| key.is_valid(row))).count()
}

impl Scan for Validated {
    fn schema(&self) -> SchemaRef {
        self.joining.schema()
    }

    fn open(&self, columns: &[usize]) -> Result<Batches, ScanError> {
        self.check()?;
        self.joining.open(columns)
    }
}
