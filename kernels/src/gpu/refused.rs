//! A kernel that a driver refuses: the error says so, no bug of ours is seen in it, and the device goes on.

use std::panic;
use std::sync::atomic::{AtomicU32, Ordering};

use cubecl::prelude::*;

use super::{Gpu, Memory, on_backend};
use crate::device::{Unavailable, is_runtime_panic};
use crate::gpu::tests::gpus;

/// Words that no workgroup shares: a mebibyte.
const GREEDY: usize = 1 << 18;

#[cube(launch)]
fn greedy(out: &mut Array<u32>) {
    let mut shared = SharedMemory::<u32>::new(GREEDY);
    shared[UNIT_POS as usize] = 1u32;
    sync_cube();
    out[UNIT_POS as usize] = shared[UNIT_POS as usize];
}

fn run<R: Runtime>(memory: &Memory<'_, R>) -> Result<(), Unavailable> {
    let out = memory.zeros(64);
    greedy::launch::<R>(memory.client, CubeCount::Static(1, 1, 1), CubeDim::new_1d(64), out.arg());
    let ran = memory.read(&out)?.iter().all(|&word| word == 1);
    if ran { Ok(()) } else { Err(memory.lost("the kernel did not run")) }
}

#[test]
fn a_refused_kernel_is_an_error_of_the_device() {
    static BUGS: AtomicU32 = AtomicU32::new(0);
    panic::set_hook(Box::new(|info| {
        if !is_runtime_panic(info) {
            BUGS.fetch_add(1, Ordering::Relaxed);
        }
    }));
    let refused = |gpu: &Gpu| on_backend!(gpu, memory => run(&memory)).unwrap_err();
    let errors: Vec<Unavailable> = gpus().iter().map(refused).collect();
    let after: Vec<_> = gpus().iter().map(Gpu::probe).collect();
    let _ = panic::take_hook();
    for error in errors {
        assert!(matches!(error, Unavailable::Lost { .. }), "{error:?}");
        let text = error.to_string();
        assert!(text.contains("was lost: ") && text.lines().count() == 2 && text.len() < 800, "{text}");
    }
    assert_eq!((BUGS.load(Ordering::Relaxed), after.into_iter().all(|it| it.is_ok())), (0, true));
}

#[test]
fn a_bug_of_ours_stays_a_bug() {
    let seen = panic::catch_unwind(|| {
        panic::set_hook(Box::new(|info| {
            is_runtime_panic(info);
        }));
        let gpu = gpus().into_iter().next();
        gpu.map(|gpu| gpu.guarded(|| -> Result<(), Unavailable> { panic!("row 7 of 3") }))
    });
    let _ = panic::take_hook();
    match seen {
        Err(panic) => assert_eq!(panic.downcast_ref::<&str>(), Some(&"row 7 of 3")),
        Ok(error) => assert!(error.is_none(), "a bug was taken for a lost device: {error:?}"),
    }
}
