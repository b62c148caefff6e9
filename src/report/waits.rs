//! What a phase waits for, worst first. Data to lines.

use std::collections::BTreeSet;
use std::time::Duration;

use console::{Alignment, measure_text_width, pad_str, style};

use super::glyphs::Glyphs;
use super::text;

/// The most objects that are shown as waited for; the others are counted.
const MOST_SHOWN: usize = 8;
/// The most lines that the reason of one object takes.
const REASON: usize = 3;
/// A name is cut behind so many columns.
const NAME: usize = 24;

/// An object that is waited for. Times are on the board's clock.
pub struct Wait {
    /// Kind and name.
    pub object: String,
    /// Why, in words.
    pub why: String,
    /// Of how many parts...
    pub done: u32,
    /// ...it consists.
    pub total: u32,
    /// It will fail unless it changes.
    pub suspicious: bool,
    /// Since when it stands so.
    pub since: Duration,
    /// How long it may stand so.
    pub fails_after: Option<Duration>,
}

/// Everything that a phase waits for.
#[derive(Default)]
pub struct Waits {
    all: Vec<Wait>,
    /// The object that the last heartbeat called the worst blocker.
    pub worst: Option<String>,
}

/// The columns of the lines, as wide as the widest.
struct Widths {
    name: usize,
    bar: bool,
    time: usize,
}

impl Waits {
    /// How many.
    pub fn len(&self) -> usize {
        self.all.len()
    }

    /// One more, or one that stands otherwise now.
    pub fn add(&mut self, wait: Wait) {
        self.forget(&wait.object);
        self.all.push(wait);
    }

    /// One that is ready.
    pub fn forget(&mut self, object: &str) {
        self.all.retain(|wait| wait.object != object);
    }

    /// The lines, on at most `room`.
    pub fn lines(&self, now: Duration, room: usize, columns: usize, is_narrow: bool, glyphs: &Glyphs) -> Vec<String> {
        let waits = self.worst_first();
        let most =
            if waits.len() > room.min(MOST_SHOWN) { room.saturating_sub(1).min(MOST_SHOWN) } else { waits.len() };
        let names = self.names();
        let shown: Vec<(&Wait, &str)> =
            waits.iter().map(|wait| (*wait, name(&wait.object, &names))).take(most).collect();
        let widths = Widths {
            name: shown.iter().map(|(_, name)| measure_text_width(name)).max().unwrap_or(0).min(NAME),
            bar: shown.iter().any(|(wait, _)| wait.total > 1),
            time: shown.iter().map(|(wait, _)| wait.time(now).len()).max().unwrap_or(0),
        };
        // Lines that are left over are for the reasons of the worst.
        let mut spare = room.saturating_sub(shown.len() + usize::from(shown.len() < waits.len()));
        let mut lines = Vec::new();
        for (wait, name) in &shown {
            let mark = if wait.suspicious { "!" } else { " " };
            let head = match is_narrow {
                true => format!("  {mark} {}", wait.narrow(name, now)),
                false => format!("    {mark} {}", wait.wide(name, now, &widths, glyphs)),
            };
            let most = match (wait.suspicious, is_narrow) {
                (true, _) => spare.min(REASON - 1),
                (false, true) => spare.min(1),
                (false, false) => 0,
            };
            let block = in_block(head, &shortened(&wait.why, &wait.object, glyphs), columns, most, is_narrow, glyphs);
            spare -= (block.len() - 1).min(spare);
            let colored = |line: String| if wait.suspicious { style(line).yellow().to_string() } else { line };
            lines.extend(block.into_iter().map(colored));
        }
        if shown.len() < waits.len() && room > 0 {
            lines.push(style(format!("      and {} more", waits.len() - shown.len())).dim().to_string());
        }
        lines
    }

