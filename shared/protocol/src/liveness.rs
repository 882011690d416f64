//! The receiving end of heartbeats: how is the follower, judged by what was heard and when.
//!
//! A log that proves its end once a second is stalled when that stops. A version 1 server never sends
//! heartbeats, so until the first one is heard the replay side's answers count as signs of life too, and
//! it is asked before its silence would look like a fault.

use crate::{Health, Settings};
use gapless_model::MonoTime;
use std::time::Duration;

/// What was heard and when.
#[derive(Debug)]
pub(crate) struct Liveness {
    stalled_after: Duration,
    idle_after: Duration,
    poll_every: Duration,
    link: Link,
    has_heartbeats: bool,
    last_life: Option<MonoTime>,
    last_rows: Option<MonoTime>,
    /// Since when rows are missing without any coming; `None` when nothing is missing.
    no_progress_since: Option<MonoTime>,
    last_poll: Option<MonoTime>,
}

/// What the live side sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Sign {
    /// Rows.
    Rows,
    /// How far it is.
    Heartbeat,
}

/// The live connection, as far as the driver tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Link {
    Unknown,
    Up,
    Down,
}

impl Liveness {
    /// Nothing was heard yet.
    pub(crate) fn new(settings: &Settings) -> Liveness {
        Liveness {
            stalled_after: settings.stalled_after,
            idle_after: settings.idle_after,
            poll_every: settings.backoff_max,
            link: Link::Unknown,
            has_heartbeats: false,
            last_life: None,
            last_rows: None,
            no_progress_since: None,
            last_poll: None,
        }
    }

    /// The live socket has or has lost its connection.
    pub(crate) fn link(&mut self, is_up: bool) {
        self.link = if is_up { Link::Up } else { Link::Down };
    }

    /// The live side gave a sign of life.
    pub(crate) fn heard(&mut self, sign: Sign, now: MonoTime) {
        self.has_heartbeats |= sign == Sign::Heartbeat;
        self.last_life = Some(now);
        self.last_poll = None;
        self.link = Link::Up;
    }

    /// The replay side answered how far the log is.
    pub(crate) fn status_heard(&mut self, now: MonoTime) {
        if !self.has_heartbeats {
            self.last_life = Some(now);
            self.last_poll = None;
        }
    }

    /// Rows were handed over.
    pub(crate) fn delivered(&mut self, now: MonoTime) {
        self.last_rows = Some(now);
        self.no_progress_since = self.no_progress_since.map(|_| now);
    }

    /// Whether rows are missing, as of now.
    pub(crate) fn missing(&mut self, is_missing: bool, now: MonoTime) {
        self.no_progress_since = is_missing.then(|| self.no_progress_since.unwrap_or(now));
    }

    /// The health at a time.
    pub(crate) fn health(&self, now: MonoTime) -> Health {
        let is_over =
            |since: Option<MonoTime>, wait: Duration| since.is_some_and(|since| since.after(wait) <= now);
        if self.link == Link::Down {
            Health::Disconnected
        } else if is_over(self.last_life, self.stalled_after)
            || is_over(self.no_progress_since, self.stalled_after)
        {
            Health::Stalled
        } else if self.no_progress_since.is_some() {
            Health::Backfilling
        } else if self.last_rows.is_some() && !is_over(self.last_rows, self.idle_after) {
            Health::Receiving
        } else if self.last_life.is_some() || self.link == Link::Up {
            Health::Subscribed
        } else {
            Health::Connecting
        }
    }

    /// Whether to ask the replay side because the live feed is too quiet; taken as asked.
    pub(crate) fn poll(&mut self, now: MonoTime) -> bool {
        let is_due = self.next_poll().is_some_and(|due| due <= now);
        if is_due {
            self.last_poll = Some(now);
        }
        is_due
    }

    /// The next time after `now` at which something changes by itself.
    pub(crate) fn deadline(&self, now: MonoTime) -> Option<MonoTime> {
        let life = self.last_life.map(|at| at.after(self.stalled_after));
        let progress = self.no_progress_since.map(|at| at.after(self.stalled_after));
        let rows = self.last_rows.map(|at| at.after(self.idle_after));
        [life, progress, rows, self.next_poll()].into_iter().flatten().filter(|at| *at > now).min()
    }

    /// When the live side last gave a sign of life.
    pub(crate) fn last_life(&self) -> Option<MonoTime> {
        self.last_life
    }

    fn next_poll(&self) -> Option<MonoTime> {
        let silence = if self.has_heartbeats { self.stalled_after } else { self.stalled_after.mul_f64(0.75) };
        let first = self.last_life?.after(silence);
        Some(self.last_poll.map_or(first, |last| first.max(last.after(self.poll_every))))
    }
}

#[cfg(test)]
mod tests;
