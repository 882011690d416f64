//! The engine's whole state as of one journal position, in parts.

use super::Bytes;
use gapless_model::{Candle, Epoch, Flags, Interval, Position, StreamKey, UnixMillis, Watermark};

/// Asks for one part of a checkpoint.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CheckpointRequest {
    /// Which partition.
    pub partition: u32,
    /// Of which checkpoint; [`Position::NONE`]: of one as of now, which begins with its first part.
    pub position: Position,
    /// Which part, from 0.
    pub part: u32,
}

/// Answer to [`CheckpointRequest`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CheckpointResponse {
    /// Which partition.
    pub partition: u32,
    /// The history that it belongs to.
    pub epoch: Epoch,
    /// The state is that after this record.
    pub position: Position,
    /// Which part this is, from 0.
    pub part: u32,
    /// How many parts there are.
    pub parts: u32,
    /// Streams in all parts together.
    pub streams: u64,
    /// An envelope with one [`CheckpointPart`].
    pub bytes: Bytes,
}

/// One part of a checkpoint.
#[derive(Debug, Clone, PartialEq)]
pub struct CheckpointPart {
    /// Which partition.
    pub partition: u32,
    /// The history that it belongs to.
    pub epoch: Epoch,
    /// The state is that after this record.
    pub position: Position,
    /// Which part this is, from 0; below `parts`.
    pub part: u32,
    /// How many parts there are.
    pub parts: u32,
    /// In the order in which they appeared in the journal; goes on over the parts.
    pub streams: Vec<CheckpointStream>,
    /// What waits for ingestion. A lane may go on in the next part.
    pub lanes: Vec<CheckpointLane>,
}

/// All that the engine knows of one stream.
#[derive(Debug, Clone, PartialEq)]
pub struct CheckpointStream {
    /// Which stream.
    pub key: StreamKey,
    /// How far it is.
    pub watermark: Watermark,
    /// Marks of its last batch.
    pub flags: Flags,
    /// Records were lost: rows may be missing before its next batch.
    pub is_cut: bool,
    /// Envelope with its last rows; empty when none are kept.
    pub window: Bytes,
    /// What is derived from it.
    pub targets: Vec<CheckpointTarget>,
}

/// A bar in the making.
#[derive(Debug, Clone, PartialEq)]
pub struct CheckpointTarget {
    /// Interval of the derived stream.
    pub interval: Interval,
    /// The bar that is forming.
    pub forming: Option<CheckpointForming>,
    /// Rows before this time came too late.
    pub closed_until: Option<UnixMillis>,
    /// The bar lacks rows and will be left out.
    pub is_partial: bool,
    /// Rows that came too late so far.
    pub late_rows: u64,
    /// Marks of the rows in the bar.
    pub flags: Flags,
}

/// The rows of a bar so far.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct CheckpointForming {
    /// The bar that they make.
    pub candle: Candle,
    /// The earliest of them, which gave the open.
    pub first_ts: UnixMillis,
    /// The latest of them, which gave the close.
    pub last_ts: UnixMillis,
}

/// What the engine sends to ingestion for one derived stream.
#[derive(Debug, Clone, PartialEq)]
pub struct CheckpointLane {
    /// The derived stream.
    pub key: StreamKey,
    /// Its last producer sequence that the journal shows; 0: none.
    pub seen: u64,
    /// Bars that the journal does not show yet, in order of their positions, all after `seen`.
    pub pending: Vec<CheckpointClosed>,
}

/// Bars that one record closed.
#[derive(Debug, Clone, PartialEq)]
pub struct CheckpointClosed {
    /// That record, which is their producer sequence.
    pub position: Position,
    /// Marks of the rows in them.
    pub flags: Flags,
    /// In order; never empty.
    pub candles: Vec<Candle>,
}
