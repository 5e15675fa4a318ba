//! The query engine's sums and deviations of floats, made exact: with them a query's numbers do not depend on the order in
//! which rows, or spilled parts of sums, come together.

use std::mem::size_of_val;
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, BinaryArray, BooleanArray, Float64Array, Int64Array};
use arrow::datatypes::{DataType, Field, FieldRef, Float64Type, Int64Type};
use datafusion::common::{Result as PlanResult, ScalarValue, internal_err};
use datafusion::error::DataFusionError;
use datafusion::functions_aggregate::average::avg_udaf;
use datafusion::functions_aggregate::stddev::{stddev_pop_udaf, stddev_udaf};
use datafusion::functions_aggregate::sum::sum_udaf;
use datafusion::functions_aggregate::variance::{var_pop_udaf, var_samp_udaf};
use datafusion::logical_expr::function::{AccumulatorArgs, StateFieldsArgs};
use datafusion::logical_expr::utils::{AggregateOrderSensitivity, format_state_name};
use datafusion::logical_expr::{
    Accumulator, AggregateUDF, AggregateUDFImpl, EmitTo, GroupsAccumulator, ReversedUDAF, Signature,
};

use trainer_data::Fault;

use crate::EngineError;
use exact::Spread;

/// A function of the query engine, computed exactly for floats; for all else it is as it was.
#[derive(Debug, PartialEq, Eq, Hash)]
pub struct ExactFunction {
    inner: Arc<AggregateUDF>,
    value: Value,
}

/// What is computed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Value {
    Sum,
    Mean,
    Variance { freedom: u64 },
    Deviation { freedom: u64 },
}

impl Value {
    fn add(self, spread: &mut Spread, number: Number) {
        let number = match number {
            Number::Float(number) => number,
            Number::Integer(number) => {
                spread.count += 1;
                spread.sum.add_scaled(number.into(), 0);
                return;
            }
        };
        if number.is_nan() {
            spread.count += 1;
            spread.sum.spoil();
        } else if matches!(self, Self::Sum | Self::Mean) {
            spread.count += 1;
            spread.sum.add(number);
        } else {
            spread.add(number);
        }
    }

    fn of(self, spread: &Spread) -> Option<f64> {
        let sum = || (spread.count > 0).then(|| spread.sum.round());
        match self {
            Self::Sum => sum(),
            Self::Mean => sum().map(|sum| sum / spread.count as f64),
            Self::Variance { freedom } => spread.variance(freedom),
            Self::Deviation { freedom } => spread.variance(freedom).map(f64::sqrt),
        }
    }
}

impl ExactFunction {
    /// All functions that are made exact.
    pub fn all() -> Vec<AggregateUDF> {
        let functions = [
            (sum_udaf(), Value::Sum),
            (avg_udaf(), Value::Mean),
            (var_samp_udaf(), Value::Variance { freedom: 1 }),
            (var_pop_udaf(), Value::Variance { freedom: 0 }),
            (stddev_udaf(), Value::Deviation { freedom: 1 }),
            (stddev_pop_udaf(), Value::Deviation { freedom: 0 }),
        ];
        functions.into_iter().map(|(inner, value)| AggregateUDF::from(Self { inner, value })).collect()
    }
}

/// Whether a call is one that is computed here: of floats, or a sum of integers, each as often as it comes.
fn is_exact(value: Value, distinct: bool, fields: &[FieldRef]) -> bool {
    let kind = fields.first().map(|field| field.data_type());
    let integers = value == Value::Sum && kind == Some(&DataType::Int64);
    !distinct && (integers || kind == Some(&DataType::Float64))
}

/// The result of a sum of integers, which must be one.
fn whole(spread: &Spread) -> PlanResult<Option<i64>> {
    let fits = |sum: i128| i64::try_from(sum).map_err(|_| too_large(sum));
    (spread.count > 0).then(|| spread.sum.integer().map_or(Err(too_large(i128::MAX)), fits)).transpose()
}

fn too_large(sum: i128) -> DataFusionError {
    let message = format!("expected a sum of at most {} of `sql`, found {sum}", i64::MAX);
    let fault = Fault::new("sum_too_large", message).hint("cast the column to double");
    DataFusionError::External(Box::new(EngineError::data(fault)))
}