    fn worst_first(&self) -> Vec<&Wait> {
        let mut waits: Vec<&Wait> = self.all.iter().collect();
        waits.sort_by_key(|wait| {
            let is_worst = self.worst.as_ref() == Some(&wait.object);
            let permille = u64::from(wait.done) * 1000 / u64::from(wait.total.max(1));
            (!wait.suspicious, !is_worst, permille, &wait.object)
        });
        waits
    }

    /// The names that two kinds have.
    fn names(&self) -> BTreeSet<&str> {
        let of = |wait: &Wait| wait.object.split_once(' ').map_or("", |(_, name)| name).to_owned();
        let twice = |name: &str| self.all.iter().filter(|wait| of(wait) == name).count() > 1;
        let names = self.all.iter().filter_map(|wait| wait.object.split_once(' ').map(|(_, name)| name));
        names.filter(|name| twice(name)).collect()
    }
}

/// An object without its kind, where that is enough.
fn name<'a>(object: &'a str, twice: &BTreeSet<&str>) -> &'a str {
    match object.split_once(' ') {
        Some((_, name)) if !twice.contains(name) => name,
        _ => object,
    }
}

impl Wait {
    /// "12s", "12s/90s".
    fn time(&self, now: Duration) -> String {
        let stood = text::whole(now.saturating_sub(self.since).as_secs());
        match self.fails_after {
            Some(limit) => format!("{stood}/{}", text::whole(limit.as_secs())),
            None => stood,
        }
    }

    fn wide(&self, name: &str, now: Duration, widths: &Widths, glyphs: &Glyphs) -> String {
        let name = pad_str(name, widths.name, Alignment::Left, Some(glyphs.cut));
        let bar = match (widths.bar, self.total > 1) {
            (false, _) => String::new(),
            (true, true) => {
                format!("  {} {:<5}", glyphs.bar(self.done, self.total), format!("{}/{}", self.done, self.total))
            }
            (true, false) => format!("  {:14}", ""),
        };
        format!("{name}{bar}  {:>width$}", self.time(now), width = widths.time)
    }

    fn narrow(&self, name: &str, now: Duration) -> String {
        let parts = if self.total > 1 { format!(" {}/{}", self.done, self.total) } else { String::new() };
        format!("{name}{parts} {}", self.time(now))
    }
}

/// A reason beside its head, and where it is longer, on at most `more` lines below it.
fn in_block(head: String, why: &str, columns: usize, more: usize, is_narrow: bool, glyphs: &Glyphs) -> Vec<String> {
    let indent = if is_narrow { 6 } else { measure_text_width(&head) + 2 };
    let first = columns.saturating_sub(measure_text_width(&head) + 2).max(1);
    let rest = columns.saturating_sub(indent).max(1);
    let mut reason = text::wrapped(why, first, rest, more + 1, glyphs.cut).into_iter();
    let mut lines = vec![format!("{head}  {}", reason.next().unwrap_or_default())];
    lines.extend(reason.map(|line| format!("{:indent$}{line}", "")));
    lines
}

/// A reason in fewer words, what a pod says first: the count is beside it. Pods are without the name that is said already,
/// and so is a container that is called like it.
fn shortened(why: &str, object: &str, glyphs: &Glyphs) -> String {
    let name = object.split_once(' ').map_or(object, |(_, name)| name);
    let why = text::on_one_line(why).replace(&format!(", container {name}:"), ":");
    let why = why.split_once("; pod ").map_or(why.clone(), |(count, pod)| format!("pod {pod}; {count}"));
    let stem = format!("{name}-");
    let short = |word: &str| -> Option<String> {
        let rest = word.strip_prefix(&stem)?;
        let last = rest.rsplit_once('-').map_or(rest, |(_, last)| last);
        // A number alone is a StatefulSet's pod, which people know by its name.
        let is_number = rest.chars().all(|one| one.is_ascii_digit() || one == ':');
        (!is_number).then(|| format!("{}-{last}", glyphs.cut))
    };
    why.split(' ').map(|word| short(word).unwrap_or_else(|| word.to_owned())).collect::<Vec<_>>().join(" ")
}
