//! What can be asked of the server while it runs: by a scenario's timeline, the panel, or a program.

use crate::faults::{LiveFaults, ReplyFaults};
use crate::scenario::StreamSetup;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// A command and whom it is for.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Order {
    /// Topic of the stream, or the beginning of topics that ends with `*`; absent: all streams.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stream: Option<String>,
    /// What.
    #[serde(rename = "do")]
    pub command: Command,
}

impl Order {
    /// For all streams.
    pub fn to_all(command: Command) -> Order {
        Order { stream: None, command }
    }
}

/// What the server is asked to do. Those after [`Command::Remove`] are about the whole server, whatever the
/// order's stream is.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum Command {
    /// Rows are made (again).
    Start,
    /// No rows are made; watermarks go on.
    Stop,
    /// How rows are made; what is absent stays.
    Rate {
        /// Milliseconds between two batches, 1 to 600,000.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        tick_ms: Option<u32>,
        /// Rows of a batch, 1 to 10,000.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        batch_rows: Option<u32>,
        /// How much a tick is shorter or longer at most, in percent of it, 0 to 100.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        jitter_percent: Option<u32>,
    },
    /// The plan for live batches from now on.
    Live(LiveFaults),
    /// The plan for replies from now on.
    Replies(ReplyFaults),
    /// All plans empty, nothing stalled or withheld any more.
    Heal,
    /// The next rows are made and withheld.
    Skip {
        /// How many rows.
        rows: u64,
    },
    /// Batches are made and withheld, then no more are made: the loss of a tail.
    LoseTail {
        /// How many batches.
        batches: u32,
    },
    /// Nothing is sent for so long, watermarks neither; what is made meanwhile is sent after it.
    Stall {
        /// Milliseconds.
        for_ms: u32,
    },
    /// So many batches at once.
    Burst {
        /// How many batches.
        batches: u32,
    },
    /// The next batches are sent twice.
    Duplicate {
        /// How many batches.
        batches: u32,
    },
    /// The next batches are gathered and sent in another order.
    Reorder {
        /// How many batches.
        batches: u32,
    },
    /// The next batches are sent with flipped bytes.
    Corrupt {
        /// How many batches.
        batches: u32,
    },
    /// The next batches are sent with a schema version that nobody speaks.
    WrongVersion {
        /// How many batches.
        batches: u32,
    },
    /// With the next batches go messages that only look like them.
    Collide {
        /// How many batches.
        batches: u32,
    },
    /// The oldest rows are removed.
    Trim {
        /// How many of the newest stay.
        keep_rows: u64,
    },
    /// More streams.
    Add(StreamSetup),
    /// The streams are gone, with their history.
    Remove,
    /// Exactly these symbols, with the source, interval and rate of the first stream; others are removed.
    Symbols(Vec<String>),
    /// All connections are broken; peers may connect again at once.
    Disconnect,
    /// All connections are broken, and none is taken for so long.
    Refuse {
        /// Milliseconds.
        for_ms: u32,
    },
    /// As if the server was killed and started again.
    Restart {
        /// Milliseconds until it is back.
        #[serde(default)]
        down_ms: u32,
        /// What its history is called after that.
        #[serde(default)]
        epoch: EpochChange,
    },
}

/// What a restart does to the epoch.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum EpochChange {
    /// The same: nothing was lost.
    #[default]
    Same,
    /// A new one.
    New {
        /// Where sequences go on.
        sequences: Sequences,
        /// The newest rows of each stream that are lost, and whose sequences are given out again. With
        /// [`Sequences::FromOne`] all are lost.
        #[serde(default)]
        lose_rows: u64,
    },
}

/// Where sequences go on in a new epoch.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Sequences {
    /// After the last row that was kept.
    Continue,
    /// At 1.
    FromOne,
}

/// Why an order was not carried out.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum OrderError {
    /// No stream has that topic, or begins so.
    #[error("no stream fits {0:?}: name a topic, or the beginning of one and *")]
    NoStream(String),
    /// A number or a name is not usable.
    #[error("{0}")]
    Refused(String),
}

/// The longest that anything is held back or down: ten minutes.
const MAX_MS: u32 = 600_000;
/// The most batches that one order is about.
const MAX_BATCHES: u32 = 10_000;

impl Command {
    /// What is wrong with its numbers, if anything.
    pub(crate) fn problem(&self) -> Option<String> {
        let most = |name: &str, value: u32, most: u32| {
            (value > most).then(|| format!("{name} = {value}: write at most {most}"))
        };
        match self {
            Command::Rate { tick_ms, batch_rows, jitter_percent } => {
                crate::scenario::rate_problem(*tick_ms, *batch_rows, *jitter_percent)
            }
            Command::Live(plan) => plan.problem(),
            Command::Replies(plan) => plan.problem(),
            Command::Stall { for_ms } | Command::Refuse { for_ms } => most("for_ms", *for_ms, MAX_MS),
            Command::Restart { down_ms, .. } => most("down_ms", *down_ms, MAX_MS),
            Command::LoseTail { batches }
            | Command::Burst { batches }
            | Command::Duplicate { batches }
            | Command::Reorder { batches }
            | Command::Corrupt { batches }
            | Command::WrongVersion { batches }
            | Command::Collide { batches } => most("batches", *batches, MAX_BATCHES),
            Command::Add(setup) => setup.problem(),
            Command::Symbols(symbols) if symbols.len() > crate::scenario::MAX_STREAMS => {
                Some(format!("symbols: at most {}", crate::scenario::MAX_STREAMS))
            }
            Command::Start
            | Command::Stop
            | Command::Heal
            | Command::Skip { .. }
            | Command::Trim { .. }
            | Command::Remove
            | Command::Symbols(_)
            | Command::Disconnect => None,
        }
    }
}
