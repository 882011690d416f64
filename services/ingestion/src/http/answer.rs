//! What a client is told when its rows are in the journal.

use crate::Receipt;
use gapless_model::StreamKey;
use gapless_wire::Durability;
use serde::Serialize;

/// The body of a `200`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Answer {
    /// The stream's topic.
    stream: String,
    /// The epoch that the sequences belong to.
    epoch: u64,
    /// The sequence of the first row; 0 when a duplicate is too old to tell.
    first_sequence: u64,
    /// The sequence of the last row; 0 when a duplicate is too old to tell.
    last_sequence: u64,
    /// How many rows were sent.
    rows: usize,
    /// The position of their journal record; 0 when a duplicate is too old to tell.
    position: u64,
    /// How safe they are: `written` or `synced`.
    durability: &'static str,
    /// They were there already; nothing was written.
    duplicate: bool,
}

impl Answer {
    pub(crate) fn new(key: &StreamKey, rows: usize, receipt: Receipt) -> Answer {
        Answer {
            stream: key.topic(),
            epoch: receipt.epoch.0,
            first_sequence: receipt.first.0,
            last_sequence: receipt.last.0,
            rows,
            position: receipt.position.0,
            durability: match receipt.durability {
                Durability::Written => "written",
                Durability::Synced => "synced",
            },
            duplicate: receipt.duplicate,
        }
    }
}
