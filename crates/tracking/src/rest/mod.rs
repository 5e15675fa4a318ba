//! An MLflow server, over REST.

mod answer;
mod artifact;
mod batch;
mod http;
mod registry;
mod tracking;
mod wire;

use std::cell::Cell;

use reqwest::Method;
use serde_json::Value as Json;
use url::Url;

use crate::TrackingError;
use crate::address::ServerAddress;
use crate::retry::Repeat;
use crate::settings::Settings;
use crate::store::Store;
use answer::Reply;
use http::{Body, Call, Http};

type Result<T> = std::result::Result<T, TrackingError>;

/// An MLflow server, from 2.0 on.
#[derive(Debug)]
pub struct Rest {
    http: Http,
    server: ServerAddress,
    place: String,
    /// The server has seen a file that was put into a folder of this machine.
    shares_disk: Cell<bool>,
}

impl Rest {
    /// A client of the server at an address. Nothing is sent yet.
    pub fn new(server: &ServerAddress, settings: &Settings) -> Self {
        let http = Http::new(settings, server.credentials());
        Self { http, place: server.to_string(), server: server.clone(), shares_disk: Cell::new(false) }
    }

    fn get(&self, path: &str, query: &[(&str, &str)]) -> Result<Reply> {
        let mut url = self.api(path);
        url.query_pairs_mut().extend_pairs(query);
        self.call(Method::GET, url, Body::None, Repeat::Harmless)
    }

    fn post(&self, path: &str, body: &Json, repeat: Repeat) -> Result<Reply> {
        self.call(Method::POST, self.api(path), Body::Json(&body.to_string()), repeat)
    }

    fn patch(&self, path: &str, body: &Json) -> Result<Reply> {
        self.call(Method::PATCH, self.api(path), Body::Json(&body.to_string()), Repeat::Harmless)
    }

    fn api(&self, path: &str) -> Url {
        self.server.below(["api", "2.0", "mlflow"].into_iter().chain(path.split('/')))
    }

    fn call(&self, method: Method, url: Url, body: Body<'_>, repeat: Repeat) -> Result<Reply> {
        let call = Call { method, url, body, repeat, trusted: true, headers: &[] };
        let answer = self.http.send(&call)?;
        Reply::of(&self.place, &call, answer)
    }
}

impl Store for Rest {
    fn place(&self) -> String {
        self.place.clone()
    }

    fn flush(&mut self) -> Result<()> {
        // Each call is durable when it is answered.
        Ok(())
    }
}
