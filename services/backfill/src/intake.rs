//! From the journal into memory at once, and into the archive several times a second.
//!
//! The intuition: a record is served from memory as soon as it is read, and acknowledged to the journal once
//! it is committed. When the archive does not take rows, they stay pending up to a limit; then the journal is
//! not read any further and keeps them.
//!
//! The complication is a journal that is not whole. When it lost its newest history, which rows of which
//! stream are gone is known to the journal alone, so its view of every stream is asked for, and records
//! that come meanwhile are held back. When it retired records before they were read here, nobody knows which
//! streams they were of; the same view tells it, once everything up to its position is stored.
//!
//! The archive is outside: what is to be done to it comes out as a [`Write`], one at a time, and what came
//! of it goes in again. A trait for the archive was rejected: a write that fails half-way, takes its time or
//! never comes back because the process died is then nothing that this machine could tell apart.

mod history;
mod messages;
mod pending;

pub use messages::{Input, Output, Write};

use crate::library::SharedHot;
use gapless_follow::JournalEvent;
use gapless_model::{Batch, Epoch, MonoTime, Position, Seq, SeqRange};
use gapless_planted::{Bug, on};
use gapless_protocol::{Begin, Event, Health};
use gapless_wire::{JournalRecord, JournalStatusResponse};
use pending::Pending;
use std::collections::VecDeque;
use std::time::Duration;

/// How often a write that failed is tried again, and for how long: a disk that was full has room again,
/// or somebody has to look.
const RETRY_EVERY: Duration = Duration::from_secs(1);
const RETRY_FOR: Duration = Duration::from_secs(60);

/// What it is doing.
#[derive(Debug)]
enum Phase {
    /// Records go into memory and the archive.
    Following,
    /// The journal lost history; its view of the streams is awaited.
    Rewinding { from: Epoch, to: Epoch, keep: Position, held: Held },
}

/// What is held back during a rewind.
#[derive(Debug, Default)]
struct Held {
    events: VecDeque<JournalEvent>,
    bytes: usize,
}

/// What follows from a write once it is done.
#[derive(Debug)]
enum Then {
    /// Up to this record everything is committed.
    Acknowledge(Position),
    /// What was held back comes now.
    GoOn(Held),
    /// The archive is empty.
    BeginAnew,
    /// Which rows are missing is to be asked.
    AskWhatIsMissing,
    /// The view of this epoch was taken over.
    Viewed(Epoch),
}

/// The archive does not take what it is given.
#[derive(Debug, Clone, Copy)]
struct Failing {
    since: MonoTime,
    retry_at: MonoTime,
}

/// Takes the journal in.
#[derive(Debug)]
pub struct Intake {
    commit_every: Duration,
    hot: SharedHot,
    /// Where the archive is.
    position: Position,
    epoch: Epoch,
    /// The last record taken in or skipped.
    taken: Position,
    phase: Phase,
    /// Events that could not be handled yet.
    backlog: VecDeque<JournalEvent>,
    pending: Pending,
    commit_at: Option<MonoTime>,
    /// What is to be written once nothing is pending, and what follows.
    next: Option<(Write, Then)>,
    /// What follows from the write that is under way.
    writing: Option<Then>,
    failing: Option<Failing>,
    /// The epoch in which the journal is followed, and the one whose view was taken over.
    journal_epoch: Epoch,
    viewed: Epoch,
    /// A view, of the epoch that is followed, that waits for the records that it speaks of.
    view: Option<JournalStatusResponse>,
    is_caught_up: bool,
    outputs: VecDeque<Output>,
    now: MonoTime,
}

impl Intake {
    /// Goes on where the archive is: at `position` in `epoch`. Rows are committed every `commit_every`, and
    /// kept in `hot`.
    pub fn new(commit_every: Duration, hot: SharedHot, position: Position, epoch: Epoch) -> Intake {
        Intake {
            commit_every,
            hot,
            position,
            epoch,
            taken: position,
            phase: Phase::Following,
            backlog: VecDeque::new(),
            pending: Pending::default(),
            commit_at: None,
            next: None,
            writing: None,
            failing: None,
            journal_epoch: epoch,
            viewed: Epoch::UNSTATED,
            view: None,
            is_caught_up: false,
            outputs: VecDeque::new(),
            now: MonoTime(0),
        }
    }

    /// Where the journal has to be followed from.
    pub fn begin(&self) -> Begin {
        if self.position == Position::NONE || !self.epoch.is_stated() {
            return Begin::Earliest;
        }
        Begin::Cursor { epoch: self.epoch, applied: Seq(self.position.0) }
    }

