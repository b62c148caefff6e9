//! Backups, failures one by one, initial fields, resets, a tenant's rights, and every way in which PostgreSQL and Redis may
//! die.

mod backup;
mod failures;
mod initial;
mod kills;
mod reset;
mod tenant;
