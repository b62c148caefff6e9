//! The one terminal of the process, shared by the live display and the log.

use std::io::{self, IsTerminal, Write};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use console::{Term, measure_text_width};

/// The live display, while there is one; held while drawing or writing, so that the two never mix.
static LIVE: Mutex<Option<Arc<Mutex<Picture>>>> = Mutex::new(None);

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Writes to the log, which is stderr. A live display is taken away for it; its next picture brings it back.
pub fn log(text: &str) {
    let live = lock(&LIVE);
    if let Some(picture) = live.as_ref().filter(|_| io::stderr().is_terminal()) {
        lock(picture).replace(&[], "");
    }
    let _ = io::stderr().write_all(text.as_bytes());
}

/// A terminal whose last lines are redrawn in place, while other lines go above them for good.
pub struct Screen(Arc<Mutex<Picture>>);

/// The lines that are redrawn. Writing never fails: a terminal that goes away is no failure of a deploy.
struct Picture {
    out: Box<dyn Write + Send>,
    size: Box<dyn Fn() -> (u16, u16) + Send>,
    shown: Vec<String>,
    /// The columns that the terminal had then.
    columns: u16,
}

impl Screen {
    /// Whether stdout is a terminal that can redraw a line.
    pub fn is_possible() -> bool {
        let is_dumb = std::env::var("TERM").map_or(cfg!(unix), |term| term == "dumb");
        io::stdout().is_terminal() && !is_dumb
    }

    /// The terminal on stdout.
    pub fn stdout() -> Self {
        let screen = Self::new(Box::new(io::stdout()), Box::new(|| Term::stdout().size()));
        *lock(&LIVE) = Some(Arc::clone(&screen.0));
        screen
    }

    /// A terminal that is written to by `out`; `size` tells its rows and columns.
    pub fn new(out: Box<dyn Write + Send>, size: Box<dyn Fn() -> (u16, u16) + Send>) -> Self {
        Self(Arc::new(Mutex::new(Picture { out, size, shown: Vec::new(), columns: 0 })))
    }

    /// Rows and columns, as they are now.
    pub fn size(&self) -> (usize, usize) {
        let (rows, columns) = (lock(&self.0).size)();
        (rows.into(), columns.into())
    }

    /// Redraws the last lines, each of which fits the terminal.
    pub fn show(&self, lines: &[String]) {
        let _live = lock(&LIVE);
        lock(&self.0).replace(lines, "");
    }

    /// Writes lines that stay; [`show`](Self::show) draws below them.
    pub fn write(&self, lines: &[String]) {
        let _live = lock(&LIVE);
        let text: String = lines.iter().map(|line| format!("{line}\n")).collect();
        lock(&self.0).replace(&[], &text);
    }

    /// Takes the redrawn lines away for good.
    pub fn close(&self) {
        let mut live = lock(&LIVE);
        lock(&self.0).replace(&[], "");
        *live = None;
    }
}

impl Picture {
    /// Puts a text that stays where the lines are, and other lines below it
    /// (<https://www.ecma-international.org/publications-and-standards/standards/ecma-48/>).
    fn replace(&mut self, lines: &[String], text: &str) {
        let (_, columns) = (self.size)();
        let is_resized = columns != self.columns;
        if lines == self.shown && text.is_empty() && !is_resized {
            return;
        }
        let mut all = String::new();
        match self.rows(columns) {
            0 => {}
            1 => all.push('\r'),
            rows => all.push_str(&format!("\r\u{1b}[{}A", rows - 1)),
        }
        // Each line is cleared behind its end only, which does not flicker; but not where lines have moved.
        if is_resized || !text.is_empty() || lines.is_empty() {
            all.push_str("\u{1b}[J");
        }
        all.push_str(text);
        all.push_str(&lines.iter().map(|line| format!("{line}\u{1b}[K")).collect::<Vec<_>>().join("\n"));
        if !lines.is_empty() {
            all.push_str("\u{1b}[J");
        }
        self.shown = lines.to_vec();
        self.columns = columns;
        let _ = self.out.write_all(all.as_bytes());
        let _ = self.out.flush();
    }

    /// The rows that the lines take: a terminal that has become narrower has broken them.
    fn rows(&self, columns: u16) -> usize {
        let columns = usize::from(columns.max(1));
        self.shown.iter().map(|line| measure_text_width(line).div_ceil(columns).max(1)).sum()
    }
}
