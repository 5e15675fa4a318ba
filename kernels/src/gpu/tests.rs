//! Every device that is there grows and predicts what the host does.

use std::ops::ControlFlow;

use ndarray::{Array2, ArrayView2, ShapeBuilder};
use proptest::prelude::*;

use crate::bootstrap::Drawn;
use crate::device::{Device, DeviceSpec, Unavailable, list};
use crate::gpu::batch::grow_in;
use crate::gpu::layout::Room;
use crate::gpu::{Gpu, grow_on, on_backend, plan_on};
use crate::grow::{Forest, Weighing, grow};
use crate::impurity::Criterion;
use crate::permutation::mix;
use crate::records::Records;
use crate::reference::{Case, cases, plain};
use crate::tree::Tree;

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

/// The trees that a GPU grows when its memory is shared out as `change` says.
fn grow_with(gpu: &Gpu, forest: &Forest<'_>, change: impl Fn(Room) -> Room) -> Vec<Tree> {
    on_backend!(gpu, memory => grow_in(&memory, forest, &go_on, &change(memory.room()))).unwrap().unwrap()
}

/// Ways to share out a device's memory; the first is the usual one.
fn rooms(rows: usize) -> Vec<fn(Room) -> Room> {
    let mut rooms: Vec<fn(Room) -> Room> = vec![
        |room| room,
        // Every node by way of histograms, in many parts, a tree at a time.
        |room| Room { small: false, sums: 4096, rows: 1, thrift: 64, ..room },
        // Several pages of rows.
        |room| Room { buffer: 80_000, ..room },
        // Lists that turn out too short.
        |room| Room { thrift: 64, ..room },
    ];
    if rows <= 64 {
        // The kernel of small nodes alone; of few rows, as software Vulkan gives up on long loops.
        rooms.push(|room| Room { turns: usize::MAX, ..room });
    }
    rooms
}

fn assert_same(case: &Case, max_leaves: Option<u32>, gpus: &[Gpu]) {
    let given = case.given();
    let forest = Forest { max_leaves, ..case.forest(&given) };
    let expected = grow(&forest, &go_on).unwrap();
    for (gpu, (way, room)) in
        gpus.iter().flat_map(|gpu| rooms(case.rows).into_iter().enumerate().map(move |room| (gpu, room)))
    {
        let found = grow_with(gpu, &forest, room);
        for (number, (found, expected)) in found.iter().zip(&expected).enumerate() {
            assert_eq!(found, expected, "{gpu:?}, way {way}, tree {number}, {case:?}");
        }
        assert_eq!(found.len(), expected.len());
    }
}

#[test]
fn a_forest_is_the_hosts() {
    let gpus = gpus();
    let config = ProptestConfig { cases: 16, failure_persistence: None, ..ProptestConfig::default() };
    let leaves = proptest::option::of(2u32..20);
    proptest!(config, |(case in cases(), max_leaves in leaves)| {
        assert_same(&case, max_leaves, &gpus);
    });
}

fn go_on(_: u32, _: &Tree, _: &Drawn<'_>) -> ControlFlow<()> {
    ControlFlow::Continue(())
}

/// Rows x features of small numbers, and their classes.
fn table(rows: usize, features: usize, distinct: u32, classes: u32) -> Records {
    let cell = |at: usize| (mix(at as u32) % distinct) as f32;
    let x = Array2::from_shape_vec((rows, features).f(), (0..rows * features).map(cell).collect()).unwrap();
    let y: Vec<u32> = (0..rows).map(|row| (x[[row, 0]] as u32 + mix(row as u32) % 3) % classes).collect();
    Records::bin(x.view(), &vec![None; features], &y, 255, 0)
}

#[test]
fn shapes_at_the_limits() {
    let heavy = vec![u32::MAX >> 14; 4000];
    let heavy: Vec<u32> = heavy.iter().enumerate().map(|(row, weight)| weight - mix(row as u32) % 9).collect();
    for gpu in gpus() {
        for (rows, features, distinct, classes) in
            [(1, 1, 2, 2), (2, 1, 2, 2), (300, 1, 1, 2), (4000, 3, 4000, 2), (900, 7, 50, 100), (40, 4096, 9, 3)]
        {
            let records = table(rows, features, distinct, classes);
            let forest = plain(&records, classes as usize);
            let expected = grow(&forest, &go_on).unwrap();
            let found = grow_on(&gpu, &forest, &go_on).unwrap().unwrap();
            assert!(found == expected, "{gpu:?}: {rows} rows, {features} features, {classes} classes");
        }
        // Weights that add up to nearly 2^31.
        let records = table(4000, 3, 4000, 3);
        for criterion in [Criterion::Gini, Criterion::Entropy] {
            let forest = Forest { criterion, weighing: Weighing::Rows(&heavy), draws: None, ..plain(&records, 3) };
            assert!(
                grow_on(&gpu, &forest, &go_on).unwrap().unwrap() == grow(&forest, &go_on).unwrap(),
                "{criterion:?}"
            );
        }
    }
}

