use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What is read of a repository's `feature_store.yaml`. The other keys are for Feast, and of no matter here.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(extend("additionalProperties" = true))]
pub struct Repository {
    /// The project.
    pub project: String,
    /// Where the registry is.
    #[serde(default = "usual_registry")]
    pub registry: RegistryConfig,
}

/// Feast's own default.
fn usual_registry() -> RegistryConfig {
    RegistryConfig::Path("data/registry.db".into())
}

/// A registry by its path, or with how it is kept.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum RegistryConfig {
    /// A file.
    Path(String),
    /// With its kind.
    Section(RegistryPlace),
}

/// Where a registry is, and how it is kept.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(extend("additionalProperties" = true))]
pub struct RegistryPlace {
    /// `file`, `sql`, `remote` and others.
    pub registry_type: Option<String>,
    /// The file.
    pub path: Option<String>,
}

impl RegistryConfig {
    /// The path of the registry's file.
    ///
    /// # Errors
    /// What kind of registry it is instead.
    pub fn path(&self) -> Result<&str, String> {
        match self {
            Self::Path(path) => Ok(path),
            Self::Section(RegistryPlace { registry_type, path }) => {
                match (registry_type.as_deref().unwrap_or("file"), path) {
                    ("file", Some(path)) => Ok(path),
                    ("file", None) => Ok("data/registry.db"),
                    (kind, _) => Err(format!("expected a registry in a file, found one of type `{kind}`")),
                }
            }
        }
    }
}
