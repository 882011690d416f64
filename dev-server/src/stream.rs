//! One stream: its rate, its rows, and what happens to each batch on its way out. Pure.

use crate::faults::{Fate, FaultPlan, LiveFaults, ReplyFaults, fate};
use crate::history::History;
use crate::scenario::StreamSetup;
use crate::source::Source;
use crate::view::{StreamView, StripCell};
use gapless_model::{Batch, Flags, MonoTime, SeqRange, StreamKey, UnixMillis};
use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

/// Batches in the strip chart.
const STRIP: usize = 240;

/// How often batches are made, and how large.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Rate {
    pub(crate) tick_ms: u32,
    pub(crate) batch_rows: u32,
    pub(crate) jitter_percent: u32,
}

/// A batch on its way to subscribers.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Departure {
    /// When it leaves, unless the stream stalls.
    pub(crate) at: MonoTime,
    pub(crate) batch: Batch,
    pub(crate) fate: Fate,
}

/// Faults that were ordered for the next batches, on top of the plan.
#[derive(Debug, Default)]
pub(crate) struct Ordered {
    pub(crate) withhold_rows: u64,
    pub(crate) duplicate: u32,
    pub(crate) corrupt: u32,
    pub(crate) wrong_version: u32,
    pub(crate) collide: u32,
    /// Batches left of a reordered run, and how many it had.
    pub(crate) reorder: (u32, u32),
}

/// One stream.
#[derive(Debug)]
pub(crate) struct Stream {
    pub(crate) key: StreamKey,
    pub(crate) topic: String,
    pub(crate) running: bool,
    pub(crate) rate: Rate,
    pub(crate) source: Source,
    pub(crate) history: History,
    pub(crate) live: LiveFaults,
    pub(crate) replies: ReplyFaults,
    pub(crate) ordered: Ordered,
    pub(crate) stalled_until: MonoTime,
    pub(crate) next_tick: MonoTime,
    /// Requests about it so far.
    pub(crate) requests: u64,
    /// The last page that was served, to be repeated.
    pub(crate) last_page: Option<gapless_wire::Message>,
    pub(crate) counts: Counts,
    seed: u64,
    /// Batches so far, over all epochs.
    batches: u64,
    strip: VecDeque<StripCell>,
}

/// Rows by what became of them.
#[derive(Debug, Default)]
pub(crate) struct Counts {
    pub(crate) rows: u64,
    pub(crate) published: u64,
    pub(crate) withheld: u64,
    pub(crate) replayed: u64,
    pub(crate) faults: BTreeMap<&'static str, u64>,
}

impl Stream {
    pub(crate) fn new(
        key: StreamKey,
        setup: &StreamSetup,
        plan: &FaultPlan,
        source: Source,
        history: History,
        seed: u64,
        now: MonoTime,
    ) -> Stream {
        let StreamSetup { tick_ms, batch_rows, jitter_percent, .. } = *setup;
        Stream {
            topic: key.topic(),
            key,
            running: true,
            rate: Rate { tick_ms, batch_rows, jitter_percent },
            source,
            history,
            live: setup.live.clone().unwrap_or_else(|| plan.live.clone()),
            replies: setup.replies.clone().unwrap_or_else(|| plan.replies.clone()),
            ordered: Ordered::default(),
            stalled_until: MonoTime(0),
            next_tick: now,
            requests: 0,
            last_page: None,
            counts: Counts::default(),
            seed,
            batches: 0,
            strip: VecDeque::new(),
        }
    }

    /// When it makes its next batch.
    pub(crate) fn due(&self) -> Option<MonoTime> {
        self.running.then_some(self.next_tick)
    }

    /// Makes one batch, if there are rows, and says how it leaves.
    pub(crate) fn tick(&mut self, now: MonoTime, wall: UnixMillis) -> Option<(Batch, Vec<Departure>)> {
        let rows = self.source.take(self.rate.batch_rows as usize);
        let number = self.batches;
        self.next_tick = now.after(self.next_wait(number));
        if rows.is_empty() {
            self.running = false;
            return None;
        }
        self.batches += 1;
        self.counts.rows += rows.len() as u64;
        let batch = self.history.append(self.source.flags(), rows, wall);
        let departures = self.send_off(&batch, number, now);
        Some((batch, departures))
    }

