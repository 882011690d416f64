//! Ingestion: its core and its journal, with a queue and a heartbeat around them.

use super::{Arrived, Io, Out, writer};
use crate::disk::SimDisk;
use crate::net::{Desk, Feed, Peer};
use crate::truth::{Ending, Reopened};
use gapless_ingestion::core::{
    Answer, Checked, Ledger, Recorder, acknowledgement, answer, journal_status, producer_status, submission,
};
use gapless_ingestion::{AckWhen, Receipt, Refusal};
use gapless_journal::{Journal, JournalError, Opened, Options, Retention, Sync, Verify};
use gapless_model::{MonoTime, Position};
use gapless_protocol::SequencerLimits;
use gapless_wire::{Limits, Message, decode, encode_message, topic};
use std::collections::VecDeque;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

/// Submissions that wait for the next group.
const QUEUE: usize = 24;
/// How long a group collects: so that there are groups of several.
const GROUP: Duration = Duration::from_millis(2);
/// As the wire contract says.
const BEAT_AFTER_RECORD: Duration = Duration::from_millis(250);
const BEAT_WHILE_IDLE: Duration = Duration::from_secs(1);
/// As the service does.
const HOUSEKEEPING: Duration = Duration::from_secs(1);

/// How long a follower that is gone holds records back: within a run, so that it happens.
const LEASE: Duration = Duration::from_secs(5);

/// How the journal is kept in one world.
#[derive(Debug, Clone)]
pub struct IngestionSetup {
    /// Small, so that segments are sealed and retired within a run.
    pub segment_bytes: u64,
    /// The most bytes that are kept.
    pub max_bytes: Option<u64>,
    /// How often it is synced; `None`: before each append returns.
    pub sync_every: Option<Duration>,
    /// Whether everything is read at start.
    pub verify_all: bool,
    /// What the sequencer remembers.
    pub limits: SequencerLimits,
}

struct Waiting {
    checked: Checked,
    ack: AckWhen,
    back: Back,
}

#[derive(Debug, Clone)]
struct Back {
    peer: Peer,
    correlation_id: String,
    number: u64,
}

/// The process.
pub struct IngestionNode {
    journal: Journal,
    ledger: Arc<Ledger>,
    recorder: Recorder,
    setup: IngestionSetup,
    waiting: VecDeque<Waiting>,
    group_at: Option<MonoTime>,
    unsynced: Vec<(Position, Receipt, Back)>,
    beat_at: MonoTime,
    tidy_at: MonoTime,
    sync_at: Option<MonoTime>,
    opened: MonoTime,
}

/// The folder of the journal on ingestion's disk.
pub fn folder() -> PathBuf {
    PathBuf::from("/journal")
}

impl IngestionNode {
    /// Opens the journal and tells the reference model what it found.
    ///
    /// # Errors
    /// What the journal said.
    pub fn open(
        setup: &IngestionSetup,
        disk: SimDisk,
        boot: u32,
        ending: Ending,
        io: &mut Io<'_>,
    ) -> Result<IngestionNode, String> {
        let tail = newest_file(&disk);
        let options = Options {
            disk: Arc::new(disk),
            segment_bytes: setup.segment_bytes,
            sync: if setup.sync_every.is_some() { Sync::Manual } else { Sync::Always },
            retention: Retention { max_bytes: setup.max_bytes, ..Retention::default() },
            verify: if setup.verify_all { Verify::All } else { Verify::Tail },
            ..Options::new(folder(), format!("boot-{boot}"))
        };
        let opened = gapless_journal::open(options, io.wall).map_err(|error| error.to_string())?;
        let ledger = Ledger::restore(&opened, setup.limits.clone()).map_err(|error| error.to_string())?;
        let found = read_all(&opened.journal);
        let status = opened.journal.status();
        check_reported(&opened.journal, status.earliest, &found, io);
        io.truth.reopened(&Reopened {
            ending,
            epochs: &status.epochs,
            earliest: status.earliest,
            records: &found,
            torn: opened.recovery.cut.is_some(),
            tail,
            streams: &ledger.streams(io.wall),
        });
        let ledger = Arc::new(ledger);
        let Opened { appender, journal, .. } = opened;
        io.note("opens the journal", status.latest.0, status.epoch.0);
        Ok(IngestionNode {
            recorder: Recorder::new(Arc::clone(&ledger), appender),
            journal,
            ledger,
            setup: setup.clone(),
            waiting: VecDeque::new(),
            group_at: None,
            unsynced: Vec::new(),
            beat_at: io.now,
            tidy_at: io.now,
            sync_at: setup.sync_every.map(|every| io.now.after(every)),
            opened: io.now,
        })
    }

    /// Something arrived.
    pub fn handle(&mut self, arrived: Arrived, io: &mut Io<'_>) {
        let Arrived::Request(desk, peer, body) = arrived else { return };
        match desk {
            Desk::Ingest => self.take(peer, &body, io),
            Desk::Journal => self.serve(peer, &body, io),
            Desk::Rows | Desk::State => {}
        }
    }

