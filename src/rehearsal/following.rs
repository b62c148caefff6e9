//! A log that is followed: what a container has written, then what it writes, until its run is over.

use std::io;
use std::time::Duration;

use bytes::Bytes;
use futures::{Stream, stream};
use serde_json::Value;
use tokio::time::sleep;

use super::face::Face;
use super::logs::Part;
use super::status::Status;
use super::store::Key;

/// How often the container is looked at.
const LOOK: Duration = Duration::from_millis(50);

/// One log that is followed.
pub struct Following {
    face: Face,
    key: Key,
    part: Part,
    /// The pod's UID, and which run of its container it is.
    run: (Value, u64),
    /// Lines that were sent.
    sent: usize,
    first: Option<String>,
}

impl Following {
    /// Begins with that part of the log.
    ///
    /// # Errors
    /// As [`Server::log`](super::server::Server::log).
    pub fn read(face: Face, key: Key, part: Part) -> Result<Self, Status> {
        let server = face.server();
        let pod = server.get(&key)?;
        let (first, sent) = server.log(&key, &part, 0)?;
        let (uid, restarts, _) = run(&pod, part.container());
        drop(server);
        Ok(Self { face, key, part, run: (uid, restarts), sent, first: Some(first) })
    }

    /// What is written, as it is.
    pub fn lines(self) -> impl Stream<Item = io::Result<Bytes>> {
        stream::unfold(Some(self), |state| async {
            let mut following = state?;
            loop {
                if let Some(first) = following.first.take().filter(|first| !first.is_empty()) {
                    return Some((Ok(Bytes::from(first)), Some(following)));
                }
                let (text, is_over) = following.more()?;
                if is_over {
                    return Some((Ok(Bytes::from(text)), None));
                }
                if !text.is_empty() {
                    return Some((Ok(Bytes::from(text)), Some(following)));
                }
                sleep(LOOK).await;
            }
        })
    }

    /// What was written since, and whether that was all; None once the pod is gone.
    fn more(&mut self) -> Option<(String, bool)> {
        let server = self.face.server();
        let pod = server.get(&self.key).ok()?;
        let (uid, restarts, runs) = run(&pod, self.part.container());
        if uid != self.run.0 {
            return None;
        }
        let is_again = restarts != self.run.1;
        let (text, sent) = server.log(&self.key, &self.part.of(is_again), self.sent).ok()?;
        self.sent = sent;
        Some((text, is_again || !runs))
    }
}

/// The pod's UID, how often its container was started again, and whether it runs.
fn run(pod: &Value, container: &str) -> (Value, u64, bool) {
    let all = ["initContainerStatuses", "containerStatuses"];
    let mut statuses = all.iter().flat_map(|field| pod["status"][field].as_array().into_iter().flatten());
    let status = statuses.find(|status| container.is_empty() || status["name"] == container).unwrap_or(&Value::Null);
    let restarts = status["restartCount"].as_u64().unwrap_or(0);
    (pod["metadata"]["uid"].clone(), restarts, status["state"]["running"].is_object())
}
