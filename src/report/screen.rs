//! The one terminal of the process, shared by the live display and the log.

use std::collections::VecDeque;
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
        lock(picture).replace(&[], &[]);
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
    /// The last lines above them, to be written again where the terminal has moved them.
    above: VecDeque<String>,
    /// The size of the terminal by then.
    drawn_at: (u16, u16),
}

/// So many lines above are known: more than a screen has.
const ABOVE: usize = 200;

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
        Self(Arc::new(Mutex::new(Picture { out, size, shown: Vec::new(), above: VecDeque::new(), drawn_at: (0, 0) })))
    }

    /// Rows and columns, as they are now.
    pub fn size(&self) -> (usize, usize) {
        let (rows, columns) = (lock(&self.0).size)();
        (rows.into(), columns.into())
    }

    /// Redraws the last lines, each of which fits the terminal.
    pub fn show(&self, lines: &[String]) {
        let _live = lock(&LIVE);
        lock(&self.0).replace(lines, &[]);
    }

    /// Writes lines that stay; [`show`](Self::show) draws below them.
    pub fn write(&self, lines: &[String]) {
        let _live = lock(&LIVE);
        lock(&self.0).replace(&[], lines);
    }

    /// Leaves the redrawn lines where they are, for good.
    pub fn leave(&self) {
        let mut live = lock(&LIVE);
        let mut picture = lock(&self.0);
        let shown = std::mem::take(&mut picture.shown);
        if !shown.is_empty() {
            let _ = picture.out.write_all(b"\n");
            let _ = picture.out.flush();
        }
        *live = None;
    }

    /// Takes the redrawn lines away for good.
    pub fn close(&self) {
        let mut live = lock(&LIVE);
        lock(&self.0).replace(&[], &[]);
        *live = None;
    }
}

impl Picture {
    /// Puts lines that stay where the picture is, and another picture below them
    /// (<https://www.ecma-international.org/publications-and-standards/standards/ecma-48/>).
    fn replace(&mut self, picture: &[String], lasting: &[String]) {
        let size = (self.size)();
        let is_resized = size != self.drawn_at && !self.shown.is_empty();
        if picture == self.shown && lasting.is_empty() && !is_resized {
            return;
        }
        let mut text = if is_resized { self.above_again(size) } else { back(rows(&self.shown, size)) };
        // Each line is cleared behind its end only, which does not flicker; but not where lines have moved.
        if is_resized || !lasting.is_empty() || picture.is_empty() {
            text.push_str("\u{1b}[J");
        }
        if is_resized {
            self.above
                .iter()
                .rev()
                .take(self.fitting(size, picture))
                .rev()
                .for_each(|line| text += &format!("{line}\n"));
        }
        lasting.iter().for_each(|line| text += &format!("{line}\n"));
        text += &picture.iter().map(|line| format!("{line}\u{1b}[K")).collect::<Vec<_>>().join("\n");
        if !picture.is_empty() {
            text.push_str("\u{1b}[J");
        }
        self.above.extend(lasting.iter().cloned());
        self.above.drain(..self.above.len().saturating_sub(ABOVE));
        self.shown = picture.to_vec();
        self.drawn_at = size;
        let _ = self.out.write_all(text.as_bytes());
        let _ = self.out.flush();
    }

    /// Goes back over the picture and the lines above it, as far as the terminal shows them: some terminals break lines
    /// when they become narrower, and until they tell, a picture may be drawn of a size that they have no more.
    fn above_again(&self, size: (u16, u16)) -> String {
        let all = rows(&self.shown, size) + rows(&self.above, size);
        back(all.min(size.0.into()))
    }

    /// How many of the lines above have room above a picture.
    fn fitting(&self, size: (u16, u16), picture: &[String]) -> usize {
        let mut room = usize::from(size.0).saturating_sub(rows(picture, size));
        let fits = |line: &&String| {
            let needed = rows([*line], size);
            let fits = needed <= room;
            room = room.saturating_sub(needed);
            fits
        };
        self.above.iter().rev().take_while(fits).count()
    }
}

/// From the end of so many rows to their beginning.
fn back(rows: usize) -> String {
    match rows {
        0 => String::new(),
        1 => "\r".to_owned(),
        rows => format!("\r\u{1b}[{}A", rows - 1),
    }
}

/// The rows that lines take: a terminal that has become narrower has broken them.
fn rows<'a>(lines: impl IntoIterator<Item = &'a String>, (_, columns): (u16, u16)) -> usize {
    let columns = usize::from(columns.max(1));
    lines.into_iter().map(|line| measure_text_width(line).div_ceil(columns).max(1)).sum()
}
