//! Says when a sender owes a watermark, for many logs at once.
//!
//! A log that sent nothing for 250 ms owes one, then one each second while it stays idle: that is how a
//! follower learns of a lost tail. The complication is the busy log, whose deadline moves with every row.
//! So a row only writes a time into its slot; the heap holds one valid entry per log, and an entry whose
//! time comes looks into the slot and goes back when rows came since. Moving the entry with each row was
//! rejected: it costs a heap operation per row of every stream.

use gapless_model::MonoTime;
use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::time::Duration;

/// A log that was registered with a [`HeartbeatSchedule`]; counts up from 0 in the order of registration.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct HeartbeatSlot(u32);

impl HeartbeatSlot {
    /// Its number, usable as an index into a list of the logs.
    pub fn index(self) -> usize {
        self.0 as usize
    }
}

/// When watermarks are owed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HeartbeatSettings {
    /// After this long without a row. Default 250 ms, as the wire contract says.
    pub after_row: Duration,
    /// Then each time after this long. Default 1 s, as the wire contract says.
    pub while_idle: Duration,
}

impl Default for HeartbeatSettings {
    fn default() -> HeartbeatSettings {
        HeartbeatSettings { after_row: Duration::from_millis(250), while_idle: Duration::from_secs(1) }
    }
}

/// Says when a sender owes a watermark, for many logs at once.
///
/// ```
/// use gapless_model::MonoTime;
/// use gapless_protocol::{HeartbeatSchedule, HeartbeatSettings};
/// let ms = |ms: u64| MonoTime(ms * 1_000_000);
/// let mut schedule = HeartbeatSchedule::new(HeartbeatSettings::default());
/// let log = schedule.register(ms(0));
/// assert_eq!(schedule.poll_output(ms(0)), Some(log), "a new log proves its end at once");
/// schedule.handle_row(log, ms(100));
/// assert_eq!(schedule.poll_output(ms(349)), None);
/// assert_eq!(schedule.poll_output(ms(350)), Some(log));
/// ```
#[derive(Debug)]
pub struct HeartbeatSchedule {
    settings: HeartbeatSettings,
    slots: Vec<Slot>,
    heap: BinaryHeap<Reverse<(MonoTime, HeartbeatSlot)>>,
}

#[derive(Debug)]
struct Slot {
    /// When the watermark is owed.
    due: MonoTime,
    /// The time of its valid heap entry; at or before `due`. Entries at other times are void.
    queued: MonoTime,
}

impl HeartbeatSchedule {
    /// A schedule without logs.
    pub fn new(settings: HeartbeatSettings) -> HeartbeatSchedule {
        HeartbeatSchedule { settings, slots: Vec::new(), heap: BinaryHeap::new() }
    }

    /// A log that owes its first watermark at once.
    pub fn register(&mut self, now: MonoTime) -> HeartbeatSlot {
        let slot = HeartbeatSlot(self.slots.len() as u32);
        self.slots.push(Slot { due: now, queued: now });
        self.heap.push(Reverse((now, slot)));
        slot
    }

    /// Rows of the log were sent. Costs one write, but for the first row after a silence.
    pub fn handle_row(&mut self, slot: HeartbeatSlot, now: MonoTime) {
        let Some(state) = self.slots.get_mut(slot.index()) else { return };
        state.due = now.after(self.settings.after_row);
        if state.due < state.queued {
            state.queued = state.due;
            self.heap.push(Reverse((state.due, slot)));
        }
    }

    /// A log whose watermark is to be sent now; taken as sent. Poll until `None`.
    pub fn poll_output(&mut self, now: MonoTime) -> Option<HeartbeatSlot> {
        while let Some(Reverse((time, slot))) = self.heap.peek().copied().filter(|entry| entry.0.0 <= now) {
            self.heap.pop();
            let Some(state) = self.slots.get_mut(slot.index()).filter(|state| state.queued == time) else {
                continue;
            };
            let is_owed = state.due <= now;
            if is_owed {
                state.due = now.after(self.settings.while_idle);
            }
            state.queued = state.due;
            self.heap.push(Reverse((state.due, slot)));
            if is_owed {
                return Some(slot);
            }
        }
        None
    }

    /// When the next watermark may be owed, and why. It may turn out too early, never too late.
    pub fn poll_timeout(&self) -> Option<(MonoTime, &'static str)> {
        self.heap.peek().map(|Reverse((time, _))| (*time, "a watermark is owed"))
    }
}

#[cfg(test)]
mod tests;
