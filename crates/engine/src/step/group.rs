//! One row for all that have equal keys.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use arrow::array::{Array, AsArray, StringArray};
use arrow::compute::{cast, max};
use arrow::datatypes::{DataType, Int64Type, SchemaRef, TimeUnit};
use schemars::JsonSchema;
use serde::de::value::MapAccessDeserializer;
use serde::de::{self, MapAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize};
use trainer_data::{Batches, Fault, Scan, ScanError};

use super::{MakesRows, Span, Unit, ill_formed, position, repeated};
use crate::accumulator::{Aggregate, Class, Function, classed};
use crate::engine::Room;
use crate::expression::Expression;
use crate::grouping::Grouping;
use crate::mapped::{Mapped, Output};
use crate::sort::{SortKey, Sorted, orderable};
use crate::{EngineError, Named};

/// Makes one row of all that have equal keys: the keys, and what is computed of the rows. The rows come sorted by the keys,
/// those with a missing key first; keys that are missing are equal to one another.
///
/// A cell that is missing, or `NaN`, is in no aggregate, as in pandas and in SQL. Without any, `count` and `distinct` are 0
/// and all others are missing, a `sum` too. Sums, means and deviations of floats are computed without rounding until their
/// end, so that they do not depend on the order of the rows.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Group {
    /// The keys.
    #[schemars(length(min = 1))]
    pub by: Vec<String>,
    /// The column that says when a row happened: a timestamp or a date. `first` and `last` go by it, then by the order of
    /// the rows; `over`, `recency` and `as_of` need it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub time: Option<String>,
    /// The instant from which windows and `recency` look back: `latest`, which is the greatest time of all rows, or a time
    /// such as `2026-08-30T00:00:00Z`. Rows after a stated time, and those without a time, are in no aggregate then.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub as_of: Option<String>,
    /// What is computed of each group, by name.
    pub aggregates: Named<Aggregation>,
}

/// What is computed of a group.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
#[serde(untagged)]
pub enum Aggregation {
    /// A function that needs no column.
    Plain(Plain),
    /// A function of a column, and which rows it takes.
    Of(Box<AggregationOf>),
}

/// Functions that need no column.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Plain {
    /// Number of rows.
    Count,
}

/// One function of a column, and which rows it takes.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct AggregationOf {
    /// Number of rows (`*`), or of the cells of a column that are not missing.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub count: Option<String>,
    /// Sum of a column; of integers one that is too large is an error.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sum: Option<String>,
    /// Mean of a column.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mean: Option<String>,
    /// Smallest value of a column.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub min: Option<String>,
    /// Largest value of a column.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max: Option<String>,
    /// Standard deviation of a column, with one degree of freedom less than there are cells.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub std: Option<String>,
    /// Variance of a column, with one degree of freedom less than there are cells.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub var: Option<String>,
    /// How many different values a column has. They are held in memory; those of one group must fit.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub distinct: Option<String>,
    /// The value in the first row, which may be missing.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub first: Option<String>,
    /// The value in the last row, which may be missing.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last: Option<String>,
    /// How long before `as_of` the last row was, in this unit.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub recency: Option<Unit>,
    /// Only the rows of the last so many days, hours or minutes: `as_of - over < time <= as_of`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub over: Option<Span>,
    /// Only the rows for which this SQL condition is true.
    #[serde(rename = "where", skip_serializing_if = "Option::is_none")]
    pub condition: Option<String>,
}

/// By hand: `untagged` would lose which key is wrong, and why.
impl<'de> Deserialize<'de> for Aggregation {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct PlainOrOf;

        impl<'de> Visitor<'de> for PlainOrOf {
            type Value = Aggregation;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("`count`, or a function and its column such as {sum: amount}")
            }

            fn visit_str<E: de::Error>(self, name: &str) -> Result<Aggregation, E> {
                Plain::deserialize(de::value::StrDeserializer::new(name)).map(Aggregation::Plain)
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Aggregation, A::Error> {
                let of = AggregationOf::deserialize(MapAccessDeserializer::new(map))?;
                Ok(Aggregation::Of(Box::new(of)))
            }
        }

        deserializer.deserialize_any(PlainOrOf)
    }
}

/// A function as it was asked for: its column, or what it has in the place of one.
struct Asked<'a> {
    function: Function,
    column: Option<&'a str>,
    unit: Option<Unit>,
}

impl Aggregation {
    fn of(&self) -> AggregationOf {
        match self {
            Self::Plain(Plain::Count) => AggregationOf { count: Some("*".into()), ..AggregationOf::default() },
            Self::Of(of) => (**of).clone(),
        }
    }
}

