//! Names of dumps: keyboss-20260101T020000Z.

use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;

/// What a dump's file name ends in.
pub const DUMP: &str = ".sql.gz";
/// What a manifest's file name ends in.
pub const MANIFEST: &str = ".json";

/// The moment that a dump of that name is of; None for what is no such name.
pub fn time_of(name: &str) -> Option<Timestamp> {
    let written = DateTime::strptime("keyboss-%Y%m%dT%H%M%SZ", name).ok()?;
    let time = written.to_zoned(TimeZone::UTC).ok()?.timestamp();
    // Nothing but what is written so, digit by digit.
    (time.strftime("keyboss-%Y%m%dT%H%M%SZ").to_string() == name).then_some(time)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_tells_its_time_and_nothing_else_is_a_name() {
        assert_eq!(time_of("keyboss-20260102T030405Z"), Some("2026-01-02T03:04:05Z".parse().unwrap()));
        for other in
            ["", "keyboss-", "keyboss-20260102T030405Z.json", "../keyboss-20260102T030405Z", "keyboss-2026012T030405Z"]
        {
            assert_eq!(time_of(other), None, "{other}");
        }
    }
}
