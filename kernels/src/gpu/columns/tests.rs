//! Every device does what the host does.

use std::borrow::Cow;

use proptest::prelude::*;

use super::*;
use crate::columns::{Answer, reference};
use crate::gpu::tests::gpus;
use crate::permutation::mix;

/// Numbers of a seed: small ones, odd ones, and any bits.
struct Draw(u32);

impl Draw {
    fn below(&mut self, limit: usize) -> usize {
        self.0 = mix(self.0.wrapping_add(0x9e37_79b9));
        self.0 as usize % limit
    }

    fn number(&mut self) -> f64 {
        const ODD: [f64; 12] =
            [0.0, -0.0, 1e-310, -5e-324, 1e-45, 0.1, 1e9, -1e30, 3e38, 1e300, f64::MAX, f64::MIN_POSITIVE];
        match self.below(5) {
            0 => ODD[self.below(ODD.len())],
            1 => f64::NAN,
            2 => f64::from(f32::from_bits(self.below(usize::MAX) as u32)),
            3 => self.below(1000) as f64 / 7.0 - 50.0,
            _ => self.below(9) as f64 - 4.0,
        }
    }

    fn finite(&mut self) -> f64 {
        Some(self.number()).filter(|x| x.is_finite()).unwrap_or(2.0)
    }

    /// Distinct numbers in order.
    fn ascending(&mut self) -> Vec<f64> {
        let mut numbers: Vec<f64> = (0..self.below(9)).map(|_| self.finite() + 0.0).collect();
        numbers.sort_unstable_by(f64::total_cmp);
        numbers.dedup();
        numbers
    }
}

const NUMBERS: usize = 3;
const CODES: usize = 2;

fn next(draw: &mut Draw, kept: &[usize], pass: &mut Pass) -> Operation {
    let mut counter = || {
        pass.counters += 1;
        pass.counters - 1
    };
    match draw.below(if kept.is_empty() { 9 } else { 12 }) {
        0 => Operation::Read { column: draw.below(NUMBERS) },
        1 => {
            let answer = |_| Answer { value: draw.number(), unknown: draw.below(3) == 0 };
            let answers = (0..4).map(answer).collect();
            Operation::Answer { column: NUMBERS + draw.below(CODES), answers, counter: counter() }
        }
        2 => Operation::Fill { value: draw.finite() },
        3 => {
            let (low, high) = (draw.finite(), draw.finite());
            let (center, scale, offset) = (draw.finite(), draw.finite(), draw.finite());
            Operation::Affine { center, scale, offset, low: low.min(high), high: low.max(high) }
        }
        4 => Operation::Affine { center: 0.0, scale: 1.0, offset: 0.0, low: draw.finite(), high: f64::INFINITY },
        5 => Operation::Cut { edges: draw.ascending() },
        6 => {
            let keys = draw.ascending();
            let values = keys.iter().map(|_| draw.finite()).collect();
            Operation::Find { keys, values, missing: draw.number(), unknown: draw.number(), counter: counter() }
        }
        7 => Operation::Flag { value: draw.below(3) as u32 },
        8 => {
            pass.outputs += 1;
            Operation::WriteFlag { output: pass.outputs - 1, value: draw.below(3) as u32 }
        }
        9 => Operation::Recall { slot: kept[draw.below(kept.len())] },
        10 => Operation::Add { slot: kept[draw.below(kept.len())] },
        _ => Operation::Divide { slot: kept[draw.below(kept.len())], floor: draw.finite().abs().max(1e-320) },
    }
}

fn pass(seed: u32) -> Pass {
    let draw = &mut Draw(seed);
    let mut pass = Pass { groups: Vec::new(), slots: 0, counters: 0, outputs: 0, most_rows: 1 + draw.below(2000) };
    for _ in 0..1 + draw.below(3) {
        let mut group = vec![Operation::Read { column: draw.below(NUMBERS) }];
        let mut kept = Vec::new();
        for _ in 0..draw.below(9) {
            if draw.below(3) == 0 {
                kept.push(pass.slots);
                group.push(Operation::Keep { slot: pass.slots });
                pass.slots += 1;
            }
            group.push(next(draw, &kept, &mut pass));
            if draw.below(3) == 0 {
                group.push(Operation::Write { output: pass.outputs });
                pass.outputs += 1;
            }
        }
        group.push(Operation::Write { output: pass.outputs });
        pass.outputs += 1;
        pass.groups.push(group);
    }
    pass
}

