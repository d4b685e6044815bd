//! Buckets of S3, Google Cloud Storage and Azure, through `object_store`: it signs requests, finds credentials and reads
//! listings. What they are asked is in `bucket_client`. Its requests go through [`super::wire`].
//!
//! # Contract
//! Requests are made in the thread that asks: to await one is to make it. So there is no thread that drives them, and what
//! the rest of the program sees is blocking. The runtime is for the waits between retries alone.

use super::address::{StoreAddress, StoreKind};
use super::client::{ObjectClient, changed};
use super::listing::{ListedObject, ObjectState};
use super::wire::{self, Refusal};
use crate::error::{Error, Result};
use crate::secret;
use async_trait::async_trait;
use bytes::Bytes;
use http_body_util::Full;
use object_store::aws::AmazonS3Builder;
use object_store::azure::MicrosoftAzureBuilder;
use object_store::client::{
    HttpClient, HttpConnector, HttpError, HttpErrorKind, HttpRequest, HttpResponse, HttpResponseBody,
    HttpService,
};
use object_store::gcp::GoogleCloudStorageBuilder;
use object_store::list::PaginatedListStore;
use object_store::path::Path as Key;
use object_store::{BackoffConfig, ClientOptions, ObjectMeta, ObjectStore, RetryConfig};
use std::future::Future;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use tokio::runtime::{Builder, Runtime};

/// The most bytes of an answer: a range, or a page of a listing.
const LONGEST: u64 = 256 << 20;

pub(super) trait BucketStore: ObjectStore + PaginatedListStore {}
impl<T: ObjectStore + PaginatedListStore> BucketStore for T {}

/// A bucket or container.
#[derive(Debug)]
pub(super) struct StoreBucket {
    pub(super) kind: StoreKind,
    pub(super) root: String,
    pub(super) store: Arc<dyn BucketStore>,
}

/// The bucket at the root of `address`, with what the environment says of credentials and endpoints.
///
/// # Errors
/// Job: the environment does not say enough, or says it wrong.
pub(super) fn open(address: &StoreAddress) -> Result<Arc<dyn ObjectClient>> {
    Ok(Arc::new(StoreBucket::open(address)?))
}

impl StoreBucket {
    /// The bucket at the root of `address`, with what the environment says of credentials and endpoints.
    ///
    /// # Errors
    /// Job: the environment does not say enough, or says it wrong.
    fn open(address: &StoreAddress) -> Result<StoreBucket> {
        let root = address.root().to_string();
        if root.ends_with("://") {
            return Err(Error::job(format!("{root} does not name a bucket"))
                .hint(format!("write {root}BUCKET/FOLDER/FILE")));
        }
        let wrong = |cause: object_store::Error| {
            let error = Error::job(format!("cannot use {root}")).caused_by(plain(&cause));
            credentials(address.kind()).into_iter().fold(error, Error::hint)
        };
        let retry = RetryConfig {
            backoff: BackoffConfig {
                init_backoff: wire::FIRST_WAIT,
                max_backoff: wire::LONGEST_WAIT,
                base: 2.0,
            },
            max_retries: wire::RETRIES,
            retry_timeout: Duration::from_secs(120),
        };
        let store: Arc<dyn BucketStore> = match address.kind() {
            StoreKind::S3 => {
                check_profile(&root)?;
                let url = format!("s3://{}", root.rsplit_once("://").map_or("", |(_, bucket)| bucket));
                let store = AmazonS3Builder::from_env().with_url(url).with_retry(retry);
                // Not all servers know how to remove several objects at once, and few are removed.
                let store = store.with_disable_bulk_delete(true);
                Arc::new(store.with_http_connector(Wire).build().map_err(wrong)?)
            }
            StoreKind::Google => {
                let store = GoogleCloudStorageBuilder::from_env().with_url(&root).with_retry(retry);
                Arc::new(store.with_http_connector(Wire).build().map_err(wrong)?)
            }
            StoreKind::Azure => {
                let store = MicrosoftAzureBuilder::from_env().with_url(&root).with_retry(retry);
                Arc::new(store.with_http_connector(Wire).build().map_err(wrong)?)
            }
            StoreKind::Web => return Err(Error::fault("a server of HTTP is not a bucket")),
        };
        Ok(StoreBucket { kind: address.kind(), root, store })
    }

    pub(super) fn path(&self, key: &str) -> String {
        format!("{}/{key}", self.root)
    }

    pub(super) fn key(&self, key: &str) -> Result<Key> {
        Key::parse(key).map_err(|_| {
            Error::job(format!("{} is not the name of an object", self.path(key)))
                .hint("a name has no empty parts, and no part `.` or `..`")
        })
    }

    /// The error for a request about `key`.
    pub(super) fn failure(&self, key: &str, cause: &object_store::Error) -> Error {
        let path = self.path(key);
        if let object_store::Error::Precondition { .. } = cause {
            return changed(Path::new(&path));
        }
        if let object_store::Error::NotFound { .. } = cause {
            return Error::data(format!("{path} is gone: it was removed while it was read"));
        }
        self.refused(key, cause, &wire::last_refusal())
    }

    pub(super) fn refused(&self, key: &str, cause: &object_store::Error, refusal: &Refusal) -> Error {
        self.refused_to("read", key, cause, refusal)
    }

    /// The error for what a store does not let be done, in a verb.
    pub(super) fn refused_to(
        &self,
        what: &str,
        key: &str,
        cause: &object_store::Error,
        refusal: &Refusal,
    ) -> Error {
        let words = match (refusal.words.is_empty(), refusal.of_machine) {
            (_, true) => "no credentials were found".to_string(),
            (true, _) => plain(cause),
            (false, _) => refusal.words.clone(),
        };
        let error = Error::machine(format!("cannot {what} {}", self.path(key))).caused_by(words);
        self.hints(refusal).into_iter().fold(error, Error::hint)
    }

