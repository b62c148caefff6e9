//! Two states of an object as a unified diff of YAML
//! (<https://www.gnu.org/software/diffutils/manual/html_node/Detailed-Unified.html>).

use serde_json::Value;
use similar::{ChangeTag, DiffTag, TextDiff};

/// Unchanged lines around what is changed.
const CONTEXT: usize = 3;

/// An object as YAML.
pub fn yaml(value: &Value) -> String {
    // JSON is always YAML too.
    serde_yaml::to_string(value).unwrap_or_else(|_| value.to_string())
}

/// The lines that differ, with some around them. Each hunk says, after its place, inside which field its first change is.
pub fn lines(before: &str, after: &str) -> Vec<String> {
    let diff = TextDiff::from_lines(before, after);
    let mut lines = Vec::new();
    for hunk in diff.unified_diff().context_radius(CONTEXT).iter_hunks() {
        let field = match hunk.ops().iter().find(|op| op.tag() != DiffTag::Equal) {
            // What is new stands in the other text.
            Some(op) if op.tag() == DiffTag::Insert => path(after, op.new_range().start),
            Some(op) => path(before, op.old_range().start),
            None => String::new(),
        };
        lines.push(format!("{} {field}", hunk.header()).trim_end().to_owned());
        for change in hunk.iter_changes() {
            let sign = match change.tag() {
                ChangeTag::Delete => '-',
                ChangeTag::Insert => '+',
                ChangeTag::Equal => ' ',
            };
            lines.push(format!("{sign}{}", change.value().trim_end_matches('\n')));
        }
    }
    lines
}

/// The fields around a line of YAML: "spec.template.spec.containers".
fn path(yaml: &str, line: usize) -> String {
    let lines: Vec<&str> = yaml.lines().collect();
    let Some(mut depth) = lines.get(line).map(|line| indent(line)) else { return String::new() };
    let mut fields = Vec::new();
    for line in lines[..line].iter().rev().filter(|line| !line.trim().is_empty()) {
        let text = line.trim_start();
        let inner = text.trim_start_matches("- ");
        // A first field of an item is beside the other ones, and around what is deeper only.
        let field = (2 * (line.len() - inner.len()) < depth).then(|| parent(inner)).flatten();
        if indent(line) < depth {
            depth = indent(line);
            fields.extend(field);
        }
    }
    fields.reverse();
    fields.join(".")
}

/// The field that a line opens: what is in it is on the lines below.
fn parent(line: &str) -> Option<&str> {
    let (field, rest) = line.split_once(':')?;
    let opens = rest.is_empty() || rest.starts_with(" |") || rest.starts_with(" >");
    (opens && !field.contains(' ')).then_some(field)
}

/// How deep a line is. serde_yaml writes a list no deeper than the field that holds it, so an item counts as a half more.
fn indent(line: &str) -> usize {
    let text = line.trim_start();
    2 * (line.len() - text.len()) + usize::from(text.starts_with("- "))
}
