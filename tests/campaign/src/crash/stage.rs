//! The services' settings and disks.

use super::schedule::Target;
use crate::small_disk::SmallDisk;
use gapless_tests::{Settings, Stack};
use std::collections::BTreeMap;

/// When the journal is forced to the disk. No setting may lose anything to a kill, so seeds take turns.
const SYNCS: [&str; 3] = ["50ms", "always", "os"];
/// Small segments, so that a campaign seals many; bars, so that the engine is a producer too; a short
/// patience with clients that hang, so that queues overflow and are healed; checkpoints so often that every
/// start of the engine begins at one.
const CONFIG: &str = r#"
[ingestion.journal]
segment_bytes = "256KiB"
sync = "SYNC"

[live-engine]
send_limit = 100

[[live-engine.derive]]
prefix = "candles.crash."
from = "1s"
to = ["1m"]

[snapshot-writer]
write_every = "500ms"
formats = ["parquet", "csv"]

[snapshot-writer.checkpoint]
every = "1s"
"#;

/// The settings of this seed.
pub(super) fn settings(seed: u64) -> Settings {
    let turn = (seed % SYNCS.len() as u64) as usize;
    let sync = SYNCS.get(turn).copied().unwrap_or("50ms");
    Settings { config: CONFIG.replace("SYNC", sync), checkpoints: true, ..Settings::default() }
}

/// Small disks at the folders of whoever keeps something, and what is to be said of them. None when this
/// machine lets nobody mount one.
pub(super) fn disks(stack: &Stack, wanted: bool) -> (BTreeMap<Target, SmallDisk>, String) {
    if !wanted {
        return (BTreeMap::new(), "full disks: skipped, as asked for".into());
    }
    let folders = [
        (Target::Ingestion, "journal"),
        (Target::Backfill, "archive"),
        (Target::SnapshotWriter, "snapshots"),
        (Target::DuckClient, "duck"),
    ];
    let mut disks = BTreeMap::new();
    for (target, folder) in folders {
        match SmallDisk::mount(&stack.data().join(folder)) {
            Ok(disk) => drop(disks.insert(target, disk)),
            Err(error) => return (BTreeMap::new(), format!("full disks: skipped, {error:#}")),
        }
    }
    (disks, "full disks: of ingestion, backfill, snapshot-writer and a client".into())
}
