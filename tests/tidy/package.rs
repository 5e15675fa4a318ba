//! The workspace's packages, as `cargo metadata` tells them.

use std::path::Path;
use std::process::Command;

use serde_json::Value;

/// A package of this workspace.
pub struct Package {
    pub name: String,
    /// Its folder, from the root of the checkout.
    pub folder: String,
    pub dependencies: Vec<Dependency>,
}

/// A dependency that a package declares.
pub struct Dependency {
    pub name: String,
    /// Only its tests and benchmarks see it.
    pub dev: bool,
}

/// The packages of this workspace.
pub fn workspace() -> Vec<Package> {
    let root = trainer_testkit::repository();
    let mut cargo = Command::new(env!("CARGO"));
    cargo.args(["metadata", "--format-version", "1", "--no-deps", "--offline"]).current_dir(&root);
    let output = cargo.output().expect("cargo metadata starts");
    assert!(output.status.success(), "cargo metadata: {}", String::from_utf8_lossy(&output.stderr));
    let metadata: Value = serde_json::from_slice(&output.stdout).expect("cargo metadata prints JSON");
    let packages = metadata["packages"].as_array().expect("packages");
    packages.iter().map(|package| Package::read(package, &root)).collect()
}

impl Package {
    fn read(package: &Value, root: &Path) -> Self {
        let text = |value: &Value| value.as_str().expect("text").to_owned();
        let manifest = text(&package["manifest_path"]);
        let folder = Path::new(&manifest).parent().and_then(|folder| folder.strip_prefix(root).ok());
        let dependency =
            |entry: &Value| Dependency { name: text(&entry["name"]), dev: entry["kind"].as_str() == Some("dev") };
        Self {
            name: text(&package["name"]),
            folder: folder.expect("a folder below the root").display().to_string(),
            dependencies: package["dependencies"].as_array().expect("dependencies").iter().map(dependency).collect(),
        }
    }

    /// For samples: a package with these dependencies; a name that begins with `dev:` is a development dependency.
    #[cfg(test)]
    pub fn sample(name: &str, dependencies: &[&str]) -> Self {
        let dependency = |text: &&str| match text.strip_prefix("dev:") {
            Some(name) => Dependency { name: name.to_owned(), dev: true },
            None => Dependency { name: (*text).to_owned(), dev: false },
        };
        let folder = format!("crates/{}", name.trim_start_matches("trainer-"));
        Self { name: name.to_owned(), folder, dependencies: dependencies.iter().map(dependency).collect() }
    }
}
