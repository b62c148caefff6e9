//! Where a log that broke off goes on, with no line lost and none twice.

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::Timestamp;

use crate::cluster::LogLine;

/// Lines may come that late: the streams of one container are stamped one by one.
const LATE: Duration = Duration::from_secs(1);

/// The last lines of a log that were shown.
#[derive(Clone, Debug, Default)]
pub struct Resume {
    /// How often each was shown, since the time at which the log is to go on.
    shown: BTreeMap<LogLine, usize>,
    /// Those of them that are to come again.
    again: BTreeMap<LogLine, usize>,
}

impl Resume {
    /// Where to go on; None where nothing was shown yet. The lines from there on come again.
    pub fn begin(&mut self) -> Option<Timestamp> {
        self.again.clone_from(&self.shown);
        self.since()
    }

    /// A whole second, for the API server knows no smaller one.
    fn since(&self) -> Option<Timestamp> {
        let last = self.shown.keys().next_back()?.at;
        Timestamp::from_second(last.checked_sub(LATE).ok()?.as_second()).ok()
    }

    /// Whether a line that came is to be shown.
    pub fn is_new(&mut self, line: &LogLine) -> bool {
        if let Some(count) = self.again.get_mut(line).filter(|count| **count > 0) {
            *count -= 1;
            return false;
        }
        *self.shown.entry(line.clone()).or_default() += 1;
        if let Some(since) = self.since() {
            let least = LogLine { at: since, text: String::new() };
            self.shown = self.shown.split_off(&least);
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(at: &str, text: &str) -> LogLine {
        LogLine { at: format!("2026-01-01T00:00:{at}Z").parse().unwrap(), text: text.to_owned() }
    }

    /// What is shown of a log that breaks off after so many lines, and then is read from where it is to go on.
    fn shown(log: &[LogLine], breaks: usize) -> Vec<LogLine> {
        let mut resume = Resume::default();
        assert_eq!(resume.begin(), None);
        let mut shown: Vec<LogLine> = log[..breaks].iter().filter(|line| resume.is_new(line)).cloned().collect();
        let since = resume.begin();
        let rest = log.iter().filter(|line| since.is_none_or(|since| line.at >= since));
        shown.extend(rest.filter(|line| resume.is_new(line)).cloned());
        shown
    }

    #[test]
    fn wherever_it_breaks_off_each_line_is_shown_once() {
        let log = [
            line("01", "a"),
            line("01", "a"),
            line("01.5", "b"),
            // The other stream's, a little late.
            line("01.4", "c"),
            line("02.000000001", "a"),
            line("02.000000001", "a"),
            line("02.000000002", "a"),
            line("09", "a"),
            line("09", "d"),
            line("09", "a"),
        ];
        let mut sorted = log.to_vec();
        sorted.sort();
        for breaks in 0..=log.len() {
            let mut found = shown(&log, breaks);
            found.sort();
            assert_eq!(found, sorted, "{breaks}");
        }
    }

    #[test]
    fn no_more_is_kept_than_may_come_again() {
        let mut resume = Resume::default();
        for second in 10..60 {
            assert!(resume.is_new(&line(&second.to_string(), "a")));
        }
        assert_eq!(resume.shown.len(), 2);
        assert_eq!(resume.begin(), Some(line("58", "").at));
    }
}
