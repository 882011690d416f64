//! How a journal is kept.

use gapless_disk::{Disk, RealDisk};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

/// A segment is retired as a whole and its sequencer snapshot costs one file: 64 MiB keeps both rare.
const SEGMENT_BYTES: u64 = 64 << 20;

/// When written records are forced to the disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sync {
    /// Before an append returns: power loss costs nothing, each group waits for the disk.
    Always,
    /// In the background, at most this long after the write: power loss costs at most that much.
    Every(Duration),
    /// When the system likes, or when asked: power loss costs what it had not written.
    Os,
    /// When the caller says so, on the caller's thread ([`crate::Journal::sync_now`]): the journal has no thread
    /// at all. For a simulated world; power loss costs what was not synced.
    Manual,
}

/// What is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Retention {
    /// Segments whose newest record is older than this are retired; `None`: age does not matter.
    pub max_age: Option<Duration>,
    /// The oldest segments are retired while all take more bytes than this; `None`: size does not matter.
    pub max_bytes: Option<u64>,
    /// A follower that was not heard of for longer than this while the journal was open holds nothing back
    /// any more; `None`: it does for ever.
    pub follower_lease: Option<Duration>,
}

/// How much is read at start.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verify {
    /// The last segment, and how the others hang together. Damage inside older ones is found when they
    /// are read.
    Tail,
    /// Every byte.
    All,
}

/// Where and how a journal is kept.
#[derive(Debug, Clone)]
pub struct Options {
    /// What the folder lies on.
    pub disk: Arc<dyn Disk>,
    /// Its folder; made when missing.
    pub dir: PathBuf,
    /// A new segment is wanted when the records of one take this many bytes.
    pub segment_bytes: u64,
    /// When records are synced.
    pub sync: Sync,
    /// What is kept.
    pub retention: Retention,
    /// How much is read at start.
    pub verify: Verify,
    /// Told how long each sync took, on the thread that synced; for metrics.
    pub on_sync: fn(Duration),
    /// Names this run of the operating system; another one after an unclean end means power loss.
    pub boot_id: String,
}

impl Options {
    /// Defaults: the machine's own disk, 64 MiB segments, sync every 50 ms, everything kept.
    pub fn new(dir: impl Into<PathBuf>, boot_id: impl Into<String>) -> Options {
        Options {
            disk: Arc::new(RealDisk),
            dir: dir.into(),
            segment_bytes: SEGMENT_BYTES,
            sync: Sync::Every(Duration::from_millis(50)),
            retention: Retention::default(),
            verify: Verify::Tail,
            on_sync: |_| {},
            boot_id: boot_id.into(),
        }
    }
}

/// The name of this run of the operating system, from the kernel; empty where it does not tell, and then
/// a power loss cannot be told from a killed process.
pub fn boot_id() -> String {
    let id = std::fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap_or_default();
    id.trim().to_owned()
}
