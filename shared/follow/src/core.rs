//! The followers without their sockets, for whoever brings a network of its own.
//!
//! [`JournalMachine`] and [`StreamMachine`] are what [`crate::JournalFollower`] and
//! [`crate::StreamFollower`] run on their readers' threads: bytes and time in, bytes and events out. They hold no
//! socket, no thread and no clock.

pub use crate::machine::Doing;

use crate::journal::dialect::{JournalDialect, Shared};
use crate::journal::{JournalEvent, REQUESTS};
use crate::machine::Machine;
use crate::stream::dialect::StreamDialect;
use crate::{Progress, Select, StreamBegin, StreamEvent};
use gapless_model::{Epoch, MonoTime, Position, StreamKey};
use gapless_protocol::{Begin, Settings};
use gapless_transport::{Frame, Reach};
use std::sync::Arc;

/// Follows one journal partition.
pub struct JournalMachine {
    machine: Machine<JournalDialect>,
    shared: Arc<Shared>,
}

impl JournalMachine {
    /// As [`crate::JournalFollower::start`], for partition 0. `seed` decides its jitter.
    pub fn new(follower_id: &str, begin: Begin, settings: Settings, seed: u64) -> JournalMachine {
        let shared = Arc::new(Shared::default());
        let dialect = JournalDialect::new(0, follower_id.to_owned(), begin, shared.clone());
        JournalMachine { machine: Machine::new(dialect, settings, REQUESTS, seed), shared }
    }

    /// As [`crate::JournalFollower::acknowledge`].
    pub fn acknowledge(&self, epoch: Epoch, position: Position) {
        self.shared.acknowledge(epoch, position);
    }

    /// As [`crate::JournalFollower::take_back`].
    pub fn take_back(&self, epoch: Epoch, position: Position) {
        self.shared.take_back(epoch, position);
    }

    /// As [`crate::JournalFollower::request_streams`].
    pub fn request_streams(&self) {
        self.shared.want_streams();
    }

    /// How far it is, now.
    pub fn progress(&self) -> Option<Progress> {
        self.machine.logs().progress(0)
    }
}

/// Follows any number of streams.
pub struct StreamMachine {
    machine: Machine<StreamDialect>,
}

impl StreamMachine {
    /// As [`crate::StreamFollower::start`]. `requests` and `max_streams` as in
    /// [`crate::StreamSettings`]; `seed` decides its jitter.
    pub fn new(
        select: Select,
        begin: Box<dyn FnMut(&StreamKey) -> StreamBegin + Send>,
        settings: Settings,
        requests: usize,
        max_streams: usize,
        seed: u64,
    ) -> StreamMachine {
        let dialect = StreamDialect::new(select, begin, max_streams);
        StreamMachine { machine: Machine::new(dialect, settings, requests, seed) }
    }

    /// How far each stream that is followed is, by its number in the order of appearance.
    pub fn progress(&self) -> Vec<Progress> {
        let logs = self.machine.logs();
        logs.numbers().into_iter().filter_map(|log| logs.progress(log)).collect()
    }
}

/// The calls that both have.
macro_rules! drive {
    ($machine:ty, $event:ty) => {
        impl $machine {
            /// Called once, first.
            pub fn start(&mut self, now: MonoTime) {
                self.machine.start(now);
            }
            /// A reply came.
            pub fn handle_reply(&mut self, reply: &[u8], now: MonoTime) {
                self.machine.handle_reply(reply, now);
            }
            /// A live message came; it has at least one frame.
            pub fn handle_live(&mut self, frames: &[Frame], now: MonoTime) {
                self.machine.handle_live(frames, now);
            }
            /// The live socket has or has lost its connection.
            pub fn handle_link(&mut self, is_up: bool, now: MonoTime) {
                self.machine.handle_link(is_up, now);
            }
            /// The connection for requests broke, or is back after it was away.
            pub fn handle_reach(&mut self, reach: Reach, now: MonoTime) {
                self.machine.handle_reach(reach, now);
            }
            /// A [`Doing::Send`] could not be sent: too many requests wait for the server.
            pub fn handle_unsent(&mut self, flight: u64, now: MonoTime) {
                self.machine.handle_unsent(flight, now);
            }
            /// The time of `poll_timeout` has come; harmless when called early. `room` is how many
            /// events the application takes without waiting.
            pub fn handle_timeout(&mut self, room: usize, now: MonoTime) {
                self.machine.handle_timeout(room, now);
            }
            /// When `handle_timeout` wants to be called.
            pub fn poll_timeout(&self) -> Option<MonoTime> {
                self.machine.poll_timeout()
            }
            /// The next thing to do. Poll until `None` after each call.
            pub fn poll_output(&mut self) -> Option<Doing<$event>> {
                self.machine.poll_output()
            }
        }
    };
}

drive!(JournalMachine, JournalEvent);
drive!(StreamMachine, StreamEvent);
