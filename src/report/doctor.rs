//! What a doctor found, for people: a line for each finding, below it what to do, and the sum of it.

use super::text::{columns, on_one_line};
use crate::doctor::{Finding, Verdict};

/// Every finding in the order of the checks; the last line says what that means for a deploy, and what to do first.
pub fn lines(findings: &[Finding], environment: &str, namespace: &str) -> Vec<String> {
    let mut rows = Vec::new();
    for Finding { check, verdict, found, remedy } in findings {
        rows.push([verdict.word().to_owned(), (*check).to_owned(), on_one_line(found)]);
        let remedy = remedy.iter().map(|remedy| format!("  do: {}", on_one_line(remedy)));
        rows.extend(remedy.map(|remedy| [String::new(), String::new(), remedy]));
    }
    let mut lines = columns(&rows);
    lines.push(sum(findings, environment, namespace));
    lines
}

fn sum(findings: &[Finding], environment: &str, namespace: &str) -> String {
    let of = |verdict: Verdict| findings.iter().filter(move |finding| finding.verdict == verdict);
    let (failures, warnings) = (of(Verdict::Fail).count(), of(Verdict::Warn).count());
    let warned = match warnings {
        0 => String::new(),
        1 => "; 1 warning".to_owned(),
        warnings => format!("; {warnings} warnings"),
    };
    let Some(first) = of(Verdict::Fail).next() else {
        return format!(
            "nothing that was checked keeps a deploy to namespace {namespace} from working{warned}; next: keyboss deploy --env \
             {environment}"
        );
    };
    let failures = if failures == 1 { "1 failure".to_owned() } else { format!("{failures} failures") };
    let next = first.remedy.as_deref().unwrap_or(&first.found);
    format!(
        "a deploy to namespace {namespace} would not work: {failures}{warned}; first, {}: {}",
        first.check,
        on_one_line(next)
    )
}