    /// Makes one batch and withholds all of it.
    pub(crate) fn tick_withheld(&mut self, now: MonoTime, wall: UnixMillis) -> Option<Batch> {
        let ordered = std::mem::replace(&mut self.ordered.withhold_rows, u64::MAX);
        let made = self.tick(now, wall).map(|(batch, _)| batch);
        self.ordered.withhold_rows = ordered;
        made
    }

    /// An empty batch that says how far the stream is.
    pub(crate) fn watermark_batch(&self, wall: UnixMillis) -> Batch {
        let mark = self.history.watermark();
        Batch {
            epoch: mark.epoch,
            start: mark.latest.next(),
            ts_publish_us: wall.0.saturating_mul(1000),
            earliest: mark.earliest,
            digest: mark.digest,
            ..Batch::unsequenced(self.key.clone(), Flags::NONE, gapless_model::Rows::empty(self.key.kind()))
        }
    }

    /// Whether watermarks may go out.
    pub(crate) fn tells(&self, now: MonoTime) -> bool {
        !self.live.silent && self.stalled_until <= now
    }

    /// A batch that was to leave never did.
    pub(crate) fn count_as_lost(&mut self, departure: &Departure) {
        if matches!(departure.fate, Fate::Deliver | Fate::Duplicate | Fate::Collide) {
            let rows = departure.batch.rows.len() as u64;
            self.counts.published -= rows;
            self.counts.withheld += rows;
        }
    }

    /// Everything as it should be, from now on.
    pub(crate) fn heal(&mut self) {
        self.live = LiveFaults::default();
        self.replies = ReplyFaults::default();
        self.ordered = Ordered::default();
        self.stalled_until = MonoTime(0);
    }

    /// What the panel shows.
    pub(crate) fn view(&self) -> StreamView {
        let mark = self.history.watermark();
        StreamView {
            topic: self.topic.clone(),
            running: self.running,
            tick_ms: self.rate.tick_ms,
            batch_rows: self.rate.batch_rows,
            jitter_percent: self.rate.jitter_percent,
            earliest: if self.history.range().is_empty() { 0 } else { mark.earliest.0 },
            latest: mark.latest.0,
            digest: mark.digest.to_string(),
            latest_ts_ms: mark.latest_ts.to_millis().0,
            rows: self.counts.rows,
            published: self.counts.published,
            withheld: self.counts.withheld,
            replayed: self.counts.replayed,
            faults: self.counts.faults.clone(),
            live: self.live.clone(),
            reply_faults: self.replies.clone(),
            strip: self.strip.iter().copied().collect(),
        }
    }

    /// How a batch leaves: whole or in the parts that are not withheld, each with its fate and time.
    fn send_off(&mut self, batch: &Batch, number: u64, now: MonoTime) -> Vec<Departure> {
        let planned = fate(&self.live, self.seed, &self.topic, number);
        let parts = self.parts(batch);
        let sent: u64 = parts.iter().map(|part| part.len()).sum();
        let fate = if sent == 0 { Fate::Withhold } else { self.ordered.fate(planned.fate, number) };
        let (at, reordered) = self.leaves_at(number, planned.delay_ms, now);
        self.count(batch, sent, fate, reordered);
        if fate == Fate::Withhold {
            return Vec::new();
        }
        parts.into_iter().map(|part| Departure { at, batch: batch.clone().cut(part), fate }).collect()
    }

    /// The runs of rows that are not withheld by number.
    fn parts(&mut self, batch: &Batch) -> Vec<SeqRange> {
        let range = batch.range();
        let ordered = range.len().min(self.ordered.withhold_rows);
        self.ordered.withhold_rows -= ordered;
        let mut start = range.start().plus(ordered);
        let mut parts = Vec::new();
        if let Some(every) = Some(self.live.drop_every).filter(|every| *every > 0) {
            while let Some(withheld) = next_multiple(start.0, every).filter(|seq| *seq < range.end().0) {
                parts.push(SeqRange::new(start, gapless_model::Seq(withheld)));
                start = gapless_model::Seq(withheld).next();
            }
        }
        parts.push(SeqRange::new(start, range.end()));
        parts.retain(|part| !part.is_empty());
        parts
    }

