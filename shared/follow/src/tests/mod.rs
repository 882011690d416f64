mod damaged;
mod fake_journal;
mod fake_streams;
mod journal;
mod replay_side;
mod streams;
mod streams_found;
mod version1;

use gapless_model::{Batch, Candle, Digest, Epoch, Flags, Kind, Rows, Seq, StreamKey, UnixMillis};
use gapless_protocol::Settings;
use gapless_transport::Hooks;
use std::time::{Duration, Instant};

/// Any wait at a socket of this machine ends long before this, or the test has failed.
const DEADLINE: Duration = Duration::from_secs(20);
const ANY: &str = "tcp://127.0.0.1:*";
const EPOCH: Epoch = Epoch(1_700_000_000_000);

fn key(symbol: &str) -> StreamKey {
    StreamKey::new(Kind::Candles, "test", symbol, "1m").unwrap()
}

/// The row with this sequence, which can be told from any other.
fn row(seq: u64) -> Candle {
    let open = seq as f64;
    let ts = UnixMillis(seq as i64 * 60_000);
    Candle { ts, open, high: open + 2.0, low: open - 2.0, close: open + 1.0, volume: 1.0 }
}

/// Rows `from..=to`, sequenced.
fn batch(key: &StreamKey, epoch: Epoch, from: u64, to: u64) -> Batch {
    let rows = Rows::Candles((from..=to).map(row).collect());
    let digest = Digest::of(Seq(1), &Rows::Candles((1..=to).map(row).collect()));
    Batch {
        key: key.clone(),
        epoch,
        start: Seq(from),
        flags: Flags::NONE,
        ts_publish_us: 1,
        earliest: Seq::NONE,
        digest,
        rows,
    }
}

/// Short waits, so that a test of failures ends soon.
fn hasty() -> Settings {
    Settings {
        request_timeout: Duration::from_millis(300),
        backoff_initial: Duration::from_millis(5),
        backoff_max: Duration::from_millis(50),
        ..Settings::default()
    }
}

fn hooks() -> Hooks {
    Hooks { refuse: |_| None, malformed: || None }
}

/// Calls `attempt` until it gives something.
fn eventually<T>(what: &str, mut attempt: impl FnMut() -> Option<T>) -> T {
    let end = Instant::now() + DEADLINE;
    loop {
        if let Some(found) = attempt() {
            return found;
        }
        assert!(Instant::now() < end, "not within {DEADLINE:?}: {what}");
    }
}
