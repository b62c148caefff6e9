//! The user's browser.

use std::io::{self, IsTerminal};
use std::process::{Command, Stdio};
use std::thread;

/// Shows a page in it, if this is a person's terminal and there is one.
pub fn browse(url: &str) {
    if !io::stdout().is_terminal() {
        return;
    }
    let program = if cfg!(target_os = "macos") { "open" } else { "xdg-open" };
    let mut command = Command::new(program);
    command.arg(url).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    match command.spawn() {
        // Whoever started a process asks for its end.
        Ok(mut browser) => drop(thread::spawn(move || browser.wait())),
        Err(error) => tracing::info!(program, %error, "no browser is started"),
    }
}
