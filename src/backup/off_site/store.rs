//! The store.

use std::collections::BTreeMap;
use std::error::Error;
use std::fmt;
use std::iter::successors;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result, anyhow, ensure};
use clap::ValueEnum;
use futures::{StreamExt, TryStreamExt, stream};
use object_store::aws::{AmazonS3Builder, AmazonS3ConfigKey};
use object_store::path::Path;
use object_store::{ClientOptions, ObjectMeta, ObjectStore, ObjectStoreExt, RetryConfig, WriteMultipart};
use sha2::{Digest, Sha256};
use tokio::io::{AsyncRead, AsyncReadExt, duplex};
use tokio_util::io::StreamReader;
use url::Url;

use super::names::{DUMP, MANIFEST, time_of};
use super::seal::{SEALED, Seal};
use crate::backup::{Backup, Manifest};

/// The parts of an upload. S3 takes 10,000 of them, of at least 5 MiB.
const PART: usize = 8 * 1024 * 1024;
/// So many parts are on their way at once.
const PARTS: usize = 4;
/// So many manifests are read at once.
const READERS: usize = 8;
/// What a store may take to answer, and to take up the connection.
const PATIENCE: Duration = Duration::from_secs(60);
const CONNECT: Duration = Duration::from_secs(10);
/// No manifest is larger.
const MANIFEST_BYTES: u64 = 16 * 1024 * 1024;

/// How the store encrypts what it keeps.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum ServerSideEncryption {
    /// With a key of its own.
    #[value(name = "AES256")]
    Aes256,
    /// With a key of its key management service.
    #[value(name = "aws:kms")]
    Kms,
}

/// Where the store is.
pub struct StoreSettings {
    /// Its URL.
    pub endpoint: String,
    /// Its region.
    pub region: String,
    /// The bucket.
    pub bucket: String,
    /// What the names of all objects of this shop begin with.
    pub prefix: String,
    /// The name of the key.
    pub access_key_id: String,
    /// The key.
    pub secret_access_key: String,
    /// How the store encrypts; None: as the bucket is set up.
    pub encryption: Option<ServerSideEncryption>,
    /// Which key of the key management service; empty: the default one.
    pub kms_key: String,
}

/// A store.
pub struct Store {
    objects: Arc<dyn ObjectStore>,
    prefix: Path,
    place: String,
    seal: Seal,
}

/// A dump that the store holds, with its manifest.
#[derive(Debug)]
pub struct Copied {
    /// The dump.
    pub dump: ObjectMeta,
    /// The manifest.
    pub manifest: ObjectMeta,
}

impl fmt::Display for Store {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.place)
    }
}

impl Store {
    /// A store; nothing is asked of it yet.
    ///
    /// # Errors
    /// When a setting cannot be right.
    pub fn new(settings: &StoreSettings, seal: Seal) -> Result<Self> {
        let url =
            Url::parse(&settings.endpoint).with_context(|| format!("{:?} is no URL of a store", settings.endpoint))?;
        ensure!(["http", "https"].contains(&url.scheme()), "{url} is no http or https URL");
        // Only the first one in a process counts.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let options = ClientOptions::new()
            .with_connect_timeout(CONNECT)
            .with_read_timeout(PATIENCE)
            .with_timeout_disabled()
            .with_allow_http(url.scheme() == "http");
        let retry = RetryConfig { max_retries: 5, retry_timeout: PATIENCE, ..RetryConfig::default() };
        let mut builder = AmazonS3Builder::new()
            .with_endpoint(&settings.endpoint)
            .with_region(&settings.region)
            .with_bucket_name(&settings.bucket)
            .with_access_key_id(&settings.access_key_id)
            .with_secret_access_key(&settings.secret_access_key)
            .with_client_options(options)
            .with_retry(retry);
        let key = |name: &str| name.parse::<AmazonS3ConfigKey>();
        match settings.encryption {
            None => {}
            Some(ServerSideEncryption::Aes256) => {
                builder = builder.with_config(key("aws_server_side_encryption")?, "AES256");
            }
            Some(ServerSideEncryption::Kms) => {
                builder = builder.with_config(key("aws_server_side_encryption")?, "aws:kms");
                if !settings.kms_key.is_empty() {
                    builder = builder.with_config(key("aws_sse_kms_key_id")?, &settings.kms_key);
                }
            }
        }
        let place = format!("bucket {} of {}", settings.bucket, settings.endpoint);
        let objects = builder.build().with_context(|| format!("{place} cannot be used"))?;
        let prefix = Path::parse(settings.prefix.trim_matches('/'))?;
        Ok(Self { objects: Arc::new(objects), prefix, place, seal })
    }