impl AggregationOf {
    /// The one function that is asked for.
    fn asked(&self) -> Result<Asked<'_>, String> {
        let columns = [
            (&self.count, Function::Count),
            (&self.sum, Function::Sum),
            (&self.mean, Function::Mean),
            (&self.min, Function::Min),
            (&self.max, Function::Max),
            (&self.std, Function::Std),
            (&self.var, Function::Var),
            (&self.distinct, Function::Distinct),
            (&self.first, Function::First),
            (&self.last, Function::Last),
        ];
        let named = columns.iter().filter_map(|(column, function)| {
            let column = Some(column.as_deref()?).filter(|column| *column != "*" || *function != Function::Count);
            Some(Asked { function: *function, column, unit: None })
        });
        let recency = Function::Recency { as_of: 0, ticks: 1.0 };
        let since = self.recency.map(|unit| Asked { function: recency, column: None, unit: Some(unit) });
        let mut asked: Vec<Asked<'_>> = named.chain(since).collect();
        match (asked.pop(), asked.len()) {
            (Some(one), 0) => Ok(one),
            (None, _) => Err("expected a function such as `sum`, found none".into()),
            (Some(_), more) => Err(format!("expected one function, found {}", more + 1)),
        }
    }
}

impl Group {
    fn needs_time(&self) -> bool {
        let looks_back = |aggregation: &Aggregation| matches!(aggregation, Aggregation::Of(of) if of.over.is_some() || of.recency.is_some());
        self.as_of.is_some() || self.aggregates.iter().any(|(_, aggregation)| looks_back(aggregation))
    }

    /// The stated time, if it is not the latest.
    fn stated(&self) -> Option<&str> {
        self.as_of.as_deref().filter(|as_of| *as_of != "latest")
    }
}

impl MakesRows for Group {
    fn check(&self) -> Result<(), String> {
        if self.by.is_empty() {
            return Err("expected at least one key in `by`, found none".into());
        }
        if self.aggregates.is_empty() {
            return Err("expected at least one aggregate, found none".into());
        }
        if self.needs_time() && self.time.is_none() {
            return Err("expected the column of times as `time` for `over`, `recency` or `as_of`, found none".into());
        }
        for (name, aggregation) in self.aggregates.iter() {
            aggregation.of().asked().map_err(|message| format!("{message} in `{name}`"))?;
        }
        let names = self.by.iter().map(String::as_str).chain(self.aggregates.iter().map(|(name, _)| name));
        match repeated(names) {
            Some(name) => Err(format!("expected every name once, found `{name}` again")),
            None => Ok(()),
        }
    }

    fn rows(
        &self,
        room: &Arc<Room>,
        input: Arc<dyn Scan>,
        _others: &BTreeMap<String, Arc<dyn Scan>>,
    ) -> Result<Arc<dyn Scan>, EngineError> {
        self.check().map_err(|message| ill_formed("group", message))?;
        let clock = self.time.as_ref().map(|time| Clock::new(&*input, time)).transpose()?;
        if let (Some(clock), Some(stated)) = (&clock, self.stated()) {
            clock.ticks_of(stated)?;
        }
        let mut grouped = Grouped { room: room.clone(), input, group: self.clone(), clock, schema: Arc::new(arrow::datatypes::Schema::empty()) };
        let all: Vec<usize> = (0..self.aggregates.len()).collect();
        let (prepared, grouping) = grouped.plan(&all, 0)?;
        grouped.schema = grouping.schema(&prepared.schema());
        Ok(Arc::new(grouped))
    }
}

/// The column of times: whole numbers of ticks.
#[derive(Debug, Clone)]
struct Clock {
    column: usize,
    name: String,
    kind: DataType,
}

impl Clock {
    fn new(input: &dyn Scan, name: &str) -> Result<Self, EngineError> {
        let column = position("group", input, name)?;
        let kind = input.schema().field(column).data_type().clone();
        match kind {
            DataType::Timestamp(..) | DataType::Date32 | DataType::Date64 => {
                Ok(Self { column, name: name.to_owned(), kind })
            }
            _ => {
                let message = format!("expected timestamps or dates as `time` of `group`, found {kind}");
                let fault = Fault::new("unsupported_type", message).column(name);
                Err(EngineError::config(fault.hint("derive one with to_timestamp()")))
            }
        }
    }

    /// Seconds as ticks.
    fn ticks(&self, seconds: i64) -> Result<i64, EngineError> {
        let per_second = match &self.kind {
            DataType::Timestamp(TimeUnit::Second, _) => 1,
            DataType::Timestamp(TimeUnit::Millisecond, _) | DataType::Date64 => 1_000,
            DataType::Timestamp(TimeUnit::Microsecond, _) => 1_000_000,
            DataType::Timestamp(TimeUnit::Nanosecond, _) => 1_000_000_000,
            _ if seconds % 86_400 == 0 => return Ok(seconds / 86_400),
            _ => return Err(ill_formed("group", format!("expected whole days over the dates `{}`, found parts of one", self.name))),
        };
        seconds.checked_mul(per_second).ok_or_else(|| ill_formed("group", "expected a shorter time in `over`"))
    }

