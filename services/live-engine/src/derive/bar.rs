//! One bar in the making.

use gapless_model::{Candle, Flags, Interval, UnixMillis};
use gapless_wire::{CheckpointForming, CheckpointTarget};

/// Collects rows of one source into bars of one longer interval.
#[derive(Debug, Clone)]
pub(crate) struct Bar {
    from_ms: i64,
    to_ms: i64,
    forming: Option<Collected>,
    /// Rows before this time belong to a closed bar.
    closed_until: Option<i64>,
    /// The bar that is forming lacks rows and will not be handed over.
    is_partial: bool,
    late_rows: u64,
}

/// The rows of a bar so far.
#[derive(Debug, Clone, Copy)]
struct Collected {
    candle: Candle,
    first_ts: i64,
    last_ts: i64,
}

impl Bar {
    /// With `is_partial` the first bar is left out, because rows before the first one are not known.
    pub(crate) fn new(from: Interval, to: Interval, is_partial: bool) -> Bar {
        Bar {
            from_ms: from.millis(),
            to_ms: to.millis(),
            forming: None,
            closed_until: None,
            is_partial,
            late_rows: 0,
        }
    }

    /// Closes the bar that is forming when `row` belongs to a later one.
    pub(crate) fn close_before(&mut self, row: &Candle) -> Option<Candle> {
        let start = self.forming?.candle.ts.0;
        if self.start_of(row) > start { self.close() } else { None }
    }

    /// Takes a row in; closes its bar when it fills the last slot.
    pub(crate) fn add(&mut self, row: &Candle) -> Option<Candle> {
        let start = self.start_of(row);
        let is_late = self.closed_until.is_some_and(|until| row.ts.0 < until)
            || self.forming.is_some_and(|forming| start < forming.candle.ts.0);
        if is_late {
            self.late_rows += 1;
            return None;
        }
        match &mut self.forming {
            Some(forming) => forming.merge(row),
            None => {
                // The rows before this one belong to earlier bars, whichever they were.
                self.is_partial &= row.ts.0 != start;
                let candle = Candle { ts: UnixMillis(start), ..*row };
                self.forming = Some(Collected { candle, first_ts: row.ts.0, last_ts: row.ts.0 });
            }
        }
        let end = start.saturating_add(self.to_ms);
        if row.ts.0.saturating_add(self.from_ms) >= end { self.close() } else { None }
    }

    /// Rows are missing before the next one: what was collected is of no use.
    pub(crate) fn skip(&mut self) {
        self.forming = None;
        self.is_partial = true;
    }

    /// All that it knows, for a checkpoint; the flags of its rows are the caller's.
    pub(crate) fn to_message(&self, interval: Interval, flags: Flags) -> CheckpointTarget {
        CheckpointTarget {
            interval,
            forming: self.forming.map(|forming| CheckpointForming {
                candle: forming.candle,
                first_ts: UnixMillis(forming.first_ts),
                last_ts: UnixMillis(forming.last_ts),
            }),
            closed_until: self.closed_until.map(UnixMillis),
            is_partial: self.is_partial,
            late_rows: self.late_rows,
            flags,
        }
    }

    /// The bar that [`Bar::to_message`] was asked of.
    pub(crate) fn restore(self, frozen: &CheckpointTarget) -> Bar {
        Bar {
            forming: frozen.forming.map(|forming| Collected {
                candle: forming.candle,
                first_ts: forming.first_ts.0,
                last_ts: forming.last_ts.0,
            }),
            closed_until: frozen.closed_until.map(|until| until.0),
            is_partial: frozen.is_partial,
            late_rows: frozen.late_rows,
            ..self
        }
    }

    /// The bar so far; nothing while it lacks rows.
    pub(crate) fn forming(&self) -> Option<Candle> {
        if self.is_partial { None } else { self.forming.map(|forming| forming.candle) }
    }

    pub(crate) fn late_rows(&self) -> u64 {
        self.late_rows
    }

    fn close(&mut self) -> Option<Candle> {
        let closed = self.forming.take()?.candle;
        self.closed_until = Some(closed.ts.0.saturating_add(self.to_ms));
        let is_partial = std::mem::replace(&mut self.is_partial, false);
        (!is_partial).then_some(closed)
    }

    /// Bars begin at whole multiples of their interval since 1970.
    fn start_of(&self, row: &Candle) -> i64 {
        row.ts.0.div_euclid(self.to_ms).saturating_mul(self.to_ms)
    }
}

impl Collected {
    /// Rows may come out of order within a bar: the first and the last in time give open and close. A
    /// second row for the same time corrects the first one's close.
    fn merge(&mut self, row: &Candle) {
        if row.ts.0 < self.first_ts {
            self.first_ts = row.ts.0;
            self.candle.open = row.open;
        }
        if row.ts.0 >= self.last_ts {
            self.last_ts = row.ts.0;
            self.candle.close = row.close;
        }
        self.candle.high = self.candle.high.max(row.high);
        self.candle.low = self.candle.low.min(row.low);
        // Finite volumes can add up to infinity, which no row may hold.
        self.candle.volume = (self.candle.volume + row.volume).min(f64::MAX);
    }
}
