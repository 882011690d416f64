//! What is going to happen in a run: explicit data, made from a seed, from which steps can be left out.

mod extras;
mod generate;
mod setup;

pub use setup::Setup;

use crate::net::{Desk, Feed, NodeId};

/// One thing at one time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Step {
    /// When, in milliseconds of virtual time.
    pub at_ms: u32,
    /// What.
    pub action: Action,
}

/// Something that happens. Durations are in milliseconds, `node`, `to`, `a` and `b` say to whom.
#[allow(missing_docs)] // Each variant says what its fields mean.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    /// A producer has rows for one of its streams.
    Submit { producer: u8, stream: u8, rows: u8 },
    /// A producer sends what was acknowledged once more.
    Repeat { producer: u8, stream: u8 },
    /// A process ends: at once, or inside the `after`th change of its disk. It comes back after `back_ms`.
    Kill { node: NodeId, after: u32, back_ms: u32 },
    /// The power of a machine is gone, in the same way.
    PowerLoss { node: NodeId, after: u32, back_ms: u32 },
    /// A process stands still.
    Pause { node: NodeId, for_ms: u32 },
    /// Nothing goes from one to the other, or between both; with `is_cut` connections break.
    Partition { a: NodeId, b: NodeId, is_both: bool, is_cut: bool, for_ms: u32 },
    /// A publisher drops messages to one subscriber.
    Drop { feed: Feed, to: NodeId, messages: u8 },
    /// Messages to one subscriber come again, later.
    Repeated { feed: Feed, to: NodeId, messages: u8 },
    /// A subscriber reads slowly.
    Slow { feed: Feed, to: NodeId, pace_ms: u32, for_ms: u32 },
    /// A publisher forgets a subscription.
    Deaf { feed: Feed, to: NodeId, for_ms: u32 },
    /// The traffic between a node and a desk suffers.
    Tamper { node: NodeId, desk: Desk, how: Tamper, messages: u8 },
    /// A disk takes only this many bytes more.
    Full { node: NodeId, room: u32, for_ms: u32 },
    /// The next syncs of a disk fail.
    FailSync { node: NodeId },
    /// A bit flips in a file of the journal.
    FlipJournal { seed: u16 },
    /// A bit flips in a batch of the archive.
    FlipArchive { seed: u16 },
    /// A bit flips in a file of the checkpoints.
    FlipCheckpoint { seed: u16 },
    /// The next write of the snapshot writer goes to its disk with a flipped bit.
    SpoilCheckpoint { seed: u16 },
    /// A person wants a checkpoint.
    Checkpoint,
    /// The wall clock of a machine jumps.
    Jump { node: NodeId, by_ms: i32 },
    /// Somebody deletes the journal, while ingestion is down.
    LoseJournal { back_ms: u32 },
}

/// What happens to requests and replies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tamper {
    /// Requests get lost.
    LoseRequests,
    /// Replies get lost.
    LoseReplies,
    /// Requests arrive twice.
    RepeatRequests,
    /// Replies arrive twice.
    RepeatReplies,
    /// Messages are late, each by another time: later ones overtake them.
    Delay,
    /// Pages are short.
    ShortPages,
    /// Pages are those before.
    StalePages,
    /// A row of a page is not what was stored.
    Damage,
}

impl Tamper {
    /// All of them.
    pub const ALL: [Tamper; 8] = [
        Tamper::LoseRequests,
        Tamper::LoseReplies,
        Tamper::RepeatRequests,
        Tamper::RepeatReplies,
        Tamper::Delay,
        Tamper::ShortPages,
        Tamper::StalePages,
        Tamper::Damage,
    ];
}

impl Action {
    /// Its kind, for counting.
    pub fn name(&self) -> &'static str {
        match self {
            Action::Submit { .. } => "rows are there",
            Action::Repeat { .. } => "rows are sent again",
            Action::Kill { after: 0, .. } => "fault: kill",
            Action::Kill { .. } => "fault: kill inside a write",
            Action::PowerLoss { after: 0, .. } => "fault: power loss",
            Action::PowerLoss { .. } => "fault: power loss inside a write",
            Action::Pause { .. } => "fault: pause",
            Action::Partition { is_cut: true, .. } => "fault: broken connections",
            Action::Partition { is_both: true, .. } => "fault: partition",
            Action::Partition { .. } => "fault: one-way partition",
            Action::Drop { .. } => "fault: drop in a run",
            Action::Repeated { .. } => "fault: repeated messages",
            Action::Slow { .. } => "fault: slow reader",
            Action::Deaf { .. } => "fault: lost subscription",
            Action::Tamper { how, .. } => match how {
                Tamper::LoseRequests => "fault: lost requests",
                Tamper::LoseReplies => "fault: lost replies",
                Tamper::RepeatRequests => "fault: repeated requests",
                Tamper::RepeatReplies => "fault: repeated replies",
                Tamper::Delay => "fault: late and reordered",
                Tamper::ShortPages => "fault: short pages",
                Tamper::StalePages => "fault: repeated pages",
                Tamper::Damage => "fault: damaged pages",
            },
            Action::Full { .. } => "fault: full disk",
            Action::FailSync { .. } => "fault: failed sync",
            Action::FlipJournal { .. } => "fault: bit flip in the journal",
            Action::FlipArchive { .. } => "fault: bit flip in the archive",
            Action::FlipCheckpoint { .. } => "fault: bit flip in a checkpoint",
            Action::SpoilCheckpoint { .. } => "fault: spoiled write of a checkpoint",
            Action::Checkpoint => "a checkpoint is asked for",
            Action::Jump { .. } => "fault: clock jump",
            Action::LoseJournal { .. } => "fault: journal deleted",
        }
    }
}

/// A whole run.
#[derive(Debug, Clone)]
pub struct Plan {
    /// Where it comes from; also decides everything that the steps leave open.
    pub seed: u64,
    /// How everybody is set up.
    pub setup: Setup,
    /// What happens, in order.
    pub steps: Vec<Step>,
}

/// Whether worlds have checkpoints, and bits flip in them.
const EXTRAS: bool = true;

impl Plan {
    /// The run of a seed.
    pub fn of(seed: u64) -> Plan {
        let plan = Plan::without_extras(seed);
        if EXTRAS { extras::add(plan) } else { plan }
    }

    /// The same without checkpoints and flipped bits. Seeds that failed before the world had those found what
    /// they found in this one.
    pub fn without_extras(seed: u64) -> Plan {
        let mut dice = fastrand::Rng::with_seed(seed);
        let setup = Setup::roll(&mut dice);
        let steps = generate::steps(&setup, &mut dice);
        Plan { seed, setup, steps }
    }
}
