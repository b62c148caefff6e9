//! Known secret values are masked wherever they stand in a text, in every form they are commonly written in.

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::fmt;
use std::io::{self, Write};
use std::sync::{Arc, PoisonError, RwLock};

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD};
use tracing_subscriber::fmt::MakeWriter;
use url::Url;

use super::{github, screen};

/// What stands in place of a secret.
const MASK: &str = "[redacted]";

/// A shorter value is not masked: it would be found in ordinary words.
const SHORTEST: usize = 6;

/// A shorter stretch of base64 is not masked: it could be anything.
const SHORTEST_BASE64: usize = 8;

/// What stands between two lines of one event of the log: GitHub finds a command behind spaces, too.
const CONTINUED: &str = "\n  | ";

/// Masks the secret values it was told of. Clones share them.
#[derive(Clone, Default)]
pub struct Redactor(Arc<RwLock<BTreeSet<String>>>);

impl Redactor {
    /// Registers a secret value; from now on it is masked, also in base64 (alone or inside a longer encoded text),
    /// in JSON, in a URL, and, for a value of several lines such as a PEM key, line by line.
    ///
    /// Values shorter than six characters are ignored.
    pub fn add(&self, secret: &str) {
        let mut forms = self.0.write().unwrap_or_else(PoisonError::into_inner);
        let secret = secret.trim();
        let lines = secret.lines().map(str::trim).filter(|line| !line.starts_with("-----"));
        for value in std::iter::once(secret).chain(lines) {
            if value.chars().count() >= SHORTEST {
                forms.extend(forms_of(value));
            }
        }
    }

    /// The text with every registered value masked.
    pub fn redact<'text>(&self, text: &'text str) -> Cow<'text, str> {
        let mut found = Vec::new();
        for form in self.0.read().unwrap_or_else(PoisonError::into_inner).iter() {
            let step = form.chars().next().map_or(1, char::len_utf8);
            let mut from = 0;
            while let Some(at) = text[from..].find(form.as_str()) {
                let start = from + at;
                found.push((start, start + form.len()));
                from = start + step;
            }
        }
        if found.is_empty() {
            return Cow::Borrowed(text);
        }
        // Places are looked up in the original and then merged, so that of two values that overlap no end remains.
        found.sort_unstable();
        let mut clean = String::with_capacity(text.len());
        let mut done = 0;
        for (start, end) in found {
            if start > done || done == 0 {
                clean.push_str(&text[done..start]);
                clean.push_str(MASK);
            }
            done = done.max(end);
        }
        clean.push_str(&text[done..]);
        Cow::Owned(clean)
    }
}

impl fmt::Debug for Redactor {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Redactor")
    }
}

/// The ways in which a value is written.
fn forms_of(value: &str) -> Vec<String> {
    let unquoted = |quoted: String| quoted.trim_matches('"').to_owned();
    let query: String = url::form_urlencoded::byte_serialize(value.as_bytes()).collect();
    let mut forms = vec![value.to_owned(), query.replace('+', "%20"), query, STANDARD.encode(value)];
    forms.extend(serde_json::to_string(value).ok().map(unquoted));
    forms.push(unquoted(format!("{value:?}")));
    forms.extend(in_url(value));
    forms.extend((0..3).filter_map(|offset| inside_base64(value, offset)));
    forms.retain(|form| form.chars().count() >= SHORTEST);
    forms
}

/// The value as the password of a URL.
fn in_url(value: &str) -> Option<String> {
    let mut url = Url::parse("any://host").ok()?;
    url.set_password(Some(value)).ok()?;
    url.password().map(str::to_owned)
}

/// The characters that base64 of a longer text has for the value, when it begins `offset` bytes (modulo 3) into it:
/// those that depend on the value alone.
fn inside_base64(value: &str, offset: usize) -> Option<String> {
    let bytes = [&[0; 3][..offset], value.as_bytes()].concat();
    let encoded = STANDARD_NO_PAD.encode(&bytes);
    let own = encoded.get((offset * 8).div_ceil(6)..bytes.len() * 8 / 6)?;
    (own.len() >= SHORTEST_BASE64).then(|| own.to_owned())
}

/// Where `tracing` writes its log: stderr, without secrets, and beside a live terminal without disturbing it.
#[derive(Clone, Debug)]
pub struct RedactingWriter(Redactor);

impl RedactingWriter {
    /// A writer that masks what the redactor knows at the time of each line.
    pub fn new(redactor: Redactor) -> Self {
        Self(redactor)
    }
}

impl MakeWriter<'_> for RedactingWriter {
    type Writer = RedactingLine;

    fn make_writer(&self) -> RedactingLine {
        RedactingLine { redactor: self.0.clone(), text: Vec::new() }
    }
}

/// One event of the log; written to stderr as a whole when dropped, so that no secret is split over two writes.
#[derive(Debug)]
pub struct RedactingLine {
    redactor: Redactor,
    text: Vec<u8>,
}

impl RedactingLine {
    /// What will be written. An event may quote text of the cluster, in several lines: only its first line begins as one
    /// of the log, and none holds a workflow command of GitHub.
    pub(super) fn redacted(&self) -> String {
        let text = String::from_utf8_lossy(&self.text);
        let text = github::harmless(&self.redactor.redact(&text)).replace("\r\n", "\n");
        let (event, end) = text.strip_suffix('\n').map_or((text.as_str(), ""), |event| (event, "\n"));
        event.replace(['\r', '\n'], CONTINUED) + end
    }
}

impl Write for RedactingLine {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.text.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Drop for RedactingLine {
    fn drop(&mut self) {
        if !self.text.is_empty() {
            screen::log(&self.redacted());
        }
    }
}
