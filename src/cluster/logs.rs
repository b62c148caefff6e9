//! A container's log, each line with the time at which it was written
//! (<https://kubernetes.io/docs/reference/generated/kubernetes-api/v1.34/#-strong-misc-operations-pod-v1-core-strong->).

use std::io;
use std::time::Duration;

use futures::{AsyncBufReadExt, Stream, StreamExt};
use jiff::Timestamp;
use k8s_openapi::api::core::v1::Pod;
use kube::api::LogParams;
use tokio::time::timeout;

use super::{Cluster, Fault, call};

/// How long a log that is followed may be silent before it is asked for again: the connection may be dead.
const SILENCE: Duration = Duration::from_secs(300);

/// What a kubelet answers instead of a log whose container is removed, with status 200 and without a time
/// (`GetKubeletContainerLogs` in pkg/kubelet/kubelet_pods.go). Its own status of the pod may still name that container.
pub const REMOVED: &str = "unable to retrieve container logs for ";

/// A line of a log.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct LogLine {
    /// When it was written, by the clock of the node.
    pub at: Timestamp,
    /// The line.
    pub text: String,
}

impl LogLine {
    /// Reads `2026-01-01T00:00:00.000000001Z a line`. A line without a time was written when the one before it was.
    fn read(line: &str, before: Timestamp) -> Self {
        let (at, text) = line.split_once(' ').unwrap_or((line, ""));
        match at.parse() {
            Ok(at) => Self { at, text: text.to_owned() },
            Err(_) => Self { at: before, text: line.to_owned() },
        }
    }
}

/// Which part of a log is read.
#[derive(Clone, Debug, Default)]
pub struct LogRequest {
    /// The container; without one, the pod's only one.
    pub container: Option<String>,
    /// The log of the run before the last restart.
    pub previous: bool,
    /// Go on until the container ends.
    pub follow: bool,
    /// So many lines from the end at most.
    pub tail: Option<i64>,
    /// What was written in this time before now.
    pub age: Option<Duration>,
    /// What was written since.
    pub since: Option<Timestamp>,
}

impl LogRequest {
    fn params(&self) -> LogParams {
        LogParams {
            container: self.container.clone(),
            previous: self.previous,
            follow: self.follow,
            tail_lines: self.tail,
            since_seconds: self.age.map(|age| i64::try_from(age.as_secs()).unwrap_or(i64::MAX)),
            // kube rounds to whole seconds: a half would be rounded up, past lines that are wanted.
            since_time: self.since.and_then(|since| Timestamp::from_second(since.as_second()).ok()),
            timestamps: true,
            ..LogParams::default()
        }
    }
}

impl Cluster {
    /// The lines of a log.
    ///
    /// # Errors
    /// When it may not be read, or the container has not begun. A stream that ends with an error has broken off.
    pub async fn log(
        &self,
        pod: &str,
        request: &LogRequest,
    ) -> Result<impl Stream<Item = io::Result<LogLine>> + Send + use<>, Fault> {
        let (pods, params) = (self.typed::<Pod>(), request.params());
        let opened = pods.log_stream(pod, &params);
        let lines = match request.follow {
            // A container that writes nothing is not answered for: the kubelet sends no header before the first line.
            true => timeout(SILENCE, opened).await.map_err(|_| Fault::TimedOut)??,
            false => call(opened).await?,
        };
        let state = (Box::pin(lines.lines()), Timestamp::MIN);
        Ok(futures::stream::unfold(state, |(mut lines, before)| async move {
            let line = match timeout(SILENCE, lines.next()).await {
                Ok(line) => line?.and_then(|line| match line.starts_with(REMOVED) {
                    true => Err(io::Error::new(io::ErrorKind::NotFound, line)),
                    false => Ok(LogLine::read(&line, before)),
                }),
                Err(_) => Err(io::ErrorKind::TimedOut.into()),
            };
            let before = line.as_ref().map_or(before, |line| line.at);
            Some((line, (lines, before)))
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_read_with_its_time() {
        let before = "2026-01-01T00:00:00Z".parse().unwrap();
        for (line, at, text) in [
            ("2026-01-02T03:04:05.678901234Z hello  you", "2026-01-02T03:04:05.678901234Z", "hello  you"),
            ("2026-01-02T05:04:05+02:00 x", "2026-01-02T03:04:05Z", "x"),
            ("2026-01-02T03:04:05Z ", "2026-01-02T03:04:05Z", ""),
            ("2026-01-02T03:04:05Z", "2026-01-02T03:04:05Z", ""),
            ("no time", "2026-01-01T00:00:00Z", "no time"),
            ("", "2026-01-01T00:00:00Z", ""),
        ] {
            let expected = LogLine { at: at.parse().unwrap(), text: text.to_owned() };
            assert_eq!(LogLine::read(line, before), expected, "{line:?}");
        }
    }

    #[test]
    fn a_time_to_begin_at_is_never_later_than_asked() {
        let since = Some("2026-01-02T03:04:05.678Z".parse().unwrap());
        let params = LogRequest { since, age: None, ..LogRequest::default() }.params();
        assert_eq!(params.since_time, Some("2026-01-02T03:04:05Z".parse().unwrap()));
    }
}
