//! Every device that is there grows and predicts what the host does.

use std::ops::ControlFlow;

use proptest::prelude::*;

use crate::device::{Device, DeviceSpec, list};
use crate::gpu::{Gpu, grow_on};
use crate::grow::{Forest, Weighing, grow};
use crate::impurity::Criterion;
use crate::permutation::mix;
use crate::records::Records;
use crate::reference::{Case, cases, data};

/// All GPUs, software ones too. `TRAINER_REQUIRE=wgpu`: at least one of that kind.
pub fn gpus() -> Vec<Gpu> {
    let open = |name: String| match Device::open(&name.parse::<DeviceSpec>().unwrap()).unwrap() {
        Device::Gpu(gpu) => Some(gpu),
        Device::Cpu => None,
    };
    let gpus: Vec<Gpu> = list().into_iter().filter(|it| it.unusable.is_none()).filter_map(|it| open(it.name)).collect();
    let required = std::env::var("TRAINER_REQUIRE").unwrap_or_default();
    for kind in required.split(',').filter(|kind| !kind.is_empty()) {
        let is_there = gpus.iter().any(|gpu| gpu.spec().to_string().starts_with(kind));
        assert!(is_there, "TRAINER_REQUIRE={required}, and there is no {kind}: {:?}", list());
    }
    gpus
}

fn assert_same(case: &Case, max_leaves: Option<u32>, gpus: &[Gpu]) {
    let (x, kinds, y) = data(case.rows, case.classes, case.noise, case.seed);
    let records = Records::bin(x.view(), &kinds, &y, case.max_bins, case.seed);
    let row_weights: Vec<u32> = (0..case.rows as u32).map(|row| mix(row) % 5).collect();
    let by_class = move |drawn: &[u64]| (0..drawn.len()).map(|class| [1, 7, 2, 5][class]).collect();
    let forest = Forest {
        records: &records,
        classes: case.classes,
        trees: 3,
        seed: case.seed,
        criterion: if case.entropy { Criterion::Entropy } else { Criterion::Gini },
        max_depth: case.max_depth,
        min_split: 2,
        min_leaf: case.min_leaf,
        min_decrease: (case.min_decrease * 2f64.powi(32)) as u64,
        max_features: case.max_features,
        max_leaves,
        draws: case.bootstrap.then_some(case.rows as u64),
        weighing: match case.weighing {
            0 => Weighing::Even,
            1 => Weighing::Classes(&by_class),
            _ => Weighing::Rows(&row_weights),
        },
    };
    let go_on = |_: u32, _: &_, _: &[u8]| ControlFlow::Continue(());
    let expected = grow(&forest, &go_on).unwrap();
    for gpu in gpus {
        let found = grow_on(gpu, &forest, &go_on).unwrap().unwrap();
        for (number, (found, expected)) in found.iter().zip(&expected).enumerate() {
            assert_eq!(found, expected, "{gpu:?}, tree {number}, {case:?}");
        }
        assert_eq!(found.len(), expected.len());
    }
}

#[test]
fn a_forest_is_the_hosts() {
    let gpus = gpus();
    let config = ProptestConfig { cases: 24, failure_persistence: None, ..ProptestConfig::default() };
    let leaves = proptest::option::of(2u32..20);
    proptest!(config, |(case in cases(), max_leaves in leaves)| {
        assert_same(&case, max_leaves, &gpus);
    });
}
