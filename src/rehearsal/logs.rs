//! What containers have written.

use std::collections::BTreeMap;

use serde_json::Value;

use super::status::Status;

/// The logs of all containers.
#[derive(Clone, Debug, Default)]
pub struct Logs(BTreeMap<(String, String), Log>);

#[derive(Clone, Debug, Default)]
struct Log {
    now: Vec<String>,
    previous: Option<Vec<String>>,
}

impl Logs {
    /// A container writes a line.
    pub fn write(&mut self, pod: &Value, container: &str, line: String) {
        self.0.entry(key(pod, container)).or_default().now.push(line);
    }

    /// A container starts again: what it has written is the log of its previous run.
    pub fn restart(&mut self, pod: &Value, container: &str) {
        let log = self.0.entry(key(pod, container)).or_default();
        log.previous = Some(std::mem::take(&mut log.now));
    }

    /// The last lines of a container's log (without a name, of the first container's).
    pub(super) fn read(
        &self,
        pod: &Value,
        container: &str,
        previous: bool,
        lines: Option<u64>,
    ) -> Result<String, Status> {
        let name = &pod["metadata"]["name"];
        let all = ["initContainerStatuses", "containerStatuses"];
        let statuses = all.iter().flat_map(|field| pod["status"][field].as_array().into_iter().flatten());
        let status = match container {
            "" => pod["status"]["containerStatuses"].get(0),
            container => statuses.into_iter().find(|status| status["name"] == container),
        };
        let status = status
            .ok_or_else(|| Status::bad_request(format!("container {container:?} is not valid for pod {name}")))?;
        let container = status["name"].as_str().unwrap_or_default();
        let log = self.0.get(&key(pod, container));
        let has_run = status["restartCount"] != 0 || status["state"]["waiting"].is_null();
        if !has_run {
            let reason = status["state"]["waiting"]["reason"].as_str().unwrap_or_default();
            let message = format!("container {container:?} in pod {name} is waiting to start: {reason}");
            return Err(Status::bad_request(message));
        }
        let written = match (log, previous) {
            (Some(Log { previous: Some(written), .. }), true) => &written[..],
            (_, true) => {
                let message = format!("previous terminated container {container:?} in pod {name} not found");
                return Err(Status::bad_request(message));
            }
            (Some(log), false) => &log.now[..],
            (None, false) => &[],
        };
        let most = lines.and_then(|lines| usize::try_from(lines).ok()).unwrap_or(usize::MAX);
        let text = written[written.len().saturating_sub(most)..].iter().map(|line| format!("{line}\n"));
        Ok(text.collect())
    }
}

fn key(pod: &Value, container: &str) -> (String, String) {
    (pod["metadata"]["uid"].as_str().unwrap_or_default().to_owned(), container.to_owned())
}
