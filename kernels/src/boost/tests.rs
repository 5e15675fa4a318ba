//! Trees and rounds against the plain reference, and what must not be seen in them.

use ndarray::{Array2, ShapeBuilder};
use proptest::prelude::*;

use super::gradient::{Loss, gradients};
use super::grow::{Growth, Policy, Shape};
use super::newton::LARGEST;
use super::*;
use crate::records::Records;

const ONE: u32 = 1 << 24;

fn shape() -> Shape<'static> {
    Shape {
        policy: Policy::Depthwise,
        max_depth: 6,
        max_leaves: u32::MAX,
        lambda: 1 << CURVATURE_BITS,
        min_leaf: 1,
        min_curvature: 0,
        max_features: u32::MAX,
        monotone: &[],
        groups: &[],
        rate: ONE / 10,
    }
}

/// Small numbers with gaps; the class follows the first two features, not without noise.
fn table(seed: u64, rows: usize, features: usize, classes: u32) -> (Records, Vec<u8>) {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let mut random = move || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state >> 11
    };
    let cell = |random: u64| if random.is_multiple_of(11) { f32::NAN } else { (random % 40) as f32 };
    let cells: Vec<f32> = (0..rows * features).map(|_| cell(random())).collect();
    let y: Vec<u32> = (0..rows)
        .map(|row| {
            let signal = u32::from(cells[row] > 20.0) + u32::from(cells[rows + row] > 10.0);
            if random() % 5 == 0 { random() as u32 % classes } else { signal % classes }
        })
        .collect();
    let x = Array2::from_shape_vec((rows, features).f(), cells).unwrap();
    let records = Records::bin(x.view(), &vec![None; features], &y, 255, 0);
    (records, y.iter().map(|&class| class as u8).collect())
}

fn boosting<'a>(records: &'a Records, classes: &'a [u8], outputs: usize, shape: Shape<'a>) -> Boosting<'a> {
    Boosting { records, classes, weights: &[], outputs, shape, subsample: None, seed: 7 }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]
    #[test]
    fn trees_are_those_of_the_reference(
        seed: u64,
        rows in 2usize..400,
        features in 2usize..6,
        policy in prop_oneof![Just(Policy::Depthwise), Just(Policy::Lossguide)],
        max_leaves in prop_oneof![Just(u32::MAX), 2u32..20],
        max_depth in 1u32..6,
        min_leaf in 1u32..30,
        min_curvature in 0u64..1 << 19,
        lambda in 0u64..1 << 19,
        directions in proptest::collection::vec(-1i8..=1, 6),
        is_monotone: bool,
    ) {
        let (records, classes) = table(seed, rows, features, 2);
        let monotone: &[i8] = if is_monotone { &directions } else { &[] };
        let shape = Shape { policy, max_leaves, max_depth, min_leaf, min_curvature, lambda, monotone, ..shape() };
        let margins = vec![0; rows];
        let words = gradients(Loss { classes: &classes, weights: &[], seed }, &margins, 0, 1);
        let growth = Growth { records: &records, words: &words, shape, seed, name: [0, 0] };
        let mut entries = entries(&vec![1; rows]);
        let found = growth.tree(&mut entries).tree;
        let expected = reference::tree(&records, &words, shape, (0..rows).collect());
        prop_assert_eq!(found, expected);
    }
}

#[test]
fn margins_are_the_sums_of_the_leaves() {
    let (records, classes) = table(1, 900, 5, 3);
    for subsample in [None, Some(1 << 31)] {
        let boosting = Boosting { subsample, ..boosting(&records, &classes, 3, shape()) };
        let mut margins = vec![fixed::margin(0.5); 3 * 900];
        let mut trees = vec![];
        (0..4).for_each(|round| trees.extend(boosting.round(round, &mut margins)));
        for row in 0..900 {
            for output in 0..3 {
                let own = trees.iter().skip(output).step_by(3);
                let sum: i64 = own.map(|tree| i64::from(tree.value_of(records.record(row)))).sum();
                assert_eq!(margins[output * 900 + row], fixed::margin(0.5) + sum);
            }
        }
    }
}

#[test]
fn threads_are_not_seen() {
    let (records, classes) = table(2, 40_000, 6, 2);
    let run = |threads: usize| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| {
            let mut margins = vec![0; 40_000];
            let boosting = boosting(&records, &classes, 1, Shape { max_features: 3, ..shape() });
            (0..3).map(|round| boosting.round(round, &mut margins)).collect::<Vec<_>>()
        })
    };
    assert_eq!(run(1), run(3));
}

#[test]
fn the_loss_falls() {
    let (records, classes) = table(3, 3_000, 4, 2);
    let mut margins = vec![0; 3_000];
    let loss = |margins: &[i64]| -> f64 {
        let one = |(margin, &class): (&i64, &u8)| {
            let mut p = [0.0; 2];
            fixed::probabilities(&[*margin], &mut p);
            -fixed::ln(p[class as usize])
        };
        margins.iter().zip(&classes).map(one).sum()
    };
    let mut before = loss(&margins);
    for round in 0..30 {
        boosting(&records, &classes, 1, shape()).round(round, &mut margins);
        let after = loss(&margins);
        assert!(after < before, "{round}: {after} {before}");
        before = after;
    }
}

#[test]
fn features_of_different_groups_are_not_on_one_way() {
    let (records, classes) = table(4, 4_000, 5, 2);
    let groups = [vec![0, 2], vec![1, 3]];
    let shape = Shape { groups: &groups, ..shape() };
    let trees = boosting(&records, &classes, 1, shape).round(0, &mut vec![0; 4_000]);
    let nodes = &trees[0].tree.nodes;
    let mut ways = vec![(0usize, vec![])];
    let mut joined = 0;
    while let Some((at, mut used)) = ways.pop() {
        if nodes[at].left == 0 {
            continue;
        }
        used.push(nodes[at].feature);
        let fits = |group: &[u32]| used.iter().all(|feature| group.contains(feature));
        assert!(fits(&groups[0]) || fits(&groups[1]) || fits(&[4]), "{used:?}");
        joined += usize::from(used.contains(&0) && used.contains(&2));
        ways.extend([(nodes[at].left as usize, used.clone()), (nodes[at].left as usize + 1, used)]);
    }
    assert!(joined > 0, "groups let their own features meet");
}

#[test]
fn rows_without_weight_move_nothing() {
    let (records, classes) = table(5, 500, 3, 2);
    let weights: Vec<u32> = (0..500).map(|row| if row % 3 == 0 { 0 } else { WEIGHT_ONE }).collect();
    let boosting = Boosting { weights: &weights, ..boosting(&records, &classes, 1, shape()) };
    let turned: Vec<u8> =
        classes.iter().enumerate().map(|(row, &class)| if row % 3 == 0 { 1 - class } else { class }).collect();
    let other = Boosting { classes: &turned, ..boosting };
    assert_eq!(boosting.round(0, &mut vec![0; 500]), other.round(0, &mut vec![0; 500]));
}

#[test]
fn answers_stay_in_their_range() {
    let (records, classes) = table(6, 50, 2, 2);
    let shape = Shape { lambda: 0, rate: ONE, ..shape() };
    let trees = boosting(&records, &classes, 1, shape).round(0, &mut vec![fixed::margin(40.0); 50]);
    assert!(trees[0].values.iter().all(|&value| i64::from(value).abs() <= LARGEST));
}
