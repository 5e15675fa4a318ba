//! Every device makes of any plan and table what the host makes of it.

use proptest::prelude::*;
use trainer_data::{Column, Table};

use crate::FittedPlan;
use crate::contract::apply;

/// Numbers of a seed.
struct Draw(u64);

impl Draw {
    fn below(&mut self, limit: usize) -> usize {
        self.0 = (self.0 ^ (self.0 >> 31)).wrapping_add(0x9e37_79b9_7f4a_7c15).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        (self.0 >> 33) as usize % limit
    }

    fn number(&mut self) -> f64 {
        const ODD: [f64; 10] = [0.0, -0.0, 1e-310, 1e-45, 0.1, -1.0, 1e9, 3e38, 16_777_217.0, f64::MIN_POSITIVE];
        match self.below(4) {
            0 => ODD[self.below(ODD.len())],
            1 => self.below(1 << 30) as f64 / 1e7 - 40.0,
            _ => self.below(9) as f64 - 4.0,
        }
    }

    fn cell(&mut self) -> Option<f64> {
        (self.below(6) > 0).then(|| self.number())
    }

    fn ascending(&mut self) -> Vec<f64> {
        let mut numbers: Vec<f64> = (0..1 + self.below(6)).map(|_| self.number() + 0.0).collect();
        numbers.sort_unstable_by(f64::total_cmp);
        numbers.dedup();
        numbers
    }

    /// One that is there, or nothing.
    fn maybe(&mut self, key: &str) -> String {
        if self.below(2) == 0 { format!(r#", "{key}": {:?}"#, self.number()) } else { String::new() }
    }
}

const NUMBERS: [&str; 5] = ["wide", "narrow", "whole", "when", "small"];

/// A program in JSON, and the name of its result.
fn program(draw: &mut Draw, names: &[String], number: usize) -> (String, Vec<String>) {
    let mut name = || names[draw.below(names.len())].clone();
    let (a, b, c) = (name(), name(), name());
    let output = if draw.below(2) == 0 { a.clone() } else { format!("c{number}") };
    let mut inputs = vec![a];
    let mut outputs = vec![output];
    let keys = |draw: &mut Draw| {
        let keys = draw.ascending();
        let columns: Vec<usize> = keys.iter().map(|_| draw.below(3)).collect();
        format!(r#""keys": {{"numbers": {keys:?}}}, "LIST": {columns:?}"#)
    };
    let op = match draw.below(11) {
        0 => format!(r#"{{"fill": {{"value": {{"number": {:?}}}}}}}"#, draw.number()),
        1 => {
            let (center, scale, offset) = (draw.number(), draw.number(), draw.number());
            let (low, high) = (draw.maybe("low"), if draw.below(2) == 0 { r#", "high": 1e10"# } else { "" });
            let low = if low.contains("e38") { String::new() } else { low };
            format!(r#"{{"affine": {{"center": {center:?}, "scale": {scale:?}, "offset": {offset:?}{low}{high}}}}}"#)
        }
        2 => format!(r#"{{"affine": {{"center": 0.0, "scale": 1.0, "offset": 0.0{}}}}}"#, draw.maybe("high")),
        3 => format!(r#"{{"cut": {{"edges": {:?}}}}}"#, draw.ascending()),
        4 => {
            let keys = keys(draw).replace("LIST", "values");
            format!(r#"{{"lookup": {{{keys}{}{}}}}}"#, draw.maybe("missing"), draw.maybe("unknown"))
        }
        5 => {
            outputs = (0..3).map(|flag| format!("c{number}_{flag}")).collect();
            let keys = keys(draw).replace("LIST", "columns");
            format!(r#"{{"one_hot": {{{keys}, "width": 3, "missing": 2}}}}"#)
        }
        6 => r#"{"hash": {"buckets": 7}}"#.into(),
        7 => r#"{"arithmetic": "log1p"}"#.into(),
        8 => {
            inputs.extend([b, c]);
            r#"{"arithmetic": "row_sum"}"#.into()
        }
        9 => {
            inputs.push(b);
            format!(r#"{{"arithmetic": {{"ratio": {{"floor": {:?}}}}}}}"#, draw.number().abs() + 1e-300)
        }
        _ => {
            inputs = vec!["text".into()];
            let unknown = draw.maybe("unknown");
            format!(r#"{{"lookup": {{"keys": {{"text": ["", "b", "d"]}}, "values": [0.1, 2, 3]{unknown}}}}}"#)
        }
    };
    (format!(r#"{{"op": {op}, "inputs": {inputs:?}, "outputs": {outputs:?}}}"#), outputs)
}

fn plan(seed: u64) -> FittedPlan {
    let draw = &mut Draw(seed);
    let input = |name: &str| {
        let kind = match name {
            "whole" => "integer",
            "when" => "timestamp",
            "text" => "text",
            _ => "float",
        };
        format!(r#"{{"name": "{name}", "kind": "{kind}", "missing": true}}"#)
    };
    let inputs: Vec<String> = NUMBERS.iter().chain(&["text"]).map(|name| input(name)).collect();
    let mut names: Vec<String> = NUMBERS.iter().map(|&name| name.into()).collect();
    let mut programs = Vec::new();
    for number in 0..draw.below(10) {
        let (program, outputs) = program(draw, &names, number);
        programs.push(program);
        names.extend(outputs.into_iter().filter(|output| !names.contains(output)).collect::<Vec<_>>());
    }
    let features: Vec<String> = names
        .iter()
        .filter(|_| draw.below(4) > 0)
        .map(|name| format!(r#"{{"name": "{name}", "kind": "number"}}"#))
        .collect();
    let list = |items: Vec<String>| items.join(",\n");
    let json = format!(
        r#"{{"version": 1, "inputs": [{}], "programs": [{}], "features": [{}]}}"#,
        list(inputs),
        list(programs),
        list(features)
    );
    FittedPlan::from_json(&json).unwrap_or_else(|error| panic!("{error}\n{json}"))
}

fn table(rows: usize, seed: u64) -> Table {
    let draw = &mut Draw(!seed);
    // One table in four has an infinite cell somewhere.
    let infinite = draw.below(4 * rows.max(1));
    let cell = |row: usize, draw: &mut Draw| if row == infinite { Some(f64::INFINITY) } else { draw.cell() };
    let wide = (0..rows).map(|row| cell(row, draw)).collect();
    let narrow = (0..rows).map(|_| draw.cell().map_or(f32::NAN, |x| x as f32)).collect();
    let whole = (0..rows).map(|_| draw.cell().map(|x| (x * 1e6) as i64)).collect();
    let when = (0..rows).map(|_| draw.cell().map(|x| (x * 1e3) as i64)).collect();
    let small = (0..rows).map(|_| Some(draw.below(5) as f64)).collect();
    let text = (0..rows).map(|_| [None, Some(""), Some("b"), Some("z")][draw.below(4)]).collect();
    Table::from_columns(vec![
        Column::from_numbers("wide", wide),
        Column::from_f32("narrow", narrow),
        Column::from_integers("whole", whole),
        Column::from_timestamps("when", when),
        Column::from_numbers("small", small),
        Column::from_text("text", text),
    ])
    .unwrap()
}

#[test]
fn any_plan_gives_the_hosts_bits_warnings_and_errors() {
    let config = ProptestConfig { cases: 150, failure_persistence: None, ..ProptestConfig::default() };
    let rows = prop_oneof![Just(0usize), Just(1), 2..60usize, 600..3000usize];
    proptest!(config, |(rows in rows, seed in any::<u64>())| {
        // Every device is compared in there.
        let _ = apply(&plan(seed), &table(rows, seed));
    });
}
