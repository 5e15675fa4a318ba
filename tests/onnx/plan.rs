//! Every step, alone and together, on rows that training has not seen.

use std::path::Path;

use trainer_data::{Categories, Column, Needs, Table};
use trainer_features::{PlanSpec, Step, fit};
use trainer_testkit::SplitMix64;

use super::case::{self, Written};

const FOREST: Needs = Needs { categories: Categories::Native { max_levels: 255 }, missing: true, scaled: false };
const LINEAR: Needs = Needs { categories: Categories::OneHot, missing: false, scaled: true };

/// Each a list of steps; see `features/src/contract.rs`, whose list this is, and more.
const STEPS: [&[&str]; 49] = [
    &[],
    &[r#"{"impute": {}}"#],
    &[r#"{"impute": {"columns": ["amount", "count"], "strategy": "median"}}"#],
    &[r#"{"impute": {"strategy": "most_frequent"}}"#],
    &[r#"{"impute": {"strategy": "constant"}}"#],
    &[r#"{"impute": {"columns": ["city"], "strategy": "constant", "fill_value": "nowhere"}}"#],
    &[r#"{"impute": {"columns": ["city"], "strategy": "constant", "fill_value": "Ulm"}}"#, r#"{"one_hot": {}}"#],
    &[r#"{"standardize": {}}"#],
    &[r#"{"standardize": {"columns": ["share"], "with_mean": false}}"#],
    &[r#"{"min_max": {"feature_range": [-1, 1], "clip": true}}"#],
    &[r#"{"clip": {"columns": ["amount"], "min": 0}}"#],
    &[r#"{"clip": {"lower_quantile": 0.05, "upper_quantile": 0.95}}"#],
    &[r#"{"log1p": {"columns": ["amount", "share"]}}"#],
    &[r#"{"quantile_bin": {"n_bins": 7}}"#],
    &[r#"{"quantile_bin": {"n_bins": 200}}"#],
    &[r#"{"quantile_bin": {"columns": ["count"], "quantile_method": "linear"}}"#],
    &[r#"{"ordinal": {}}"#],
    &[
        r#"{"ordinal": {"columns": ["city"], "categories": ["Ulm", "Bern"], "unknown_value": -1, "encoded_missing_value": -2}}"#,
    ],
    &[r#"{"ordinal": {"columns": ["count", "member", "amount"]}}"#],
    &[r#"{"one_hot": {}}"#],
    &[r#"{"one_hot": {"columns": ["city", "count"], "max_levels": 3}}"#],
    &[r#"{"one_hot": {"columns": ["city"], "min_frequency": 0.2}}"#],
    &[r#"{"hash": {"columns": ["city", "count", "member", "large"], "buckets": 4}}"#],
    &[r#"{"hash": {"columns": ["city"], "buckets": 250}}"#],
    &[
        r#"{"impute": {"columns": ["city"], "strategy": "constant", "fill_value": "x"}}"#,
        r#"{"hash": {"columns": ["city"], "buckets": 64}}"#,
    ],
    &[r#"{"row_sum": {"columns": ["amount", "share", "member"]}}"#],
    &[r#"{"ratio": {"numerator": "amount", "denominator": "count", "output": "each"}}"#],
    &[r#"{"ratio": {"numerator": "share", "denominator": "amount", "floor": 0.001}}"#],
    &[
        r#"{"impute": {"columns": ["city"], "strategy": "most_frequent"}}"#,
        r#"{"impute": {}}"#,
        r#"{"ratio": {"numerator": "amount", "denominator": "count"}}"#,
        r#"{"log1p": {"columns": ["amount"]}}"#,
        r#"{"quantile_bin": {"columns": ["share"]}}"#,
        r#"{"one_hot": {"columns": ["share", "city"]}}"#,
        r#"{"row_sum": {}}"#,
        r#"{"standardize": {}}"#,
    ],
    &[
        r#"{"quantile_bin": {"columns": ["share"], "n_bins": 9}}"#,
        r#"{"hash": {"columns": ["share"], "buckets": 3}}"#,
        r#"{"row_sum": {"columns": ["count", "member"], "output": "both"}}"#,
        r#"{"hash": {"columns": ["both"], "buckets": 5}}"#,
    ],
    // Edges and keys that are values of training, of numbers that are computed: a bit would move rows.
    &[r#"{"log1p": {"columns": ["tickets", "amount"]}}"#, r#"{"quantile_bin": {"n_bins": 50}}"#],
    &[r#"{"log1p": {"columns": ["tickets", "amount"]}}"#, r#"{"ordinal": {"columns": ["tickets", "amount"]}}"#],
    &[
        r#"{"log1p": {"columns": ["tickets"]}}"#,
        r#"{"ordinal": {"columns": ["tickets"], "unknown_value": -1, "encoded_missing_value": -2}}"#,
    ],
    &[r#"{"log1p": {"columns": ["tickets", "count"]}}"#, r#"{"one_hot": {"columns": ["tickets", "count"]}}"#],
    &[
        r#"{"log1p": {"columns": ["tickets", "amount"]}}"#,
        r#"{"impute": {"columns": ["tickets", "amount"], "strategy": "most_frequent"}}"#,
        r#"{"standardize": {"columns": ["tickets", "amount"]}}"#,
        r#"{"one_hot": {"columns": ["tickets"], "max_levels": 90}}"#,
        r#"{"quantile_bin": {"columns": ["amount"], "n_bins": 100}}"#,
    ],
    &[
        r#"{"impute": {"columns": ["tickets"]}}"#,
        r#"{"clip": {"columns": ["tickets"], "min": 3, "max": 150}}"#,
        r#"{"log1p": {"columns": ["tickets"]}}"#,
        r#"{"min_max": {"columns": ["tickets"], "feature_range": [-1, 1], "clip": true}}"#,
        r#"{"clip": {"columns": ["tickets"], "max": 0.75}}"#,
        r#"{"ordinal": {"columns": ["tickets"]}}"#,
    ],
    &[
        r#"{"ratio": {"numerator": "tickets", "denominator": "count", "output": "each"}}"#,
        r#"{"log1p": {"columns": ["each"]}}"#,
        r#"{"row_sum": {"columns": ["each"], "output": "alone"}}"#,
        r#"{"ordinal": {"columns": ["each", "alone"]}}"#,
    ],
    &[
        r#"{"log1p": {"columns": ["tickets"]}}"#,
        r#"{"quantile_bin": {"columns": ["tickets"], "n_bins": 60}}"#,
        r#"{"log1p": {"columns": ["tickets"]}}"#,
        r#"{"one_hot": {"columns": ["tickets"]}}"#,
    ],
    &[r#"{"standardize": {"columns": ["tickets", "amount"]}}"#, r#"{"ordinal": {"columns": ["tickets", "amount"]}}"#],
    &[r#"{"standardize": {"columns": ["tickets", "amount"]}}"#, r#"{"quantile_bin": {"n_bins": 150}}"#],
    &[r#"{"min_max": {"columns": ["tickets"], "feature_range": [-3, 7]}}"#, r#"{"one_hot": {"columns": ["tickets"]}}"#],
    &[
        r#"{"ratio": {"numerator": "tickets", "denominator": "count", "output": "each"}}"#,
        r#"{"ordinal": {"columns": ["each"]}}"#,
    ],
    &[
        r#"{"standardize": {"columns": ["tickets"]}}"#,
        r#"{"row_sum": {"columns": ["tickets", "count", "tenth"], "output": "sum"}}"#,
        r#"{"ordinal": {"columns": ["sum"]}}"#,
    ],
    &[r#"{"cross": {"columns": ["city", "device"]}}"#],
    &[
        r#"{"cross": {"columns": ["device", "city"], "into": "both"}}"#,
        r#"{"one_hot": {"columns": ["both"], "max_levels": 9}}"#,
    ],
    &[
        r#"{"impute": {"columns": ["device"], "strategy": "constant", "fill_value": "phone"}}"#,
        r#"{"cross": {"columns": ["city", "device"], "into": "both"}}"#,
        r#"{"impute": {"columns": ["both"], "strategy": "constant", "fill_value": "Ulm x phone"}}"#,
        r#"{"ordinal": {"columns": ["both"], "unknown_value": -1}}"#,
    ],
    &[
        r#"{"impute": {"columns": ["city"], "strategy": "constant", "fill_value": "nowhere"}}"#,
        r#"{"cross": {"columns": ["device", "city", "plan"], "into": "all"}}"#,
        r#"{"ordinal": {"columns": ["all"], "unknown_value": -1, "encoded_missing_value": -2}}"#,
    ],
    &[r#"{"cross": {"columns": ["plan", "device"], "into": "both"}}"#, r#"{"one_hot": {"columns": ["both"]}}"#],
    &[
        r#"{"ratio": {"numerator": "tenth", "denominator": "tickets", "output": "part"}}"#,
        r#"{"quantile_bin": {"columns": ["part"], "n_bins": 150}}"#,
    ],
];

/// All steps, for a learner that takes text and missing values, and for one that takes neither.
pub fn cases(parent: &Path) -> Vec<Written> {
    let (train, other) = (table(3_000, 1, &CITIES[..7]), table(2_000, 2, &CITIES));
    let mut cases = Vec::new();
    for (number, steps) in STEPS.iter().enumerate() {
        for (name, needs) in [("forest", FOREST), ("linear", LINEAR)] {
            let steps: Vec<Step> = steps.iter().map(|step| serde_json::from_str(step).expect(step)).collect();
            let first = steps.first().map_or("none", Step::name);
            let name = format!("plan {number} {first} {name}");
            let spec = PlanSpec { select: None, exclude: vec![], steps, needs: Some(needs), pii: vec![] };
            let (plan, _) = fit(&train, None, &spec).unwrap_or_else(|error| panic!("{name}: {error}"));
            cases.push(case::plan(parent, &name, &plan, &other));
        }
    }
    cases
}

/// The last two are not in training.
const CITIES: [&str; 9] = ["Bern", "", "Ulm", "Åre", "Linz", "Graz", "東京 🗼", "Rom", "none"];

/// Numbers, whole numbers, text, booleans, days and instants, with and without missing cells, some of them hard.
pub fn table(rows: usize, seed: u64, cities: &[&str]) -> Table {
    let mut random = SplitMix64::new(seed);
    let mut numbers = |scale: f64| -> Vec<Option<f64>> {
        (0..rows)
            .map(|_| match random.below(40) {
                0..=3 => None,
                4 => Some(-1.0),
                5 => Some(-0.0),
                6 => Some(1e-18),
                7 => Some(scale * 1e6),
                8 => Some(-5e-324),
                _ => Some((random.unit() - 0.1) * scale),
            })
            .collect()
    };
    let (amount, share) = (numbers(1000.0), numbers(1.0));
    let mut whole = |below: u64, gaps: bool| -> Vec<Option<i64>> {
        let cell = |random: &mut SplitMix64| random.below(below) as i64 - 2;
        (0..rows).map(|_| (!gaps || random.below(10) > 0).then(|| cell(&mut random))).collect()
    };
    let (count, large) = (whole(9, false), whole(1 << 40, true));
    let mut random = SplitMix64::new(seed + 100);
    let mut gap = |cell: u64| (random.below(10) > 0).then_some(cell);
    let mut draw = SplitMix64::new(seed + 200);
    let city: Vec<Option<&str>> = (0..rows)
        .map(|_| gap((draw.unit().powi(2) * cities.len() as f64) as u64).map(|i| cities[i as usize]))
        .collect();
    let member = (0..rows).map(|_| gap(draw.below(2)).map(|it| it == 1)).collect();
    // Few values, so that rows meet the very ones of training.
    let tickets = (0..rows).map(|_| gap(draw.below(200)).map(|it| it as i64)).collect();
    let tenth = (0..rows).map(|_| gap(draw.below(300)).map(|it| it as f64 / 10.0)).collect();
    let at = (0..rows).map(|_| gap(draw.bits() >> 14).map(|us| us as i64)).collect();
    // What stands between two texts is in some of them too.
    let mut one_of = |words: &[&'static str]| -> Vec<Option<&'static str>> {
        (0..rows).map(|_| gap(draw.below(words.len() as u64)).map(|i| words[i as usize])).collect()
    };
    let (device, plan) = (one_of(&["phone", "a x b", "b", ""]), one_of(&["a", "b x a", "x"]));
    Table::from_columns(vec![
        Column::from_numbers("amount", amount),
        Column::from_numbers("share", share),
        Column::from_integers("count", count),
        Column::from_integers("large", large),
        Column::from_text("city", city),
        Column::from_booleans("member", member),
        Column::from_timestamps("at", at),
        Column::from_integers("tickets", tickets),
        Column::from_numbers("tenth", tenth),
        Column::from_text("device", device),
        Column::from_text("plan", plan),
    ])
    .unwrap()
}
