mod autoscaler;
mod cluster;
mod cron_job;
mod endpoints;
mod lives;
mod tables;