/// The cells of all columns: of one the numbers are short, and one has infinities in some tables.
fn cells(rows: usize, seed: u32) -> Vec<Cells<'static>> {
    let draw = &mut Draw(mix(seed));
    let mut columns = Vec::new();
    for column in 0..NUMBERS {
        let odd = draw.below(4) == 0;
        let mut cell = |_| match draw.number() {
            x if column == 1 => f64::from(x as f32),
            _ if odd && draw.below(50) == 0 => f64::NEG_INFINITY,
            x => x,
        };
        let cells: Vec<f64> = (0..rows).map(&mut cell).collect();
        columns.push(Cells::Numbers(Cow::Owned(cells)));
    }
    for _ in 0..CODES {
        let code = |_| if draw.below(7) == 0 { u32::MAX } else { draw.below(4) as u32 };
        columns.push(Cells::Codes((0..rows).map(code).collect::<Vec<u32>>().leak()));
    }
    columns
}

fn part<'a>(columns: &'a [Cells<'static>], rows: &Range<usize>) -> Vec<Cells<'a>> {
    let part = |cells: &'a Cells<'static>| match cells {
        Cells::Numbers(numbers) => Cells::Numbers(Cow::Borrowed(&numbers[rows.clone()])),
        Cells::Codes(codes) => Cells::Codes(&codes[rows.clone()]),
    };
    columns.iter().map(part).collect()
}

/// The columns of these cells.
fn split(cells: &mut [f32], rows: usize, columns: usize) -> Vec<&mut [f32]> {
    match rows {
        0 => std::iter::repeat_with(Default::default).take(columns).collect(),
        _ => cells.chunks_mut(rows).collect(),
    }
}

/// Bits, with one pattern for what is no number.
fn bits(cells: &[f32]) -> Vec<u32> {
    cells.iter().map(|x| if x.is_nan() { f32::NAN.to_bits() } else { x.to_bits() }).collect()
}

fn assert_same(pass: &Pass, columns: &[Cells<'static>], rows: usize, gpus: &[Gpu]) {
    let (expected, told) = reference(pass, columns, rows);
    for gpu in gpus {
        let mut found = vec![0.0; rows * pass.outputs];
        let applied =
            apply_on(gpu, pass, rows, &mut |rows| part(columns, &rows), &mut split(&mut found, rows, pass.outputs))
                .unwrap();
        assert_eq!(applied, told, "{gpu:?}, {pass:?}");
        for (i, (found, expected)) in bits(&found).into_iter().zip(bits(&expected)).enumerate() {
            let (column, row) = (i / rows, i % rows);
            assert_eq!(
                found,
                expected,
                "{gpu:?}, column {column}, row {row}, {pass:?}, {:?}",
                part(columns, &(row..row + 1))
            );
        }
    }
}

#[test]
fn any_operations_give_the_hosts_bits() {
    let gpus = gpus();
    let config = ProptestConfig { cases: 150, failure_persistence: None, ..ProptestConfig::default() };
    let rows = prop_oneof![Just(0usize), Just(1), 2..40usize, 200..1500usize];
    proptest!(config, |(rows in rows, seed in any::<u32>())| {
        assert_same(&pass(seed), &cells(rows, seed), rows, &gpus);
    });
}

/// More groups and rows than one axis of a grid would hold if each cube were a row of it.
#[test]
fn many_columns_and_many_rows() {
    let each = |output| {
        vec![Operation::Read { column: output % NUMBERS }, Operation::Fill { value: 0.5 }, Operation::Write { output }]
    };
    let wide = Pass { groups: (0..400).map(each).collect(), outputs: 400, ..pass(0) };
    let long = Pass { groups: vec![each(0)], outputs: 1, ..wide.clone() };
    assert_same(&wide, &cells(20, 1), 20, &gpus());
    assert_same(&long, &cells(20_000, 2), 20_000, &gpus());
}
