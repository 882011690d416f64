//! How a subscription is, stream by stream.

use crate::rate::Rate;
use crate::{Event, GapCause, Health};
use gapless_model::{Batch, Epoch, Flags, Seq, StreamKey, UnixNanos};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// How one stream is.
#[derive(Debug, Clone, PartialEq)]
pub struct StreamReport {
    /// Which stream.
    pub key: StreamKey,
    /// How its connection is.
    pub health: Health,
    /// The history that is followed; [`Epoch::UNSTATED`] before anything was heard.
    pub epoch: Epoch,
    /// The last row that was handed over; [`Seq::NONE`] before the first.
    pub applied: Seq,
    /// The newest row that is known to exist.
    pub seen: Seq,
    /// Rows a second, over the last five.
    pub rate: f64,
    /// Since when no rows came; `None` before the first.
    pub age: Option<Duration>,
    /// The time of the last row, from its source; `None` before the first.
    pub last_ts: Option<UnixNanos>,
    /// Whether the last rows were generated rather than measured.
    pub simulated: bool,
    /// Whether everything that was there at the beginning was handed over.
    pub caught_up: bool,
    /// Rows handed over.
    pub rows: u64,
    /// What went wrong and what became of it.
    pub gaps: GapCounts,
    /// Rows that came more than once and were dropped.
    pub duplicates: u64,
}

/// Gaps of a stream. What a late start has to fetch is not among them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct GapCounts {
    /// Ranges that were missing.
    pub found: u64,
    /// Of those, how many came after all.
    pub healed: u64,
    /// Of those, how many a change of the history made meaningless.
    pub void: u64,
    /// Ranges that are gone for good.
    pub truncated: u64,
    /// Rows that are gone for good.
    pub rows_truncated: u64,
}

impl StreamReport {
    /// How many rows are known to exist and were not handed over.
    pub fn lag(&self) -> u64 {
        self.seen.0.saturating_sub(self.applied.0)
    }
}

/// What the follower tells about a stream now and then.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Progress {
    pub(crate) epoch: Epoch,
    pub(crate) seen: Seq,
    pub(crate) health: Health,
    pub(crate) duplicates: u64,
}

/// The reports of a subscription. Clones share them.
#[derive(Debug, Clone, Default)]
pub(crate) struct Board {
    streams: Arc<Mutex<BTreeMap<StreamKey, Line>>>,
}

#[derive(Debug)]
struct Line {
    report: StreamReport,
    rate: Rate,
    updated: Option<Instant>,
}

impl Board {
    /// Every stream, in the order of their keys.
    pub(crate) fn reports(&self) -> Vec<StreamReport> {
        let now = Instant::now();
        self.lock().values().map(|line| line.report_at(now)).collect()
    }

    /// A stream was found.
    pub(crate) fn add(&self, key: &StreamKey) {
        self.with(key, |_| {});
    }

    pub(crate) fn progress(&self, key: &StreamKey, progress: Progress) {
        self.with(key, |line| {
            line.report.epoch = progress.epoch;
            line.report.seen = line.report.seen.max(progress.seen);
            line.report.health = progress.health;
            line.report.duplicates = progress.duplicates;
        });
    }

    /// `event` is being handed over.
    pub(crate) fn note(&self, event: &Event) {
        self.with(event.key(), |line| line.note(event));
    }

    fn with(&self, key: &StreamKey, change: impl FnOnce(&mut Line)) {
        let mut streams = self.lock();
        if !streams.contains_key(key) {
            streams.insert(key.clone(), Line::new(key.clone()));
        }
        if let Some(line) = streams.get_mut(key) {
            change(line);
        }
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<StreamKey, Line>> {
        self.streams.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Line {
    fn new(key: StreamKey) -> Line {
        let report = StreamReport {
            key,
            health: Health::Connecting,
            epoch: Epoch::UNSTATED,
            applied: Seq::NONE,
            seen: Seq::NONE,
            rate: 0.0,
            age: None,
            last_ts: None,
            simulated: false,
            caught_up: false,
            rows: 0,
            gaps: GapCounts::default(),
            duplicates: 0,
        };
        Line { report, rate: Rate::new(Instant::now()), updated: None }
    }

    fn report_at(&self, now: Instant) -> StreamReport {
        let age = self.updated.map(|at| now.saturating_duration_since(at));
        StreamReport { rate: self.rate.per_second(now), age, ..self.report.clone() }
    }

    fn note(&mut self, event: &Event) {
        let report = &mut self.report;
        match event {
            Event::Rows(batch) => self.note_rows(batch),
            Event::GapOpened { gap, .. } => report.gaps.found += u64::from(is_loss(gap.cause)),
            Event::GapHealed { gap, .. } => report.gaps.healed += u64::from(is_loss(gap.cause)),
            Event::GapVoid { gap, .. } => report.gaps.void += u64::from(is_loss(gap.cause)),
            Event::Truncated { epoch, range, .. } => {
                report.gaps.truncated += 1;
                report.gaps.rows_truncated += range.len();
                report.epoch = *epoch;
                report.applied = report.applied.max(range.last());
                report.seen = report.seen.max(report.applied);
            }
            Event::Rewind { to, keep, .. } => {
                (report.epoch, report.applied, report.seen) = (*to, *keep, *keep)
            }
            Event::Reset { to, .. } => {
                (report.epoch, report.applied, report.seen) = (*to, Seq::NONE, Seq::NONE)
            }
            Event::Health { health, .. } => report.health = *health,
            Event::CaughtUp { .. } => report.caught_up = true,
            Event::State(_) => {}
        }
    }

    fn note_rows(&mut self, batch: &Batch) {
        let now = Instant::now();
        let report = &mut self.report;
        report.epoch = batch.epoch;
        report.applied = batch.range().last();
        report.seen = report.seen.max(report.applied);
        report.last_ts = batch.rows.last_ts();
        report.simulated = batch.flags.contains(Flags::SIMULATED);
        report.rows += batch.rows.len() as u64;
        self.rate.add(batch.rows.len() as u64, now);
        self.updated = Some(now);
    }
}

/// Joining late is no loss, and after an epoch change there was nothing to lose yet.
fn is_loss(cause: GapCause) -> bool {
    match cause {
        GapCause::Missed | GapCause::Damaged | GapCause::Tail | GapCause::Overflow => true,
        GapCause::Join | GapCause::EpochChange => false,
    }
}
