//! Files, by the scheme of the place that the server names for them.

use std::path::{Path, PathBuf};

use reqwest::Method;
use serde_json::json;
use url::Url;

use super::answer::Reply;
use super::http::{Body, Call};
use super::wire::{Files, Presigned, all};
use super::{Rest, Result};
use crate::TrackingError;
use crate::address::{is_loopback, joined, redacted};
use crate::local_files;
use crate::retry::Repeat;
use crate::store::{ArtifactRoot, Entity, Listed};

/// How files get to a place.
#[derive(Debug, PartialEq)]
enum Road {
    /// Through an MLflow server: its address, and the path behind it.
    Proxy(Url, String),
    /// A folder of this machine.
    Folder(PathBuf),
    /// As they are.
    Plain(Url),
    /// Into a cloud's store, each file at an address that the server signs.
    Signed,
}

/// Where an MLflow server hands files through.
const PROXY: [&str; 5] = ["api", "2.0", "mlflow-artifacts", "artifacts", ""];

impl Rest {
    /// Writes one file.
    pub(super) fn put_file(&self, root: &ArtifactRoot, path: &str, file: &Path) -> Result<()> {
        match self.road(root)? {
            Road::Folder(folder) => {
                local_files::put(&folder, path, file)?;
                self.seen_there(root, &folder, path)
            }
            Road::Proxy(server, base) => {
                let url = joined(&joined(&server, PROXY), segments(&base).chain(segments(path)));
                let trusted = self.is_own(&url);
                self.put(url, file, trusted, &[])
            }
            Road::Plain(url) => {
                let trusted = self.is_own(&url);
                self.put(joined(&url, segments(path)), file, trusted, &[])
            }
            Road::Signed => {
                let signed = self.sign(root, path)?;
                let url = Url::parse(&signed.presigned_url).map_err(|error| {
                    TrackingError::Config(format!("{}: expected a signed address, found {error}", self.place))
                })?;
                let headers: Vec<_> = signed.headers.into_iter().collect();
                self.put(url, file, false, &headers)
            }
        }
    }

    /// Expects that a file in a folder of this machine is one of the server's files. A server behind a tunnel looks like
    /// one on this machine, and a folder of the same name may be here by chance.
    fn seen_there(&self, root: &ArtifactRoot, folder: &Path, path: &str) -> Result<()> {
        if self.shares_disk.get() {
            return Ok(());
        }
        let (below, name) = path.rsplit_once('/').unwrap_or(("", path));
        if self.list_files(root, below)?.iter().any(|file| file.name == name) {
            self.shares_disk.set(true);
            return Ok(());
        }
        // Nobody looks for it here.
        fs_err::remove_file(folder.join(path))?;
        Err(self.elsewhere(&root.uri))
    }

    /// The folder is the server's own.
    fn elsewhere(&self, uri: &str) -> TrackingError {
        TrackingError::Config(format!(
            "{}: files at {}: this folder is on the server's machine\n  hint: start the server with --artifacts-destination, so that it takes files",
            self.place,
            redacted(uri)
        ))
    }

    /// Reads one file; `None` when it is not there.
    pub(super) fn get_file(&self, root: &ArtifactRoot, path: &str) -> Result<Option<Vec<u8>>> {
        match self.road(root)? {
            Road::Folder(folder) => Ok(local_files::get(&folder, path)?),
            Road::Proxy(server, base) => {
                let root = joined(&server, PROXY);
                let folder = path.rsplit_once('/').map_or(base.clone(), |(folder, _)| format!("{base}/{folder}"));
                // Servers before 3.0 take a file that is not there for a fault of their own: look first.
                let mut list = root.clone();
                list.path_segments_mut().expect("an address with a path").pop_if_empty();
                list.query_pairs_mut().append_pair("path", &folder);
                let trusted = self.is_own(&list);
                let (method, body, repeat) = (Method::GET, Body::None, Repeat::Harmless);
                let call = Call { method, url: list, body, repeat, trusted, headers: &[] };
                let listed: Files = Reply::of(&self.place, &call, self.http.send(&call)?)?.done(&self.place)?;
                let name = path.rsplit('/').next().unwrap_or_default();
                if !listed.files.iter().any(|file| file.path.rsplit('/').next() == Some(name)) {
                    return Ok(None);
                }
                self.fetch(joined(&root, segments(&base).chain(segments(path))), trusted)
            }
            Road::Plain(url) => {
                let trusted = self.is_own(&url);
                self.fetch(joined(&url, segments(path)), trusted)
            }
            // The server reads from its cloud for the pages that it shows.
            Road::Signed => match &root.of {
                Entity::Run(run_id) => {
                    let mut url = self.server.below(["get-artifact"]);
                    let path = format!("{}{path}", below_run(&root.uri, run_id));
                    url.query_pairs_mut().append_pair("run_id", run_id).append_pair("path", &path);
                    self.fetch(url, true)
                }
                Entity::Model(id) => {
                    let page = ["ajax-api", "2.0", "mlflow", "logged-models", id, "artifacts", "files"];
                    let mut url = self.server.below(page);
                    url.query_pairs_mut().append_pair("artifact_file_path", path);
                    self.fetch(url, true)
                }
            },
        }
    }