    /// Every whole copy by the name of its dump, the oldest first.
    ///
    /// # Errors
    /// When the store does not list them.
    pub async fn copies(&self) -> Result<BTreeMap<String, Copied>> {
        let listed: Vec<ObjectMeta> =
            self.objects.list(Some(&self.prefix)).try_collect().await.map_err(|why| self.failed(&why))?;
        let (mut dumps, mut manifests) = (BTreeMap::new(), BTreeMap::new());
        for object in listed {
            let Some(key) = self.key(&object.location) else { continue };
            let plain = key.strip_suffix(SEALED).unwrap_or(&key);
            for (end, found) in [(DUMP, &mut dumps), (MANIFEST, &mut manifests)] {
                if let Some(name) = plain.strip_suffix(end).filter(|name| time_of(name).is_some()) {
                    found.insert(name.to_owned(), object.clone());
                }
            }
        }
        let whole = dumps.into_iter().filter_map(|(name, dump)| {
            let manifest = manifests.remove(&name)?;
            Some((name, Copied { dump, manifest }))
        });
        Ok(whole.collect())
    }

    /// The copies with what their manifests say; nothing, where a manifest cannot be decrypted.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn list(&self) -> Result<Vec<Backup>> {
        let copies = self.copies().await?;
        let read = copies.into_iter().map(|(name, copied)| async move {
            let is_readable = self.seal.identity.is_some() || !copied.manifest.location.as_ref().ends_with(SEALED);
            let manifest = match is_readable {
                true => Some(self.manifest(&copied).await?),
                false => None,
            };
            anyhow::Ok(Backup::off_site(name, copied.dump.size, manifest))
        });
        stream::iter(read).buffered(READERS).try_collect().await
    }

    /// What a copy's manifest says.
    ///
    /// # Errors
    /// When it cannot be read or decrypted.
    pub async fn manifest(&self, copied: &Copied) -> Result<Manifest> {
        serde_json::from_slice(&self.manifest_bytes(copied).await?)
            .with_context(|| format!("{} in {self} is no manifest", copied.manifest.location))
    }

    /// A copy's manifest, as it was written.
    ///
    /// # Errors
    /// When it cannot be read or decrypted.
    pub async fn manifest_bytes(&self, copied: &Copied) -> Result<Vec<u8>> {
        let location = &copied.manifest.location;
        ensure!(copied.manifest.size <= MANIFEST_BYTES, "{location} in {self} is too large for a manifest");
        let mut text = Vec::new();
        self.open(location).await?.read_to_end(&mut text).await.with_context(|| format!("{location} in {self}"))?;
        Ok(text)
    }

    /// What is in an object, decrypted.
    ///
    /// # Errors
    /// When it is not there, or cannot be decrypted.
    pub async fn open(&self, location: &Path) -> Result<Box<dyn AsyncRead + Send + Unpin + 'static>> {
        self.seal.open(location.as_ref(), self.raw(location).await?).await
    }

    /// Writes an object of the name of a file, encrypted if there is a recipient, reads it back and compares it.
    ///
    /// # Errors
    /// When that fails: it counts as not written.
    pub async fn write(&self, file: &str, input: impl AsyncRead + Unpin) -> Result<u64> {
        let location = self.prefix.clone().join(format!("{file}{}", self.seal.suffix()));
        let (output, outgoing) = duplex(PART);
        // An upload that fails drops its end, and so ends the other.
        let (closed, sent) = tokio::join!(self.seal.close(input, outgoing), self.upload(&location, output));
        let (digest, bytes) = sent?;
        closed.with_context(|| format!("{file} cannot be read to its end"))?;
        let found = digest_of(self.raw(&location).await?).await.map_err(|why| self.failed(&*why))?;
        ensure!(found == (digest, bytes), "{location} in {self} is not what was sent there");
        Ok(bytes)
    }

    /// Deletes a copy, its manifest first: half of one is none.
    ///
    /// # Errors
    /// When the store does not.
    pub async fn delete(&self, copied: &Copied) -> Result<()> {
        for object in [&copied.manifest, &copied.dump] {
            self.objects.delete(&object.location).await.map_err(|why| self.failed(&why))?;
        }
        Ok(())
    }

    async fn upload(&self, location: &Path, mut input: impl AsyncRead + Unpin) -> Result<([u8; 32], u64)> {
        let upload = self.objects.put_multipart(location).await.map_err(|why| self.failed(&why))?;
        let mut upload = WriteMultipart::new_with_chunk_size(upload, PART);
        let sent = async {
            let (mut digest, mut bytes, mut buffer) = (Sha256::new(), 0, vec![0; 64 * 1024]);
            loop {
                let count = input.read(&mut buffer).await?;
                if count == 0 {
                    return anyhow::Ok((digest.finalize().into(), bytes));
                }
                let part = buffer.get(..count).unwrap_or_default();
                digest.update(part);
                bytes += count as u64;
                upload.wait_for_capacity(PARTS).await.map_err(|why| self.failed(&why))?;
                upload.write(part);
            }
        };
        match sent.await {
            Ok(sent) => {
                upload.finish().await.map_err(|why| self.failed(&why))?;
                Ok(sent)
            }
            Err(error) => {
                // What was uploaded of it would be paid for.
                let _ = upload.abort().await;
                Err(error)
            }
        }
    }

    async fn raw(&self, location: &Path) -> Result<impl AsyncRead + Send + Unpin + 'static> {
        let found = self.objects.get(location).await.map_err(|why| self.failed(&why))?;
        Ok(StreamReader::new(found.into_stream().map_err(std::io::Error::other)))
    }

    /// The part of an object's name behind the prefix, if it lies directly there.
    fn key(&self, location: &Path) -> Option<String> {
        let mut parts = location.prefix_match(&self.prefix)?;
        let key = parts.next()?.as_ref().to_owned();
        parts.next().is_none().then_some(key)
    }

    /// What to say of an answer of the store, or of none.
    fn failed(&self, why: &(dyn Error + 'static)) -> anyhow::Error {
        anyhow!("{self}: {}: look at backup.offSite and the secrets BACKUP_S3_*", brief(why))
    }
}

