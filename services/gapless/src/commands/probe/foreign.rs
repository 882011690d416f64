//! Another program's output: NDJSON, judged against a scenario that runs meanwhile, or against servers.

mod line;

use super::reference::trimmed;
use super::verdict::Verdict;
use anyhow::{Context, Result, bail};
use gapless::{Client, Seq, SeqRange};
use gapless_dev_server::{Command, Config, DevServer, Judge, Order, Recorder, Scenario};
use gapless_formats::{Line, Lines};
use gapless_wire::BackfillRequest;
use line::Said;
use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io::Read;
use std::path::Path;
use std::time::{Duration, Instant};

/// How long a program may take after the faults have ended.
const BOUND: Duration = Duration::from_secs(30);
/// How often it is looked whether the program has everything.
const LOOK_EVERY: Duration = Duration::from_millis(20);
/// Lines between the reading thread and the judge.
const LINES: usize = 10_000;

/// Judges the output in `input` against the dev server's scenario, which runs until the program has everything,
/// its output ends, or the time is over.
pub(super) fn against_scenario(config: &Config, input: &Path) -> Result<Verdict> {
    let scenario = Scenario::find(&config.scenario)?;
    let server = DevServer::start(config)?;
    let at = server.endpoints();
    eprintln!("the dev server's live feed is at {}, it takes requests at {}", at.live, at.requests);
    let (lines, said) = crossbeam_channel::bounded(LINES);
    let input = open(input)?;
    std::thread::spawn(move || read(input, |said| lines.send(said).is_ok()));
    let (mut judge, mut tells) = (Judge::new(), false);
    let end = Instant::now() + scenario.duration.0;
    let mut healed = None;
    loop {
        match said.recv_timeout(LOOK_EVERY) {
            Ok(said) => tells |= hear(&mut judge, said?),
            Err(crossbeam_channel::RecvTimeoutError::Timeout) => {}
            // Its output is over: what it has not got by now it never gets.
            Err(crossbeam_channel::RecvTimeoutError::Disconnected) => break,
        }
        if healed.is_none() && Instant::now() >= end {
            for command in [Command::Stop, Command::Heal] {
                server.send(Order { stream: None, command })?;
            }
            healed = Some(Instant::now());
        }
        let Some(healed) = healed else { continue };
        if healed.elapsed() > BOUND || (said.is_empty() && server.view()?.is_reached_by(&judge)) {
            break;
        }
    }
    if judge.rows() == 0 && !tells {
        bail!("the output has no rows: nothing to judge");
    }
    let findings = judge.judge(&server.recorder()?, &trimmed(&server.view()?));
    let mut verdict = Verdict::of(&config.scenario, findings, Some(&scenario.expect), tells);
    verdict.gapless_after_s = healed.map(|healed| healed.elapsed().as_secs_f64());
    verdict.replayed = Some(server.view()?.streams.iter().map(|stream| stream.replayed).sum());
    Ok(verdict)
}

/// Judges the output in `input` against the rows that the servers have.
pub(super) fn against_servers(client: &Client, input: Option<&Path>) -> Result<Verdict> {
    let mut judge = Judge::new();
    let mut failure = None;
    let mut topics = BTreeSet::new();
    read(open(input.unwrap_or(Path::new("-")))?, |said| match said {
        Ok(said) => {
            topics.insert(said.topic().to_owned());
            hear(&mut judge, said);
            true
        }
        Err(error) => {
            failure = Some(error);
            false
        }
    });
    if let Some(error) = failure {
        return Err(error);
    }
    if topics.is_empty() {
        bail!("the output has no rows: nothing to judge");
    }
    let (truth, gone) = archived(client, topics.iter())?;
    Ok(Verdict::of("the servers", judge.judge(&truth, &gone), None, false))
}

/// Every row of `topics` that backfill has, and what it has no more.
fn archived<'a>(
    client: &Client,
    topics: impl Iterator<Item = &'a String>,
) -> Result<(Recorder, BTreeMap<String, SeqRange>)> {
    let (mut truth, mut gone) = (Recorder::default(), BTreeMap::new());
    let mut reader = client.reader()?;
    for topic in topics {
        let key = topic.parse().with_context(|| format!("stream {topic:?}"))?;
        let mut request = BackfillRequest::rows(key, SeqRange::new(Seq::NONE, Seq::NONE));
        loop {
            let page = reader.read(request.clone())?;
            gone.entry(topic.clone()).or_insert(SeqRange::new(Seq::FIRST, page.available.start()));
            page.batches.iter().for_each(|batch| truth.record(topic, batch));
            request.from_exclusive = page.range.last();
            if !page.has_more {
                break;
            }
        }
    }
    Ok((truth, gone))
}

/// Whether it was something told, not a row.
fn hear(judge: &mut Judge, said: Said) -> bool {
    let is_row = matches!(said, Said::Row { .. });
    match said {
        Said::Row { topic, seq, digest } => judge.row(&topic, seq, digest),
        Said::Truncated { topic, range } => judge.truncated(&topic, range),
        Said::Void { topic, what } => judge.void(&topic, what),
    }
    !is_row
}

fn open(input: &Path) -> Result<Box<dyn Read + Send>> {
    if input == Path::new("-") {
        return Ok(Box::new(std::io::stdin()));
    }
    Ok(Box::new(File::open(input).with_context(|| format!("{} cannot be read", input.display()))?))
}

/// Reads lines until the end or until `take` has enough.
fn read(input: impl Read, mut take: impl FnMut(Result<Said>) -> bool) {
    let mut lines = Lines::new(std::io::BufReader::new(input));
    loop {
        let said = match lines.next_line() {
            Ok(None) => return,
            Ok(Some((_, Line::Text(text)))) if text.trim_ascii().is_empty() => continue,
            Ok(Some((number, Line::Text(text)))) => {
                line::parse(text).with_context(|| format!("line {number} of the output")).transpose()
            }
            Ok(Some((number, Line::TooLong))) => {
                Some(Err(anyhow::anyhow!("line {number} of the output is too long")))
            }
            Err(error) => Some(Err(error.into())),
        };
        let Some(said) = said else { continue };
        let is_last = said.is_err();
        if !take(said) || is_last {
            return;
        }
    }
}
