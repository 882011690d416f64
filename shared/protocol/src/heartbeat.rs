//! Says when a sender owes a watermark, for many logs at once.

use gapless_model::MonoTime;
use std::time::Duration;

/// A log that was registered with a [`HeartbeatSchedule`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct HeartbeatSlot(u32);

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
#[derive(Debug)]
pub struct HeartbeatSchedule {
    settings: HeartbeatSettings,
}

impl HeartbeatSchedule {
    /// A schedule without logs.
    pub fn new(settings: HeartbeatSettings) -> HeartbeatSchedule {
        HeartbeatSchedule { settings }
    }

    /// A log that owes its first watermark at once.
    pub fn register(&mut self, now: MonoTime) -> HeartbeatSlot {
        let _ = (&self.settings, now);
        HeartbeatSlot(0)
    }

    /// Rows of the log were sent.
    pub fn handle_row(&mut self, slot: HeartbeatSlot, now: MonoTime) {
        let _ = (slot, now);
    }

    /// A log whose watermark is to be sent now; taken as sent. Poll until `None`.
    pub fn poll_output(&mut self, now: MonoTime) -> Option<HeartbeatSlot> {
        let _ = now;
        None
    }

    /// When the next watermark may be owed, and why. A moment too early is possible, too late is not.
    pub fn poll_timeout(&self) -> Option<(MonoTime, &'static str)> {
        None
    }
}
