//! What a deploy would change, for people and for programs.

use std::io::{self, IsTerminal};

use console::Style;
use serde_json::{Value, json};

use super::scrub::clean;
use super::text::{counted, on_one_line};
use super::{Redactor, print};
use crate::diff::{Comparison, Difference, Kind};

/// When a difference is coloured.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum Color {
    /// When stdout is a terminal, and neither `NO_COLOR` nor a dumb terminal says otherwise.
    #[default]
    Auto,
    /// Always.
    Always,
    /// Never.
    Never,
}

impl Color {
    fn is_on(self) -> bool {
        match self {
            Self::Auto => io::stdout().is_terminal() && console::colors_enabled(),
            Self::Always => true,
            Self::Never => false,
        }
    }
}

/// Prints every difference and the sum of them, without secrets and control characters.
///
/// # Errors
/// As [`print()`].
pub fn print_diff(comparison: &Comparison, color: Color, redactor: &Redactor) -> io::Result<()> {
    let is_on = color.is_on();
    let line = |(style, line): (Style, String)| {
        // Coloured last: cleaning takes colours away.
        let line = clean(&line, redactor).trim_end().to_owned();
        if is_on { format!("{}\n", style.force_styling(true).apply_to(line)) } else { line + "\n" }
    };
    print(&lines(comparison).into_iter().map(line).collect::<String>())
}

/// The lines, each with its style.
fn lines(comparison: &Comparison) -> Vec<(Style, String)> {
    let mut lines = Vec::new();
    for difference in &comparison.objects {
        lines.push((Style::new().bold(), heading(difference)));
        lines.extend(difference.lines.iter().map(|line| (style(line), line.clone())));
    }
    lines.push((Style::new(), sum(comparison)));
    lines
}

fn style(line: &str) -> Style {
    match line.chars().next() {
        Some('+') => Style::new().green(),
        Some('-') => Style::new().red(),
        Some('@') => Style::new().cyan(),
        _ => Style::new(),
    }
}

/// "~ Deployment saleor-api (changed; its pods restart)".
fn heading(difference: &Difference) -> String {
    let (sign, word) = match difference.change {
        Kind::Created => ('+', "new"),
        Kind::Changed => ('~', "changed"),
        Kind::Recreated => ('~', "made anew"),
        Kind::Deleted => ('-', "deleted"),
    };
    let words: Vec<String> =
        [Some(word.to_owned()), difference.why.clone(), difference.restarts.words()].into_iter().flatten().collect();
    on_one_line(&format!("{sign} {} ({})", difference.object, words.join("; ")))
}

/// "3 changed, 1 new, 40 unchanged; pods of saleor-api and celery-worker restart".
fn sum(comparison: &Comparison) -> String {
    let Comparison { unchanged, refused, .. } = comparison;
    let counts = [
        (comparison.count(Kind::Changed), "changed"),
        (comparison.count(Kind::Created), "new"),
        (comparison.count(Kind::Recreated), "made anew"),
        (comparison.count(Kind::Deleted), "deleted"),
        (refused.len(), "refused by the server"),
    ];
    let counted = counted(&counts);
    if counted.is_empty() {
        return format!("nothing would change: {unchanged} unchanged");
    }
    let restarts = match comparison.restarting().as_slice() {
        [] => "no pods restart".to_owned(),
        [one] => format!("pods of {one} restart"),
        [all @ .., last] => format!("pods of {} and {last} restart", all.join(", ")),
    };
    format!("{}, {unchanged} unchanged; {restarts}", counted.join(", "))
}

/// The same for programs: one object, described in `docs/json-output.md`.
pub fn json(comparison: &Comparison, environment: &str, namespace: &str) -> Value {
    let mut value = json!({
        "environment": environment,
        "namespace": namespace,
        "created": comparison.count(Kind::Created),
        "changed": comparison.count(Kind::Changed),
        "recreated": comparison.count(Kind::Recreated),
        "deleted": comparison.count(Kind::Deleted),
        "restarting": comparison.restarting(),
    });
    if let (Some(value), Ok(Value::Object(rest))) = (value.as_object_mut(), serde_json::to_value(comparison)) {
        value.extend(rest);
    }
    value
}
