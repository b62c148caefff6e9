//! The one terminal of the process, shared by the live display and the log.

use std::io::{self, IsTerminal, Write};
use std::sync::{Mutex, MutexGuard, PoisonError};

use console::Term;
use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};

/// The live display, while there is one; held while drawing or writing, so that the two never mix.
static LIVE: Mutex<Option<MultiProgress>> = Mutex::new(None);

fn live() -> MutexGuard<'static, Option<MultiProgress>> {
    LIVE.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Writes to the log, which is stderr. A live display is taken away for it; its next picture brings it back.
pub fn log(text: &str) {
    let live = live();
    if let Some(display) = live.as_ref().filter(|_| io::stderr().is_terminal()) {
        let _ = display.clear();
    }
    let _ = io::stderr().write_all(text.as_bytes());
}

/// A terminal whose last lines are redrawn in place, while other lines go above them for good.
///
/// Nothing here may panic when the terminal goes away: indicatif's `suspend` would, `clear` tells.
pub struct Screen {
    display: MultiProgress,
    picture: ProgressBar,
    out: Box<dyn Write + Send>,
    size: Box<dyn Fn() -> (u16, u16) + Send>,
}

impl Screen {
    /// Whether stdout is a terminal that can redraw a line.
    pub fn is_possible() -> bool {
        let is_dumb = std::env::var("TERM").map_or(cfg!(unix), |term| term == "dumb");
        io::stdout().is_terminal() && !is_dumb
    }

    /// The terminal on stdout.
    pub fn stdout() -> Self {
        let size = Box::new(|| Term::stdout().size());
        let screen = Self::new(ProgressDrawTarget::stdout(), Box::new(io::stdout()), size);
        *live() = Some(screen.display.clone());
        screen
    }

    /// A terminal that is drawn to by `target` and written to by `out`; `size` tells its rows and columns.
    pub fn new(
        target: ProgressDrawTarget,
        out: Box<dyn Write + Send>,
        size: Box<dyn Fn() -> (u16, u16) + Send>,
    ) -> Self {
        let display = MultiProgress::with_draw_target(target);
        let style = ProgressStyle::with_template("{msg}").unwrap_or_else(|_| ProgressStyle::default_spinner());
        let picture = display.add(ProgressBar::no_length().with_style(style));
        Self { display, picture, out, size }
    }

    /// Rows and columns, as they are now.
    pub fn size(&self) -> (usize, usize) {
        let (rows, columns) = (self.size)();
        (rows.into(), columns.into())
    }

    /// Redraws the last lines.
    pub fn show(&self, lines: &[String]) {
        let _live = live();
        self.picture.set_message(lines.join("\n"));
    }

    /// Writes lines that stay; [`show`](Self::show) draws below them.
    pub fn write(&mut self, lines: &[String]) {
        let _live = live();
        let _ = self.display.clear();
        for line in lines {
            let _ = writeln!(self.out, "{line}");
        }
        let _ = self.out.flush();
    }

    /// Takes the redrawn lines away for good.
    pub fn close(&self) {
        let mut live = live();
        self.picture.finish_and_clear();
        let _ = self.display.clear();
        *live = None;
    }
}
