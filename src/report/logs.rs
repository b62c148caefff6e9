//! Lines of logs, each begun with who wrote it; and what there is to say of the pods, on stderr.

use std::collections::BTreeMap;
use std::io;

use console::{Color, style};

use super::Redactor;
use super::log::note;
use super::scrub::clean;
use super::stdout::print_while_read;
use super::text::on_one_line;
use crate::logs::Said;

/// In turn, those that are legible on light and dark.
const COLORS: [Color; 6] = [Color::Cyan, Color::Green, Color::Yellow, Color::Magenta, Color::Blue, Color::Red];

/// Shows lines as they come.
pub struct Lines {
    redactor: Redactor,
    colors: BTreeMap<String, Color>,
}

impl Lines {
    /// Masks what the redactor knows.
    pub fn new(redactor: Redactor) -> Self {
        Self { redactor, colors: BTreeMap::new() }
    }

    /// Shows lines and notes; whether anybody reads them.
    ///
    /// # Errors
    /// When stdout cannot be written, though somebody reads it.
    pub fn show(&mut self, all: &[Said]) -> io::Result<bool> {
        let mut text = String::new();
        for said in all {
            match said {
                Said::Line { source, text: line } => text.push_str(&self.line(&source.name, line)),
                Said::Note(words) => note(&on_one_line(words), &self.redactor),
            }
        }
        print_while_read(&text)
    }

    /// `postgres-0 | a line`.
    fn line(&mut self, source: &str, text: &str) -> String {
        let next = COLORS[self.colors.len() % COLORS.len()];
        let color = *self.colors.entry(source.to_owned()).or_insert(next);
        let line = clean(text, &self.redactor).replace('\n', " ");
        format!("{} {}\n", style(format!("{source} |")).fg(color), line.trim_end())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_has_its_source_and_no_secret() {
        let redactor = Redactor::default();
        redactor.add("hunter22hunter22");
        let mut lines = Lines::new(redactor);
        let shown = lines.line("postgres-0", "\u{1b}[31mpassword=hunter22\u{1b}[0mhunter22 \u{202e}x");
        assert_eq!(console::strip_ansi_codes(&shown), "postgres-0 | password=[redacted] x\n");
        assert_eq!(lines.colors.len(), 1);
    }
}