    /// Ticks of a unit.
    fn unit(&self, unit: Unit) -> f64 {
        match self.kind {
            DataType::Date32 => unit.seconds() as f64 / 86_400.0,
            _ => self.ticks(unit.seconds()).expect("a day at most") as f64,
        }
    }

    /// A written time as ticks.
    fn ticks_of(&self, text: &str) -> Result<i64, EngineError> {
        let read = |text: &str| {
            let cell = cast(&StringArray::from(vec![text]), &self.kind).ok().filter(|cell| cell.is_valid(0))?;
            Some(classed(&cell).ok()?.as_primitive::<Int64Type>().value(0))
        };
        let date = || text.get(..10).filter(|_| self.kind == DataType::Date32).and_then(read);
        read(text).or_else(date).ok_or_else(|| {
            ill_formed("group", format!("expected `latest` or a time such as 2026-08-30T00:00:00Z as `as_of`, found `{text}`"))
        })
    }

    /// The greatest time of all rows.
    fn latest(&self, input: &dyn Scan) -> Result<Option<i64>, ScanError> {
        let mut latest = None;
        for batch in input.open(&[self.column])? {
            let ticks = classed(batch?.column(0))?;
            latest = latest.max(max(ticks.as_primitive::<Int64Type>()));
        }
        Ok(latest)
    }
}

/// The columns that are made for grouping; no config can name them.
const TIME: &str = "\u{1}time";

#[derive(Debug)]
struct Grouped {
    room: Arc<Room>,
    input: Arc<dyn Scan>,
    group: Group,
    clock: Option<Clock>,
    schema: SchemaRef,
}

impl Grouped {
    /// The instant from which these aggregates look back.
    fn as_of(&self, wanted: &[usize]) -> Result<i64, ScanError> {
        let Some(clock) = &self.clock else { return Ok(0) };
        if let Some(stated) = self.group.stated() {
            return Ok(clock.ticks_of(stated)?);
        }
        let mut wanted = self.group.aggregates.iter().enumerate().filter(|(place, _)| wanted.contains(place));
        let looks_back = wanted.any(|(_, (_, aggregation))| {
            let of = aggregation.of();
            of.over.is_some() || of.recency.is_some()
        });
        Ok(if looks_back { clock.latest(&*self.input)?.unwrap_or(0) } else { 0 })
    }

    /// The rows with all columns that are needed for some of the aggregates, and what is computed of them.
    fn plan(&self, wanted: &[usize], as_of: i64) -> Result<(Arc<dyn Scan>, Grouping), EngineError> {
        let mut preparation = Preparation::new(&self.room, self.timed(as_of)?, as_of, self.clock.as_ref());
        let keys: Vec<usize> = self.group.by.iter().map(|key| preparation.key(key)).collect::<Result<_, _>>()?;
        let wanted = self.group.aggregates.iter().enumerate().filter(|(place, _)| wanted.contains(place));
        let aggregates = wanted.map(|(_, (name, aggregation))| preparation.aggregate(name, &aggregation.of()));
        let aggregates = aggregates.collect::<Result<_, _>>()?;
        Ok((preparation.finish(), Grouping { step: "group", keys, aggregates }))
    }

    /// The rows that are taken at all, with their ticks.
    fn timed(&self, as_of: i64) -> Result<Arc<dyn Scan>, EngineError> {
        let Some(clock) = &self.clock else { return Ok(self.input.clone()) };
        let schema = self.input.schema();
        let columns = schema.fields().iter().enumerate();
        let mut outputs: Vec<(String, Output)> =
            columns.map(|(column, field)| (field.name().clone(), Output::Column(column))).collect();
        outputs.push((TIME.to_owned(), Output::Classed(clock.column)));
        let timed: Arc<dyn Scan> = Arc::new(Mapped::projected(self.input.clone(), outputs));
        if self.group.stated().is_none() {
            return Ok(timed);
        }
        let condition = Expression::at_most("group", schema.fields().len(), as_of, &timed.schema())?;
        Ok(Arc::new(Mapped::filtered(timed, condition)))
    }
}

impl Scan for Grouped {
    fn schema(&self) -> SchemaRef {
        self.schema.clone()
    }

