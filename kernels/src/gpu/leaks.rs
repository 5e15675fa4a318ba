//! Fit after fit, the device's memory and the host's stay as they are.

use std::ops::ControlFlow;

use ndarray::Array2;

use super::tests::gpus;
use super::{grow_on, sum_leaves_on};
use crate::grow::Forest;
use crate::records::Records;
use crate::reference::{data, plain};
use crate::traverse::{Step, Steps};

const FITS: usize = 50;
/// After this many, pools and caches have what they keep.
const WARM: usize = 10;
/// Bytes that the host's memory may grow by from then on: far less than one fit takes each time.
const SLACK: u64 = 6 << 20;

/// Resident bytes of this process.
fn resident() -> u64 {
    let text = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = text.lines().find(|line| line.starts_with("VmRSS:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse::<u64>().unwrap() << 10
}

#[test]
fn fifty_fits_leave_nothing_behind() {
    let (x, kinds, y) = data(2000, 3, 20, 5);
    let records = Records::bin(x.view(), &kinds, &y, 255, 5);
    let forest = Forest { trees: 3, max_depth: 8, max_features: 2, ..plain(&records, 3) };
    let leaf = Step { threshold: 0.0, left: 0, feature: 0, value: 0 };
    let cells = Array2::zeros((2000, 1));
    for gpu in gpus() {
        let mut warm = None;
        for fit in 1..=FITS {
            assert!(grow_on(&gpu, &forest, &|_, _, _| ControlFlow::Continue(())).unwrap().is_some());
            let steps = Steps { nodes: &[leaf], roots: &[0], sets: &[], values: &[5, 7], classes: 2 };
            sum_leaves_on(&gpu, cells.view(), steps).unwrap();
            if fit == WARM {
                warm = Some((gpu.memory_held().unwrap(), resident()));
            }
        }
        let (warm, warm_resident) = warm.unwrap();
        let (now, resident) = (gpu.memory_held().unwrap(), resident());
        assert!(now.used <= warm.used && now.reserved <= warm.reserved, "{gpu:?}: {warm:?}, then {now:?}");
        assert!(resident <= warm_resident + SLACK, "{gpu:?}: {warm_resident} bytes, then {resident}");
    }
}
