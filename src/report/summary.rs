//! The job summary of GitHub Actions: a deploy on one page, in Markdown
//! (<https://docs.github.com/en/actions/reference/workflows-and-actions/workflow-commands#adding-a-job-summary>).

use std::env;
use std::fs::OpenOptions;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use crate::pipeline::{
    ContainerImage, Diagnosis, Event, Finished, Outcome, PhaseSummary, RestoreOutcome, Restored, Started,
};

use super::markdown::{folded, inline, table};
use super::{Redactor, Reporter, note, text};

/// The variable that names the file to append to.
const FILE: &str = "GITHUB_STEP_SUMMARY";

/// The longest line of evidence, in characters: a summary above 1 MiB is refused as a whole.
const LONGEST: usize = 400;

/// Another reporter, and a summary when that has ended.
pub struct Summarizing {
    shown: Box<dyn Reporter>,
    summary: Summary,
    file: PathBuf,
    redactor: Redactor,
}

impl Summarizing {
    /// The reporter with a summary, where the environment names a file for one; else the reporter as it is.
    pub fn around(shown: Box<dyn Reporter>, redactor: &Redactor) -> Box<dyn Reporter> {
        match env::var_os(FILE).filter(|file| !file.is_empty()) {
            Some(file) => Box::new(Self::new(shown, file.into(), redactor)),
            None => shown,
        }
    }

    /// The reporter with a summary that is appended to a file.
    pub fn new(shown: Box<dyn Reporter>, file: PathBuf, redactor: &Redactor) -> Self {
        Self { shown, summary: Summary::default(), file, redactor: redactor.clone() }
    }
}

impl Reporter for Summarizing {
    fn event(&mut self, event: &Event) {
        self.summary.event(event);
        self.shown.event(event);
    }

    fn is_animated(&self) -> bool {
        self.shown.is_animated()
    }

    fn tick(&mut self) {
        self.shown.tick();
    }

    fn end(&mut self) {
        self.shown.end();
        let page = self.summary.markdown();
        if !page.is_empty()
            && let Err(error) = append(&self.file, &page)
        {
            let file = self.file.display();
            note(
                &format!("the job summary cannot be written to {file} ({FILE}): {error}; the deploy is not affected"),
                &self.redactor,
            );
        }
    }
}

fn append(file: &Path, page: &str) -> io::Result<()> {
    OpenOptions::new().append(true).create(true).open(file)?.write_all(page.as_bytes())
}

/// What is known of a deploy.
#[derive(Default)]
pub struct Summary {
    started: Option<Started>,
    diagnoses: Vec<Diagnosis>,
    /// Whether the last rollback restored everything.
    rolled_back: Option<bool>,
    finished: Option<Finished>,
    /// What a rehearsal finds that a deploy would not tell: it comes after the end.
    findings: Vec<String>,
}

impl Summary {
    /// Takes an event in.
    pub fn event(&mut self, event: &Event) {
        match event {
            Event::DeployStarted(started) => *self = Self { started: Some(started.clone()), ..Self::default() },
            Event::Diagnosis(diagnosis) => self.diagnoses.push((**diagnosis).clone()),
            Event::RollbackFinished { complete, .. } => self.rolled_back = Some(*complete),
            Event::DeployFinished(finished) => self.finished = Some((**finished).clone()),
            Event::Notice { message, .. } if self.finished.is_some() && self.is(|started| started.rehearsal) => {
                self.findings.push(message.clone());
            }
            Event::Notice { .. }
            | Event::PhaseStarted { .. }
            | Event::Applied { .. }
            | Event::Waiting { .. }
            | Event::Ready { .. }
            | Event::Heartbeat { .. }
            | Event::PhaseFinished(_)
            | Event::RollbackStarted { .. }
            | Event::Restored(_)
            | Event::ResetPlanned(_)
            | Event::Deleted { .. }
            | Event::ResetFinished { .. } => {}
        }
    }

    /// The page; empty where nothing was begun.
    pub fn markdown(&self) -> String {
        let Some(finished) = &self.finished else { return self.unfinished() };
        let mut page = Page::default();
        page.add([format!("## {}", inline(&self.heading(finished)))]);
        let is_dry_run = self.is(|started| started.dry_run);
        page.add([format!("**{}**", inline(&finished.message))]);
        page.add([inline(&text::sum(finished, is_dry_run))]);
        page.add(phases(&finished.phases));
        page.titled("Why it failed", self.diagnoses.iter().flat_map(evidence).collect());
        page.titled("What a deploy would not tell", items(&self.findings));
        page.titled("After the rollback", restored(&finished.restored));
        page.titled("Next", items(&finished.next_steps));
        page.titled("Images", self.started.as_ref().map(images).unwrap_or_default());
        page.0
    }

