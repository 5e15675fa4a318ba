//! Every kernel compiles for CUDA: its CUDA C++ is what CubeCL makes of it, and NVIDIA's compiler takes it for each
//! architecture. No such device is needed for that, and none is asked whether the code is right.

use std::collections::BTreeSet;
use std::ffi::{CStr, CString};
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

use cudarc::nvrtc::result as nvrtc;
use libloading::os::unix::{Library, RTLD_GLOBAL, RTLD_NOW};
use ndarray::Array2;

use crate::bootstrap::Drawn;
use crate::columns::{Cells, Operation, Pass};
use crate::device::Device;
use crate::gpu::batch::grow_in;
use crate::gpu::layout::Room;
use crate::gpu::tests::gpus;
use crate::gpu::{
    Gpu, Motion, Probe, apply_on, category_counts, on_backend, order_statistics, profile, sum_leaves_on, twin,
    validation,
};
use crate::grow::{Forest, Weighing};
use crate::impurity::Criterion;
use crate::records::Records;
use crate::reference::{data, plain};
use crate::traverse::{Step, Steps};
use crate::tree::Tree;

/// Turing, Ampere (data centre and desktop), Ada, Hopper, Blackwell (data centre and desktop).
const ARCHITECTURES: [u32; 7] = [75, 80, 86, 89, 90, 100, 120];

/// Calls of every driver, which between them launch every kernel in every way in which it is compiled.
const DRIVERS: [fn(&Gpu); 6] = [grow_forests, sum_leaves, run_a_plan, count_cells, measure_rates, read_past];

fn grow_forests(gpu: &Gpu) {
    let weights: Vec<u32> = (1..=300).collect();
    let by_class = |drawn: &[u64]| vec![3; drawn.len()];
    for (classes, draws) in [(2, None), (3, Some(300))] {
        let (x, kinds, y) = data(300, classes, 20, 5);
        for kinds in [kinds.clone(), vec![None; kinds.len()]] {
            let records = Records::bin(x.view(), &kinds, &y, 255, 5);
            for criterion in [Criterion::Gini, Criterion::Entropy] {
                for weighing in [Weighing::Even, Weighing::Classes(&by_class), Weighing::Rows(&weights)] {
                    let forest = Forest {
                        criterion,
                        max_depth: 4,
                        max_features: 2,
                        draws,
                        weighing,
                        ..plain(&records, classes)
                    };
                    grow_both_ways(gpu, &forest);
                }
            }
        }
    }
}

/// With a kernel for small nodes, and without it with histograms in several parts.
fn grow_both_ways(gpu: &Gpu, forest: &Forest<'_>) {
    for small in [true, false] {
        let go_on = |_, _: &Tree, _: &Drawn<'_>| ControlFlow::Continue(());
        let room = |usual: Room| if small { usual } else { Room { small, sums: 4096, ..usual } };
        let grown = on_backend!(gpu, memory => grow_in(&memory, forest, &go_on, &room(memory.room())));
        assert!(grown.unwrap().is_some());
    }
}

fn run_a_plan(gpu: &Gpu) {
    let operations = vec![
        Operation::Read { column: 0 },
        Operation::Affine { center: 1.0, scale: 0.5, offset: 0.0, low: 0.0, high: 1.0 },
        Operation::Write { output: 0 },
    ];
    let pass = Pass { groups: vec![operations], slots: 0, counters: 0, outputs: 1, most_rows: 10 };
    let mut out = [0.0; 3];
    let cells = |_| vec![Cells::Numbers(vec![1.0, 2.0, f64::NAN].into())];
    apply_on(gpu, &pass, 3, &mut { cells }, &mut [&mut out[..]]).unwrap();
    assert_eq!(out[..2], [0.0, 0.5]);
}

fn count_cells(gpu: &Gpu) {
    let device = Device::Gpu(gpu.clone());
    assert_eq!(category_counts(&device, &[0, 1, 1], 2).unwrap(), [1, 2, 0]);
    for cells in [[3.0, 1.0, 2.0], [3.0, 1.0, 0.1]] {
        assert_eq!(order_statistics(&device, &cells, |_| vec![1]).unwrap(), [cells[2].max(1.0)]);
    }
    assert_eq!(profile(&device, &[1.0, f32::NAN], &[0.0]).unwrap().count, 1);
}

fn sum_leaves(gpu: &Gpu) {
    let leaf = Step { threshold: 0.0, left: 0, feature: 0, value: 0 };
    let steps = Steps { nodes: &[leaf], roots: &[0], sets: &[], values: &[5, 7], classes: 2 };
    let sums = sum_leaves_on(gpu, Array2::zeros((3, 1)).view(), steps).unwrap();
    assert_eq!(sums.row(2).to_vec(), [5, 7]);
}

fn measure_rates(gpu: &Gpu) {
    for motion in [Motion::Upload, Motion::Copy, Motion::SpreadAdds, Motion::Gather, Motion::Launch] {
        Probe::new(gpu, motion, 64).unwrap();
    }
}

fn read_past(gpu: &Gpu) {
    validation::read_past_on(gpu);
}