    /// A timer is due.
    pub fn handle_timeout(&mut self, io: &mut Io<'_>) {
        if self.group_at.is_some_and(|at| at <= io.now) {
            self.group_at = None;
            self.record(io);
        }
        if self.sync_at.is_some_and(|at| at <= io.now) {
            self.sync_at = self.setup.sync_every.map(|every| io.now.after(every));
            self.sync(io);
        }
        if self.tidy_at <= io.now {
            self.tidy_at = io.now.after(HOUSEKEEPING);
            self.tidy(io);
        }
        if self.beat_at <= io.now {
            self.beat_at = io.now.after(BEAT_WHILE_IDLE);
            let status = Message::JournalStatusResponse(journal_status(&self.journal, io.wall));
            let frames = vec![topic::journal(0).into_bytes(), encode_message(&status, "")];
            io.out(Out::Publish(Feed::Journal, frames));
        }
        io.truth.durable(self.journal.synced());
    }

    /// When the next timer is due.
    pub fn poll_timeout(&self) -> Option<MonoTime> {
        [self.group_at, self.sync_at, Some(self.tidy_at), Some(self.beat_at)].into_iter().flatten().min()
    }

    /// The journal, to look at.
    pub fn journal(&self) -> &Journal {
        &self.journal
    }

    fn take(&mut self, peer: Peer, body: &[u8], io: &mut Io<'_>) {
        let Ok(envelope) = decode(body, &Limits::ingest()) else { return };
        let mut back = Back { peer, correlation_id: envelope.correlation_id, number: 0 };
        match envelope.message {
            Message::IngestBatch(batch) => {
                back.number = batch.producer_sequence;
                let is_careful = batch.producer_id.starts_with("careful");
                let ack = if is_careful { AckWhen::Synced } else { AckWhen::Written };
                let checked = submission(batch)
                    .map_err(|error| error.to_string())
                    .and_then(|submission| Checked::new(submission).map_err(|error| error.to_string()));
                match checked {
                    Ok(_) if self.waiting.len() >= QUEUE => {
                        io.note("is too busy for rows", 0, 0);
                        give(&back, Err(Refusal::Busy { retry_after_ms: 100 }), io);
                    }
                    Ok(checked) => {
                        self.waiting.push_back(Waiting { checked, ack, back });
                        self.group_at = self.group_at.or(Some(io.now.after(GROUP)));
                    }
                    Err(error) => io.truth.violate("a good batch is taken", || error),
                }
            }
            Message::ProducerStatusRequest(request) => {
                let status = self.ledger.producer_status(&request.producer_id, &request.key);
                let message = producer_status(request, status);
                io.out(Out::Answer(Desk::Ingest, peer, encode_message(&message, &back.correlation_id)));
            }
            _ => {}
        }
    }

    fn serve(&mut self, peer: Peer, body: &[u8], io: &mut Io<'_>) {
        // What cannot be read cannot be answered by name.
        let Ok(envelope) = decode(body, &Limits::request()) else { return };
        let message =
            answer(&self.journal, &self.ledger, &envelope.message, io.wall).unwrap_or_else(Message::Error);
        if self.journal.followers().iter().any(|follower| follower.id == writer::FOLLOWER) {
            io.truth.checkpoints_are_registered();
        }
        if let Message::Error(error) = &message {
            io.note("refuses records", u64::from(error.code.0), 0);
            io.say(|| format!("refuses: {error}"));
        }
        io.out(Out::Answer(Desk::Journal, peer, encode_message(&message, &envelope.correlation_id)));
    }

    fn record(&mut self, io: &mut Io<'_>) {
        match self.recorder.roll_if_due(io.wall) {
            Ok(true) => io.note("begins a segment", self.journal.latest().0, 0),
            Ok(false) => {}
            Err(error) => io.say(|| format!("cannot begin a segment: {error}")),
        }
        let group: Vec<Waiting> = self.waiting.drain(..).collect();
        let (checked, backs): (Vec<Checked>, Vec<(AckWhen, Back)>) =
            group.into_iter().map(|waiting| (waiting.checked, (waiting.ack, waiting.back))).unzip();
        let recorded = match self.recorder.record(checked, io.wall.0 * 1000) {
            Ok(recorded) => recorded,
            Err(error) => return self.refuse(&error, backs, io),
        };
        for record in &recorded.records {
            io.truth.appended(record);
        }
        io.truth.durable(self.journal.synced());
        if !recorded.records.is_empty() {
            io.note("appends records", recorded.appended.last.0, recorded.records.len() as u64);
            self.beat_at = io.now.after(BEAT_AFTER_RECORD);
            let frames = std::iter::once(topic::journal(0).into_bytes()).chain(recorded.records);
            io.out(Out::Publish(Feed::Journal, frames.collect()));
        }
        for (decision, (ack, back)) in recorded.decisions.into_iter().zip(backs) {
            match decision.answer(ack, recorded.appended, self.journal.synced()) {
                Answer::Now(answer) => give(&back, answer, io),
                Answer::WhenSynced { position, receipt } => self.unsynced.push((position, receipt, back)),
            }
        }
    }

