//! What a command prints that is no event.

use std::io::{self, Write};

use serde_json::Value;

use super::Redactor;
use super::scrub::{clean, scrub_value};

/// Prints a text as it is. That nobody reads it to the end (`keyboss render | head`) is no error.
///
/// # Errors
/// When stdout cannot be written for another reason.
pub fn print(text: &str) -> io::Result<()> {
    print_while_read(text).map(drop)
}

/// The same, and whether anybody reads it.
///
/// # Errors
/// As [`print()`].
pub fn print_while_read(text: &str) -> io::Result<bool> {
    let mut out = io::stdout();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(false),
        other => other.map(|()| true),
    }
}

/// Prints lines, without secrets and control characters.
///
/// # Errors
/// As [`print()`].
pub fn print_lines(lines: &[String], redactor: &Redactor) -> io::Result<()> {
    let clean = lines.iter().map(|line| clean(line, redactor).trim_end().to_owned() + "\n");
    print(&clean.collect::<String>())
}

/// Prints each value as JSON on one line, without secrets and control characters.
///
/// # Errors
/// As [`print()`].
pub fn print_json(values: Vec<Value>, redactor: &Redactor) -> io::Result<()> {
    let line = |mut value| {
        scrub_value(&mut value, redactor);
        format!("{value}\n")
    };
    print(&values.into_iter().map(line).collect::<String>())
}
