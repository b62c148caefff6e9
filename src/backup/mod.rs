//! Backups by hand: Jobs like those of the CronJobs in `manifests/6-backup`, in the cluster, where the dumps and the
//! database are. Nothing of a dump passes the machine of whoever asks, unless it is fetched.

mod by_hand;
mod catalogue;
mod fetch;
mod jobs;
pub mod off_site;
mod replace;
mod rights;
mod spans;
mod waiting;

pub use by_hand::ByHand;
pub use catalogue::{Backup, Catalogue, Manifest};
pub use fetch::fetch;
pub use replace::{FIELD_MANAGER, check, replace, undo};
pub use rights::{rights, rights_to_fetch, rights_to_replace};
pub use spans::{Span, Spans};

/// The shop's database.
pub const DATABASE: &str = "saleor";
/// The CronJob that writes dumps: its pods reach the database.
pub const DUMPS: &str = "postgres-backup";
/// The CronJob that copies them off site: its pods reach the dumps and the store. It is there where a store is set up.
pub const OFF_SITE: &str = "postgres-off-site";
/// The CronJob that dumps a moment of the archived write-ahead log: its pods reach the archive and the dumps, and no
/// database. It is there where `backup.pointInTime` is enabled.
pub const MOMENTS: &str = "postgres-at";
/// The CronJob that restores them for a check: its pods reach the dumps, and no database.
pub const CHECKS: &str = "postgres-verify";
