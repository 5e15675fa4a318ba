use std::time::Duration;

use bytes::{Bytes, BytesMut};
use futures_util::{StreamExt, TryStreamExt, stream};
use object_store::aws::{AmazonS3, AmazonS3Builder, AmazonS3ConfigKey};
use object_store::path::Path;
use object_store::{ClientOptions, ObjectMeta, ObjectStore, ObjectStoreExt, RetryConfig};

use super::Wanted;
use super::pattern::{PathPattern, is_hidden};
use crate::{DataError, Fault};

/// A large object is fetched in ranges of this size, several at a time.
const RANGE_BYTES: u64 = 16 << 20;
const RANGES_AT_A_TIME: usize = 8;

/// A prefix of an S3 bucket.
#[derive(Debug)]
pub(crate) struct Bucket {
    pub(crate) store: AmazonS3,
    name: String,
    /// Empty, or with a closing slash.
    prefix: String,
    credentials: bool,
}

impl Bucket {
    /// Opens `bucket/prefix`.
    ///
    /// # Errors
    /// `Options` (`bad_url`).
    pub(crate) fn open(rest: &str, environment: impl IntoIterator<Item = (String, String)>) -> Result<Self, DataError> {
        let (name, prefix) = rest.split_once('/').unwrap_or((rest, ""));
        let prefix = prefix.trim_matches('/');
        if name.is_empty() {
            let fault = Fault::new("bad_url", format!("expected s3://bucket/prefix/, found s3://{rest}"));
            return Err(DataError::options(fault));
        }
        let environment: Vec<(AmazonS3ConfigKey, String)> = environment
            .into_iter()
            .filter(|(key, value)| key.starts_with("AWS_") && !value.is_empty())
            .filter_map(|(key, value)| Some((key.to_ascii_lowercase().parse().ok()?, value)))
            .collect();
        let store = build(name, &environment).map_err(|error| {
            DataError::options(Fault::new("bad_url", format!("the environment's AWS settings do not fit: {error}")))
        })?;
        let prefix = if prefix.is_empty() { String::new() } else { format!("{prefix}/") };
        Ok(Self { store, name: name.to_owned(), prefix, credentials: has_credentials(&environment) })
    }

    /// The URL of an object.
    pub(crate) fn url(&self, location: &Path) -> String {
        format!("s3://{}/{location}", self.name)
    }

    /// The objects that a path stands for, by name; at least one.
    pub(crate) async fn find(&self, wanted: Wanted<'_>) -> Result<Vec<ObjectMeta>, DataError> {
        match wanted {
            Wanted::Named(path) => {
                let path = path.trim_matches('/');
                if !path.is_empty() && path != "." {
                    let location = self.location(path)?;
                    match self.store.head(&location).await {
                        Ok(object) => return Ok(vec![object]),
                        Err(object_store::Error::NotFound { .. }) => {}
                        Err(error) => return Err(self.refused(&location, &error)),
                    }
                }
                self.folder(path).await
            }
            Wanted::Matching(path) => self.matching(path).await,
        }
    }

    async fn folder(&self, path: &str) -> Result<Vec<ObjectMeta>, DataError> {
        let location = self.location(path)?;
        let listed =
            self.store.list_with_delimiter(Some(&location)).await.map_err(|error| self.refused(&location, &error))?;
        let hidden = |location: &Path| location.filename().is_none_or(is_hidden);
        if let Some(folder) = listed.common_prefixes.iter().find(|folder| !hidden(folder)) {
            let message = "expected a folder of files, found a folder in it";
            let fault = Fault::new("folder_in_folder", message).file(self.url(folder));
            return Err(DataError::unreadable(fault.hint("name the files by a pattern, such as folder/**/*.parquet")));
        }
        // A folder made by hand is an empty object of the folder's own name.
        let files =
            listed.objects.into_iter().filter(|object| !hidden(&object.location) && object.location != location);
        self.some(files.collect(), &location, "expected a file or a folder of files, found nothing")
    }

    async fn matching(&self, path: &str) -> Result<Vec<ObjectMeta>, DataError> {
        let pattern = PathPattern::new(path)?;
        let base = self.location(&pattern.base)?;
        let listed: Vec<ObjectMeta> =
            self.store.list(Some(&base)).try_collect().await.map_err(|error| self.refused(&base, &error))?;
        let relative = |object: &ObjectMeta| object.location.as_ref().strip_prefix(&self.prefix).map(str::to_owned);
        let files = listed.into_iter().filter(|object| relative(object).is_some_and(|path| pattern.matches(&path)));
        self.some(files.collect(), &base, &format!("expected files that match `{path}`, found none"))
    }

