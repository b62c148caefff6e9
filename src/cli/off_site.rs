//! The command line of the copies off site.

use std::path::PathBuf;

use clap::{Args, Subcommand};

use crate::backup::off_site::{Recipient, ServerSideEncryption};

/// Arguments of `keyboss off-site`.
#[derive(Args, Debug)]
pub struct OffSiteArgs {
    /// What to do.
    #[command(subcommand)]
    pub command: OffSiteCommand,

    /// The URL of the S3-compatible store.
    #[arg(long, env = "OFF_SITE_ENDPOINT", value_name = "URL")]
    pub endpoint: String,

    /// Its region.
    #[arg(long, env = "OFF_SITE_REGION", value_name = "REGION", default_value = "us-east-1")]
    pub region: String,

    /// The bucket.
    #[arg(long, env = "OFF_SITE_BUCKET", value_name = "BUCKET")]
    pub bucket: String,

    /// What the names of all objects begin with.
    #[arg(long, env = "OFF_SITE_PREFIX", value_name = "PREFIX", default_value = "keyboss")]
    pub prefix: String,

    /// How the store encrypts what it keeps.
    #[arg(long, env = "OFF_SITE_SERVER_SIDE_ENCRYPTION", value_enum)]
    pub server_side_encryption: Option<ServerSideEncryption>,

    /// Which key of its key management service; the default one where it is not said.
    #[arg(long, env = "OFF_SITE_KMS_KEY", value_name = "ID", default_value = "", hide_default_value = true)]
    pub kms_key: String,

    /// Whom copies are encrypted to before they leave; may be repeated.
    #[arg(long, env = "OFF_SITE_AGE_RECIPIENTS", value_name = "AGE1...", value_delimiter = ',')]
    pub age_recipient: Vec<Recipient>,

    /// The key to read such copies.
    #[arg(long, env = "BACKUP_AGE_IDENTITY", hide_env_values = true, value_name = "KEY", hide = true)]
    pub age_identity: Option<String>,

    /// The name of the store's key.
    #[arg(long, env = "BACKUP_S3_ACCESS_KEY_ID", hide_env_values = true, value_name = "ID", hide = true)]
    pub access_key_id: String,

    /// The store's key.
    #[arg(long, env = "BACKUP_S3_SECRET_ACCESS_KEY", hide_env_values = true, value_name = "KEY", hide = true)]
    pub secret_access_key: String,

    /// The folder of the dumps.
    #[arg(long, env = "BACKUP_DIR", value_name = "FOLDER", default_value = "/backup")]
    pub dir: PathBuf,
}

/// The subcommands of `keyboss off-site`.
#[derive(Debug, Subcommand)]
pub enum OffSiteCommand {
    /// Copy every dump that the store does not have, and keep the newest copies.
    Ship {
        /// How many copies are kept.
        #[arg(long, env = "OFF_SITE_KEEP", value_name = "N", default_value_t = 30, value_parser = clap::value_parser!(u32).range(1..))]
        keep: u32,
    },
    /// Print every copy as JSON on a line, the oldest first.
    List,
    /// Bring one back to the folder.
    Pull {
        /// The backup.
        #[arg(value_name = "NAME")]
        name: String,
    },
}
