//! Where in a segment a position is, roughly: one entry per 64 KiB, in memory only.

use gapless_model::Position;

/// Bytes between two entries: a read skips at most this much, and a 64 MiB segment has 1,024 entries.
const SPACING_BYTES: u64 = 64 << 10;

/// Positions and the offsets of their records, both ascending.
#[derive(Debug, Default)]
pub(crate) struct Index {
    entries: Vec<(Position, u64)>,
}

impl Index {
    /// Learns where a record begins; told in order.
    pub(crate) fn note(&mut self, position: Position, offset: u64) {
        let due = self.entries.last().is_none_or(|(_, last)| offset >= last + SPACING_BYTES);
        if due {
            self.entries.push((position, offset));
        }
    }

    /// The nearest known record at or before `position`.
    pub(crate) fn floor(&self, position: Position) -> Option<(Position, u64)> {
        let after = self.entries.partition_point(|(known, _)| *known <= position);
        after.checked_sub(1).and_then(|at| self.entries.get(at)).copied()
    }
}
