//! Several logs as one.

use super::source::Source;
use crate::cluster::LogLine;

/// The lines of all logs in the order of their times; those of one log stay in its order, whatever their times.
pub fn merge(logs: Vec<(Source, Vec<LogLine>)>) -> Vec<(Source, String)> {
    let mut all = Vec::new();
    for (source, lines) in logs {
        let mut latest = None;
        for line in lines {
            // Two streams of one container may be a little out of order.
            latest = latest.max(Some(line.at));
            all.push((latest, source.clone(), line.text));
        }
    }
    all.sort_by_key(|(at, _, _)| *at);
    all.into_iter().map(|(_, source, text)| (source, text)).collect()
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

    use super::*;

    #[test]
    fn lines_stand_in_the_order_of_their_times_and_of_their_log() {
        let named = |name: &str| {
            let name = name.to_owned();
            Source { pod: name.clone(), container: name.clone(), name }
        };
        let log = |source: &str, lines: &[(i64, &str)]| {
            let line = |(at, text): &(i64, &str)| LogLine {
                at: Timestamp::from_second(*at).unwrap(),
                text: (*text).to_owned(),
            };
            (named(source), lines.iter().map(line).collect::<Vec<_>>())
        };
        let merged = merge(vec![
            log("a", &[(1, "a1"), (5, "a5"), (4, "a5 goes on"), (6, "a6")]),
            log("b", &[(0, "b0"), (1, "b1"), (5, "b5"), (9, "b9")]),
            log("c", &[]),
        ]);
        let texts: Vec<&str> = merged.iter().map(|(_, text)| text.as_str()).collect();
        assert_eq!(texts, ["b0", "a1", "b1", "a5", "a5 goes on", "b5", "a6", "b9"]);
        assert!(merged.iter().all(|(source, text)| text.starts_with(source.name.as_str())), "{merged:?}");
    }
}
