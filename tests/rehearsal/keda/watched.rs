//! What steers celery-worker, now and at every moment since.

use std::collections::BTreeMap;

use keyboss::rehearsal::face::Face;
use keyboss::rehearsal::kinds::Kind;
use keyboss::rehearsal::store::Event;
use serde_json::Value;

/// keyboss' own HorizontalPodAutoscaler, its ScaledObject, and what KEDA makes of that.
pub const HPA: &str = "HorizontalPodAutoscaler celery-worker";
pub const OWN: &str = "ScaledObject celery-worker";
pub const KEDAS: &str = "HorizontalPodAutoscaler keda-hpa-celery-worker";

fn kinds() -> [&'static Kind; 2] {
    [("autoscaling/v2beta2", "HorizontalPodAutoscaler"), ("keda.sh/v1alpha1", "ScaledObject")]
        .map(|(version, kind)| Kind::named(version, kind).unwrap())
}

fn steers(object: &Value) -> bool {
    object["spec"]["scaleTargetRef"]["name"] == "celery-worker"
}

fn title(object: &Value) -> String {
    format!("{} {}", object["kind"].as_str().unwrap(), object["metadata"]["name"].as_str().unwrap())
}

/// What steers it now, in order.
pub fn scalers(face: &Face) -> Vec<String> {
    let server = face.server();
    let all = kinds().into_iter().flat_map(|kind| server.store().list(kind, "keyboss"));
    all.filter(|object| steers(object)).map(|object| title(object)).collect()
}

/// A cluster whose every state since then is remembered.
pub struct Watched {
    face: Face,
    from: u64,
    began: BTreeMap<String, bool>,
}

impl Watched {
    pub fn begin(face: &Face) -> Self {
        let server = face.server();
        let all = kinds().into_iter().flat_map(|kind| server.store().list(kind, "keyboss"));
        let began = all.filter(|object| steers(object)).map(|object| (title(object), is_going(object))).collect();
        let from = server.store().version();
        drop(server);
        Self { face: face.clone(), from, began }
    }

    /// At no moment were there two HorizontalPodAutoscalers of it, or one of keyboss' beside a ScaledObject that is not
    /// told to go.
    pub fn check(&self, what: &str) {
        let server = self.face.server();
        let since = |kind| server.store().since(self.from, kind, "keyboss").unwrap();
        let mut changes: Vec<_> = kinds().into_iter().flat_map(since).collect();
        changes.sort_by_key(|change| change.version);
        let mut alive = self.began.clone();
        assert!(!changes.is_empty(), "{what}: nothing happened");
        for change in changes.iter().filter(|change| steers(&change.object)) {
            match change.event {
                Event::Deleted => drop(alive.remove(&title(&change.object))),
                Event::Added | Event::Modified => drop(alive.insert(title(&change.object), is_going(&change.object))),
            }
            let hpas = alive.keys().filter(|title| title.starts_with("HorizontalPodAutoscaler ")).count();
            let both = alive.contains_key(HPA) && alive.contains_key(OWN);
            assert!(hpas <= 1 && !both, "{what}: at once: {alive:?}");
        }
    }
}

fn is_going(object: &Value) -> bool {
    !object["metadata"]["deletionTimestamp"].is_null()
}
