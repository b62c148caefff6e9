//! For programs: each event as one JSON object on one line. Described in `docs/json-output.md`.

use std::io::Write;

use serde_json::{Map, Value};

use crate::pipeline::Event;

use super::{Clock, Reporter};

/// Writes one object per event, with its `time` first.
pub struct Json<W> {
    out: W,
    clock: Clock,
}

impl<W: Write + Send> Json<W> {
    /// A reporter that writes to `out` and asks `clock` once for each event.
    pub fn new(out: W, clock: Clock) -> Self {
        Self { out, clock }
    }
}

impl<W: Write + Send> Reporter for Json<W> {
    fn event(&mut self, event: &Event) {
        let mut line = Map::new();
        line.insert("time".to_owned(), Value::String(format!("{:.3}", (self.clock)())));
        if let Ok(Value::Object(fields)) = serde_json::to_value(event) {
            line.extend(fields);
        }
        let _ = writeln!(self.out, "{}", Value::Object(line));
        let _ = self.out.flush();
    }
}
