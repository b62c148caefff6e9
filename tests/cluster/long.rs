//! An old installation that is taken over, backups and their copies, differences and plans, what a doctor says, failovers,
//! failures one by one, initial fields, logs and forwarded ports, monitoring, load, resets, transactions, a tenant's rights,
//! and every way in which PostgreSQL and Redis may die.

mod adopt;
mod archive;
mod backup;
mod diff;
mod doctor;
mod failover;
mod failures;
mod initial;
mod kills;
mod logs;
mod monitoring;
mod off_site;
mod reset;
mod tenant;
mod traffic;
mod transaction;
