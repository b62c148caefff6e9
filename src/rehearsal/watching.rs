//! A watch: what happens after a version, as it happens
//! (<https://kubernetes.io/docs/reference/using-api/api-concepts/#efficient-detection-of-changes>).

use std::io;
use std::time::Duration;

use bytes::Bytes;
use futures::{Stream, stream};
use serde_json::{Value, json};
use tokio::time::{Instant, sleep, timeout_at};

use super::face::{Face, LATENCY};
use super::kinds::Kind;
use super::route::Parameters;
use super::selection::Selection;
use super::status::Status;
use super::store::{Change, Event};

/// How long a watch lasts that asks for no time.
const LONGEST: Duration = Duration::from_secs(300);

/// One watch.
pub struct Watching {
    kind: &'static Kind,
    namespace: String,
    selection: Selection,
    from: u64,
    end: Instant,
    bookmarks: bool,
}

impl Watching {
    /// Reads what is to be watched; from now on where no version is said.
    ///
    /// # Errors
    /// 400 for a selector that is none.
    pub fn read(kind: &'static Kind, namespace: String, parameters: &Parameters, now: u64) -> Result<Self, Status> {
        Ok(Self {
            kind,
            namespace,
            selection: Selection::read(kind, parameters)?,
            from: parameters.number("resourceVersion").filter(|version| *version > 0).unwrap_or(now),
            end: Instant::now() + parameters.number("timeoutSeconds").map_or(LONGEST, Duration::from_secs),
            bookmarks: parameters.is_on("allowWatchBookmarks"),
        })
    }

    /// The lines of the answer, until its time is over.
    pub fn lines(self, face: Face) -> impl Stream<Item = io::Result<Bytes>> {
        let version = face.changes();
        stream::unfold(Some((self, face, version)), |state| async {
            let (mut watching, face, mut version) = state?;
            loop {
                version.borrow_and_update();
                let happened = face.server().store().since(watching.from, watching.kind, &watching.namespace);
                let changes = match happened {
                    Ok(changes) => changes,
                    Err(status) => return Some((Ok(line("ERROR", &status.body())), None)),
                };
                if let Some(last) = changes.last() {
                    watching.from = last.version;
                    let lines = changes.iter().flat_map(|change| watching.line(change)).flatten().collect::<Vec<u8>>();
                    if !lines.is_empty() {
                        return Some((Ok(lines.into()), Some((watching, face, version))));
                    }
                }
                match timeout_at(watching.end, version.changed()).await {
                    Ok(Ok(())) => sleep(LATENCY).await,
                    _ if watching.bookmarks => return Some((Ok(watching.bookmark(&face)), None)),
                    _ => return None,
                }
            }
        })
    }

    /// An object that begins or ceases to match comes and goes for this watch.
    fn line(&self, change: &Change) -> Option<Bytes> {
        let was = change.before.as_ref().is_some_and(|before| self.selection.takes(before));
        let is = change.event != Event::Deleted && self.selection.takes(&change.object);
        let event = match (was, is) {
            (false, true) => Event::Added,
            (true, true) => Event::Modified,
            (true, false) => Event::Deleted,
            (false, false) => return None,
        };
        Some(line(event.name(), &change.object))
    }

    /// How far the watch has come: the next one may begin there.
    fn bookmark(&self, face: &Face) -> Bytes {
        let version = face.server().store().version().to_string();
        let object = json!({"kind": self.kind.kind, "apiVersion": self.kind.api_version,
                            "metadata": {"resourceVersion": version, "creationTimestamp": null}});
        line("BOOKMARK", &object)
    }
}

fn line(event: &str, object: &Value) -> Bytes {
    Bytes::from(format!("{{\"type\":\"{event}\",\"object\":{object}}}\n"))
}