    /// The files of a folder, as the server sees them.
    pub(super) fn list_files(&self, root: &ArtifactRoot, folder: &str) -> Result<Vec<Listed>> {
        let reply = match &root.of {
            Entity::Run(run_id) => {
                let path = format!("{}{folder}", below_run(&root.uri, run_id));
                let path = path.trim_end_matches('/');
                let mut query = vec![("run_id", run_id.as_str())];
                query.extend((!path.is_empty()).then_some(("path", path)));
                self.get("artifacts/list", &query)?
            }
            Entity::Model(id) => {
                let query = [("artifact_directory_path", folder)];
                let query = if folder.is_empty() { &[][..] } else { &query[..] };
                self.get(&format!("logged-models/{id}/artifacts/directories"), query)?
            }
        };
        let listed: Option<Files> = reply.found(&self.place)?;
        Ok(all(listed.into_iter().flat_map(|listed| listed.files).filter(|file| !file.is_dir).collect()))
    }

    fn road(&self, root: &ArtifactRoot) -> Result<Road> {
        let uri = root.uri.as_str();
        let complain =
            |what: &str| TrackingError::Config(format!("{}: files at {}: {what}", self.place, redacted(uri)));
        if let Some(rest) = uri.strip_prefix("mlflow-artifacts:") {
            let Some(rest) = rest.strip_prefix("//").filter(|rest| !rest.starts_with('/')) else {
                return Ok(Road::Proxy(self.server.url().clone(), rest.trim_matches('/').to_owned()));
            };
            let (host, path) = rest.split_once('/').unwrap_or((rest, ""));
            let server = self.server.elsewhere(host).ok_or_else(|| complain("expected a host"))?;
            return Ok(Road::Proxy(server, path.trim_matches('/').to_owned()));
        }
        if let Some(folder) = local_files::folder(uri) {
            // What is made here for a server on another machine would be seen by nobody, unless they share a disk.
            let shared = folder.ancestors().skip(3).take(2).any(|above| above.parent().is_some() && above.is_dir());
            if is_loopback(self.server.url()) || shared {
                return Ok(Road::Folder(folder));
            }
            return Err(self.elsewhere(uri));
        }
        match uri.split_once(':') {
            Some(("http" | "https", _)) => {
                Url::parse(uri).map(Road::Plain).map_err(|_| complain("expected an address"))
            }
            Some((scheme, _)) if scheme.len() > 1 => Ok(Road::Signed),
            _ => Err(complain(
                "expected an address or an absolute folder\n  hint: start the server with --artifacts-destination, so that it takes files",
            )),
        }
    }

    /// Who asks is told to the server that was asked for, and to no other that it names.
    fn is_own(&self, url: &Url) -> bool {
        url.origin() == self.server.url().origin()
    }

    fn put(&self, url: Url, file: &Path, trusted: bool, headers: &[(String, String)]) -> Result<()> {
        let (method, body, repeat) = (Method::PUT, Body::File(file), Repeat::Harmless);
        let call = Call { method, url, body, repeat, trusted, headers };
        let answer = self.http.send(&call)?;
        if trusted {
            return Reply::of(&self.place, &call, answer)?.empty();
        }
        if (200..300).contains(&answer.status) {
            return Ok(());
        }
        Err(TrackingError::Refused {
            place: call.url.origin().ascii_serialization(),
            call: call.name(),
            status: answer.status,
            code: String::new(),
            message: super::answer::message(&answer.body),
        })
    }

