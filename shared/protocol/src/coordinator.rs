//! Follows one log: a live feed that may drop, a replay that may not, and a number that ties them.
//!
//! The intuition is a merge. The live feed is handed on as long as each chunk begins where the last one
//! ended. As soon as one does not, live chunks are kept, the missing range is asked for, and the kept ones
//! follow it. Joining late, resuming from a cursor, a dropped batch, a lost tail and a slow follower are
//! all the same case: rows are known to exist that were not handed over.
//!
//! The complication is that the two sides may disagree. The replay side may be behind the live feed (then
//! "no such rows" means "not yet"), rows may be gone for good (then waiting must end), and the log may have
//! lost history (then rows that were handed over must be taken back). Which of these it is, is decided by
//! what is *stated*: epochs, earliest and latest rows; never by a time-out alone.
//!
//! Waiting for the whole replay before handing on anything live was rejected: a follower without a gap
//! would depend on a server that it does not need.

mod answers;
mod feed;
mod requests;
mod turn;

use crate::backoff::Backoff;
use crate::gap_tracker::GapTracker;
use crate::liveness::Liveness;
use crate::open_gaps::OpenGaps;
use crate::replay_scheduler::ReplayScheduler;
use crate::request_slot::RequestSlot;
use crate::{Begin, Claim, Counts, Event, Gap, GapCause, Health, Input, Output, Settings};
use gapless_model::{Epoch, MonoTime, Seq, SeqRange};
use std::collections::VecDeque;

/// Follows one log.
///
/// ```
/// use gapless_model::{Epoch, MonoTime, Seq, SeqRange};
/// use gapless_protocol::{Begin, Chunk, Coordinator, Input, Output, Settings};
/// let now = MonoTime(0);
/// let cursor = Begin::Cursor { epoch: Epoch(7), applied: Seq(4) };
/// let mut follower = Coordinator::new(Settings::default(), cursor, 1, now);
/// let range = SeqRange::of_len(Seq(4), 2);
/// follower.handle_input(Input::Live(Chunk { epoch: Epoch(7), range, bytes: 10, payload: "rows 4, 5" }), now);
/// while let Some(output) = follower.poll_output() {
///     if let Output::Deliver { wanted, .. } = output {
///         assert_eq!(wanted, SeqRange::of_len(Seq(5), 1), "row 4 was handed over before");
///     }
/// }
/// assert_eq!(follower.applied(), (Epoch(7), Seq(5)));
/// ```
#[derive(Debug)]
pub struct Coordinator<T> {
    begin: Begin,
    phase: Phase,
    tracker: GapTracker<T>,
    /// `applied` never falls below this; only joining and turning lower it.
    floor: Seq,
    /// Whether the application knows of a place in this log, also from before the start: rows were handed
    /// over or given up, or it was told that it has everything.
    has_begun: bool,
    gaps: OpenGaps,
    progress: Progress,
    replay: ReplayScheduler,
    /// Status requests; what is kept is the row that was `applied` when it was asked.
    status: RequestSlot<Seq>,
    question: Question,
    /// The newest row that a status stated in this epoch.
    status_latest: Seq,
    /// How often in a row the replay side stated an older epoch than the follower knows.
    older_epoch: u32,
    max_older_epoch: u32,
    /// How often in a row a status was refused in a way that will not pass.
    refusals: u32,
    max_strikes: u32,
    next_request: u64,
    liveness: Liveness,
    health: Health,
    counts: Counts,
    outputs: VecDeque<Output<T>>,
    now: MonoTime,
}

/// What is known of the place in the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    /// Nothing was heard: the epoch is not known, perhaps the first row neither.
    Joining,
    /// It begins at the oldest row, which only the replay side knows. Row 1 is handed on if it comes.
    Bounding,
    /// The place is known.
    Following,
    /// A newer epoch was stated, in which `latest` exists: its history must be known first. `is_bounded`:
    /// the place in the epoch so far is known.
    Turning { to: Epoch, latest: Seq, is_bounded: bool },
}

