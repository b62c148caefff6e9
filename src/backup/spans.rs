//! The moments that the archive of the write-ahead log can restore, as `manifests/6-backup/spans.sh` tells them.

use anyhow::{Context, Result};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// A stretch of them, without a gap.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Span {
    /// The first one.
    pub from: Timestamp,
    /// The last one.
    pub until: Timestamp,
    /// The base backups that they are restored from.
    pub bases: u64,
    /// The size of these and of the WAL.
    pub bytes: u64,
}

/// Every one that there is.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Spans {
    /// The oldest first.
    pub spans: Vec<Span>,
}

impl Spans {
    /// Reads what spans.sh has printed.
    ///
    /// # Errors
    /// When it is something else.
    pub fn read(lines: &[String]) -> Result<Self> {
        let read = |line: &String| {
            serde_json::from_str(line).with_context(|| format!("the list of archived moments has the line {line:?}"))
        };
        Ok(Self { spans: lines.iter().map(read).collect::<Result<_>>()? })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_told_is_read() {
        let one = "{\"from\": \"2026-01-02T10:00:00.250000Z\", \"until\": \"2026-01-03T10:00:00.750000Z\", \"bases\": 2, \
                   \"bytes\": 9}";
        let read = Spans::read(&[one.to_owned()]).unwrap();
        let moment = |text: &str| text.parse::<Timestamp>().unwrap();
        let [from, until] = ["2026-01-02T10:00:00.25Z", "2026-01-03T10:00:00.75Z"].map(moment);
        assert_eq!(read.spans, [Span { from, until, bases: 2, bytes: 9 }]);
        assert_eq!(Spans::read(&[]).unwrap(), Spans::default());
        let why = Spans::read(&["bash: no such file".to_owned()]).unwrap_err().to_string();
        assert_eq!(why, "the list of archived moments has the line \"bash: no such file\"");
    }
}
