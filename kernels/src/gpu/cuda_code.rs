//! Every kernel compiles for CUDA: its CUDA C++ is what CubeCL makes of it, and NVIDIA's compiler takes it for each
//! architecture. No such device is needed for that, and none is asked whether the code is right.

use std::collections::BTreeSet;
use std::ffi::{CStr, CString};
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

use cudarc::nvrtc::result as nvrtc;
use libloading::os::unix::{Library, RTLD_GLOBAL, RTLD_NOW};
use ndarray::Array2;

use crate::gpu::tests::gpus;
use crate::gpu::{Gpu, Motion, Probe, grow_on, sum_leaves_on, twin, validation};
use crate::grow::{Forest, Weighing};
use crate::impurity::Criterion;
use crate::records::Records;
use crate::reference::data;
use crate::traverse::{Step, Steps};

/// Turing, Ampere (data centre and desktop), Ada, Hopper, Blackwell (data centre and desktop).
const ARCHITECTURES: [u32; 7] = [75, 80, 86, 89, 90, 100, 120];

/// Calls of every driver, which between them launch every kernel in every way in which it is compiled.
const DRIVERS: [fn(&Gpu); 4] = [grow_forests, sum_leaves, measure_rates, read_past];

fn grow_forests(gpu: &Gpu) {
    let (x, kinds, y) = data(300, 3, 20, 5);
    let records = Records::bin(x.view(), &kinds, &y, 255, 5);
    let weights: Vec<u32> = (1..=300).collect();
    let by_class = |drawn: &[u64]| vec![3; drawn.len()];
    for criterion in [Criterion::Gini, Criterion::Entropy] {
        for max_leaves in [None, Some(5)] {
            for weighing in [Weighing::Even, Weighing::Classes(&by_class), Weighing::Rows(&weights)] {
                let forest = Forest {
                    records: &records,
                    classes: 3,
                    trees: 2,
                    seed: 1,
                    criterion,
                    max_depth: 6,
                    min_split: 2,
                    min_leaf: 1,
                    min_decrease: 0,
                    max_features: 2,
                    max_leaves,
                    draws: Some(300),
                    weighing,
                };
                assert!(grow_on(gpu, &forest, &|_, _, _| ControlFlow::Continue(())).unwrap().is_some());
            }
        }
    }
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
            if path.is_dir() {
                folders.push(path);
            } else {
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