/// Calls `each` with every value of a column that is taken.
fn each(
    values: &ArrayRef,
    filter: Option<&BooleanArray>,
    mut each: impl FnMut(usize, Number) -> PlanResult<()>,
) -> PlanResult<()> {
    let taken =
        |row: usize| values.is_valid(row) && filter.is_none_or(|filter| filter.is_valid(row) && filter.value(row));
    let mut rows = (0..values.len()).filter(|&row| taken(row));
    match values.data_type() {
        DataType::Int64 => {
            let cells = values.as_primitive::<Int64Type>();
            rows.try_for_each(|row| each(row, Number::Integer(cells.value(row))))
        }
        _ => {
            let cells = values.as_primitive::<Float64Type>();
            rows.try_for_each(|row| each(row, Number::Float(cells.value(row))))
        }
    }
}

/// A value of a column.
#[derive(Debug, Clone, Copy)]
enum Number {
    Float(f64),
    Integer(i64),
}

impl AggregateUDFImpl for ExactFunction {
    fn name(&self) -> &str {
        self.inner.name()
    }

    fn aliases(&self) -> &[String] {
        self.inner.aliases()
    }

    fn signature(&self) -> &Signature {
        self.inner.signature()
    }

    fn return_type(&self, arguments: &[DataType]) -> PlanResult<DataType> {
        self.inner.return_type(arguments)
    }

    fn coerce_types(&self, arguments: &[DataType]) -> PlanResult<Vec<DataType>> {
        self.inner.coerce_types(arguments)
    }

    fn default_value(&self, kind: &DataType) -> PlanResult<ScalarValue> {
        self.inner.default_value(kind)
    }

    fn order_sensitivity(&self) -> AggregateOrderSensitivity {
        AggregateOrderSensitivity::Insensitive
    }

    fn reverse_expr(&self) -> ReversedUDAF {
        ReversedUDAF::Identical
    }

    fn state_fields(&self, args: StateFieldsArgs<'_>) -> PlanResult<Vec<FieldRef>> {
        if is_exact(self.value, args.is_distinct, args.input_fields) {
            let name = format_state_name(args.name, "exact");
            return Ok(vec![Arc::new(Field::new(name, DataType::Binary, true))]);
        }
        self.inner.state_fields(args)
    }

    fn accumulator(&self, args: AccumulatorArgs<'_>) -> PlanResult<Box<dyn Accumulator>> {
        if is_exact(self.value, args.is_distinct, args.expr_fields) {
            return Ok(Box::new(OfAll { value: self.value, integers: integers(&args), spread: Spread::default() }));
        }
        self.inner.accumulator(args)
    }

    fn create_sliding_accumulator(&self, args: AccumulatorArgs<'_>) -> PlanResult<Box<dyn Accumulator>> {
        // Windows are computed row by row in their order, and never in parts.
        self.inner.create_sliding_accumulator(args)
    }

    fn groups_accumulator_supported(&self, args: AccumulatorArgs<'_>) -> bool {
        is_exact(self.value, args.is_distinct, args.expr_fields) || self.inner.groups_accumulator_supported(args)
    }

    fn create_groups_accumulator(&self, args: AccumulatorArgs<'_>) -> PlanResult<Box<dyn GroupsAccumulator>> {
        if is_exact(self.value, args.is_distinct, args.expr_fields) {
            return Ok(Box::new(OfGroups {
                value: self.value,
                integers: integers(&args),
                spreads: Vec::new(),
                wide_bytes: 0,
            }));
        }
        self.inner.create_groups_accumulator(args)
    }
}

fn integers(args: &AccumulatorArgs<'_>) -> bool {
    args.expr_fields.first().is_some_and(|field| *field.data_type() == DataType::Int64)
}

fn written(spread: &Spread) -> Vec<u8> {
    let mut bytes = spread.count.to_le_bytes().to_vec();
    spread.sum.write(&mut bytes);
    spread.squares.write(&mut bytes);
    bytes
}

fn merged(spread: &mut Spread, bytes: &[u8]) -> PlanResult<()> {
    match Spread::read(bytes) {
        Some(other) => {
            spread.merge(&other);
            Ok(())
        }
        None => internal_err!("expected the state of a sum, found {} bytes", bytes.len()),
    }
}

