//! Backups, for people.

use std::path::Path;

use indicatif::{BinaryBytes, ProgressBar, ProgressStyle};
use jiff::{RoundMode, Timestamp, TimestampRound, Unit};

use super::text::columns;
use crate::backup::{Backup, Catalogue, Span, Spans};

/// Every backup on a line, the newest first, under a heading, and the room that is left; a sentence where there is none.
pub fn list(catalogue: &Catalogue, namespace: &str) -> Vec<String> {
    let free = format!("{} are free on the volume", BinaryBytes(catalogue.free));
    if catalogue.backups.is_empty() {
        return vec![format!("there is no backup yet in namespace {namespace}; {free}")];
    }
    let heading = ["name", "when (UTC)", "size", "tables", "rows", "taken from", "took", "is"];
    let mut rows = vec![heading.map(str::to_owned)];
    rows.extend(catalogue.backups.iter().rev().map(row));
    let mut lines = columns(&rows);
    lines.push(free);
    lines
}

fn row(backup: &Backup) -> [String; 8] {
    let size = BinaryBytes(backup.bytes).to_string();
    let places = match (backup.on_volume, backup.off_site) {
        (true, Some(true)) => "on the volume, off site",
        (true, _) => "on the volume",
        (false, _) => "off site",
    };
    let Some(manifest) = &backup.manifest else {
        return [&backup.name, "-", &size, "-", "-", "-", "-", places].map(str::to_owned);
    };
    [
        backup.name.clone(),
        manifest.time.strftime("%Y-%m-%d %H:%M").to_string(),
        size,
        manifest.tables.len().to_string(),
        manifest.tables.values().sum::<u64>().to_string(),
        manifest.source.clone(),
        super::text::whole(manifest.seconds),
        places.to_owned(),
    ]
}

/// What a restore does to the shop, before somebody agrees to it.
pub fn replacement(backup: &Backup, namespace: &str) -> String {
    let of = backup.manifest.as_ref().map_or_else(String::new, |manifest| {
        format!(", which is of {} UTC", manifest.time.strftime("%Y-%m-%d %H:%M:%S"))
    });
    replacement_by(&format!("{}{of}", backup.name), namespace)
}

/// The same of a moment of the archive.
pub fn replacement_by_moment(moment: Timestamp, namespace: &str) -> String {
    replacement_by(&format!("what it was at {moment}"), namespace)
}

fn replacement_by(what: &str, namespace: &str) -> String {
    format!(
        "this replaces the database of the shop in namespace {namespace} by {what}: orders since then are lost to the shop. \
         It stands still for some minutes meanwhile, and what there is now is dumped first"
    )
}

/// The moments that can be restored, a stretch of them on a line, the oldest first; a sentence where there is none.
pub fn spans(spans: &Spans, namespace: &str) -> Vec<String> {
    if spans.spans.is_empty() {
        return vec![format!(
            "no moment can be restored yet in namespace {namespace}: the archive has no base backup with its WAL"
        )];
    }
    let mut rows = vec![["from", "until", "base backups", "size"].map(str::to_owned)];
    rows.extend(spans.spans.iter().map(|Span { from, until, bases, bytes }| {
        let size = BinaryBytes(*bytes).to_string();
        [whole_second(*from, RoundMode::Ceil), whole_second(*until, RoundMode::Floor), bases.to_string(), size]
    }));
    columns(&rows)
}

/// A moment as --at takes it: a whole second that is still within its stretch.
fn whole_second(moment: Timestamp, mode: RoundMode) -> String {
    moment.round(TimestampRound::new().smallest(Unit::Second).mode(mode)).unwrap_or(moment).to_string()
}

/// A backup that is here now.
pub fn fetched(file: &Path, backup: &Backup) -> String {
    let checked = match backup.manifest {
        Some(_) => "as its manifest says",
        None => "unchecked, for it has no manifest",
    };
    format!("{}: {} bytes, {checked}", file.display(), backup.bytes)
}

