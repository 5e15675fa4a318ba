use std::path::{Path, PathBuf};

use crate::address::Address;
use crate::embedded::Embedded;
use crate::error::TrackingError;
use crate::rest::Rest;
use crate::settings::Settings;
use crate::store::Store;

/// Opens the store at an address. `quick` is for a look that must not keep anybody waiting: see
/// [`Settings::patience`].
///
/// The file of an embedded store is made where there is none: a store that could not be made is no store to log to.
///
/// The files of an embedded store lie in `mlruns` beside its database, wherever it is opened from.
///
/// # Errors
/// [`TrackingError::Config`] for [`Address::Off`], and as [`Embedded::open`]. A server is not asked yet.
pub fn open(address: &Address, settings: &Settings, quick: bool) -> Result<Box<dyn Store>, TrackingError> {
    match address {
        Address::Server(server) => Ok(Box::new(Rest::new(server, &settings.clone().patience(quick)))),
        Address::Sqlite(database) => Ok(Box::new(Embedded::open_within(database, &files(database)?, quick)?)),
        Address::Off => Err(TrackingError::Config("expected a tracking address, found none".to_owned())),
    }
}

fn files(database: &Path) -> Result<PathBuf, TrackingError> {
    let database = std::path::absolute(database)?;
    Ok(database.parent().unwrap_or(Path::new("/")).join("mlruns"))
}