    fn some(&self, mut files: Vec<ObjectMeta>, at: &Path, message: &str) -> Result<Vec<ObjectMeta>, DataError> {
        if files.is_empty() {
            return Err(DataError::unreadable(Fault::new("not_found", message).file(self.url(at))));
        }
        files.sort_by(|a, b| a.location.cmp(&b.location));
        Ok(files)
    }

    /// The bytes of an object, as it was when it was found.
    pub(crate) async fn bytes(&self, object: &ObjectMeta) -> Result<Bytes, DataError> {
        let starts = (0..object.size).step_by(RANGE_BYTES as usize);
        let ranges = starts.map(|start| start..(start + RANGE_BYTES).min(object.size));
        let mut fetched =
            stream::iter(ranges).map(|range| self.store.get_range(&object.location, range)).buffered(RANGES_AT_A_TIME);
        let mut bytes = BytesMut::with_capacity(object.size as usize);
        while let Some(part) = fetched.next().await {
            bytes.extend_from_slice(&part.map_err(|error| self.refused(&object.location, &error))?);
        }
        if bytes.len() as u64 != object.size {
            let message =
                format!("expected {} bytes, found {}: the object changed while it was read", object.size, bytes.len());
            return Err(DataError::unreadable(Fault::new("changed", message).file(self.url(&object.location))));
        }
        Ok(bytes.freeze())
    }

    pub(crate) fn location(&self, path: &str) -> Result<Path, DataError> {
        let path = format!("{}{}", self.prefix, path.trim_start_matches("./"));
        Path::parse(path.trim_matches('/')).map_err(|error| {
            let message = format!("expected a path within the bucket, found `{path}`: {error}");
            DataError::options(Fault::new("bad_url", message))
        })
    }

    pub(crate) fn refused(&self, at: &Path, error: &object_store::Error) -> DataError {
        use object_store::Error as E;
        let text = reasons(error);
        let fault = |code, message: String| Fault::new(code, message).file(self.url(at));
        DataError::unreadable(match error {
            // Listing does not miss a key: it is the bucket that is not there.
            _ if text.contains("NoSuchBucket") => {
                let message = format!("expected a bucket `{}`, found none", self.name);
                fault("no_bucket", message).hint("check the bucket's name, the region and AWS_ENDPOINT_URL_S3")
            }
            E::Precondition { .. } => {
                let message = "expected the object as it was when it was found: it changed while it was read";
                fault("changed", message.to_owned())
            }
            E::NotFound { .. } => fault("not_found", "expected an object, found nothing".to_owned()),
            _ if !self.credentials => {
                let hint =
                    "set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or AWS_SKIP_SIGNATURE=true for a public bucket";
                fault("no_credentials", format!("no AWS credentials in the environment, and no other found: {text}"))
                    .hint(hint)
            }
            E::PermissionDenied { .. } | E::Unauthenticated { .. } => {
                fault("access_denied", format!("access denied: {text}"))
                    .hint("check the credentials and the bucket's policy")
            }
            _ => fault("unreadable", format!("cannot be read: {text}")),
        })
    }
}

fn build(bucket: &str, environment: &[(AmazonS3ConfigKey, String)]) -> object_store::Result<AmazonS3> {
    let mut builder = AmazonS3Builder::new();
    let mut plain_http = false;
    for (key, value) in environment {
        let endpoint = matches!(key, AmazonS3ConfigKey::Endpoint | AmazonS3ConfigKey::S3Endpoint);
        plain_http |= endpoint && value.starts_with("http://");
        builder = builder.with_config(*key, value);
    }
    // Bounded: a wrong address fails in seconds, not in the minutes of the default.
    let client =
        ClientOptions::new().with_connect_timeout(Duration::from_secs(5)).with_timeout(Duration::from_secs(120));
    let retry = RetryConfig { max_retries: 4, retry_timeout: Duration::from_secs(60), ..RetryConfig::default() };
    builder.with_bucket_name(bucket).with_client_options(client.with_allow_http(plain_http)).with_retry(retry).build()
}

/// Whether the environment says how to sign requests, or not to. Without, only the metadata service of the machine is
/// left to ask.
fn has_credentials(environment: &[(AmazonS3ConfigKey, String)]) -> bool {
    use AmazonS3ConfigKey as Key;
    environment.iter().any(|(key, _)| {
        matches!(
            key,
            Key::AccessKeyId
                | Key::SkipSignature
                | Key::WebIdentityTokenFile
                | Key::ContainerCredentialsRelativeUri
                | Key::ContainerCredentialsFullUri
        )
    })
}

/// The error and its causes in one line, each said once.
fn reasons(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let next = error.to_string();
        if !text.contains(&next) {
            text = format!("{text}: {next}");
        }
        cause = error.source();
    }
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}