/// Where NVIDIA's compiler and its headers are.
fn toolkit() -> PathBuf {
    let default = Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/cuda/nvidia/cu13");
    let folder = std::env::var_os("TRAINER_TEST_CUDA").map_or(default, PathBuf::from);
    assert!(folder.join("lib").is_dir(), "{} is not there: ./tests/run installs it", folder.display());
    folder
}

/// Opens the compiler, so that it is the one that is found by its name.
fn open_compiler(toolkit: &Path) {
    // The builtins first: the compiler looks for them by name.
    for start in ["libnvrtc-builtins.so.", "libnvrtc.so."] {
        let files = std::fs::read_dir(toolkit.join("lib")).unwrap().map(|file| file.unwrap().path());
        let is_it = |path: &PathBuf| path.file_name().unwrap().to_str().unwrap().starts_with(start);
        let path = files.into_iter().find(is_it).unwrap_or_else(|| panic!("no {start}"));
        // SAFETY: NVIDIA's own libraries; nothing of theirs runs but what makes them ready.
        let library = unsafe { Library::open(Some(path), RTLD_NOW | RTLD_GLOBAL) }.unwrap();
        // Open until the end.
        std::mem::forget(library);
    }
}

/// What the compiler says against a source.
fn compile(source: &str, architecture: u32, toolkit: &Path) -> Result<(), String> {
    // As the runtime asks for it: the features of one architecture alone, where there are such.
    let own = if architecture >= 90 { "a" } else { "" };
    let architecture = format!("--gpu-architecture=sm_{architecture}{own}");
    let include = format!("--include-path={}", toolkit.join("include").display());
    let source = CString::new(source).unwrap();
    let program = nvrtc::create_program(&source, None).unwrap();
    // SAFETY: the program was just made, and is destroyed once.
    unsafe {
        let compiled = nvrtc::compile_program(program, &[architecture, include, "-lineinfo".into()]);
        let log = nvrtc::get_program_log(program).unwrap();
        let log = CStr::from_ptr(log.as_ptr()).to_string_lossy().into_owned();
        nvrtc::destroy_program(program).unwrap();
        compiled.map_err(|error| format!("{error:?}\n{log}"))
    }
}

/// The names of the kernels in the sources of this crate, those of tests left out.
fn kernels_in_sources() -> BTreeSet<String> {
    let mut folders = vec![Path::new(env!("CARGO_MANIFEST_DIR")).join("src")];
    let mut names = BTreeSet::new();
    while let Some(folder) = folders.pop() {
        for path in std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()) {
            // A file of tests: its kernel is one that no device takes.
            let is_shipped = path.file_name().is_some_and(|name| name != "refused.rs");
            if path.is_dir() {
                folders.push(path);
            } else if is_shipped {
                names.extend(kernels_in(&std::fs::read_to_string(path).unwrap()));
            }
        }
    }
    names
}

fn kernels_in(text: &str) -> Vec<String> {
    let shipped = text.split("\n#[cfg(test)]\nmod tests {").next().unwrap();
    // In two parts, so that this file does not hold what it looks for.
    let parts = shipped.split(concat!("#[cube(lau", "nch")).skip(1);
    let name = |part: &str| part.split_once("fn ")?.1.split(['(', '<']).next().map(str::to_owned);
    parts.map(|part| name(part).expect("a kernel is a function")).collect()
}

#[test]
fn kernels_are_found_in_a_source() {
    let text = concat!("#[cube(lau", "nch)]\n#[expect(x)]\npub fn one(a: u32) {}\n#[cube]\nfn no() {}\n");
    let more = concat!("#[cube(lau", "nch_unchecked)]\nfn two<N: Size>() {}\n");
    let tests = concat!("\n#[cfg(test)]\nmod tests {\n#[cube(lau", "nch)]\nfn three() {}\n}\n");
    assert_eq!(kernels_in(&format!("{text}{more}{tests}")), ["one", "two"]);
}

#[test]
fn the_compiler_finds_errors() {
    let toolkit = toolkit();
    open_compiler(&toolkit);
    let error = compile("__global__ void k(unsigned *a) { a[0] = nothing; }", 90, &toolkit).unwrap_err();
    assert!(error.contains("\"nothing\" is undefined"), "{error}");
}

#[test]
fn every_kernel_compiles_for_every_architecture() {
    let Some(gpu) = gpus().into_iter().find(|gpu| gpu.spec().to_string().starts_with("wgpu")) else { return };
    DRIVERS.iter().for_each(|driver| driver(&gpu));
    let toolkit = toolkit();
    open_compiler(&toolkit);
    let mut compiled = BTreeSet::new();
    for architecture in ARCHITECTURES {
        for kernel in twin::launched_in_cuda(architecture) {
            let (name, source) = (&kernel.entrypoint_name, &kernel.source);
            compile(source, architecture, &toolkit)
                .unwrap_or_else(|error| panic!("{name} for sm_{architecture}: {error}\n{source}"));
            compiled.insert(name.clone());
        }
    }
    let forgotten: Vec<String> = kernels_in_sources().difference(&compiled).cloned().collect();
    assert!(forgotten.is_empty(), "kernels that no call of DRIVERS launches: {forgotten:?}; compiled: {compiled:?}");
}
