//! `gapless verify FOLDER`: an artifact against its own manifest, and against the archive.

mod against;
mod files;

use crate::connect::Global;
use crate::exit::{Outcome, usage};
use crate::{render, terminal};
use against::Against;
use anyhow::Result;
use files::Files;
use gapless::Service;
use gapless_snapshot_writer::manifest::{MANIFEST, Manifest, State, StreamRecord};
use serde::Serialize;
use std::path::{Path, PathBuf};

/// A live artifact is written while it is read: its files are absorbed by larger ones. Then it is read again,
/// so often.
const TRIES: usize = 5;
/// Problems of one stream that are told; further ones are counted.
const MAX_PROBLEMS: usize = 20;

/// What was found.
#[derive(Debug, Serialize)]
struct Report {
    artifact: String,
    state: Option<State>,
    /// Whether the archive was asked.
    compared: bool,
    equal: bool,
    /// What is wrong with the artifact as a whole.
    problems: Vec<String>,
    streams: Vec<Verdict>,
}

/// What was found of one stream.
#[derive(Debug, Default, Serialize)]
pub(super) struct Verdict {
    stream: String,
    /// The rows that the manifest names.
    rows: u64,
    range: String,
    files: usize,
    bytes: u64,
    /// Digest of the rows as they were read back.
    digest: String,
    /// Digest of the same rows in the archive; `None` when they were not compared, or not all.
    archive: Option<String>,
    equal: bool,
    problems: Vec<String>,
    notes: Vec<String>,
}

impl Verdict {
    pub(super) fn problem(&mut self, what: String) {
        self.equal = false;
        if self.problems.len() < MAX_PROBLEMS {
            self.problems.push(what);
        } else if let Some(last) = self.problems.last_mut() {
            *last = "and more".to_owned();
        }
    }

    fn words(&self) -> String {
        let verdict = if self.equal { "equal" } else { "DIFFERS" };
        [verdict.to_owned()]
            .into_iter()
            .chain(self.problems.clone())
            .chain(self.notes.clone())
            .collect::<Vec<_>>()
            .join("; ")
    }
}

/// The artifacts that an argument names, if it names some: one, or a folder of them.
pub(super) fn folders_of(argument: &str) -> Result<Option<Vec<PathBuf>>> {
    let path = Path::new(argument);
    if path.join(MANIFEST).is_file() {
        return Ok(Some(vec![path.to_path_buf()]));
    }
    if path.file_name().is_some_and(|name| name == MANIFEST) && path.is_file() {
        return Ok(path.parent().map(|folder| vec![folder.to_path_buf()]));
    }
    if !argument.is_empty() && path.is_dir() {
        let mut inside: Vec<PathBuf> =
            std::fs::read_dir(path)?.map(|entry| Ok(entry?.path())).collect::<Result<_>>()?;
        inside.retain(|folder| folder.join(MANIFEST).is_file());
        inside.sort();
        if !inside.is_empty() {
            return Ok(Some(inside));
        }
    }
    // No topic has one of these.
    if argument.contains(['/', '@']) {
        let what = if path.is_dir() {
            format!("there is no {MANIFEST} in it, so it is no artifact")
        } else {
            "there is no such folder".into()
        };
        return Err(usage(format!("{argument}: {what}")));
    }
    Ok(None)
}

pub(super) fn run(global: &Global, folders: &[PathBuf], offline: bool) -> Result<Outcome> {
    let mut against = match offline {
        true => None,
        false => Some(Against::connect(&global.client_of(&[Service::Backfill])?)?),
    };
    let mut reports = Vec::new();
    for folder in folders {
        let report = settled(folder, against.as_mut())?;
        if !global.json {
            if folders.len() > 1 {
                render::line(&report.artifact)?;
            }
            tell(&report)?;
        }
        reports.push(report);
    }
    match reports.as_slice() {
        [one] if global.json => render::json(one)?,
        all if global.json => render::json(&all)?,
        _ => {}
    }
    Ok(if reports.iter().all(|report| report.equal) { Outcome::Good } else { Outcome::Bad })
}