    fn refuse(&mut self, error: &JournalError, backs: Vec<(AckWhen, Back)>, io: &mut Io<'_>) {
        let what = if matches!(error, JournalError::NoSpace { .. }) {
            "refuses a group without room"
        } else {
            "refuses a group"
        };
        io.note(what, backs.len() as u64, 0);
        io.say(|| error.to_string());
        for (_, back) in backs {
            give(&back, Err(Refusal::unwritten(error)), io);
        }
        if matches!(error, JournalError::Broken { .. }) {
            io.out(Out::Exit);
        }
    }

    fn sync(&mut self, io: &mut Io<'_>) {
        if self.journal.synced() < self.journal.latest()
            && let Err(error) = self.journal.sync_now()
        {
            io.note("cannot sync", 0, 0);
            io.say(|| error.to_string());
            return io.out(Out::Exit);
        }
        let synced = self.journal.synced();
        io.truth.durable(synced);
        let (done, left) =
            std::mem::take(&mut self.unsynced).into_iter().partition(|(at, _, _)| *at <= synced);
        self.unsynced = left;
        let done: Vec<(Position, Receipt, Back)> = done;
        for (_, receipt, back) in done {
            give(&back, Ok(receipt.synced()), io);
        }
    }

    fn tidy(&mut self, io: &mut Io<'_>) {
        let before = self.journal.status().earliest;
        match self.journal.retire(io.wall) {
            Ok(retired) if retired.held_by.is_some() => io.note("keeps records for a follower", 0, 0),
            Ok(_) => {}
            Err(error) => io.say(|| format!("cannot tidy: {error}")),
        }
        // Also when it failed at the end: what was removed before is gone.
        let earliest = self.journal.status().earliest;
        if earliest > before {
            self.check_pinned(Position(earliest.0 - 1), io);
            for follower in self.journal.followers() {
                io.truth.check_safe(&follower.id, Position(earliest.0 - 1));
            }
            io.note("retires records", earliest.0 - 1, earliest.0 - before.0);
            io.truth.retired_before(earliest);
        }
    }
}

impl IngestionNode {
    /// Nothing goes that a follower within its lease still needs.
    fn check_pinned(&self, up_to: Position, io: &mut Io<'_>) {
        for follower in self.journal.followers() {
            let is_fresh = io.now.since(self.opened) < LEASE
                || io.wall.0.saturating_sub(follower.seen.0) < LEASE.as_millis() as i64;
            io.truth.require(
                !is_fresh || follower.acknowledged >= up_to,
                "nothing is retired that a follower needs",
                || {
                    format!(
                        "{} needs records after {}, retired up to {up_to}",
                        follower.id, follower.acknowledged
                    )
                },
            );
        }
    }
}

fn give(back: &Back, answer: Result<Receipt, Refusal>, io: &mut Io<'_>) {
    let message = acknowledgement(back.number, answer);
    io.out(Out::Answer(Desk::Ingest, back.peer, encode_message(&message, &back.correlation_id)));
}

/// The first record of the newest file.
fn newest_file(disk: &SimDisk) -> Position {
    let paths = disk.paths(&folder());
    let firsts = paths.iter().filter_map(|path| path.file_stem()?.to_str()?.parse().ok());
    Position(firsts.max().unwrap_or_default())
}

/// What cannot be read is listed.
fn check_reported(journal: &Journal, earliest: Position, found: &[Option<Vec<u8>>], io: &mut Io<'_>) {
    let listed = journal.damage();
    let lost = found.iter().zip(earliest.0..).filter(|(record, _)| record.is_none());
    for (_, at) in lost {
        let is_listed = listed.iter().any(|damage| (damage.first.0..=damage.last.0).contains(&at));
        io.note("misses a damaged record", at, 0);
        io.truth.require(is_listed, "damage is reported", || format!("record {at} is not in {listed:?}"));
    }
}

/// Every record from the earliest on; `None` for what is damaged.
fn read_all(journal: &Journal) -> Vec<Option<Vec<u8>>> {
    let status = journal.status();
    let mut found = Vec::new();
    let mut from = status.earliest;
    while from <= status.latest {
        let Ok(read) = journal.read(from, 1 << 20) else { break };
        // What is damaged is passed over.
        let end = read.first.0 + read.records.len() as u64;
        found.extend((from.0..read.first.0.min(status.latest.0 + 1)).map(|_| None));
        if end <= from.0 {
            break;
        }
        from = Position(end);
        found.extend(read.records.into_iter().map(Some));
    }
    found
}
