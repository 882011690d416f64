//! The limits of a coordinator, each with its reason.

use std::time::Duration;

/// The limits of a coordinator.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// The most rows that are kept while a gap is open. Default 65,536: some seconds of the fastest
    /// stream that one follower can take, which is longer than a replay of one chunk.
    pub max_buffer_rows: u64,
    /// The most bytes that are kept while a gap is open. Default 16 MiB: the largest message, so any
    /// chunk that can arrive can also be kept.
    pub max_buffer_bytes: usize,
    /// The most rows asked for at once; servers may answer with fewer, those of version 1 with 10,000. Default 40,000:
    /// a row costs a columnar archive less the more are asked for, and an answer is still a moment's work.
    pub chunk_rows: u64,
    /// How long an answer may take. Default 5 s: longer than a busy server needs for one chunk.
    pub request_timeout: Duration,
    /// The first wait after a failure. Default 100 ms: a restarting process is worth asking soon.
    pub backoff_initial: Duration,
    /// The longest wait between attempts. Default 10 s: a server that comes back is found soon, and a
    /// thousand followers of a dead one cost 100 requests a second.
    pub backoff_max: Duration,
    /// After this long without a sign of life the follower is stalled. Default 3.5 s: three heartbeats
    /// of one a second were lost, and half a second for their way.
    pub stalled_after: Duration,
    /// After this long without rows the follower is idle. Default 2 s: a stream of one row a second
    /// does not flicker.
    pub idle_after: Duration,
    /// How often a server may claim to have rows without sending them, refuse for good, or send damaged
    /// ones, before they are given up. Default 5: with the back-off that is some seconds, which a
    /// restart takes.
    pub max_strikes: u32,
    /// How often the server may state an older epoch, unconfirmed by the live feed, before that counts
    /// as the truth. Default 8: with the back-off about half a minute, in which a follower of the
    /// journal that is only slow has caught up.
    pub max_older_epoch: u32,
    /// The most gaps kept apart. Default 1,024: beyond that the last one grows instead.
    pub max_open_gaps: usize,
}

impl Default for Settings {
    fn default() -> Settings {
        Settings {
            max_buffer_rows: 65_536,
            max_buffer_bytes: 16 << 20,
            chunk_rows: 40_000,
            request_timeout: Duration::from_secs(5),
            backoff_initial: Duration::from_millis(100),
            backoff_max: Duration::from_secs(10),
            stalled_after: Duration::from_millis(3_500),
            idle_after: Duration::from_secs(2),
            max_strikes: 5,
            max_older_epoch: 8,
            max_open_gaps: 1_024,
        }
    }
}
