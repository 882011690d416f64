//! Follows one log: a live feed that may drop, a replay that may not.

use crate::{Begin, Counts, Gap, Health, Input, Output, Settings};
use gapless_model::{Epoch, MonoTime, Seq};
use std::collections::VecDeque;

/// Follows one log.
#[derive(Debug)]
pub struct Coordinator<T> {
    outputs: VecDeque<Output<T>>,
}

impl<T> Coordinator<T> {
    /// A follower that begins at `begin`. `seed` decides its jitter: give each follower another one.
    pub fn new(settings: Settings, begin: Begin, seed: u64, now: MonoTime) -> Self {
        let _ = (settings, begin, seed, now);
        Coordinator { outputs: VecDeque::new() }
    }

    /// Something happened outside.
    pub fn handle_input(&mut self, input: Input<T>, now: MonoTime) {
        let _ = (input, now);
    }

    /// The time of [`Coordinator::poll_timeout`] has come; harmless when called early.
    pub fn handle_timeout(&mut self, now: MonoTime) {
        let _ = now;
    }

    /// The next thing to do. Poll until `None` after each input and each timeout.
    pub fn poll_output(&mut self) -> Option<Output<T>> {
        self.outputs.pop_front()
    }

    /// When [`Coordinator::handle_timeout`] wants to be called, and why.
    pub fn poll_timeout(&self) -> Option<(MonoTime, &'static str)> {
        None
    }

    /// The cursor: the last row handed over, and the epoch in which that number is meant.
    pub fn applied(&self) -> (Epoch, Seq) {
        (Epoch::UNSTATED, Seq::NONE)
    }

    /// The newest row heard of; never less than what was handed over.
    pub fn seen(&self) -> Seq {
        Seq::NONE
    }

    /// Rows known to exist and not handed over.
    pub fn lag(&self) -> u64 {
        self.seen().0 - self.applied().1.0
    }

    /// How the follower is.
    pub fn health(&self) -> Health {
        Health::Connecting
    }

    /// When the live side last gave a sign of life; `None` before the first.
    pub fn last_sign_of_life(&self) -> Option<MonoTime> {
        None
    }

    /// The gaps that are open, in order.
    pub fn open_gaps(&self) -> impl Iterator<Item = &Gap> {
        [].iter()
    }

    /// What was counted so far.
    pub fn counts(&self) -> Counts {
        Counts::default()
    }
}
