//! Encryption before anything leaves the cluster.

use std::fmt;
use std::str::FromStr;

use age::{Decryptor, Encryptor, x25519};
use anyhow::{Context, Result, anyhow};
use tokio::io::{AsyncRead, AsyncWriteExt, DuplexStream, copy};
use tokio_util::compat::{
    FuturesAsyncReadCompatExt, FuturesAsyncWriteCompatExt, TokioAsyncReadCompatExt, TokioAsyncWriteCompatExt,
};

/// What the name of an encrypted object ends in.
pub const SEALED: &str = ".age";

/// Whom copies are encrypted to: `age1...`, as `age-keygen` prints it.
#[derive(Clone)]
pub struct Recipient(x25519::Recipient);

impl FromStr for Recipient {
    type Err = anyhow::Error;

    fn from_str(text: &str) -> Result<Self> {
        let key = text.parse().map_err(|why| anyhow!("{text:?} is no recipient of age, such as age1...: {why}"))?;
        Ok(Self(key))
    }
}

impl fmt::Debug for Recipient {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}", self.0)
    }
}

/// The key of a recipient: `AGE-SECRET-KEY-1...`.
#[derive(Clone)]
pub struct Identity(x25519::Identity);

impl FromStr for Identity {
    type Err = anyhow::Error;

    fn from_str(text: &str) -> Result<Self> {
        // A file of age-keygen has comments.
        let line = text.lines().map(str::trim).find(|line| !line.is_empty() && !line.starts_with('#'));
        let key = line.unwrap_or_default().parse();
        Ok(Self(key.map_err(|why| anyhow!("is no identity of age, such as AGE-SECRET-KEY-1...: {why}"))?))
    }
}

/// How copies are encrypted, and read.
#[derive(Default)]
pub struct Seal {
    /// Anybody of these can read a copy; nothing is encrypted where there is none.
    pub recipients: Vec<Recipient>,
    /// The key to read encrypted ones.
    pub identity: Option<Identity>,
}

impl Seal {
    /// What the name of a new object ends in, besides.
    pub fn suffix(&self) -> &'static str {
        if self.recipients.is_empty() { "" } else { SEALED }
    }

    /// Writes all of `input`, encrypted if there is a recipient, and ends `output`.
    ///
    /// # Errors
    /// When either breaks off.
    pub async fn close(&self, mut input: impl AsyncRead + Unpin, output: DuplexStream) -> Result<()> {
        let mut output = output;
        if self.recipients.is_empty() {
            copy(&mut input, &mut output).await?;
            return Ok(output.shutdown().await?);
        }
        let recipients = self.recipients.iter().map(|recipient| &recipient.0 as &dyn age::Recipient);
        let sealed = Encryptor::with_recipients(recipients)?.wrap_async_output(output.compat_write()).await?;
        let mut sealed = sealed.compat_write();
        copy(&mut input, &mut sealed).await?;
        Ok(sealed.shutdown().await?)
    }

    /// What is in an object of that name.
    ///
    /// # Errors
    /// When it is encrypted, and not to the identity; or there is none.
    pub async fn open<'a>(
        &self,
        name: &str,
        input: impl AsyncRead + Send + Unpin + 'a,
    ) -> Result<Box<dyn AsyncRead + Send + Unpin + 'a>> {
        if !name.ends_with(SEALED) {
            return Ok(Box::new(input));
        }
        let identity = self.identity.as_ref().with_context(|| {
            format!("{name} is encrypted: supply its key as secret BACKUP_AGE_IDENTITY, and run keyboss deploy")
        })?;
        let sealed =
            Decryptor::new_async(input.compat()).await.with_context(|| format!("{name} is not what age writes"))?;
        let identities = std::iter::once(&identity.0 as &dyn age::Identity);
        let opened = sealed.decrypt_async(identities);
        let opened =
            opened.with_context(|| format!("{name} cannot be decrypted with the key in BACKUP_AGE_IDENTITY"))?;
        Ok(Box::new(opened.compat()))
    }
}
