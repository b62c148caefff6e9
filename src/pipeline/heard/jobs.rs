//! What a Job writes, as it comes.

use std::collections::BTreeMap;

use super::super::{Event, Events};
use super::flood::{Flood, MOST, WITHIN};
use crate::cluster::{Clock, Cluster};
use crate::logs::{Asked, Said, Source, Workload, follow as follow_logs};
use crate::render::Phase;

/// Tells every line of every container, over restarts and connections that break off, until the Job is over; why that is
/// not possible, if it is not.
pub async fn follow(cluster: Cluster, job: Workload, phase: Phase, clock: Clock, events: Events) -> Option<String> {
    let mut floods: BTreeMap<String, Flood> = BTreeMap::new();
    let asked = Asked { with_init: true, ..Asked::default() };
    let ended = follow_logs(&cluster, &job, &asked, |said| {
        // What becomes of the pods is what the wait tells.
        if let Said::Line { source, text } = said {
            let (is_told, left_out) = floods.entry(source.name.clone()).or_default().line(clock.elapsed());
            left_out.iter().for_each(|lines| tell_left_out(phase, &source.name, *lines, &events));
            if is_told {
                let Source { pod, container, .. } = source;
                events.emit(Event::LogLine { phase, pod, container, line: text });
            }
        }
        Ok(true)
    });
    let ended = ended.await;
    for (name, flood) in &mut floods {
        flood.end().iter().for_each(|lines| tell_left_out(phase, name, *lines, &events));
    }
    ended.err().map(|error| format!("{error:#}"))
}

fn tell_left_out(phase: Phase, name: &str, lines: u64, events: &Events) {
    let words =
        format!("{name}: {lines} lines of its log are left out: more than {MOST} came within {} s", WITHIN.as_secs());
    events.notice(Some(phase), words);
}
