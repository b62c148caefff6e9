//! Logs and errors, on stderr.

use std::io::{self, Write};

use anyhow::Error;
use tracing_subscriber::EnvFilter;

use super::output::{Medium, Output};
use super::scrub::clean;
use super::text::printable;
use super::{RedactingWriter, Redactor, github};

/// Sends logs to stderr: warnings, with `-v` what keyboss does, with `-vv` its requests too; `RUST_LOG`
/// decides where it is set.
pub fn log_to_stderr(verbose: u8, redactor: Redactor) {
    let default = match verbose {
        0 => "warn",
        1 => "keyboss=info,warn",
        _ => "keyboss=debug,kube=debug,info",
    };
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new(default));
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_ansi(console::colors_enabled_stderr())
        .with_writer(RedactingWriter::new(redactor))
        .init();
}

/// Says why the command ended, on stderr, if anybody listens.
pub fn error(error: &Error, redactor: &Redactor) {
    let _ = writeln!(io::stderr(), "keyboss: {}", words(error, redactor));
}

/// The same, in the form of what the command prints: on GitHub, an annotation.
pub fn failure(why: &Error, output: Output, redactor: &Redactor) {
    if output.medium() == Medium::GitHub {
        let _ = writeln!(io::stderr(), "{}", github::error("keyboss", &words(why, redactor)));
    } else {
        error(why, redactor);
    }
}

fn words(error: &Error, redactor: &Redactor) -> String {
    printable(&redactor.redact(&format!("{error:#}")))
}

/// Says something beside what is printed, on stderr, if anybody listens.
pub fn note(words: &str, redactor: &Redactor) {
    let _ = writeln!(io::stderr(), "keyboss: {}", clean(words, redactor));
}
