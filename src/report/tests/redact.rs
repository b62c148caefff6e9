//! Secrets are masked in every form.

use std::io::Write;

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
use crate::report::{RedactingWriter, Redactor};

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