    /// Something happened.
    pub fn handle_input(&mut self, input: Input, now: MonoTime) {
        self.now = self.now.max(now);
        match input {
            Input::Journal(event) => self.backlog.push_back(event),
            Input::Written { position, epoch } => self.handle_written(position, epoch),
            Input::Failed { write, reason } => self.handle_failed(write, reason),
            Input::Flush => self.commit_at = Some(self.now),
        }
        self.work();
    }

    /// The time of [`Intake::poll_timeout`] has come; harmless when called early.
    pub fn handle_timeout(&mut self, now: MonoTime) {
        self.now = self.now.max(now);
        self.work();
    }

    /// The next thing to do. Poll until `None` after each call.
    pub fn poll_output(&mut self) -> Option<Output> {
        self.outputs.pop_front()
    }

    /// When [`Intake::handle_timeout`] wants to be called, and why.
    pub fn poll_timeout(&self) -> Option<(MonoTime, &'static str)> {
        if self.writing.is_some() {
            return None;
        }
        match self.failing {
            Some(failing) => Some((failing.retry_at, "write again")),
            None => self.commit_at.map(|at| (at, "commit")),
        }
    }

    /// Whether the journal's events are handled at once. While it is `false` the driver leaves them where
    /// they are, so that the journal keeps what comes next.
    pub fn takes_events(&self) -> bool {
        self.writing.is_none() && self.next.is_none() && !self.pending.is_full()
    }

    /// Rows that are not committed yet.
    pub fn pending_rows(&self) -> u64 {
        self.pending.rows()
    }

    /// The archive's position: everything up to it is committed.
    pub fn position(&self) -> Position {
        self.position
    }

    fn work(&mut self) {
        while self.takes_events()
            && let Some(event) = self.backlog.pop_front()
        {
            self.handle_event(event);
            self.take_view_in_turn();
        }
        self.write();
    }

    /// Begins the next write, if one is due and none is under way.
    fn write(&mut self) {
        if self.writing.is_some() || self.failing.is_some_and(|failing| self.now < failing.retry_at) {
            return;
        }
        let is_due = self.commit_at.is_some_and(|at| at <= self.now);
        let is_rewound_first =
            on(Bug::PendingKeptAfterRewind) && matches!(self.next, Some((Write::Rewind { .. }, _)));
        if !self.pending.is_empty() && !is_rewound_first {
            if is_due || self.next.is_some() || self.pending.is_full() || self.failing.is_some() {
                let records = self.pending.take();
                let last = records.last().map_or(self.position, |(position, _)| *position);
                self.begin_write(Write::Commit(records), Then::Acknowledge(last));
            }
        } else if let Some((write, then)) = self.next.take() {
            self.begin_write(write, then);
        }
        if is_due {
            self.commit_at = None;
        }
    }

    fn begin_write(&mut self, write: Write, then: Then) {
        assert!(self.writing.is_none(), "one write at a time");
        self.writing = Some(then);
        self.outputs.push_back(Output::Write(write));
    }

    fn handle_written(&mut self, position: Position, epoch: Epoch) {
        let Some(then) = self.writing.take() else { return };
        (self.position, self.epoch) = (position, epoch);
        if self.failing.take().is_some() {
            tracing::info!("the archive takes rows again");
            self.outputs.push_back(Output::Writable);
        }
        match then {
            Then::Acknowledge(last) => {
                self.hot.write(|hot| hot.committed(last));
                self.outputs.push_back(Output::Acknowledge { epoch: self.journal_epoch, position: last });
            }
            Then::GoOn(held) => self.go_on(held),
            Then::BeginAnew => self.begin_anew(),
            Then::AskWhatIsMissing => self.want_view(),
            Then::Viewed(epoch) => self.viewed = epoch,
        }
        self.take_view_in_turn();
    }

    /// A failure that may pass: what was to be written is kept, and tried again.
    fn handle_failed(&mut self, write: Write, reason: String) {
        let Some(then) = self.writing.take() else { return };
        match write {
            Write::Commit(records) => self.pending.put_back(records),
            other @ (Write::Rewind { .. }
            | Write::Reset { .. }
            | Write::SkipTo { .. }
            | Write::TakeView { .. }) => {
                self.next = Some((other, then));
            }
        }
        let since = self.failing.map_or(self.now, |failing| failing.since);
        self.failing = Some(Failing { since, retry_at: self.now.after(RETRY_EVERY) });
        tracing::error!(%reason, rows = self.pending.rows(), "the archive does not take rows: the journal keeps them");
        if self.now.since(since) > RETRY_FOR {
            self.outputs.push_back(Output::GiveUp { reason });
        } else {
            self.outputs.push_back(Output::Unwritable { reason });
        }
    }

