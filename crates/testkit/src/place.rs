use std::path::{Path, PathBuf};
use std::sync::Once;

/// The root of the checkout.
pub fn repository() -> PathBuf {
    let manifest = Path::new(env!("CARGO_MANIFEST_DIR"));
    manifest.ancestors().nth(2).expect("crates/testkit lies two folders below the root").to_path_buf()
}

/// The Python that has the peers of `tests/requirements.txt`: what `./tests/run` made, or names in
/// `TRAINER_TEST_PYTHON`.
///
/// # Panics
/// When there is none: a test that needs a peer must not pass without it.
pub fn python() -> PathBuf {
    let named = std::env::var_os("TRAINER_TEST_PYTHON").map(PathBuf::from);
    let path = named.unwrap_or_else(|| repository().join("target/python-tests/bin/python"));
    assert!(path.exists(), "no Python with the peers at {}: run ./tests/run once, it makes one", path.display());
    path
}

/// SeaweedFS, beside the tests' Python, or where `TRAINER_TEST_WEED` says.
///
/// # Panics
/// When it is not there.
pub fn weed() -> PathBuf {
    let named = std::env::var_os("TRAINER_TEST_WEED").map(PathBuf::from);
    let path = named.unwrap_or_else(|| python().with_file_name("weed"));
    assert!(path.exists(), "no SeaweedFS at {}: run ./tests/run once, it installs it", path.display());
    path
}

/// The Python that has the last MLflow before 3.0: what `./tests/run` made, or names in `TRAINER_TEST_PYTHON_MLFLOW2`.
///
/// # Panics
/// When there is none.
pub fn python_mlflow2() -> PathBuf {
    let named = std::env::var_os("TRAINER_TEST_PYTHON_MLFLOW2").map(PathBuf::from);
    let path = named.unwrap_or_else(|| repository().join("target/python-mlflow2/bin/python"));
    assert!(path.exists(), "no Python with MLflow 2 at {}: run ./tests/run once, it makes one", path.display());
    path
}

/// The Python that has Feast and DuckDB: what `./tests/run` made, or names in `TRAINER_TEST_PYTHON_FEAST`.
///
/// # Panics
/// When there is none.
pub fn python_feast() -> PathBuf {
    let named = std::env::var_os("TRAINER_TEST_PYTHON_FEAST").map(PathBuf::from);
    let path = named.unwrap_or_else(|| repository().join("target/python-feast/bin/python"));
    assert!(path.exists(), "no Python with Feast at {}: run ./tests/run once, it makes one", path.display());
    path
}

/// The Python that has Spark and our own wheel: what `./tests/run` made, or names in `TRAINER_TEST_PYTHON_SPARK`.
///
/// # Panics
/// When there is none.
pub fn python_spark() -> PathBuf {
    let named = std::env::var_os("TRAINER_TEST_PYTHON_SPARK").map(PathBuf::from);
    let path = named.unwrap_or_else(|| repository().join("target/python-spark/bin/python"));
    assert!(path.exists(), "no Python with Spark at {}: run ./tests/run once, it makes one", path.display());
    path
}

/// The folder of XGBoost, to stand first on `PYTHONPATH`: what `./tests/run` made, or `TRAINER_TEST_XGBOOST` names.
///
/// # Panics
/// When it is not there.
pub fn xgboost() -> PathBuf {
    let named = std::env::var_os("TRAINER_TEST_XGBOOST").map(PathBuf::from);
    let path = named.unwrap_or_else(|| repository().join("target/xgboost"));
    assert!(path.join("xgboost").exists(), "no XGBoost at {}: run ./tests/run once, it installs it", path.display());
    path
}

/// The folder of an older onnxruntime, to stand first on `PYTHONPATH`: what `./tests/run` made, or lies in the folder that
/// `TRAINER_TEST_ONNXRUNTIME` names.
///
/// # Panics
/// When it is not there.
pub fn onnxruntime(version: &str) -> PathBuf {
    let named = std::env::var_os("TRAINER_TEST_ONNXRUNTIME").map(PathBuf::from);
    let path = named.unwrap_or_else(|| repository().join("target/onnxruntime")).join(version);
    assert!(path.exists(), "no onnxruntime at {}: run ./tests/run once, it makes one", path.display());
    path
}

/// A file or folder of the shared data that lies beside the checkout for developers and CI, or `None` with a
/// line on standard error when it is not there.
pub fn shared(part: &str) -> Option<PathBuf> {
    static SAID: Once = Once::new();
    let root = match std::env::var_os("TRAINER_TEST_SHARED") {
        Some(named) => PathBuf::from(named),
        None => repository().parent()?.join("shared"),
    };
    let path = root.join(part);
    if path.exists() {
        return Some(path);
    }
    SAID.call_once(|| say(&format!("shared data absent: {} is not there; its cases are left out", path.display())));
    None
}

/// A new empty folder, removed when dropped.
pub fn scratch() -> tempfile::TempDir {
    tempfile::Builder::new().prefix("trainer-test-").tempdir().expect("a temporary folder")
}

// Tests speak on standard error; the lint is there for the library crates.
#[allow(clippy::print_stderr)]
fn say(line: &str) {
    eprintln!("{line}");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_repository_holds_the_workspace() {
        let manifest = std::fs::read_to_string(repository().join("Cargo.toml")).unwrap();
        assert!(manifest.contains("[workspace]"));
    }

    #[test]
    fn a_part_that_is_nowhere_is_none() {
        assert_eq!(shared("no/such/part"), None);
    }

    #[test]
    fn scratch_folders_are_apart_and_go_away() {
        let (one, two) = (scratch(), scratch());
        assert_ne!(one.path(), two.path());
        let kept = one.path().to_path_buf();
        drop(one);
        assert!(!kept.exists());
    }
}
