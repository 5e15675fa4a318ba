//! Which crate may name which.

use super::package::Package;

/// Each of our crates, and those of ours that it may depend on.
const EDGES: [(&str, &[&str]); 13] = [
    ("exact", &[]),
    ("one_of", &[]),
    ("trainer-data", &[]),
    ("trainer-kernels", &[]),
    ("trainer-onnx", &[]),
    ("trainer-tracking", &[]),
    ("trainer-features", &["exact", "one_of", "trainer-data", "trainer-kernels", "trainer-onnx"]),
    ("trainer-models", &["one_of", "trainer-data", "trainer-kernels", "trainer-onnx"]),
    ("trainer-quality", &["one_of", "trainer-data", "trainer-kernels"]),
    ("trainer-engine", &["exact", "one_of", "trainer-data"]),
    ("trainer-testkit", &["trainer-data"]),
    ("trainer-wheel", &["trainer-data", "trainer-features", "trainer-kernels"]),
    (
        "trainer",
        &[
            "one_of",
            "trainer-data",
            "trainer-engine",
            "trainer-features",
            "trainer-kernels",
            "trainer-models",
            "trainer-onnx",
            "trainer-quality",
            "trainer-tracking",
        ],
    ),
];

/// Outside crates (a trailing `*` stands for any ending), and those of ours that name them.
const OWNERS: [(&str, &[&str]); 25] = [
    ("anyhow", &["trainer"]),
    ("arrow-csv", &["trainer-data"]),
    ("arrow-pyarrow", &["trainer-wheel"]),
    ("burn*", &["trainer-models"]),
    ("clap*", &["trainer"]),
    ("csv*", &["trainer-data"]),
    ("cubecl*", &["trainer-kernels"]),
    ("cudarc", &["trainer-kernels"]),
    ("datafusion*", &["trainer-engine"]),
    ("encoding_rs", &["trainer-data"]),
    ("flate2", &["trainer-data"]),
    ("granit-parser", &["trainer"]),
    ("indicatif", &["trainer"]),
    ("object_store", &["trainer-data"]),
    ("parquet", &["trainer-data"]),
    ("prost*", &["trainer-onnx", "trainer-features"]),
    ("pyo3*", &["trainer-wheel"]),
    ("reqwest", &["trainer-tracking"]),
    ("rusqlite", &["trainer-tracking"]),
    ("safetensors", &["trainer-models"]),
    ("signal-hook", &["trainer"]),
    ("sysinfo", &["trainer"]),
    ("tokio", &["trainer", "trainer-engine", "trainer-data"]),
    ("wgpu", &["trainer-kernels"]),
    ("zstd", &["trainer-data"]),
];

/// Dependencies between our crates that the architecture does not have.
pub fn between_ours(packages: &[Package]) -> Vec<String> {
    let mut complaints = Vec::new();
    for package in packages {
        let Some((_, allowed)) = EDGES.iter().find(|(name, _)| *name == package.name) else {
            complaints.push(format!("{} has no row in EDGES (tests/tidy/edge.rs)", package.name));
            continue;
        };
        for dependency in &package.dependencies {
            let ours = packages.iter().any(|other| other.name == dependency.name);
            let for_tests = dependency.dev && dependency.name == "trainer-testkit";
            if ours && !for_tests && !allowed.contains(&dependency.name.as_str()) {
                complaints.push(format!("{} must not depend on {}", package.name, dependency.name));
            }
        }
    }
    complaints
}

/// Outside crates that another than their owner depends on, tests apart.
pub fn owners(packages: &[Package]) -> Vec<String> {
    let shipped = packages.iter().flat_map(|package| {
        package.dependencies.iter().filter(|dependency| !dependency.dev).map(move |dependency| (package, dependency))
    });
    shipped
        .filter_map(|(package, dependency)| {
            let (_, owners) = OWNERS.iter().find(|(pattern, _)| matches(pattern, &dependency.name))?;
            let (name, outside) = (&package.name, &dependency.name);
            let who = owners.join(" and ");
            (!owners.contains(&name.as_str())).then(|| format!("{name} depends on {outside}, which is for {who} alone"))
        })
        .collect()
}

fn matches(pattern: &str, name: &str) -> bool {
    match pattern.strip_suffix('*') {
        Some(start) => name.starts_with(start),
        None => name == pattern,
    }
}

#[test]
fn siblings_and_unknown_crates_are_found() {
    let packages = [
        Package::sample("trainer-data", &[]),
        Package::sample("trainer-quality", &["trainer-data", "dev:trainer-testkit"]),
        Package::sample("trainer-models", &["trainer-data", "trainer-quality", "rayon"]),
        Package::sample("trainer-testkit", &["trainer-data"]),
        Package::sample("trainer", &["trainer-models", "trainer-testkit"]),
        Package::sample("trainer-extras", &[]),
    ];
    let expected = [
        "trainer-models must not depend on trainer-quality",
        "trainer must not depend on trainer-testkit",
        "trainer-extras has no row in EDGES (tests/tidy/edge.rs)",
    ];
    assert_eq!(between_ours(&packages), expected);
}

#[test]
fn a_leaf_may_not_see_a_sibling_even_in_its_tests() {
    let packages = [Package::sample("trainer-data", &["dev:trainer-kernels"]), Package::sample("trainer-kernels", &[])];
    assert_eq!(between_ours(&packages), ["trainer-data must not depend on trainer-kernels"]);
}

#[test]
fn an_owner_is_alone() {
    let packages = [
        Package::sample("trainer-data", &["parquet", "csv-core"]),
        Package::sample("trainer-features", &["parquet", "serde"]),
        Package::sample("trainer-quality", &["clap_complete", "dev:parquet"]),
    ];
    let expected = [
        "trainer-features depends on parquet, which is for trainer-data alone",
        "trainer-quality depends on clap_complete, which is for trainer alone",
    ];
    assert_eq!(owners(&packages), expected);
}
