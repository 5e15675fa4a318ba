//! A store's folder, and what it says.

use std::path::{Path, PathBuf};

use anyhow::Context as _;
use trainer_features::feast::{Repository, Source, Store, StoreSpec, read_registry};

use crate::config::{Document, Loaded, Overlay, load_file};
use crate::exit::Failure;

/// The file of a Feast repository.
const FEAST: &str = "feature_store.yaml";
/// The file of a store without a registry.
const OWN: &str = "store.yaml";

/// A store, with where it is.
#[derive(Debug)]
pub struct OpenStore {
    /// What is in it.
    pub store: Store,
    folder: PathBuf,
}

impl OpenStore {
    /// Opens a folder.
    ///
    /// # Errors
    /// A folder that is no store, files that cannot be read, and whatever is wrong in them.
    pub fn open(folder: &Path) -> anyhow::Result<Self> {
        let (feast, own) = (folder.join(FEAST), folder.join(OWN));
        let store = match (feast.is_file(), own.is_file()) {
            (true, false) => of_repository(folder, &feast)?,
            (false, true) => yaml::<StoreSpec>(&own)?.config.store().with_context(|| own.display().to_string())?,
            (true, true) => {
                let message = format!("{}: expected {FEAST} or {OWN}, found both", folder.display());
                return Err(Failure::usage(format!("{message}\n  hint: take the one away that is not in use")).into());
            }
            (false, false) => {
                let message = format!("{}: expected a feature store, found no {FEAST} and no {OWN}", folder.display());
                let hint = "name the folder of a Feast repository, or of a store.yaml";
                return Err(Failure::usage(format!("{message}\n  hint: {hint}")).into());
            }
        };
        Ok(Self { store, folder: folder.to_owned() })
    }

    /// Where the files of a source are: relative paths are relative to the store's folder.
    pub fn place(&self, source: &Source) -> String {
        let uri = source.uri.strip_prefix("file://").unwrap_or(&source.uri);
        if uri.contains("://") { uri.to_owned() } else { self.folder.join(uri).display().to_string() }
    }
}

fn of_repository(folder: &Path, file: &Path) -> anyhow::Result<Store> {
    let repository: Repository = yaml(file)?.config;
    let place = file.display();
    let path = repository.registry.path().map_err(|message| {
        let hint = "let `feast apply` write a file (registry: data/registry.db), or describe the views in store.yaml";
        Failure::usage(format!("{place}: {message}\n  hint: {hint}"))
    })?;
    if path.contains("://") {
        let message = format!("{place}: expected a registry in a local file, found {path}");
        return Err(Failure::usage(format!("{message}\n  hint: copy it beside the repository")).into());
    }
    let path = folder.join(path);
    if !path.is_file() {
        let message = format!("{}: expected the registry of the repository, found no such file", path.display());
        return Err(Failure::data(format!("{message}\n  hint: `feast apply` writes it")).into());
    }
    let bytes = fs_err::read(&path)?;
    read_registry(&bytes, &repository.project).with_context(|| path.display().to_string())
}

/// Variables that are not set stay as they are written: most keys of such a file are not for us.
fn yaml<C: Document>(path: &Path) -> anyhow::Result<Loaded<C>> {
    let overlay = Overlay { keep_unset: true, replace_only: true, ..Overlay::of_environment() };
    Ok(load_file(path, &overlay).map_err(Failure::config)?)
}
