//! One container's log, read as it is written, over every restart and every connection that breaks off.

use std::time::Duration;

use futures::StreamExt;
use k8s_openapi::api::core::v1::Pod;
use tokio::sync::{mpsc, watch};
use tokio::time::{Instant, sleep, sleep_until, timeout};

use super::read::{waits, whole};
use super::resume::Resume;
use super::source::Source;
use super::state::{State, is_over, state};
use super::{Asked, Said};
use crate::cluster::{Cluster, Fault, LogLine, LogRequest};

/// How long the pod's status may come after the end of its log.
const LOOK_AGAIN: Duration = Duration::from_millis(500);
/// How long the log may go on after its container has ended: a connection may not know.
const DRAINS: Duration = Duration::from_secs(5);
/// How often the rest of a log is asked for.
const ATTEMPTS: usize = 3;

/// Reads one container.
pub struct Reader {
    /// Where.
    pub cluster: Cluster,
    /// The pod as it is; None once it is gone.
    pub pod: watch::Receiver<Option<Pod>>,
    /// Which container, of which pod.
    pub source: Source,
    /// Where its first lines begin.
    pub asked: Asked,
    /// Where lines go.
    pub said: mpsc::Sender<Result<Said, Fault>>,
}

/// Nobody listens any more, or nothing more can be read.
struct Over;

impl Reader {
    /// Reads until the pod is over or gone, or nobody listens.
    pub async fn run(mut self) {
        // Ends when it is over, however.
        let _ = self.every_run().await;
    }

    async fn every_run(&mut self) -> Result<(), Over> {
        let (mut resume, mut done, mut waiting) = (Resume::default(), None, String::new());
        loop {
            let (state, is_over) = match &*self.pod.borrow_and_update() {
                Some(pod) => (state(pod, &self.source.container), is_over(pod)),
                None => break,
            };
            match state {
                State::Run { restarts, over } if done != Some(restarts) => {
                    self.one_run(restarts, over.is_some(), &mut resume).await?;
                    done = Some(restarts);
                    self.asked = Asked::default();
                    // What ended it is known by now.
                    continue;
                }
                State::Run { over: Some(how), .. } if how != waiting => {
                    self.note(format!("{} {how}", self.source.name)).await?;
                    waiting = how;
                }
                State::Waits(why) if why != waiting => {
                    self.note(waits(&self.source.name, &why)).await?;
                    waiting = why;
                }
                State::Run { .. } | State::Waits(_) => {}
            }
            if is_over {
                return Ok(());
            }
            if self.pod.changed().await.is_err() {
                break;
            }
        }
        self.note(format!("{} is gone", self.source.name)).await
    }

    /// Reads what the container writes until it is started again, or will not be.
    async fn one_run(&mut self, run: i32, is_over: bool, resume: &mut Resume) -> Result<(), Over> {
        let mut ended = is_over.then_some(run);
        while ended.is_none() {
            self.stream(run, resume).await?;
            // The status tells later than the log.
            let _ = timeout(LOOK_AGAIN, self.pod.changed()).await;
            ended = match &*self.pod.borrow_and_update() {
                None => return Ok(()),
                Some(pod) => match state(pod, &self.source.container) {
                    State::Run { restarts, over } if restarts > run || over.is_some() => Some(restarts),
                    State::Run { .. } | State::Waits(_) => None,
                },
            };
        }
        // Whatever the stream has not brought.
        self.rest(ended > Some(run), resume).await
    }

    /// Follows the log until it ends or breaks off.
    async fn stream(&mut self, run: i32, resume: &mut Resume) -> Result<(), Over> {
        let request = LogRequest { follow: true, ..self.request(resume) };
        let lines = match self.cluster.log(&self.source.pod, &request).await {
            Ok(lines) => lines,
            Err(fault) => return self.failed(fault).await,
        };
        let mut lines = std::pin::pin!(lines);
        let mut drained = None;
        loop {
            let until = drained.unwrap_or_else(|| Instant::now() + DRAINS);
            tokio::select! {
                line = lines.next() => match line {
                    Some(Ok(line)) => self.line(line, resume).await?,
                    Some(Err(_)) | None => return Ok(()),
                },
                changed = self.pod.changed(), if drained.is_none() => {
                    let runs = self.pod.borrow_and_update().as_ref().is_some_and(|pod| {
                        state(pod, &self.source.container) == State::Run { restarts: run, over: None }
                    });
                    if changed.is_err() || !runs {
                        drained = Some(Instant::now() + DRAINS);
                    }
                }
                () = sleep_until(until), if drained.is_some() => return Ok(()),
            }
        }
    }

    /// Reads what a run that has ended has written since the last line that was shown.
    async fn rest(&mut self, previous: bool, resume: &mut Resume) -> Result<(), Over> {
        for _ in 0..ATTEMPTS {
            let request = LogRequest { previous, ..self.request(resume) };
            match whole(&self.cluster, &self.source.pod, &request).await {
                Ok(lines) => {
                    for line in lines {
                        self.line(line, resume).await?;
                    }
                    return Ok(());
                }
                Err(fault) if fault.is_passing() => sleep(LOOK_AGAIN).await,
                // It is gone with its pod or its container.
                Err(fault) if matches!(fault.code(), Some(400 | 404)) => return Ok(()),
                Err(fault) => return self.failed(fault).await,
            }
        }
        self.note(format!("the end of the log of {} cannot be read", self.source.name)).await
    }

    fn request(&self, resume: &mut Resume) -> LogRequest {
        let container = Some(self.source.container.clone());
        match resume.begin() {
            Some(since) => LogRequest { container, since: Some(since), ..LogRequest::default() },
            None => LogRequest { container, tail: self.asked.tail, age: self.asked.age, ..LogRequest::default() },
        }
    }

    async fn line(&self, line: LogLine, resume: &mut Resume) -> Result<(), Over> {
        if !resume.is_new(&line) {
            return Ok(());
        }
        self.send(Ok(Said::Line { source: self.source.clone(), text: line.text })).await
    }

    async fn note(&self, words: String) -> Result<(), Over> {
        self.send(Ok(Said::Note(words))).await
    }

    async fn failed(&self, fault: Fault) -> Result<(), Over> {
        if fault.is_denied() {
            self.send(Err(fault)).await?;
            return Err(Over);
        }
        tracing::info!(source = self.source.name, %fault, "the log cannot be read; it is asked for again");
        Ok(())
    }

    async fn send(&self, said: Result<Said, Fault>) -> Result<(), Over> {
        self.said.send(said).await.map_err(|_| Over)
    }
}