#[test]
fn whoever_watches_can_break_it_off() {
    let records = table(50, 2, 9, 2);
    for gpu in gpus() {
        let stopped = grow_on(&gpu, &plain(&records, 2), &|number, _, _| match number {
            1 => ControlFlow::Break(()),
            _ => ControlFlow::Continue(()),
        });
        assert_eq!(stopped, Ok(None));
    }
}

/// More rows than one tile of any kernel, and histograms in several parts.
#[test]
fn many_rows_and_many_parts() {
    let records = table(30_000, 150, 300, 4);
    for gpu in gpus() {
        let forest = Forest { max_depth: 5, max_features: 130, ..plain(&records, 4) };
        assert!(grow_on(&gpu, &forest, &go_on).unwrap().unwrap() == grow(&forest, &go_on).unwrap(), "{gpu:?}");
    }
}

/// Records that the device does not hold all together are brought page by page.
#[test]
fn pages_that_come_and_go() {
    let records = table(9000, 60, 200, 3);
    for gpu in gpus() {
        let forest = Forest { trees: 1, max_depth: 4, max_features: 7, ..plain(&records, 3) };
        let all = records.bytes().len() / 4;
        let found = grow_with(&gpu, &forest, |room| Room { all, sums: 1 << 14, ..room });
        assert!(found == grow(&forest, &go_on).unwrap(), "{gpu:?}");
    }
}

/// A tree that loses one row at each step: many levels, and lists that are too short several times.
#[test]
fn a_tree_of_single_steps() {
    let x = Array2::from_shape_fn((150, 1).f(), |(row, _)| row as f32);
    let y: Vec<u32> = (0..150).map(|row| row % 2).collect();
    let records = Records::bin(x.view(), &[None], &y, 255, 0);
    for gpu in gpus() {
        for draws in [None, Some(150)] {
            let forest = Forest { draws, max_depth: 1000, ..plain(&records, 2) };
            let expected = grow(&forest, &go_on).unwrap();
            for small in [false, true] {
                let found = grow_with(&gpu, &forest, |room| Room { small, thrift: 64, ..room });
                assert!(found == expected, "{gpu:?}");
            }
        }
    }
}

/// More records than a buffer of software Vulkan holds.
#[test]
fn ten_million_rows_in_pages() {
    const ROWS: usize = 10_000_000;
    const APART: usize = 1009;
    // Columns that overlap in memory: the numbers of one, moved on by some rows.
    let cells: Vec<f32> = (0..ROWS + 28 * APART).map(|at| (mix(at as u32) >> 8) as f32).collect();
    let x = ArrayView2::from_shape((ROWS, 28).strides((1, APART)), &cells).unwrap();
    let y: Vec<u32> = (0..ROWS).map(|row| u32::from(cells[row] + cells[row + 2 * APART] > 16e6)).collect();
    let records = Records::bin(x, &[None; 28], &y, 255, 1);
    drop(cells);
    let forest = Forest { trees: 1, max_depth: 3, max_features: 5, ..plain(&records, 2) };
    let expected = grow(&forest, &go_on).unwrap();
    for gpu in gpus() {
        let planned = plan_on(&gpu, &forest).unwrap();
        let pages = records.bytes().len().div_ceil(gpu.max_buffer_bytes() as usize) as u32;
        assert!(planned.pages >= pages && planned.bytes > records.bytes().len() as u64, "{planned:?}");
        assert!(grow_on(&gpu, &forest, &go_on).unwrap().unwrap() == expected, "{gpu:?}");
    }
}

#[test]
fn nothing_to_split() {
    let records = table(500, 4, 20, 1);
    for gpu in gpus() {
        let forest = plain(&records, 2);
        let grown = grow_on(&gpu, &forest, &go_on).unwrap().unwrap();
        assert!(grown.iter().all(|tree| tree.nodes.len() == 1), "{gpu:?}");
        assert!(grown == grow(&forest, &go_on).unwrap(), "{gpu:?}");
        let stump = Forest { max_depth: 0, ..plain(&records, 2) };
        assert!(grow_on(&gpu, &stump, &go_on).unwrap().unwrap() == grow(&stump, &go_on).unwrap(), "{gpu:?}");
    }
}

/// What does not fit is refused with the numbers, before anything is grown.
#[test]
fn too_little_room_is_told() {
    let records = table(3000, 6, 200, 3);
    for gpu in gpus() {
        let forest = plain(&records, 3);
        let small = |memory: Room| Room { buffer: 600, ..memory };
        let refused = on_backend!(gpu, memory => grow_in(&memory, &forest, &go_on, &small(memory.room()))).unwrap_err();
        let Unavailable::TooLarge { needed, limit, .. } = refused else { panic!("{refused:?}") };
        assert!(needed > limit && limit == 2400, "{needed} {limit}");
    }
}
