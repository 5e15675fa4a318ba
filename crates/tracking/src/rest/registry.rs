//! Registered models, their versions and aliases.

use serde_json::json;

use super::answer::Reply;
use super::batch::pairs;
use super::wire::{DownloadAnswer, RegisteredAnswer, VersionAnswer, Versions};
use super::{Rest, Result};
use crate::record::Tag;
use crate::retry::Repeat;
use crate::store::{ArtifactRoot, Entity, NewVersion, RegisteredModel, Registry, Version};

impl Registry for Rest {
    fn registered_model(&mut self, name: &str) -> Result<Option<RegisteredModel>> {
        let reply = self.get("registered-models/get", &[("name", name)])?;
        Ok(reply.found::<RegisteredAnswer>(&self.place)?.map(RegisteredModel::from))
    }

    fn create_registered_model(&mut self, name: &str) -> Result<()> {
        match self.post("registered-models/create", &json!({ "name": name }), Repeat::Harmless)? {
            Reply::Refused(refusal) if refusal.code == "RESOURCE_ALREADY_EXISTS" => Ok(()),
            reply => reply.empty(),
        }
    }

    fn create_version(&mut self, version: &NewVersion<'_>) -> Result<Version> {
        let mut body = json!({
            "name": version.name,
            "source": version.files,
            "run_id": version.run_id,
            "description": version.description,
            "tags": pairs(version.tags),
        });
        if let Some(model_id) = version.model_id {
            body["source"] = format!("models:/{model_id}").into();
            body["model_id"] = model_id.into();
        }
        let answer: VersionAnswer = self.post("model-versions/create", &body, Repeat::Unseen)?.done(&self.place)?;
        Ok(answer.model_version.into())
    }

    fn versions_of_run(&mut self, name: &str, run_id: &str) -> Result<Vec<Version>> {
        let filter = format!("run_id = '{run_id}'");
        let mut versions: Vec<Version> = Vec::new();
        let mut token = String::new();
        loop {
            let mut query = vec![("filter", filter.as_str()), ("max_results", "200")];
            query.extend((!token.is_empty()).then_some(("page_token", token.as_str())));
            let page: Versions = self.get("model-versions/search", &query)?.done(&self.place)?;
            // A name may hold both kinds of quotes, so that no filter can hold it.
            versions.extend(page.model_versions.into_iter().map(Version::from).filter(|version| version.name == name));
            if page.next_page_token.is_empty() {
                break;
            }
            token = page.next_page_token;
        }
        versions.sort_by_key(|version| version.version);
        Ok(versions)
    }

    fn version(&mut self, name: &str, version: u64) -> Result<Option<Version>> {
        let reply = self.get("model-versions/get", &[("name", name), ("version", &version.to_string())])?;
        Ok(reply.found::<VersionAnswer>(&self.place)?.map(|answer| answer.model_version.into()))
    }

    fn set_version_tag(&mut self, name: &str, version: u64, tag: &Tag) -> Result<()> {
        let body = json!({ "name": name, "version": version.to_string(), "key": tag.key, "value": tag.value });
        self.post("model-versions/set-tag", &body, Repeat::Harmless)?.empty()
    }

    fn alias(&mut self, name: &str, alias: &str) -> Result<Option<Version>> {
        match self.get("registered-models/alias", &[("name", name), ("alias", alias)])? {
            // What is not there has the code of a wrong request.
            Reply::Refused(refusal)
                if refusal.code == "INVALID_PARAMETER_VALUE" && refusal.message.contains("not found") =>
            {
                Ok(None)
            }
            reply => Ok(reply.found::<VersionAnswer>(&self.place)?.map(|answer| answer.model_version.into())),
        }
    }

    fn set_alias(&mut self, name: &str, alias: &str, version: u64) -> Result<()> {
        let body = json!({ "name": name, "alias": alias, "version": version.to_string() });
        self.post("registered-models/alias", &body, Repeat::Harmless)?.empty()
    }

    fn version_files(&mut self, version: &Version) -> Result<ArtifactRoot> {
        let query = [("name", version.name.as_str()), ("version", &version.version.to_string())];
        let answer: DownloadAnswer = self.get("model-versions/get-download-uri", &query)?.done(&self.place)?;
        let of = match version.source.strip_prefix("models:/") {
            Some(model_id) => Entity::Model(model_id.to_owned()),
            None => Entity::Run(version.run_id.clone()),
        };
        Ok(ArtifactRoot { uri: answer.artifact_uri, of })
    }
}
