//! Which fault hits whom and when: it follows from the seed and nothing else.
//!
//! Faults of one target never overlap, so that each has an end that can be told; those of different targets
//! do, and one moment in four hits several at once. A full disk counts as a target of its own: a service may
//! well be killed and started while its disk is full.

use serde::Serialize;
use std::collections::BTreeMap;
use std::time::Duration;

/// Before the first fault: everything is connected by then.
const WARM_UP: Duration = Duration::from_millis(1500);
/// Between two faults of the same target: also so short that it is hit while it starts.
const REST_MS: std::ops::RangeInclusive<u64> = 0..=600;
/// Between two moments of the schedule.
const PAUSE_MS: std::ops::Range<u64> = 200..1400;

/// Whom a fault hits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Target {
    /// gapless-ingestion.
    Ingestion,
    /// gapless-live-engine.
    LiveEngine,
    /// gapless-backfill.
    Backfill,
    /// gapless-snapshot-writer.
    SnapshotWriter,
    /// The client process that follows into a DuckDB file.
    DuckClient,
    /// `gapless tail --into`.
    TailClient,
    /// The client library without DuckDB, on a list of streams.
    ListClient,
    /// The client library without DuckDB, on every stream.
    PrefixClient,
    /// A client of version 1.
    ChartClient,
    /// One of the producers that number their batches.
    Producer,
}

/// What a fault is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Deed {
    /// SIGKILL, and a start at its end.
    Kill,
    /// SIGSTOP, and SIGCONT at its end.
    Freeze,
    /// SIGTERM, and a start at its end.
    Terminate,
    /// No space on its disk.
    FullDisk,
    /// It reads nothing.
    Stall,
    /// It is dropped without any farewell, and made anew at its end.
    Restart,
}

impl Deed {
    /// Every one.
    pub const ALL: [Deed; 6] =
        [Deed::Kill, Deed::Freeze, Deed::Terminate, Deed::FullDisk, Deed::Stall, Deed::Restart];

    /// How long it lasts, in milliseconds.
    fn lasts_ms(self) -> std::ops::RangeInclusive<u64> {
        match self {
            Deed::Kill | Deed::Restart => 0..=1500,
            Deed::Terminate => 0..=1200,
            // Longer than a request is waited for, so that answers come when nobody wants them any more.
            Deed::Freeze | Deed::Stall => 20..=4000,
            Deed::FullDisk => 300..=2500,
        }
    }
}

impl Target {
    /// Every one.
    pub const ALL: [Target; 10] = [
        Target::Ingestion,
        Target::LiveEngine,
        Target::Backfill,
        Target::SnapshotWriter,
        Target::DuckClient,
        Target::TailClient,
        Target::ListClient,
        Target::PrefixClient,
        Target::ChartClient,
        Target::Producer,
    ];

    /// How often it is hit, beside the others.
    fn weight(self) -> u32 {
        match self {
            Target::Ingestion | Target::LiveEngine | Target::Backfill => 18,
            Target::SnapshotWriter => 10,
            Target::DuckClient | Target::TailClient => 8,
            Target::ListClient | Target::PrefixClient | Target::ChartClient => 7,
            Target::Producer => 6,
        }
    }

    /// What can be done to it. What stands twice is twice as likely.
    fn deeds(self, disks: bool) -> &'static [Deed] {
        use Deed::{Freeze, FullDisk, Kill, Restart, Stall, Terminate};
        match (self, disks) {
            (Target::Ingestion | Target::Backfill | Target::SnapshotWriter, true) => {
                &[Kill, Kill, Freeze, Terminate, FullDisk]
            }
            (Target::Ingestion | Target::Backfill | Target::SnapshotWriter | Target::LiveEngine, _) => {
                &[Kill, Kill, Freeze, Terminate]
            }
            (Target::DuckClient, true) => &[Kill, Kill, Freeze, Terminate, FullDisk],
            (Target::DuckClient | Target::TailClient, _) => &[Kill, Kill, Freeze, Terminate],
            (Target::ListClient | Target::PrefixClient | Target::ChartClient, _) => &[Stall, Restart],
            (Target::Producer, _) => &[Restart],
        }
    }
}

/// One fault.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Fault {
    /// When it begins, from the beginning of the campaign.
    pub at: Duration,
    /// How long it lasts.
    pub lasts: Duration,
    /// Whom it hits.
    pub target: Target,
    /// What it is.
    pub deed: Deed,
}

/// All faults of a campaign, in the order of their beginnings.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Schedule {
    /// What it follows from.
    pub seed: u64,
    /// The faults.
    pub faults: Vec<Fault>,
}

impl Schedule {
    /// The schedule of this seed; every fault has ended at `span`. `disks`: whether there are disks that
    /// can be filled.
    pub fn new(seed: u64, span: Duration, disks: bool) -> Schedule {
        let mut random = fastrand::Rng::with_seed(seed);
        let mut free_at: BTreeMap<(Target, bool), Duration> = BTreeMap::new();
        let mut faults = Vec::new();
        let mut at = WARM_UP;
        while at < span {
            let together = if random.u8(..) < 64 { random.usize(2..=5) } else { 1 };
            for _ in 0..together {
                let target = pick(&mut random);
                let deeds = target.deeds(disks);
                let deed = deeds.get(random.usize(..deeds.len())).copied().unwrap_or(Deed::Kill);
                let lasts = Duration::from_millis(random.u64(deed.lasts_ms()));
                let free = free_at.entry((target, deed == Deed::FullDisk)).or_default();
                if at >= *free && at + lasts <= span {
                    *free = at + lasts + Duration::from_millis(random.u64(REST_MS));
                    faults.push(Fault { at, lasts, target, deed });
                }
            }
            at += Duration::from_millis(random.u64(PAUSE_MS));
        }
        Schedule { seed, faults }
    }
}

fn pick(random: &mut fastrand::Rng) -> Target {
    let total: u32 = Target::ALL.iter().map(|target| target.weight()).sum();
    let mut at = random.u32(..total);
    for target in Target::ALL {
        if at < target.weight() {
            return target;
        }
        at -= target.weight();
    }
    Target::Ingestion
}

impl std::fmt::Display for Fault {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Fault { at, lasts, target, deed } = self;
        write!(f, "{:>8.3} s  {deed:?} {target:?} for {} ms", at.as_secs_f64(), lasts.as_millis())
    }
}

#[cfg(test)]
mod tests;