    /// When a batch leaves, and whether in another order than it was made.
    fn leaves_at(&mut self, number: u64, delay_ms: u32, now: MonoTime) -> (MonoTime, bool) {
        let at = now.after(Duration::from_millis(delay_ms.into()));
        let (left, of) = self.ordered.reorder;
        let (window, place) = match (left, self.live.reorder_window) {
            (0, 0 | 1) => return (at, self.live.delay_jitter_ms > self.rate.tick_ms),
            (0, window) => (window, (number % u64::from(window)) as u32),
            (left, _) => {
                self.ordered.reorder.0 = left - 1;
                (of, of - left)
            }
        };
        let moved = shuffled(self.seed, number - u64::from(place), window, place);
        // Places are a tick apart; none leaves before it is made.
        let wait = u64::from(window + moved - place) * u64::from(self.rate.tick_ms);
        (at.after(Duration::from_millis(wait)), true)
    }

    fn count(&mut self, batch: &Batch, sent: u64, fate: Fate, reordered: bool) {
        let rows = batch.rows.len() as u64;
        let readable = match fate {
            Fate::Deliver | Fate::Duplicate | Fate::Collide => sent,
            Fate::Withhold | Fate::Corrupt(_) | Fate::WrongVersion => 0,
        };
        self.counts.published += readable;
        self.counts.withheld += rows - readable;
        let what = match fate {
            Fate::Deliver if readable < rows => "withheld",
            Fate::Deliver if reordered => "reordered",
            Fate::Deliver => "sent",
            Fate::Withhold => "withheld",
            Fate::Corrupt(_) => "corrupt",
            Fate::WrongVersion => "wrong-version",
            Fate::Duplicate => "duplicate",
            Fate::Collide => "collide",
        };
        if what != "sent" {
            *self.counts.faults.entry(what).or_default() += 1;
        }
        self.strip.push_back(StripCell { start: batch.start.0, rows: rows as u32, what });
        if self.strip.len() > STRIP {
            self.strip.pop_front();
        }
    }

    fn next_wait(&self, number: u64) -> Duration {
        let tick = Duration::from_millis(self.rate.tick_ms.into());
        if self.rate.jitter_percent == 0 {
            return tick;
        }
        let mut dice = fastrand::Rng::with_seed(self.seed ^ number.rotate_left(17));
        let spread = f64::from(self.rate.jitter_percent) / 100.0;
        tick.mul_f64(1.0 + spread * (2.0 * dice.f64() - 1.0))
    }
}

impl Ordered {
    /// What was ordered goes before what the plan has.
    fn fate(&mut self, planned: Fate, number: u64) -> Fate {
        let takes = |left: &mut u32| {
            let any = *left > 0;
            *left = left.saturating_sub(1);
            any
        };
        if takes(&mut self.corrupt) {
            Fate::Corrupt(number.wrapping_mul(0x9e37_79b9_7f4a_7c15))
        } else if takes(&mut self.wrong_version) {
            Fate::WrongVersion
        } else if takes(&mut self.duplicate) {
            Fate::Duplicate
        } else if takes(&mut self.collide) {
            Fate::Collide
        } else {
            planned
        }
    }
}

/// The first multiple of `every` that is not below `from`.
fn next_multiple(from: u64, every: u64) -> Option<u64> {
    from.checked_next_multiple_of(every)
}

/// Where the element `place` of a shuffled window goes; a permutation that seed and window decide.
fn shuffled(seed: u64, window_start: u64, window: u32, place: u32) -> u32 {
    let mut dice = fastrand::Rng::with_seed(seed ^ window_start.rotate_left(29));
    let mut order: Vec<u32> = (0..window).collect();
    dice.shuffle(&mut order);
    order.get(place as usize).copied().unwrap_or(place)
}

#[cfg(test)]
mod tests;