    fn handle_event(&mut self, event: JournalEvent) {
        match event {
            JournalEvent::Watermark { epoch, .. } => {
                self.note_epoch(epoch);
                self.want_view();
            }
            JournalEvent::Streams(status) => self.handle_streams(status),
            JournalEvent::Event(Event::Rewind { from, to, keep }) => {
                self.handle_rewind(from, to, Position(keep.0));
            }
            JournalEvent::Event(Event::Reset { from, to }) => self.handle_reset(from, to),
            JournalEvent::Event(Event::Health(health)) => self.handle_health(health),
            JournalEvent::Event(Event::GapOpened(gap)) => {
                tracing::debug!(range = %gap.range, cause = gap.cause.name(), "journal gap opened");
            }
            JournalEvent::Event(Event::GapHealed(gap)) => {
                tracing::debug!(range = %gap.range, "journal gap healed");
            }
            JournalEvent::Event(Event::GapVoid(gap)) => {
                tracing::debug!(range = %gap.range, "journal gap void");
            }
            JournalEvent::Record { .. }
            | JournalEvent::Event(Event::Truncated { .. } | Event::CaughtUp { .. }) => {
                self.handle_in_order(event);
            }
        }
    }

    /// What has its place among the records: held back during a rewind.
    fn handle_in_order(&mut self, event: JournalEvent) {
        if let JournalEvent::Record { epoch, .. } | JournalEvent::Event(Event::Truncated { epoch, .. }) =
            event
        {
            self.note_epoch(epoch);
        }
        if let Phase::Rewinding { held, .. } = &mut self.phase {
            held.push(event);
            if held.is_full() {
                self.follow_anew();
            }
            return;
        }
        match event {
            JournalEvent::Record { record, batch, .. } => self.take(record, batch),
            JournalEvent::Event(Event::Truncated { range, .. }) => self.handle_truncated(range),
            JournalEvent::Event(Event::CaughtUp { at }) => self.handle_caught_up(at),
            JournalEvent::Event(_) | JournalEvent::Watermark { .. } | JournalEvent::Streams(_) => {}
        }
    }

    /// Into memory at once, into the archive with the next commit.
    fn take(&mut self, record: JournalRecord, batch: Batch) {
        let position = record.position;
        self.note_beginning(position);
        self.taken = self.taken.max(position);
        self.hot.write(|hot| hot.insert(position, &batch, record.batch.into()));
        self.pending.push(position, batch);
        if on(Bug::AcknowledgedUncommitted) {
            self.outputs.push_back(Output::Acknowledge { epoch: self.journal_epoch, position });
        }
        if self.commit_at.is_none() {
            self.commit_at = Some(self.now.after(self.commit_every));
        }
    }

    /// The record at `position` comes next. In an empty archive only the journal's first one has none before it.
    fn note_beginning(&self, position: Position) {
        if self.taken == Position::NONE && position > Position::FIRST {
            tracing::warn!(
                first = position.0,
                "the archive is empty and the journal no longer has its oldest records: their rows are in neither; if there \
                 was an archive before, they are gone with it"
            );
        }
    }

    /// The journal no longer has records that were not read here. Which streams they were of is not known
    /// before its view of them was compared.
    fn handle_truncated(&mut self, range: SeqRange) {
        tracing::error!(%range, "the journal no longer has records that are not archived: their rows are lost here");
        self.skip_to(Position(range.last().0));
    }

    fn skip_to(&mut self, position: Position) {
        self.taken = self.taken.max(position);
        self.viewed = Epoch::UNSTATED;
        self.view = None;
        let skip = Write::SkipTo { position, epoch: self.journal_epoch };
        self.next = Some((skip, Then::AskWhatIsMissing));
    }

    fn handle_caught_up(&mut self, at: Seq) {
        if !self.is_caught_up {
            tracing::info!(position = at.0, "the journal is read");
        }
        self.is_caught_up = true;
        self.outputs.push_back(Output::Ready);
        if Position(at.0) > self.taken {
            // The journal retired all that it ever had.
            self.note_beginning(Position(at.0).next());
            return self.skip_to(Position(at.0));
        }
        self.want_view();
    }

    fn handle_health(&mut self, health: Health) {
        tracing::info!(health = health.name(), "journal");
        match health {
            Health::Disconnected | Health::Connecting | Health::Stalled => {
                let reason = format!("the journal is {}", health.name());
                self.outputs.push_back(Output::Behind { reason });
            }
            Health::Subscribed | Health::Receiving | Health::Backfilling if self.is_caught_up => {
                self.outputs.push_back(Output::Ready);
            }
            Health::Subscribed | Health::Receiving | Health::Backfilling => {}
        }
    }
}

#[cfg(test)]
mod tests;