/// How the follower stands to the end of the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Progress {
    /// Nobody has stated where the end is.
    Unproven,
    /// Rows were missing when the application was told last.
    Behind,
    /// The application knows that it has everything.
    CaughtUp,
}

/// Why a status is wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Question {
    /// It is not.
    Nothing,
    /// How far is the log, in which epoch?
    Status,
    /// Has a server without epochs begun anew? It sent rows that came before.
    Restart,
}

impl<T> Coordinator<T> {
    /// A follower that begins at `begin`. `seed` decides its jitter: give each follower another one.
    pub fn new(settings: Settings, begin: Begin, seed: u64, now: MonoTime) -> Self {
        let (epoch, applied, phase) = match begin {
            Begin::Cursor { epoch, applied } => (epoch, applied, Phase::Following),
            Begin::Earliest | Begin::Latest | Begin::At(_) => (Epoch::UNSTATED, Seq::NONE, Phase::Joining),
        };
        let backoff = Backoff::new(settings.backoff_initial, settings.backoff_max, !seed);
        let mut new = Coordinator {
            begin,
            phase,
            tracker: GapTracker::new(&settings, epoch, applied),
            floor: applied,
            has_begun: applied != Seq::NONE,
            gaps: OpenGaps::new(settings.max_open_gaps),
            progress: Progress::Unproven,
            replay: ReplayScheduler::new(&settings, seed),
            status: RequestSlot::new(settings.request_timeout, backoff),
            question: Question::Status,
            status_latest: Seq::NONE,
            older_epoch: 0,
            max_older_epoch: settings.max_older_epoch,
            refusals: 0,
            max_strikes: settings.max_strikes,
            next_request: 1,
            liveness: Liveness::new(&settings),
            health: Health::Connecting,
            counts: Counts::default(),
            outputs: VecDeque::new(),
            now,
        };
        new.end_mutation();
        new
    }

    /// From now on rows that came live are compared with those that were handed over, and count as not received when
    /// they do not continue them. `claim` tells what a payload says of the rows in a range.
    pub fn comparing(mut self, claim: fn(&T, SeqRange) -> Claim) -> Self {
        self.tracker.compare(claim);
        self
    }

    /// Something happened outside.
    pub fn handle_input(&mut self, input: Input<T>, now: MonoTime) {
        self.begin_mutation(now);
        match input {
            Input::Live(chunk) => self.handle_live(chunk),
            Input::Heartbeat { epoch, earliest, next } => self.handle_heartbeat(epoch, earliest, next),
            Input::Status { request, status } => self.handle_status(request, status),
            Input::Replayed { request, status, chunks, served: _, has_more: _ } => {
                self.handle_replayed(request, status, chunks);
            }
            Input::Failed { request, failure } => self.handle_failed(request, failure),
            Input::Queued { request } => self.hold(request, true),
            Input::Sent { request } => self.hold(request, false),
            Input::ReplayBack => self.hurry(),
            Input::BeganAnew => self.begin_anew(),
            Input::LinkUp => self.liveness.link(true),
            Input::LinkDown => self.liveness.link(false),
        }
        self.end_mutation();
    }

    /// The time of [`Coordinator::poll_timeout`] has come; harmless when called early.
    pub fn handle_timeout(&mut self, now: MonoTime) {
        self.begin_mutation(now);
        self.expire_requests();
        self.end_mutation();
    }

    /// The next thing to do. Poll until `None` after each input and each timeout.
    pub fn poll_output(&mut self) -> Option<Output<T>> {
        self.outputs.pop_front()
    }

    /// When [`Coordinator::handle_timeout`] wants to be called, and why.
    pub fn poll_timeout(&self) -> Option<(MonoTime, &'static str)> {
        let wants_status = self.question != Question::Nothing;
        let status = self.status.deadline(wants_status).map(|at| (at, "status request"));
        let replay = self.replay.deadline(self.wants_rows()).map(|at| (at, "replay request"));
        let health = self.liveness.deadline(self.now).map(|at| (at, "sign of life"));
        [status, replay, health].into_iter().flatten().min()
    }

