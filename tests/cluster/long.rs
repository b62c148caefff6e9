//! Failures one by one, a tenant's rights, and every way in which PostgreSQL and Redis may die.

mod failures;
mod kills;
mod tenant;
