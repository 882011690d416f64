//! The coordinators of one driver and their timers.
//!
//! Timers are lazy: a coordinator whose deadline moved back keeps its earlier entry, is called a little
//! early (which is harmless) and is entered anew then. A heartbeat for each of 10,000 streams a second
//! would otherwise move 10,000 entries for nothing.

use crate::Progress;
use gapless_model::MonoTime;
use gapless_protocol::{Coordinator, Input, Output};
use std::collections::BTreeSet;

/// Coordinators by the number of their log.
pub(crate) struct Logs<T> {
    slots: Vec<Option<Slot<T>>>,
    timers: BTreeSet<(MonoTime, u32)>,
}

struct Slot<T> {
    coordinator: Coordinator<T>,
    /// The entry in `timers`, if there is one.
    entered: Option<MonoTime>,
}

impl<T> Logs<T> {
    pub(crate) fn new() -> Logs<T> {
        Logs { slots: Vec::new(), timers: BTreeSet::new() }
    }

    /// A new log. Drain its outputs next.
    pub(crate) fn open(&mut self, log: u32, coordinator: Coordinator<T>) {
        let index = log as usize;
        if self.slots.len() <= index {
            self.slots.resize_with(index + 1, || None);
        }
        if let Some(slot) = self.slots.get_mut(index) {
            *slot = Some(Slot { coordinator, entered: None });
        }
        self.enter_timer(log);
    }

    /// Something happened; drain the log's outputs next. Nothing for a log that is not open.
    pub(crate) fn input(&mut self, log: u32, input: Input<T>, now: MonoTime) {
        if let Some(slot) = self.slot(log) {
            slot.coordinator.handle_input(input, now);
            self.enter_timer(log);
        }
    }

    pub(crate) fn poll_output(&mut self, log: u32) -> Option<Output<T>> {
        self.slot(log)?.coordinator.poll_output()
    }

    /// A log whose time has come and was told so; drain its outputs next.
    pub(crate) fn pop_due(&mut self, now: MonoTime) -> Option<u32> {
        let &(due, log) = self.timers.first().filter(|(due, _)| *due <= now)?;
        self.timers.remove(&(due, log));
        if let Some(slot) = self.slot(log) {
            slot.entered = None;
            slot.coordinator.handle_timeout(now);
            self.enter_timer(log);
        }
        Some(log)
    }

    /// The logs that are open.
    pub(crate) fn numbers(&self) -> Vec<u32> {
        let open = (0..).zip(&self.slots).filter(|(_, slot)| slot.is_some());
        open.map(|(log, _)| log).collect()
    }

    pub(crate) fn next_due(&self) -> Option<MonoTime> {
        self.timers.first().map(|(due, _)| *due)
    }

    pub(crate) fn progress(&self, log: u32) -> Option<Progress> {
        let slot = self.slots.get(log as usize)?.as_ref()?;
        Some(Progress::of(&slot.coordinator))
    }

    fn slot(&mut self, log: u32) -> Option<&mut Slot<T>> {
        self.slots.get_mut(log as usize)?.as_mut()
    }

    fn enter_timer(&mut self, log: u32) {
        let Some(slot) = self.slots.get_mut(log as usize).and_then(Option::as_mut) else { return };
        let Some((due, _why)) = slot.coordinator.poll_timeout() else { return };
        match slot.entered {
            Some(entered) if entered <= due => {}
            earlier => {
                if let Some(entered) = earlier {
                    self.timers.remove(&(entered, log));
                }
                slot.entered = Some(due);
                self.timers.insert((due, log));
            }
        }
    }
}