/// A bar of so many bytes on stderr, where that is a terminal: called with how many there are already.
pub fn transfer(bytes: u64) -> impl FnMut(u64) {
    let bar = ProgressBar::new(bytes);
    let style = ProgressStyle::with_template("{wide_bar} {binary_bytes}/{binary_total_bytes} {binary_bytes_per_sec}");
    bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
    move |so_far| {
        bar.set_position(so_far);
        if so_far >= bytes {
            bar.finish_and_clear();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_is_on_a_line_and_the_newest_first() {
        let manifest = "{\"time\": \"2026-01-02T02:00:00Z\", \"database\": \"saleor\", \"server\": \"15.4\", \"timeline\": 2, \
                        \"lsn\": \"0/1\", \"source\": \"postgres-1.postgres\", \"seconds\": 63, \"bytes\": 2097152, \
                        \"sha256\": \"ab\", \"tables\": {\"public.sale\": 7, \"public.user\": 3}}";
        let lines = [
            "{\"name\": \"keyboss-20260101T020000Z\", \"bytes\": 1048576, \"manifest\": null}".to_owned(),
            format!("{{\"name\": \"keyboss-20260102T020000Z\", \"bytes\": 2097152, \"manifest\": {manifest}}}"),
            "{\"free\": 1073741824}".to_owned(),
        ];
        let expected = [
            "name                      when (UTC)        size      tables  rows  taken from           took   is",
            "keyboss-20260102T020000Z  2026-01-02 02:00  2.00 MiB  2       10    postgres-1.postgres  1m03s  on the volume, off site",
            "keyboss-20260101T020000Z  -                 1.00 MiB  -       -     -                    -      on the volume",
            "keyboss-20251231T020000Z  -                 7 B       -       -     -                    -      off site",
            "1.00 GiB are free on the volume",
        ];
        let copies = ["keyboss-20251231T020000Z", "keyboss-20260102T020000Z"];
        let copies = copies.map(|name| serde_json::to_string(&Backup::off_site(name.to_owned(), 7, None)).unwrap());
        let catalogue = Catalogue::read(&lines).unwrap().with_off_site(&copies).unwrap();
        let found = list(&catalogue, "keyboss");
        let trimmed: Vec<&str> = found.iter().map(|line| line.trim_end()).collect();
        assert_eq!(trimmed, expected);
        let none = ["there is no backup yet in namespace keyboss; 0 B are free on the volume"];
        assert_eq!(list(&Catalogue::default(), "keyboss"), none);
    }

    #[test]
    fn what_is_told_of_the_moments_can_be_restored() {
        let lines = [
            "{\"from\": \"2026-01-01T10:00:00.000001Z\", \"until\": \"2026-01-01T11:00:00.999999Z\", \"bases\": 1, \
             \"bytes\": 1048576}",
            "{\"from\": \"2026-01-02T10:00:00Z\", \"until\": \"2026-01-03T10:00:00Z\", \"bases\": 2, \"bytes\": 7}",
        ];
        let expected = [
            "from                  until                 base backups  size",
            "2026-01-01T10:00:01Z  2026-01-01T11:00:00Z  1             1.00 MiB",
            "2026-01-02T10:00:00Z  2026-01-03T10:00:00Z  2             7 B",
        ];
        let found = spans(&Spans::read(&lines.map(str::to_owned)).unwrap(), "keyboss");
        let trimmed: Vec<&str> = found.iter().map(|line| line.trim_end()).collect();
        assert_eq!(trimmed, expected);
        let none = spans(&Spans::default(), "keyboss");
        assert!(
            none.len() == 1 && none[0].starts_with("no moment can be restored yet in namespace keyboss"),
            "{none:?}"
        );
    }

    #[test]
    fn who_is_asked_is_told_what_comes_in_the_place_of_the_database() {
        let asked = replacement_by_moment("2026-01-02T11:00:00.5+01:00".parse().unwrap(), "keyboss");
        assert!(
            asked.contains("namespace keyboss by what it was at 2026-01-02T10:00:00.5Z: orders since then"),
            "{asked}"
        );
    }
}
