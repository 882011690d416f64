//! The pure core as one WebAssembly module: proof that it needs nothing from its environment.
//!
//! [`gapless_probe`] drives the sequencer and the coordinator through a loss and its healing, so that
//! the linker cannot leave them out. `.ci/wasm` builds it for wasm32, and a test checks that the
//! module's import section is empty: no clock, no socket, no file, no randomness came in by any path.
//! It is not a program and nothing depends on it.
#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used))]

use gapless_model::{Candle, Digest, Epoch, Kind, MonoTime, Rows, Seq, SeqRange, StreamKey, UnixMillis};
use gapless_protocol::{
    Begin, Chunk, Coordinator, Input, LogStatus, Outcome, Output, Sequencer, SequencerLimits, Settings,
    Submission,
};

const EPOCH: Epoch = Epoch(1_700_000_000_000);

/// Sequences `batches` rows one at a time, drops every third on their way to a follower, and answers
/// the replays that it asks for. Returns how many rows were delivered.
// The name must survive for a caller from outside; no other symbol of this name can exist in the module.
#[allow(unsafe_code)]
#[unsafe(no_mangle)]
pub extern "C" fn gapless_probe(batches: u32) -> u64 {
    let Ok(key) = StreamKey::new(Kind::Candles, "probe", "A", "1m") else { return 0 };
    let mut sequencer = Sequencer::new(SequencerLimits::default(), EPOCH);
    let mut follower = Follower::new();
    for minute in 0..i64::from(batches) {
        let rows = Rows::Candles(vec![candle(minute)]);
        let content_hash = Digest::of(Seq::FIRST, &rows).0;
        let submission = Submission { key: &key, producer: None, content_hash, rows: &rows };
        if let Outcome::Sequenced(place) = sequencer.accept(submission) {
            sequencer.commit(place.position);
            follower.latest = place.range.last();
            if minute % 3 != 2 {
                follower.take(Input::Live(chunk(place.range)));
            }
        }
    }
    let next = follower.latest.next();
    follower.take(Input::Heartbeat { epoch: EPOCH, earliest: Seq::FIRST, next });
    follower.wait_until_caught_up();
    follower.delivered
}

/// A coordinator and a perfect replay side.
struct Follower {
    coordinator: Coordinator<()>,
    now: MonoTime,
    latest: Seq,
    delivered: u64,
}

impl Follower {
    fn new() -> Follower {
        let now = MonoTime(0);
        let coordinator = Coordinator::new(Settings::default(), Begin::Earliest, 1, now);
        Follower { coordinator, now, latest: Seq::NONE, delivered: 0 }
    }

    fn take(&mut self, input: Input<()>) {
        self.coordinator.handle_input(input, self.now);
        self.drain();
    }

    fn drain(&mut self) {
        while let Some(output) = self.coordinator.poll_output() {
            let answer = match output {
                Output::RequestStatus { request } => Input::Status { request, status: self.status() },
                Output::RequestReplay { request, range, .. } => {
                    let served = range.intersect(SeqRange::new(Seq::FIRST, self.latest.next()));
                    let chunks = vec![chunk(served)];
                    Input::Replayed { request, status: self.status(), served, chunks, has_more: false }
                }
                Output::Deliver { wanted, .. } => {
                    self.delivered += wanted.len();
                    continue;
                }
                Output::Abandon { .. } | Output::Event(_) => continue,
            };
            self.coordinator.handle_input(answer, self.now);
        }
    }

    fn wait_until_caught_up(&mut self) {
        // Each step is one deadline of the coordinator; a healthy one needs a handful.
        for _ in 0..100 {
            if self.coordinator.applied().1 == self.latest {
                return;
            }
            let Some((deadline, _)) = self.coordinator.poll_timeout() else { return };
            self.now = self.now.max(deadline);
            self.coordinator.handle_timeout(self.now);
            self.drain();
        }
    }

    fn status(&self) -> LogStatus {
        LogStatus { epoch: EPOCH, earliest: Seq::FIRST, latest: self.latest, epochs: Vec::new() }
    }
}

fn chunk(range: SeqRange) -> Chunk<()> {
    Chunk { epoch: EPOCH, range, bytes: 48, payload: () }
}

fn candle(minute: i64) -> Candle {
    Candle { ts: UnixMillis(minute * 60_000), open: 1.0, high: 2.0, low: 0.5, close: 1.5, volume: 3.0 }
}

#[cfg(test)]
mod tests;
