//! How `quality_gates` is written in a config: the shapes that are accepted, and their schema.

use std::borrow::Cow;
use std::fmt;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::{MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::json;

use super::{Gate, Gates, On};
use crate::{Better, METRICS, Metric};

/// What stands behind a metric's name in a map of gates.
#[derive(Deserialize)]
#[serde(untagged)]
enum Bound {
    Bare(f64),
    Long(Long),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Long {
    min: Option<f64>,
    max: Option<f64>,
    #[serde(default)]
    on: On,
}

/// What stands in a list of gates.
#[derive(Deserialize)]
#[serde(untagged)]
enum Item {
    Gate(Gate),
    Map(ByName),
}

/// A map of gates, in its order.
struct ByName(Vec<Gate>);

impl Bound {
    fn gate(self, metric: &str) -> Gate {
        match self {
            Self::Bare(bound) => Gate::bare(metric, bound),
            Self::Long(Long { min, max, on }) => Gate { metric: metric.to_owned(), min, max, on },
        }
    }
}

struct GatesVisitor;

impl<'de> Visitor<'de> for GatesVisitor {
    type Value = Vec<Gate>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a map from metric to number or {min, max, on}, or a list of {metric, min, max, on}")
    }

    fn visit_unit<E>(self) -> Result<Self::Value, E> {
        Ok(Vec::new())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut gates = Vec::new();
        while let Some((metric, bound)) = map.next_entry::<String, Bound>()? {
            gates.push(bound.gate(&metric));
        }
        Ok(gates)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Self::Value, A::Error> {
        let mut gates = Vec::new();
        while let Some(item) = seq.next_element::<Item>()? {
            match item {
                Item::Gate(gate) => gates.push(gate),
                Item::Map(ByName(more)) => gates.extend(more),
            }
        }
        Ok(gates)
    }
}

impl<'de> Deserialize<'de> for ByName {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(GatesVisitor).map(Self)
    }
}

impl<'de> Deserialize<'de> for Gates {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(GatesVisitor).map(Self)
    }
}

impl JsonSchema for Gates {
    fn schema_name() -> Cow<'static, str> {
        "Gates".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        let names: Vec<&str> = METRICS.iter().map(|metric| metric.name).collect();
        let by_name: serde_json::Map<String, serde_json::Value> =
            METRICS.iter().map(|metric| (metric.name.to_owned(), named(metric))).collect();
        let map = json!({
            "type": "object",
            "description": "gates by metric: a number, or {min, max, on}",
            "properties": by_name,
            "additionalProperties": false
        });
        let mut small = map.clone();
        small["minProperties"] = json!(1);
        let gate = json!({
            "type": "object",
            "required": ["metric"],
            "properties": {
                "metric": { "type": "string", "enum": names, "description": "the metric's name" },
                "min": { "type": "number", "description": "the least value that passes" },
                "max": { "type": "number", "description": "the greatest value that passes" },
                "on": on()
            },
            "additionalProperties": false
        });
        json_schema!({
            "description": "what the judged part's metrics must reach; a metric that is undefined fails",
            "anyOf": [
                map,
                { "type": "array", "description": "gates in long form, or small maps", "items": { "anyOf": [gate, small] } }
            ]
        })
    }
}

fn named(metric: &Metric) -> serde_json::Value {
    let (low, high) = metric.range;
    let mut number = json!({ "type": "number", "minimum": low });
    if high.is_finite() {
        number["maximum"] = json!(high);
    }
    let (mut min, mut max) = (number.clone(), number.clone());
    min["description"] = json!("the least value that passes");
    max["description"] = json!("the greatest value that passes");
    let bare =
        if metric.better == Better::Higher { "the least value that passes" } else { "the greatest value that passes" };
    number["description"] = json!(bare);
    json!({
        "description": metric.about,
        "anyOf": [number, {
            "type": "object",
            "properties": { "min": min, "max": max, "on": on() },
            "additionalProperties": false
        }]
    })
}

fn on() -> serde_json::Value {
    json!({
        "type": "string",
        "enum": ["point", "lower_bound"],
        "default": "point",
        "description": "point: the metric on the judged rows; lower_bound: the worse end of its 95 % bootstrap interval \
            over rows (the lower end for min, the upper end for max)"
    })
}
