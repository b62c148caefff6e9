//! The dumps that there are: on the volume, as `manifests/6-backup/list.sh` tells it, and off site.

use std::collections::BTreeMap;

use anyhow::{Context, Result};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// What a dump holds: `manifests/6-backup/backup.sh` writes it beside the dump.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Manifest {
    /// The moment that the dump is of.
    pub time: Timestamp,
    /// The database.
    pub database: String,
    /// The version of the server.
    pub server: String,
    /// The timeline of the server's write-ahead log.
    pub timeline: u32,
    /// The place in it.
    pub lsn: String,
    /// The host that was asked: the standby, or the primary; "archive" for a moment of the archived write-ahead log.
    pub source: String,
    /// How long it took.
    pub seconds: u64,
    /// The size of the dump.
    pub bytes: u64,
    /// Its SHA-256, hexadecimal.
    pub sha256: String,
    /// The rows of each table.
    pub tables: BTreeMap<String, u64>,
}

/// The source of a dump that `manifests/6-backup/at.sh` has written.
const ARCHIVE: &str = "archive";

/// A SHA-256, as manifests have it.
pub fn hexadecimal(digest: [u8; 32]) -> String {
    digest.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// One dump.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Backup {
    /// Its name: keyboss-20260101T020000Z.
    pub name: String,
    /// The size of its file.
    pub bytes: u64,
    /// What it holds; None for one that an older keyboss has written, or whose copy cannot be decrypted.
    pub manifest: Option<Manifest>,
    /// Whether it is on the volume.
    #[serde(default, rename = "onVolume")]
    pub on_volume: bool,
    /// Whether the store off site has it; None where there is no store, or it did not answer.
    #[serde(default, rename = "offSite")]
    pub off_site: Option<bool>,
}

impl Backup {
    /// A copy in the store off site.
    pub fn off_site(name: String, bytes: u64, manifest: Option<Manifest>) -> Self {
        Self { name, bytes, manifest, on_volume: false, off_site: Some(true) }
    }
}

/// Every dump of a shop.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Catalogue {
    /// The oldest first.
    pub backups: Vec<Backup>,
    /// The bytes that are free on the volume.
    pub free: u64,
}

impl Catalogue {
    /// Reads what list.sh has printed.
    ///
    /// # Errors
    /// When it is something else.
    pub fn read(lines: &[String]) -> Result<Self> {
        let mut catalogue = Self::default();
        for line in lines {
            let what = || format!("the list of backups has the line {line:?}");
            let value: Value = serde_json::from_str(line).with_context(what)?;
            match value["free"].as_u64() {
                Some(free) => catalogue.free = free,
                None => {
                    let listed: Backup = serde_json::from_value(value).with_context(what)?;
                    catalogue.backups.push(Backup { on_volume: true, ..listed });
                }
            }
        }
        catalogue.backups.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(catalogue)
    }

    /// The same, and what the store off site holds, as `keyboss off-site list` has printed it.
    ///
    /// # Errors
    /// When it is something else.
    pub fn with_off_site(mut self, lines: &[String]) -> Result<Self> {
        self.backups.iter_mut().for_each(|backup| backup.off_site = Some(false));
        for line in lines {
            let copy: Backup = serde_json::from_str(line)
                .with_context(|| format!("the list of copies off site has the line {line:?}"))?;
            match self.backups.iter_mut().find(|backup| backup.name == copy.name) {
                Some(backup) => backup.off_site = Some(true),
                None => self.backups.push(copy),
            }
        }
        self.backups.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(self)
    }

    /// The backup of that name.
    ///
    /// # Errors
    /// When there is none: which ones there are.
    pub fn find(&self, name: &str) -> Result<&Backup> {
        let known = || match self.backups.is_empty() {
            true => "there is none yet".to_owned(),
            false => {
                let names: Vec<&str> = self.backups.iter().rev().map(|backup| backup.name.as_str()).collect();
                format!("there are: {}", names.join(", "))
            }
        };
        let found = self.backups.iter().find(|backup| backup.name == name);
        found.with_context(|| format!("there is no backup {name:?}; {}", known()))
    }

