//! A status that is told again: in place on a terminal, else whenever something has changed.

use std::io;
use std::time::Duration;

use serde_json::Value;

use super::super::screen::Screen;
use super::super::scrub::{clean, scrub_value};
use super::super::stdout::print_while_read;
use super::super::{Answer, Redactor};
use super::lines;
use crate::status::{Status, gist};

/// Shows one status after the other.
pub struct Watching {
    redactor: Redactor,
    every: Duration,
    how: How,
    last: Value,
}

enum How {
    Screen(Screen),
    Lines,
    Json,
}

impl Watching {
    /// On a terminal where stdout is one and people are told.
    pub fn new(output: Answer, redactor: Redactor, every: Duration) -> Self {
        let how = match output {
            Answer::Json => How::Json,
            Answer::Auto if Screen::is_possible() => return Self::on(Screen::stdout(), redactor, every),
            Answer::Auto => How::Lines,
        };
        Self { redactor, every, how, last: Value::Null }
    }

    /// On this terminal.
    pub fn on(screen: Screen, redactor: Redactor, every: Duration) -> Self {
        Self { redactor, every, how: How::Screen(screen), last: Value::Null }
    }

    /// Shows how it stands now; whether anybody reads it.
    ///
    /// # Errors
    /// When stdout cannot be written, though somebody reads it.
    pub fn show(&mut self, status: &Status) -> io::Result<bool> {
        if let How::Screen(screen) = &self.how {
            let (rows, columns) = screen.size();
            screen.show(&self.picture(status, rows, columns));
            return Ok(true);
        }
        let mut value = status.json();
        let gist = gist(&value);
        if std::mem::replace(&mut self.last, gist) == self.last {
            return Ok(true);
        }
        print_while_read(&match self.how {
            How::Json => {
                scrub_value(&mut value, &self.redactor);
                format!("{value}\n")
            }
            _ => {
                let told = lines(status, None).into_iter().map(|line| self.clean(&line) + "\n").collect::<String>();
                format!("{} UTC\n{told}\n", status.at.strftime("%Y-%m-%d %H:%M:%S"))
            }
        })
    }

    /// What fits a terminal: what is well comes last, and is left out first.
    fn picture(&self, status: &Status, rows: usize, columns: usize) -> Vec<String> {
        let mut all: Vec<String> = lines(status, Some(columns)).iter().map(|line| self.clean(line)).collect();
        let room = rows.saturating_sub(1).max(1);
        let mut last = format!("{} UTC, every {} s", status.at.strftime("%H:%M:%S"), self.every.as_secs());
        if all.len() > room {
            last = format!("{} more lines; {last}", all.len() - room);
            all.truncate(room);
        }
        all.push(last);
        all.into_iter().map(|line| console::truncate_str(&line, columns, "").into_owned()).collect()
    }

    fn clean(&self, line: &str) -> String {
        clean(line, &self.redactor).replace('\n', " ").trim_end().to_owned()
    }
}

impl Drop for Watching {
    /// The last picture stays.
    fn drop(&mut self) {
        if let How::Screen(screen) = &self.how {
            screen.leave();
        }
    }
}