/// The store's own words, without the request around them; else the innermost cause.
fn brief(why: &(dyn Error + 'static)) -> String {
    let innermost = successors(Some(why), |why| (*why).source()).last().unwrap_or(why).to_string();
    let text = |tag: &str| {
        let begin = innermost.find(&format!("<{tag}>"))? + tag.len() + 2;
        let rest = innermost.get(begin..)?;
        rest.get(..rest.find(&format!("</{tag}>"))?)
    };
    match (text("Code"), text("Message")) {
        (Some(code), Some(message)) => format!("{code}: {}", message.trim_end_matches('.')),
        _ => innermost,
    }
}

/// The SHA-256 and the number of all bytes.
pub async fn digest_of(mut input: impl AsyncRead + Unpin) -> Result<([u8; 32], u64)> {
    let (mut digest, mut bytes, mut buffer) = (Sha256::new(), 0, vec![0; 64 * 1024]);
    loop {
        let count = input.read(&mut buffer).await?;
        if count == 0 {
            return Ok((digest.finalize().into(), bytes));
        }
        digest.update(buffer.get(..count).unwrap_or_default());
        bytes += count as u64;
    }
}

/// Hexadecimal, as manifests have it.
pub fn hexadecimal(digest: [u8; 32]) -> String {
    digest.iter().map(|byte| format!("{byte:02x}")).collect()
}