    /// The cursor: the last row handed over, and the epoch in which that number is meant.
    pub fn applied(&self) -> (Epoch, Seq) {
        (self.tracker.view().epoch(), self.tracker.applied())
    }

    /// The newest row heard of; never less than what was handed over.
    pub fn seen(&self) -> Seq {
        self.tracker.seen()
    }

    /// From the row that comes next to the newest row heard of, in rows.
    pub fn lag(&self) -> u64 {
        self.tracker.seen().0 - self.tracker.applied().0
    }

    /// How the follower is.
    pub fn health(&self) -> Health {
        self.health
    }

    /// When the live side last gave a sign of life; `None` before the first.
    pub fn last_sign_of_life(&self) -> Option<MonoTime> {
        self.liveness.last_life()
    }

    /// The gaps that are open, in order.
    pub fn open_gaps(&self) -> impl Iterator<Item = &Gap> {
        self.gaps.iter()
    }

    /// What was counted so far.
    pub fn counts(&self) -> Counts {
        self.counts
    }

    fn begin_mutation(&mut self, now: MonoTime) {
        self.check();
        self.now = self.now.max(now);
    }

    fn end_mutation(&mut self) {
        self.close_healed_gaps();
        self.note_progress();
        self.ask();
        self.note_health();
        self.check();
        self.floor = self.tracker.applied();
    }

    /// What must hold between two mutations, also in release: order is what this machine is for.
    fn check(&self) {
        self.tracker.check();
        let applied = self.tracker.applied();
        assert!(applied >= self.floor, "applied went back from {} to {applied}", self.floor);
        if self.phase == Phase::Following {
            let missing = self.tracker.missing();
            assert!(self.gaps.cover(missing), "rows {missing} are missing without a gap");
        }
    }

    fn close_healed_gaps(&mut self) {
        while let Some(gap) = self.gaps.pop_healed(self.tracker.applied(), self.now) {
            self.counts.gaps_healed += u64::from(gap.cause != GapCause::Join);
            self.emit(Event::GapHealed(gap));
        }
    }

    fn note_progress(&mut self) {
        let at = self.tracker.applied();
        let is_missing = match self.phase {
            Phase::Joining => false,
            Phase::Bounding | Phase::Following => self.tracker.seen() > at,
            Phase::Turning { .. } => true,
        };
        self.liveness.missing(is_missing, self.now);
        self.progress = match self.progress {
            Progress::Behind if !is_missing => {
                self.has_begun |= at != Seq::NONE;
                self.emit(Event::CaughtUp { at });
                Progress::CaughtUp
            }
            Progress::CaughtUp if is_missing => Progress::Behind,
            unchanged @ (Progress::Unproven | Progress::Behind | Progress::CaughtUp) => unchanged,
        };
    }

    fn note_health(&mut self) {
        let health = self.liveness.health(self.now);
        if health != self.health {
            self.health = health;
            self.emit(Event::Health(health));
        }
    }

    /// Rows turned out to be missing. Before the end of the log was known that is no loss but a late start.
    fn open_gap(&mut self, range: SeqRange, cause: GapCause) {
        let is_joining = self.progress == Progress::Unproven && cause != GapCause::EpochChange;
        let cause = if is_joining { GapCause::Join } else { cause };
        let epoch = self.tracker.view().epoch();
        if let Some(gap) = self.gaps.open(epoch, range, cause, self.now) {
            self.counts.gaps_found += u64::from(cause != GapCause::Join);
            self.emit(Event::GapOpened(gap));
        }
    }

    fn emit(&mut self, event: Event) {
        self.outputs.push_back(Output::Event(event));
    }
}

#[cfg(test)]
mod tests;
