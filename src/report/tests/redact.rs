//! Secrets are masked in every form.

use std::io::{self, Write};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use tracing_subscriber::fmt::MakeWriter;

use crate::pipeline::{Diagnosis, Event, Finished};
use crate::render::Phase;
use crate::report::github::GitHub;
use crate::report::gitlab::GitLab;
use crate::report::json::Json;
use crate::report::plain::Plain;
use crate::report::summary::Summarizing;
use crate::report::{RedactingLine, RedactingWriter, Redactor};

use super::{Paper, clock, show};

const PASSWORD: &str = "p\"ss/w:rd ä1";
const PEM: &str =
    "-----BEGIN PRIVATE KEY-----\nMIIG/gIBADANBgkqhkiG9w0\nBAQEFAASCBugwggbkAgEAAo\nAg==\n-----END PRIVATE KEY-----\n";

fn redactor() -> Redactor {
    let redactor = Redactor::default();
    redactor.add(PASSWORD);
    redactor.add("abcdefgh");
    redactor.add("efghijkl");
    redactor.add("tiny!");
    redactor.add(PEM);
    redactor
}

#[test]
fn every_form_of_a_value_is_masked() {
    let base64 = |text: &str| STANDARD.encode(text);
    let table = [
        (PASSWORD.to_owned(), "[redacted]".to_owned()),
        ("nothing to see, tiny!".into(), "nothing to see, tiny!".into()),
        (format!("x{PASSWORD}y{PASSWORD}"), "x[redacted]y[redacted]".into()),
        (base64(PASSWORD), "[redacted]".into()),
        (format!("{{\"password\": {}}}", serde_json::json!(PASSWORD)), "{\"password\": \"[redacted]\"}".into()),
        (format!("{PASSWORD:?}"), "\"[redacted]\"".into()),
        (
            "postgres://saleor:abcdefgh@postgres:5432/saleor".into(),
            "postgres://saleor:[redacted]@postgres:5432/saleor".into(),
        ),
        ("postgres://saleor:p%22ss%2Fw%3Ard%20%C3%A41@postgres".into(), "postgres://saleor:[redacted]@postgres".into()),
        ("?password=p%22ss%2Fw%3Ard+%C3%A41&x=1".into(), "?password=[redacted]&x=1".into()),
        ("of two that overlap: abcdefghijkl.".into(), "of two that overlap: [redacted].".into()),
        ("-----BEGIN PRIVATE KEY-----".into(), "-----BEGIN PRIVATE KEY-----".into()),
        ("  BAQEFAASCBugwggbkAgEAAo".into(), "  [redacted]".into()),
        (format!("key: {}", serde_json::json!(PEM)), "key: \"[redacted]\\n\"".into()),
    ];
    let redactor = redactor();
    for (text, expected) in table {
        assert_eq!(redactor.redact(&text), expected, "of {text:?}");
    }
}

#[test]
fn a_value_inside_an_encoded_text_is_masked_wherever_it_begins() {
    for before in ["", "u", "us", "postgres://saleor:"] {
        let encoded = STANDARD.encode(format!("{before}correct-horse-battery@host"));
        let redactor = Redactor::default();
        redactor.add("correct-horse-battery");
        let clean = redactor.redact(&encoded).into_owned();
        let (head, tail) = clean.split_once("[redacted]").unwrap_or_else(|| panic!("{before:?}: {clean}"));
        assert!(head.len() + tail.len() + 26 <= encoded.len(), "{before:?}: {clean}");
    }
}

#[test]
fn a_redactor_does_not_tell_what_it_knows() {
    assert_eq!(format!("{:?}", redactor()), "Redactor");
}

#[test]
fn no_reporter_shows_a_value() {
    let coloured = "abcd\u{1b}[1mefgh";
    let events = vec![
        Event::Notice { phase: None, message: format!("the server said: {PASSWORD}") },
        Event::Diagnosis(Box::new(Diagnosis {
            log: PEM.lines().map(str::to_owned).chain([coloured.to_owned()]).collect(),
            ..Diagnosis::new(Phase::Stateful, "Pod postgres-0".into(), "Failed", "password abcdefgh is wrong".into())
        })),
        Event::DeployFinished(Box::new(Finished { message: PASSWORD.into(), ..Finished::default() })),
    ];
    let page = tempfile::NamedTempFile::new().unwrap();
    let paper = Paper::default();
    show(&mut Plain::new(paper.clone(), clock()), &redactor(), events.clone());
    show(&mut Json::new(paper.clone(), clock()), &redactor(), events.clone());
    show(&mut GitHub::new(paper.clone(), clock()), &redactor(), events.clone());
    let gitlab = Box::new(GitLab::new(paper.clone(), clock()));
    show(&mut Summarizing::new(gitlab, page.path().into(), &redactor()), &redactor(), events);
    let text = paper.text() + &std::fs::read_to_string(page.path()).unwrap();
    for part in ["p\"ss", "p\\\"ss", "abcd", "efgh", "MIIG", "BAQE"] {
        assert!(!text.contains(part), "{part:?} in:\n{text}");
    }
    assert_eq!(text.matches("redacted").count(), 32, "{text}");
}

#[test]
fn a_log_line_is_masked_as_a_whole() {
    let writer = RedactingWriter::new(redactor());
    let mut line = writer.make_writer();
    line.write_all(b"connecting with abc").unwrap();
    line.flush().unwrap();
    line.write_all(b"defgh\n").unwrap();
    assert_eq!(line.redacted(), "connecting with [redacted]\n");
}

/// A line of the log that goes to paper.
struct Written(RedactingLine, Paper);

impl Write for Written {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}

impl Drop for Written {
    fn drop(&mut self) {
        let _ = self.1.write_all(self.0.redacted().as_bytes());
    }
}

#[test]
fn no_line_of_the_log_begins_with_text_of_an_event() {
    let writer = RedactingWriter::new(redactor());
    for (text, expected) in [
        ("one line\n", "one line\n"),
        ("a\n::error::b\n", "a\n  | ::error::b\n"),
        ("a\r::error::b\r\n ::c\n", "a\n  | ::error::b\n  |  ::c\n"),
        ("a ##[error]b\n\n", "a ## [error]b\n  | \n"),
        ("a\nabcdefgh", "a\n  | [redacted]"),
    ] {
        let mut line = writer.make_writer();
        line.write_all(text.as_bytes()).unwrap();
        assert_eq!(line.redacted(), expected, "of {text:?}");
    }

    // The log's own formatter leaves line ends in.
    let paper = Paper::default();
    let kept = paper.clone();
    let subscriber = tracing_subscriber::fmt().with_ansi(false).without_time();
    let subscriber = subscriber.with_writer(move || Written(writer.make_writer(), kept.clone())).finish();
    let said = "forbidden:\n::error title=x::y";
    tracing::subscriber::with_default(subscriber, || tracing::warn!(error = said, %said, "it said {said}"));
    let told = " WARN keyboss::report::tests::redact: it said forbidden:\n  | ::error title=x::y \
                error=\"forbidden:\\n::error title=x::y\" said=forbidden:\n  | ::error title=x::y\n";
    assert_eq!(paper.text(), told);
}