/// One that is being written is looked at again until it holds still.
fn settled(folder: &Path, mut against: Option<&mut Against>) -> Result<Report> {
    let mut report = check(folder, against.as_deref_mut())?;
    for _ in 1..TRIES {
        let before = std::fs::read(folder.join(MANIFEST))?;
        if report.equal || report.state != Some(State::Live) {
            break;
        }
        let again = check(folder, against.as_deref_mut())?;
        let is_settled = std::fs::read(folder.join(MANIFEST))? == before;
        report = again;
        if is_settled {
            break;
        }
    }
    Ok(report)
}

fn check(folder: &Path, mut against: Option<&mut Against>) -> Result<Report> {
    let mut report = Report {
        artifact: folder.display().to_string(),
        state: None,
        compared: against.is_some(),
        equal: true,
        problems: Vec::new(),
        streams: Vec::new(),
    };
    let manifest = match Manifest::parse(&std::fs::read(folder.join(MANIFEST))?) {
        Ok(manifest) => manifest,
        Err(reason) => {
            let file = folder.join(MANIFEST);
            report.problems.push(format!("{} is damaged: {reason}", file.display()));
            report.equal = false;
            return Ok(report);
        }
    };
    report.state = Some(manifest.state);
    let total = manifest.streams.iter().map(|stream| stream.rows).sum();
    let bar = terminal::bar(total, "rows").with_message(report.artifact.clone());
    for record in &manifest.streams {
        let mut verdict = begin(record);
        Files { folder, record }.check(&mut verdict, &bar)?;
        if let Some(against) = against.as_deref_mut() {
            against.check(folder, record, &mut verdict)?;
        }
        report.equal &= verdict.equal;
        report.streams.push(verdict);
    }
    bar.finish_and_clear();
    if manifest.state == State::Complete {
        report.problems.extend(files::unnamed(folder, &manifest)?);
        report.equal &= report.problems.is_empty();
    }
    Ok(report)
}

fn begin(record: &StreamRecord) -> Verdict {
    let notes = record
        .truncated
        .iter()
        .map(|hole| format!("rows {}..{} were not to be had ({})", hole.from, hole.to, hole.reason));
    Verdict {
        stream: record.topic.clone(),
        rows: record.rows,
        range: if record.rows == 0 { "-".into() } else { format!("{}..{}", record.first, record.last) },
        files: record.parts.iter().map(|part| part.files.len()).sum(),
        bytes: record.parts.iter().flat_map(|part| &part.files).map(|file| file.bytes).sum(),
        equal: true,
        notes: notes.collect(),
        ..Verdict::default()
    }
}

fn tell(report: &Report) -> Result<()> {
    let mut table =
        render::table(&["stream", ">rows", "range", ">files", ">bytes", "digest", "archive", "verdict"]);
    for verdict in &report.streams {
        table.add_row([
            verdict.stream.clone(),
            render::count(verdict.rows),
            verdict.range.clone(),
            verdict.files.to_string(),
            render::count(verdict.bytes),
            verdict.digest.clone(),
            verdict.archive.clone().unwrap_or_else(|| "-".into()),
            verdict.words(),
        ]);
    }
    if !report.streams.is_empty() {
        render::line(table)?;
    }
    for problem in &report.problems {
        render::line(format!("DIFFERENT: {problem}"))?;
    }
    let state = match report.state {
        Some(State::Complete) => "complete",
        Some(State::Live) => "live, more may come",
        None => "not readable",
    };
    let streams = render::streams(report.streams.len());
    let are = render::streams_are(report.streams.len());
    let differing = report.streams.iter().filter(|verdict| !verdict.equal).count();
    render::line(match (report.equal, report.compared) {
        (true, true) => {
            format!("equal: {are} as the manifest says and as the archive has them ({state})")
        }
        (true, false) => {
            format!("equal: {are} as the manifest says ({state}); the archive was not asked")
        }
        (false, _) => format!("DIFFERENT: {differing} of {streams} ({state})"),
    })
}
