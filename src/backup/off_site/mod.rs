//! The dumps once more, in an S3-compatible store. This runs in the cluster, in pods of CronJob `postgres-off-site`: they
//! mount the volume of the dumps, and have the store's credentials.
//!
//! A store holds, under a prefix, `NAME.sql.gz` and `NAME.json`, as the volume does; with a recipient both are encrypted by
//! [age](https://age-encryption.org/v1) and their names end in `.age`. The manifest comes last, once the dump was read back:
//! a copy is whole when it has both.

mod names;
mod pull;
mod seal;
mod ship;
mod store;
mod volume;

pub use pull::pull;
pub use seal::{Identity, Recipient, Seal};
pub use ship::{Shipped, ship};
pub use store::{ServerSideEncryption, Store, StoreSettings};
