//! The newest backup, the newest one that was restored for a check, and the newest copy off site, as their pods said when they ended
//! (<https://kubernetes.io/docs/tasks/debug/debug-application/determine-reason-pod-failure/>). Pods go, what they said is
//! kept: the CronJobs keep their newest Jobs, and so an exporter that starts anew knows it too.

use jiff::Timestamp;
use serde::Deserialize;
use serde_json::Value;

/// A backup, as the pod that wrote it says (`manifests/6-backup/backup.sh`).
#[derive(Clone, Copy, Debug, PartialEq, Deserialize)]
pub struct Backup {
    /// The moment that it is of.
    pub time: Timestamp,
    /// The size of the dump.
    pub bytes: i64,
    /// How long it took.
    pub seconds: f64,
}

/// What is known.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Backups {
    /// The newest backup.
    pub last: Option<Backup>,
    /// When one was last restored and found to be whole.
    pub verified: Option<Timestamp>,
    /// The moment that the newest copy in the store off site is of.
    pub off_site: Option<Timestamp>,
}

impl Backups {
    /// Adds what the pods of a PodList say.
    pub fn add(&mut self, pods: &Value) {
        let items = pods["items"].as_array().into_iter().flatten();
        for status in items.flat_map(|pod| pod["status"]["containerStatuses"].as_array().into_iter().flatten()) {
            let ended = &status["state"]["terminated"];
            if ended["exitCode"] != 0 {
                continue;
            }
            let Some(said) = ended["message"].as_str().and_then(|text| serde_json::from_str::<Said>(text).ok()) else {
                continue;
            };
            match said {
                Said::Backup(backup) => self.last = self.last.filter(|last| last.time >= backup.time).or(Some(backup)),
                Said::OffSite { time } => self.off_site = self.off_site.max(Some(time)),
                Said::Verified { at } => self.verified = self.verified.max(Some(at)),
            }
        }
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
enum Said {
    Backup(Backup),
    Verified { at: Timestamp },
    OffSite { time: Timestamp },
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_newest_that_succeeded_counts_and_is_remembered() {
        let pod = |code: u8, message: &str| json!({"status": {"containerStatuses": [{"state": {"terminated": {"exitCode": code, "message": message}}}]}});
        let written = |time: &str, bytes: u32| {
            json!({"backup": {"name": "keyboss-x", "time": time, "bytes": bytes, "seconds": 3}}).to_string()
        };
        let verified = json!({"verified": {"name": "keyboss-x", "at": "2026-01-04T04:00:09Z"}}).to_string();
        let pods = json!({"items": [
            pod(0, &written("2026-01-02T02:00:00Z", 2)),
            pod(0, &written("2026-01-01T02:00:00Z", 1)),
            pod(1, &written("2026-01-03T02:00:00Z", 3)),
            pod(0, "something else"),
            pod(0, &verified),
            pod(0, &json!({"offSite": {"name": "keyboss-x", "time": "2026-01-02T02:00:00Z"}}).to_string()),
            {"status": {"containerStatuses": [{"state": {"running": {}}}]}},
            {"status": {}},
        ]});
        let mut known = Backups::default();
        known.add(&pods);
        let second = Backup { time: "2026-01-02T02:00:00Z".parse().unwrap(), bytes: 2, seconds: 3.0 };
        let expected = Backups {
            last: Some(second),
            verified: Some("2026-01-04T04:00:09Z".parse().unwrap()),
            off_site: Some("2026-01-02T02:00:00Z".parse().unwrap()),
        };
        assert_eq!(known, expected);
        known.add(&json!({"items": []}));
        assert_eq!(known, expected);
        known.add(&json!({"items": [pod(0, &written("2026-01-05T02:00:00Z", 5))]}));
        assert_eq!(known.last.unwrap().bytes, 5);
    }
}
