mod lives;
mod tables;
