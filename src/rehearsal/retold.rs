//! What a rehearsal tells of a deploy.

use crate::pipeline::Event;

/// An event of a deploy, as it is told of a rehearsed one: its end leads nobody to a cluster that is not there.
pub fn retold(mut event: Event) -> Event {
    if let Event::DeployFinished { message, next_steps, .. } = &mut event {
        *message = format!("rehearsal: {message}");
        if !next_steps.is_empty() {
            *next_steps = vec!["mend what the diagnosis names, then rehearse again".to_owned()];
        }
    }
    event
}