    /// Of a run that rolled back what another had broken off, and did nothing else.
    fn unfinished(&self) -> String {
        let mut page = Page::default();
        if let Some(complete) = self.rolled_back {
            let word = if complete { "succeeded" } else { "is incomplete" };
            page.add([format!("## The rollback of what was broken off {word}")]);
        }
        page.0
    }

    fn is(&self, so: impl FnOnce(&Started) -> bool) -> bool {
        self.started.as_ref().is_some_and(so)
    }

    fn heading(&self, finished: &Finished) -> String {
        let is_interrupted = finished.phases.iter().any(|summary| summary.outcome == Outcome::Interrupted);
        let word = match (finished.succeeded, self.findings.is_empty(), is_interrupted) {
            (true, true, _) => "succeeded",
            (false, _, true) => "interrupted",
            _ => "failed",
        };
        let Some(started) = &self.started else { return format!("The reset {word}") };
        let Started { environment, namespace, dry_run, rehearsal, .. } = started;
        let kind = match (dry_run, rehearsal) {
            (_, true) => "Rehearsal of ",
            (true, _) => "Dry run of ",
            _ => "",
        };
        format!("{kind}{environment} in namespace {namespace}: {word}")
    }
}

/// Paragraphs, with an empty line after each.
#[derive(Default)]
struct Page(String);

impl Page {
    fn add(&mut self, lines: impl IntoIterator<Item = String>) {
        let paragraph = lines.into_iter().collect::<Vec<_>>().join("\n");
        if !paragraph.is_empty() {
            self.0 += &format!("{paragraph}\n\n");
        }
    }

    fn titled(&mut self, title: &str, lines: Vec<String>) {
        if !lines.is_empty() {
            self.add([format!("### {title}")]);
            self.add(lines);
        }
    }
}

/// The phases, with why one was skipped or failed.
fn phases(summaries: &[PhaseSummary]) -> Vec<String> {
    let row = |summary: &PhaseSummary| {
        let [number, title, outcome, time, created, changed, unchanged] = text::cells(summary);
        let outcome = match &summary.reason {
            Some(reason) => format!("{outcome}: {reason}"),
            None => outcome,
        };
        [number, title, outcome, time, created, changed, unchanged].map(|cell| inline(&cell))
    };
    let rows: Vec<[String; 7]> = summaries.iter().map(row).collect();
    table(text::HEADING, ["--:", ":--", ":--", "--:", "--:", "--:", "--:"], &rows)
}

fn items(texts: &[String]) -> Vec<String> {
    texts.iter().map(|text| format!("- {}", inline(text))).collect()
}

fn evidence(diagnosis: &Diagnosis) -> Vec<String> {
    let title = format!("{}: {}: {}", diagnosis.object, diagnosis.reason, diagnosis.message);
    let lines = text::diagnosis(diagnosis).into_iter().map(|line| match line.char_indices().nth(LONGEST) {
        Some((end, _)) => format!("{}…", &line[..end]),
        None => line.trim_end().to_owned(),
    });
    folded(&title, &lines.collect::<Vec<_>>())
}

/// What became of the objects; those that the release had not changed are counted. Nothing after a first install, which
/// leaves everything.
fn restored(table_of: &[Restored]) -> Vec<String> {
    if table_of.iter().all(|one| one.outcome == RestoreOutcome::FirstInstall) {
        return Vec::new();
    }
    let is_unchanged = |one: &&Restored| one.outcome == RestoreOutcome::Unchanged;
    let row = |one: &Restored| [inline(&one.object), inline(&text::restored(one))];
    let rows: Vec<[String; 2]> = table_of.iter().filter(|one| !is_unchanged(one)).map(row).collect();
    let mut lines = table(["object", "outcome"], [":--", ":--"], &rows);
    let unchanged = table_of.iter().filter(is_unchanged).count();
    if unchanged > 0 {
        lines.extend([String::new(), format!("{} unchanged", text::objects(unchanged))]);
    }
    lines
}

fn images(started: &Started) -> Vec<String> {
    let row = |one: &ContainerImage| [&one.object, &one.container, &one.image].map(|text| inline(text));
    let rows: Vec<[String; 3]> = started.images.iter().map(row).collect();
    table(["workload", "container", "image"], [":--"; 3], &rows)
}