    fn open(&self, columns: &[usize]) -> Result<Batches, ScanError> {
        let keys = self.group.by.len();
        let mut wanted: Vec<usize> = columns.iter().filter_map(|column| column.checked_sub(keys)).collect();
        wanted.sort_unstable();
        wanted.dedup();
        let (prepared, grouping) = self.plan(&wanted, self.as_of(&wanted)?)?;
        let groups = grouping.group(&self.room, &*prepared)?;
        let order: Vec<SortKey> = self.group.by.iter().map(SortKey::ascending).collect();
        let place = |&column: &usize| match column.checked_sub(keys) {
            None => column,
            Some(aggregate) => keys + wanted.binary_search(&aggregate).expect("wanted"),
        };
        let places: Vec<usize> = columns.iter().map(place).collect();
        Sorted::new(&self.room, groups, &order)?.open(&places)
    }
}

/// Makes the columns that are needed, each once.
struct Preparation<'a> {
    room: &'a Arc<Room>,
    rows: Arc<dyn Scan>,
    as_of: i64,
    clock: Option<&'a Clock>,
    outputs: Vec<(String, Output)>,
}

impl<'a> Preparation<'a> {
    fn new(room: &'a Arc<Room>, rows: Arc<dyn Scan>, as_of: i64, clock: Option<&'a Clock>) -> Self {
        Self { room, rows, as_of, clock, outputs: Vec::new() }
    }

    /// The place of an output, which is added when it is not there yet.
    fn output(&mut self, name: String, output: impl FnOnce() -> Result<Output, EngineError>) -> Result<usize, EngineError> {
        if let Some(place) = self.outputs.iter().position(|(known, _)| *known == name) {
            return Ok(place);
        }
        self.outputs.push((name, output()?));
        Ok(self.outputs.len() - 1)
    }

    fn key(&mut self, name: &str) -> Result<usize, EngineError> {
        let column = position("group", &*self.rows, name)?;
        orderable("group", name, self.rows.schema().field(column).data_type())?;
        self.output(name.to_owned(), || Ok(Output::Column(column)))
    }

    fn classed(&mut self, column: usize) -> Result<usize, EngineError> {
        self.output(format!("\u{1}value {column}"), || Ok(Output::Classed(column)))
    }

    fn time(&mut self) -> Result<usize, EngineError> {
        let ticks = self.rows.schema().fields().len() - 1;
        self.classed(ticks)
    }

    fn aggregate(&mut self, name: &str, of: &AggregationOf) -> Result<Aggregate, EngineError> {
        let asked = of.asked().map_err(|message| ill_formed("group", message))?;
        let mask = self.mask(name, of)?;
        let (mut value, mut kind, mut function) = (None, DataType::Int64, asked.function);
        if let Some(column) = asked.column {
            let place = position("group", &*self.rows, column)?;
            kind = self.rows.schema().field(place).data_type().clone();
            fitting(name, function, column, &kind)?;
            value = Some(self.classed(place)?);
        }
        if let (Some(unit), Some(clock)) = (asked.unit, self.clock) {
            function = Function::Recency { as_of: self.as_of, ticks: clock.unit(unit) };
            value = Some(self.time()?);
        }
        let by_time = matches!(function, Function::First | Function::Last) && self.clock.is_some();
        let order = by_time.then(|| self.time()).transpose()?;
        Ok(Aggregate { name: name.to_owned(), function, value, mask, order, kind })
    }

    /// The column that says which rows an aggregate takes.
    fn mask(&mut self, name: &str, of: &AggregationOf) -> Result<Option<usize>, EngineError> {
        let step = format!("group: {name}");
        let mut masks = Vec::new();
        if let (Some(span), Some(clock)) = (of.over, self.clock) {
            let ticks = clock.ticks(span.seconds())?;
            let schema = self.rows.schema();
            let (column, as_of) = (schema.fields().len() - 1, self.as_of);
            masks.push(Expression::within(&step, column, as_of.saturating_sub(ticks), as_of, &schema)?);
        }
        if let Some(condition) = &of.condition {
            masks.push(Expression::parse(self.room, &step, condition, &self.rows.schema())?.predicate()?);
        }
        let Some(mask) = masks.into_iter().reduce(Expression::and) else { return Ok(None) };
        let over = of.over.map(|over| over.to_string()).unwrap_or_default();
        let name = format!("\u{1}mask {over} {}", of.condition.as_deref().unwrap_or_default());
        self.output(name, || Ok(Output::Value(mask))).map(Some)
    }

    fn finish(self) -> Arc<dyn Scan> {
        Arc::new(Mapped::projected(self.rows, self.outputs))
    }
}

/// Refuses a column of a type that a function does not take.
fn fitting(name: &str, function: Function, column: &str, kind: &DataType) -> Result<(), EngineError> {
    let wanted = match function {
        Function::Sum | Function::Mean | Function::Var | Function::Std if !Class::is_number(kind) => "numbers",
        _ if Class::of(kind).is_none() => "numbers, texts or times",
        _ => return Ok(()),
    };
    let message = format!("expected {wanted} for `{name}` of `group`, found {kind}");
    Err(EngineError::config(Fault::new("unsupported_type", message).column(column)))
}
