//! What containers have written.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use serde_json::Value;

use super::route::Parameters;
use super::status::Status;

/// The logs of all containers.
#[derive(Clone, Debug, Default)]
pub struct Logs(BTreeMap<(String, String), Log>);

#[derive(Clone, Debug, Default)]
struct Log {
    now: Vec<Line>,
    previous: Option<Vec<Line>>,
}

#[derive(Clone, Debug)]
struct Line {
    at: Timestamp,
    text: String,
}

/// Which part of a log is asked for
/// (<https://kubernetes.io/docs/reference/generated/kubernetes-api/v1.34/#-strong-misc-operations-pod-v1-core-strong->).
#[derive(Clone, Debug)]
pub struct Part {
    container: String,
    previous: bool,
    tail: Option<u64>,
    since: Timestamp,
    timestamps: bool,
}

impl Part {
    /// Reads it from a request.
    ///
    /// # Errors
    /// 400 for a time that is none.
    pub fn read(parameters: &Parameters, now: Timestamp) -> Result<Self, Status> {
        let age = parameters.number("sinceSeconds").and_then(|seconds| i64::try_from(seconds).ok());
        let since = match (parameters.text("sinceTime"), age) {
            ("", None) => Timestamp::MIN,
            ("", Some(age)) => now.saturating_sub(SignedDuration::from_secs(age)).unwrap_or(Timestamp::MIN),
            (time, _) => time.parse().map_err(|_| Status::bad_request(format!("sinceTime {time:?} is no time")))?,
        };
        Ok(Self {
            container: parameters.text("container").to_owned(),
            previous: parameters.is_on("previous"),
            tail: parameters.number("tailLines"),
            since,
            timestamps: parameters.is_on("timestamps"),
        })
    }

    /// The same, of another run.
    pub(super) fn of(&self, previous: bool) -> Self {
        Self { previous, tail: None, ..self.clone() }
    }

    /// The container, where one is named.
    pub(super) fn container(&self) -> &str {
        &self.container
    }

    fn text(&self, lines: &[Line], from: usize) -> String {
        let wanted: Vec<&Line> = lines.iter().skip(from).filter(|line| line.at >= self.since).collect();
        let most = self.tail.and_then(|lines| usize::try_from(lines).ok()).unwrap_or(usize::MAX);
        let last = &wanted[wanted.len().saturating_sub(most)..];
        let words = last.iter().map(|line| match self.timestamps {
            true => format!("{} {}\n", line.at, line.text),
            false => format!("{}\n", line.text),
        });
        words.collect()
    }
}

impl Logs {
    /// A container writes a line.
    pub fn write(&mut self, pod: &Value, container: &str, at: Timestamp, text: String) {
        self.0.entry(key(pod, container)).or_default().now.push(Line { at, text });
    }

    /// A container starts again: what it has written is the log of its previous run.
    pub fn restart(&mut self, pod: &Value, container: &str) {
        let log = self.0.entry(key(pod, container)).or_default();
        log.previous = Some(std::mem::take(&mut log.now));
    }

    /// That part of a container's log (without a name, of the first container's), less the first so many lines; and how
    /// many lines the log has.
    pub(super) fn read(&self, pod: &Value, part: &Part, from: usize) -> Result<(String, usize), Status> {
        let name = &pod["metadata"]["name"];
        let all = ["initContainerStatuses", "containerStatuses"];
        let statuses = all.iter().flat_map(|field| pod["status"][field].as_array().into_iter().flatten());
        let (container, previous) = (part.container.as_str(), part.previous);
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
        Ok((part.text(written, from), written.len()))
    }
}

fn key(pod: &Value, container: &str) -> (String, String) {
    (pod["metadata"]["uid"].as_str().unwrap_or_default().to_owned(), container.to_owned())
}
