//! How a shop stands, for people, on one screen: what is not well first, and what is well on a line each.

mod parts;
mod watching;

use console::{Term, measure_text_width};

use super::history::when;
use super::screen::Screen;
use super::text::{on_one_line, wrapped};
use crate::release::Journal;
use crate::status::Status;
use parts::{Part, Standing};
pub use watching::Watching;

/// The columns before what is said, where there is room for them.
const MARGIN: usize = 19;
/// A terminal that is narrower has what is said below its title.
const NARROW: usize = 60;
/// So many lines of one sentence.
const MOST: usize = 4;

/// The columns of the terminal on stdout; None: it is none, and no line is broken.
pub fn width() -> Option<usize> {
    Screen::is_possible().then(|| Term::stdout().size().1.into())
}

/// All of it. The first line says whether anything is wrong.
pub fn lines(status: &Status, width: Option<usize>) -> Vec<String> {
    let mut parts = parts::parts(status);
    parts.sort_by_key(|part| part.standing);
    let mut lines = laid("", &head(status, &parts), 0, width);
    for Part { standing, title, said } in &parts {
        let name = format!("{:<5}  {title:<10}", standing.word());
        for (index, sentence) in said.iter().enumerate() {
            let first = if index == 0 { name.as_str() } else { "" };
            lines.extend(laid(first, &on_one_line(sentence), MARGIN, width));
        }
    }
    lines
}

/// Which release is in place, and what is wrong or not known.
fn head(status: &Status, parts: &[Part]) -> String {
    let namespace = &status.namespace;
    let release = match (status.in_place(), &status.journals) {
        (Some(Journal { release, environment, started, author, .. }), _) => {
            let (user, host) = (&author.user, &author.host);
            format!("release {release} of environment {environment}, {} UTC, by {user}@{host}", when(*started))
        }
        (None, Ok(_)) => "no release is in place".to_owned(),
        (None, Err(_)) => "it is not known which release is in place".to_owned(),
    };
    let of = |standing| {
        let titles: Vec<&str> = parts.iter().filter(|part| part.standing == standing).map(|part| part.title).collect();
        (!titles.is_empty()).then(|| titles.join(", "))
    };
    let wrong = of(Standing::Wrong).map_or("nothing is wrong".to_owned(), |titles| format!("wrong: {titles}"));
    let unknown = of(Standing::Unknown).map_or_else(String::new, |titles| format!("; not known: {titles}"));
    format!("namespace {namespace}: {wrong}{unknown}; {release}")
}

/// A sentence behind its title, in lines of a width.
fn laid(title: &str, text: &str, margin: usize, width: Option<usize>) -> Vec<String> {
    let Some(width) = width else { return vec![format!("{title:<margin$}{text}")] };
    if width >= NARROW {
        let room = width.saturating_sub(margin);
        let rest = if margin == 0 { width.saturating_sub(2) } else { room };
        let broken = wrapped(text, room, rest, MOST, "...").into_iter().enumerate();
        let indent = if margin == 0 { 2 } else { margin };
        return broken
            .map(|(index, line)| match index {
                0 => format!("{title:<margin$}{line}"),
                _ => format!("{:indent$}{line}", ""),
            })
            .collect();
    }
    let room = width.saturating_sub(2).max(1);
    let title = Some(title.trim_end()).filter(|title| !title.is_empty()).map(|title| cut(title, width));
    title
        .into_iter()
        .chain(wrapped(text, room, room, MOST, "...").into_iter().map(|line| format!("  {line}")))
        .collect()
}

/// A line that fits.
fn cut(line: &str, width: usize) -> String {
    if measure_text_width(line) <= width {
        line.to_owned()
    } else {
        console::truncate_str(line, width, "").into_owned()
    }
}