    fn fetch(&self, url: Url, trusted: bool) -> Result<Option<Vec<u8>>> {
        let (method, body, repeat) = (Method::GET, Body::None, Repeat::Harmless);
        let call = Call { method, url, body, repeat, trusted, headers: &[] };
        let answer = self.http.send(&call)?;
        if answer.status == 404 {
            return Ok(None);
        }
        match Reply::of(&self.place, &call, answer)? {
            Reply::Done(bytes) => Ok(Some(bytes)),
            Reply::Refused(refusal) if refusal.is_absent() => Ok(None),
            Reply::Refused(refusal) => Err(refusal.into()),
        }
    }

    fn sign(&self, root: &ArtifactRoot, path: &str) -> Result<Presigned> {
        let mut body = json!({ "path": path, "expiration": 900 });
        match &root.of {
            Entity::Run(id) => {
                body["run_id"] = id.as_str().into();
                body["path"] = format!("{}{path}", below_run(&root.uri, id)).into();
            }
            Entity::Model(id) => body["model_id"] = id.as_str().into(),
        }
        match self.post("artifacts/presigned-upload-url", &body, Repeat::Harmless)? {
            Reply::Done(body) => Reply::Done(body).done(&self.place),
            Reply::Refused(refusal) => {
                let scheme = root.uri.split(':').next().unwrap_or_default();
                let (place, code, message) = (&self.place, refusal.status, &refusal.message);
                Err(TrackingError::Config(format!(
                    "{place}: files go to {scheme}://, and the server signs no upload: {code}: {message}\n  hint: start the server with --artifacts-destination {scheme}://..., so that it takes files, or use MLflow 3.17 or newer"
                )))
            }
        }
    }
}

/// The folder within a run's files that an address below them names, with a slash at its end.
fn below_run(uri: &str, run_id: &str) -> String {
    let below = uri.split_once(&format!("/{run_id}/artifacts")).map_or("", |(_, below)| below).trim_matches('/');
    if below.is_empty() { String::new() } else { format!("{below}/") }
}

fn segments(path: &str) -> impl Iterator<Item = &str> {
    path.split('/').filter(|segment| !segment.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Address, Settings};

    fn road(server: &str, uri: &str) -> std::result::Result<Road, String> {
        let Address::Server(server) = Address::parse(server).unwrap() else { panic!() };
        let root = ArtifactRoot { uri: uri.into(), of: Entity::Run("r".into()) };
        Rest::new(&server, &Settings::default()).road(&root).map_err(|error| error.to_string())
    }

    #[test]
    fn the_scheme_decides() {
        let proxy = |server: &str, path: &str| Road::Proxy(Url::parse(server).unwrap(), path.to_owned());
        let at = |uri| road("https://u:hunter2@mlflow/x", uri).unwrap();
        assert_eq!(at("mlflow-artifacts:/2/r/artifacts"), proxy("https://mlflow/x", "2/r/artifacts"));
        assert_eq!(at("mlflow-artifacts:///2/r"), proxy("https://mlflow/x", "2/r"));
        assert_eq!(at("mlflow-artifacts://store:81/2/r"), proxy("https://store:81", "2/r"));
        assert_eq!(at("http://files/a"), Road::Plain(Url::parse("http://files/a").unwrap()));
        assert_eq!(at("s3://bucket/2/r/artifacts"), Road::Signed);
        assert_eq!(road("http://localhost:5000", "/srv/2/r").unwrap(), Road::Folder(PathBuf::from("/srv/2/r")));
    }

    #[test]
    fn a_folder_of_another_machine_is_told() {
        let message = road("http://u:hunter2@mlflow", "/no/such/folder/2/r/artifacts").unwrap_err();
        let start = "http://mlflow: files at /no/such/folder/2/r/artifacts: this folder is on the server's machine";
        assert!(message.starts_with(start) && !message.contains("hunter2"), "{message}");
        let message = road("http://mlflow", "mlruns/2/r/artifacts").unwrap_err();
        assert!(message.contains("expected an address or an absolute folder"), "{message}");
    }

    #[test]
    fn files_of_a_model_may_lie_in_those_of_its_run() {
        assert_eq!(below_run("s3://b/1/r/artifacts/model", "r"), "model/");
        assert_eq!(below_run("s3://b/1/r/artifacts", "r"), "");
    }
}