    /// The newest dump of that moment which was written from the archive. Manifests say moments to the second.
    ///
    /// # Errors
    /// When there is none.
    pub fn of_moment(&self, moment: Timestamp) -> Result<&Backup> {
        let is_of = |manifest: &Manifest| manifest.source == ARCHIVE && manifest.time.as_second() == moment.as_second();
        let found = self.backups.iter().rfind(|backup| backup.on_volume && backup.manifest.as_ref().is_some_and(is_of));
        found.with_context(|| {
            format!("the dump of {moment} is not on the volume of backups any more: restore it once more")
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_listed_is_read() {
        let manifest = "{\"time\" : \"2026-01-02T02:00:00Z\", \"database\" : \"saleor\", \"server\" : \"15.4\", \
                        \"timeline\" : 2, \"lsn\" : \"0/195DC80\", \"source\": \"postgres-1.postgres\", \"seconds\": 3, \
                        \"bytes\": 9, \"sha256\": \"ab\", \"tables\": {\"public.sale\":7}}";
        let lines = [
            format!("{{\"name\": \"keyboss-20260102T020000Z\", \"bytes\": 9, \"manifest\": {manifest}}}"),
            "{\"name\": \"keyboss-20260101T020000Z\", \"bytes\": 8, \"manifest\": null}".to_owned(),
            "{\"free\": 100}".to_owned(),
        ];
        let catalogue = Catalogue::read(&lines).unwrap();
        let names: Vec<&str> = catalogue.backups.iter().map(|backup| backup.name.as_str()).collect();
        assert_eq!(
            (names.as_slice(), catalogue.free),
            (&["keyboss-20260101T020000Z", "keyboss-20260102T020000Z"][..], 100)
        );
        let newest = catalogue.find("keyboss-20260102T020000Z").unwrap().manifest.as_ref().unwrap();
        assert_eq!((newest.timeline, newest.tables["public.sale"]), (2, 7));
        let why = catalogue.find("keyboss-2").unwrap_err().to_string();
        let known = "there are: keyboss-20260102T020000Z, keyboss-20260101T020000Z";
        assert_eq!(why, format!("there is no backup \"keyboss-2\"; {known}"));
        assert!(Catalogue::read(&["bash: no such file".to_owned()]).is_err());

        // One is on both, one on the volume only, one in the store only.
        let copies = ["keyboss-20260102T020000Z", "keyboss-20251231T020000Z"];
        let copies = copies.map(|name| serde_json::to_string(&Backup::off_site(name.to_owned(), 7, None)).unwrap());
        let both = catalogue.with_off_site(&copies).unwrap();
        let places: Vec<_> = both.backups.iter().map(|backup| (backup.on_volume, backup.off_site)).collect();
        assert_eq!(places, [(false, Some(true)), (true, Some(false)), (true, Some(true))]);
        assert!(both.backups[2].manifest.is_some());
    }

    #[test]
    fn the_dump_of_a_moment_is_the_newest_of_the_archive() {
        let listed = |(name, time, source): (&str, &str, &str)| {
            format!(
                "{{\"name\": \"{name}\", \"bytes\": 9, \"manifest\": {{\"time\": \"{time}\", \"database\": \"saleor\", \
                 \"server\": \"15.4\", \"timeline\": 2, \"lsn\": \"0/1\", \"source\": \"{source}\", \"seconds\": 3, \
                 \"bytes\": 9, \"sha256\": \"ab\", \"tables\": {{\"public.sale\": 7}}}}}}"
            )
        };
        let lines = [
            ("keyboss-20260102T110000Z", "2026-01-02T10:00:00Z", "archive"),
            ("keyboss-20260102T120000Z", "2026-01-02T10:00:00Z", "archive"),
            ("keyboss-20260102T130000Z", "2026-01-02T10:00:01Z", "archive"),
            ("keyboss-20260102T140000Z", "2026-01-02T10:00:00Z", "postgres-1.postgres"),
            ("keyboss-20260102T150000Z", "2026-01-02T10:00:02Z", "postgres-1.postgres"),
        ];
        let mut catalogue = Catalogue::read(&lines.map(listed)).unwrap();
        // A copy off site is not what was written now.
        let newest =
            Backup { name: "keyboss-20260102T160000Z".to_owned(), on_volume: false, ..catalogue.backups[1].clone() };
        catalogue.backups.push(newest);
        let cases = [
            ("2026-01-02T10:00:00Z", Some("keyboss-20260102T120000Z")),
            ("2026-01-02T11:00:00.999999+01:00", Some("keyboss-20260102T120000Z")),
            ("2026-01-02T10:00:01.5Z", Some("keyboss-20260102T130000Z")),
            ("2026-01-02T10:00:02Z", None),
            ("2026-01-02T09:59:59.999999Z", None),
        ];
        for (moment, name) in cases {
            let found = catalogue.of_moment(moment.parse().unwrap());
            assert_eq!(found.ok().map(|backup| backup.name.as_str()), name, "{moment}");
        }
        let why = catalogue.of_moment("2026-01-02T10:00:02Z".parse().unwrap()).unwrap_err().to_string();
        assert!(why.contains("2026-01-02T10:00:02Z is not on the volume"), "{why}");
    }
}
