//! Whether this machine's clock goes as the API server's does.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use super::Finding;

/// The check's name.
pub const CHECK: &str = "clock";

/// How far apart the clocks may be. Who holds the lock of deploys is told by times of both clocks: it is renewed every
/// 15 s and good for 60 s, so a few seconds do no harm. Less than that cannot be measured: the server's `Date` has whole
/// seconds, and its answer takes its time.
const LIMIT: Duration = Duration::from_secs(5);

/// Compares the server's time, in whole seconds, with the times of ours between which it was said. Only what is sure to be
/// skew is taken for it.
pub fn check(date: Option<Timestamp>, before: Timestamp, after: Timestamp) -> Finding {
    let Some(date) = date else {
        return Finding::unmade(CHECK, "the API server's answers have no date");
    };
    let ahead = date.duration_since(after);
    let behind = before.duration_since(date) - SignedDuration::from_secs(1);
    let (skew, word) = if ahead > behind { (ahead, "ahead of") } else { (behind, "behind") };
    let limit = SignedDuration::try_from(LIMIT).unwrap_or_default();
    if skew <= limit {
        let limit = LIMIT.as_secs();
        return Finding::ok(CHECK, format!("the API server's and this machine's are not more than {limit} s apart"));
    }
    Finding::warn(
        CHECK,
        format!("the API server's clock is {} s {word} this machine's", skew.as_secs()),
        "set the one that is wrong (timedatectl set-ntp true): times of the lock and of releases are wrong meanwhile, and \
         with minutes of it certificates and tokens are refused",
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doctor::Verdict;

    #[test]
    fn only_what_is_sure_to_be_skew_is_told() {
        let at = |seconds: f64| Timestamp::from_millisecond(1_700_000_000_000 + (seconds * 1000.0) as i64).unwrap();
        for (date, before, after, verdict, words) in [
            (10.0, 10.2, 10.3, Verdict::Ok, "not more than 5 s apart"),
            (10.0, 10.9, 12.0, Verdict::Ok, "not more than"),
            (10.0, 15.9, 16.0, Verdict::Ok, "not more than"),
            (10.0, 17.5, 17.6, Verdict::Warn, "6 s behind this"),
            (10.0, 1.0, 4.0, Verdict::Warn, "6 s ahead of this"),
            (10.0, 1.0, 6.0, Verdict::Ok, "not more than"),
            (3610.0, 10.0, 10.0, Verdict::Warn, "3600 s ahead of this"),
        ] {
            let finding = check(Some(at(date)), at(before), at(after));
            assert_eq!(finding.verdict, verdict, "{finding:?}");
            assert!(finding.found.contains(words), "{finding:?}");
        }
        assert_eq!(check(None, at(0.0), at(0.0)).verdict, Verdict::Warn);
    }
}