/// Numbers of no groups.
#[derive(Debug)]
struct OfAll {
    value: Value,
    integers: bool,
    spread: Spread,
}

impl Accumulator for OfAll {
    fn update_batch(&mut self, values: &[ArrayRef]) -> PlanResult<()> {
        each(&values[0], None, |_, number| {
            self.value.add(&mut self.spread, number);
            Ok(())
        })
    }

    fn evaluate(&mut self) -> PlanResult<ScalarValue> {
        if self.integers {
            return Ok(ScalarValue::Int64(whole(&self.spread)?));
        }
        Ok(ScalarValue::Float64(self.value.of(&self.spread)))
    }

    fn size(&self) -> usize {
        size_of_val(self) + self.spread.heap_bytes()
    }

    fn state(&mut self) -> PlanResult<Vec<ScalarValue>> {
        Ok(vec![ScalarValue::Binary(Some(written(&self.spread)))])
    }

    fn merge_batch(&mut self, states: &[ArrayRef]) -> PlanResult<()> {
        states[0].as_binary::<i32>().iter().flatten().try_for_each(|bytes| merged(&mut self.spread, bytes))
    }
}

/// Numbers of many groups.
struct OfGroups {
    value: Value,
    integers: bool,
    spreads: Vec<Spread>,
    wide_bytes: usize,
}

impl OfGroups {
    fn spread(&mut self, group: usize, change: impl FnOnce(&mut Spread) -> PlanResult<()>) -> PlanResult<()> {
        let spread = &mut self.spreads[group];
        let before = spread.heap_bytes();
        change(spread)?;
        self.wide_bytes += spread.heap_bytes() - before;
        Ok(())
    }

    fn emitted(&mut self, emit: EmitTo) -> Vec<Spread> {
        let emitted = emit.take_needed(&mut self.spreads);
        self.wide_bytes -= emitted.iter().map(Spread::heap_bytes).sum::<usize>();
        emitted
    }
}

impl GroupsAccumulator for OfGroups {
    fn update_batch(
        &mut self,
        values: &[ArrayRef],
        groups: &[usize],
        filter: Option<&BooleanArray>,
        total: usize,
    ) -> PlanResult<()> {
        self.spreads.resize_with(total, Spread::default);
        let value = self.value;
        each(&values[0], filter, |row, number| {
            self.spread(groups[row], |spread| {
                value.add(spread, number);
                Ok(())
            })
        })
    }

    fn evaluate(&mut self, emit: EmitTo) -> PlanResult<ArrayRef> {
        if self.integers {
            let sums = self.emitted(emit);
            return Ok(Arc::new(sums.iter().map(whole).collect::<PlanResult<Int64Array>>()?));
        }
        let value = self.value;
        Ok(Arc::new(self.emitted(emit).iter().map(|spread| value.of(spread)).collect::<Float64Array>()))
    }

    fn state(&mut self, emit: EmitTo) -> PlanResult<Vec<ArrayRef>> {
        let states = self.emitted(emit);
        Ok(vec![Arc::new(BinaryArray::from_iter_values(states.iter().map(written)))])
    }

    fn merge_batch(&mut self, states: &[ArrayRef], groups: &[usize], total: usize) -> PlanResult<()> {
        self.spreads.resize_with(total, Spread::default);
        let states = states[0].as_binary::<i32>();
        for (state, &group) in states.iter().zip(groups) {
            if let Some(bytes) = state {
                self.spread(group, |spread| merged(spread, bytes))?;
            }
        }
        Ok(())
    }

    /// Every row as a state of its own.
    fn convert_to_state(&self, values: &[ArrayRef], filter: Option<&BooleanArray>) -> PlanResult<Vec<ArrayRef>> {
        let rows = values[0].len();
        let mut single = Self { value: self.value, integers: self.integers, spreads: Vec::new(), wide_bytes: 0 };
        single.update_batch(values, &(0..rows).collect::<Vec<_>>(), filter, rows)?;
        single.state(EmitTo::All)
    }

    fn size(&self) -> usize {
        self.spreads.capacity() * size_of::<Spread>() + self.wide_bytes
    }
}