    fn hints(&self, refusal: &Refusal) -> Vec<String> {
        if let Some(region) = &refusal.region
            && matches!(refusal.status, Some(301 | 307 | 400))
        {
            return vec![format!("the bucket is in another region: set AWS_REGION={region}")];
        }
        match refusal.status {
            _ if refusal.of_machine => credentials(self.kind),
            Some(401 | 403) => credentials(self.kind),
            None if !refusal.words.is_empty() => {
                vec![match self.kind {
                    StoreKind::S3 => {
                        "is the store there? AWS_ENDPOINT_URL and AWS_REGION say where it is".into()
                    }
                    StoreKind::Azure => "is the store there? AZURE_STORAGE_ENDPOINT says where it is".into(),
                    _ => "is the store there, and is there a network?".into(),
                }]
            }
            _ => vec![],
        }
    }
}

/// What credentials a store takes, a sentence each.
fn credentials(kind: StoreKind) -> Vec<String> {
    match kind {
        StoreKind::S3 => vec![
            "set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, and AWS_SESSION_TOKEN where there is one".into(),
            "of a profile or SSO: eval \"$(aws configure export-credentials --format env)\"".into(),
            "of a public bucket: AWS_SKIP_SIGNATURE=true".into(),
        ],
        StoreKind::Google => vec![
            "set GOOGLE_APPLICATION_CREDENTIALS to the file of a service account, or run `gcloud auth application-default login`".into(),
            "of a public bucket: GOOGLE_SKIP_SIGNATURE=true".into(),
        ],
        StoreKind::Azure => vec![
            "set AZURE_STORAGE_ACCOUNT_NAME, and AZURE_STORAGE_ACCOUNT_KEY or AZURE_STORAGE_SAS_TOKEN".into(),
            "of a login with `az`: AZURE_USE_AZURE_CLI=true; of a public container: AZURE_SKIP_SIGNATURE=true".into(),
        ],
        StoreKind::Web => vec![],
    }
}

/// Refuses a profile of AWS: its files are not read, and other credentials may be those of another account.
fn check_profile(root: &str) -> Result<()> {
    let profile = secret::value_of("AWS_PROFILE");
    match (profile, secret::value_of("AWS_ACCESS_KEY_ID")) {
        (Some(profile), None) => Err(Error::job(format!(
            "cannot use {root}: AWS_PROFILE is {profile}, and profiles are not supported"
        ))
        .hint(format!("export its credentials: eval \"$(aws configure export-credentials --profile {profile} --format env)\""))),
        _ => Ok(()),
    }
}

/// The innermost cause, as those around it name addresses.
fn plain(cause: &dyn std::error::Error) -> String {
    let mut cause = cause;
    while let Some(inner) = cause.source() {
        cause = inner;
    }
    secret::without_secrets(&cause.to_string()).into_owned()
}

/// What the metadata of an object tells.
pub(super) fn listed(meta: ObjectMeta) -> ListedObject {
    // The listings of Azure leave out the quotes that its headers have.
    let quoted = |etag: String| if etag.ends_with('"') { etag } else { format!("\"{etag}\"") };
    let state = ObjectState { bytes: meta.size, etag: meta.e_tag.map(quoted), modified: None };
    ListedObject { key: meta.location.to_string(), state, written: meta.last_modified.timestamp_millis() }
}

thread_local! {
    /// It makes no threads; each thread that makes requests has one.
    static RUNTIME: std::io::Result<Runtime> = Builder::new_current_thread().enable_time().build();
}

/// Makes the requests of `work`.
pub(super) fn waited<T>(
    work: impl Future<Output = std::result::Result<T, object_store::Error>>,
) -> std::result::Result<T, object_store::Error> {
    // What an earlier request met says nothing of this one.
    wire::last_refusal();
    RUNTIME.with(|runtime| match runtime {
        Ok(runtime) => runtime.block_on(work),
        Err(cause) => Err(object_store::Error::Generic {
            store: "store",
            source: Box::new(std::io::Error::new(cause.kind(), cause.to_string())),
        }),
    })
}

/// Makes the requests of `object_store`.
#[derive(Debug, Clone, Copy)]
struct Wire;

impl HttpConnector for Wire {
    fn connect(&self, _: &ClientOptions) -> object_store::Result<HttpClient> {
        Ok(HttpClient::new(Wire))
    }
}

#[derive(Debug)]
struct Failed(String);

impl std::fmt::Display for Failed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Failed {}

#[async_trait]
impl HttpService for Wire {
    async fn call(&self, request: HttpRequest) -> std::result::Result<HttpResponse, HttpError> {
        let (head, body) = request.into_parts();
        let body = http_body_util::BodyExt::collect(body).await?.to_bytes();
        let request = http::Request::from_parts(head, body.to_vec());
        match wire::ask(request, LONGEST) {
            Ok(answer) => {
                let status = answer.head.status.as_u16();
                if wire::may_pass(status) {
                    wire::note_retry(&wire::refusal(&answer.head, &answer.body));
                }
                let never = |never: std::convert::Infallible| match never {};
                let body = http_body_util::BodyExt::map_err(Full::new(Bytes::from(answer.body)), never);
                Ok(http::Response::from_parts(answer.head, HttpResponseBody::new(body)))
            }
            Err(refusal) => {
                // Where nobody answers for the machine, nobody will.
                let kind = match refusal.of_machine {
                    true => HttpErrorKind::Unknown,
                    false => HttpErrorKind::Interrupted,
                };
                if !refusal.of_machine {
                    wire::note_retry(&refusal);
                }
                Err(HttpError::new(kind, Failed(refusal.words)))
            }
        }
    }
}
