//! What happened to a stream and is not on the disk yet, bounded by whoever fills it.

use crate::manifest::StreamRecord;
use crate::record::Item;
use gapless_model::{Batch, Epoch, MAX_ROWS_PER_BATCH, Rows, Seq, SeqRange};
use std::collections::VecDeque;

/// Items of one stream in their order.
#[derive(Debug, Clone, Default)]
pub(crate) struct Buffer {
    items: VecDeque<Item>,
    rows: u64,
    bytes: u64,
}

impl Buffer {
    /// How many rows wait.
    pub(crate) fn rows(&self) -> u64 {
        self.rows
    }

    /// About how many bytes they take.
    pub(crate) fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Whether nothing waits.
    pub(crate) fn is_empty(&self) -> bool {
        self.items.is_empty()
    }

    pub(crate) fn push(&mut self, item: Item) {
        if let Item::Rows(batch) = &item {
            self.rows += batch.rows.len() as u64;
            self.bytes += batch.rows.approx_bytes() as u64;
        }
        self.items.push_back(item);
    }

    pub(crate) fn clear(&mut self) {
        *self = Buffer::default();
    }

    /// Forgets rows after `keep`, and a reset: what is followed is a history again, in the epoch `to`.
    pub(crate) fn rewind(&mut self, to: Epoch, keep: Seq) {
        let kept = SeqRange::new(Seq::NONE, keep.next());
        for item in std::mem::take(self).items {
            match item {
                Item::Rows(batch) => {
                    let batch = batch.cut(kept);
                    if !batch.rows.is_empty() {
                        self.push(Item::Rows(batch));
                    }
                }
                Item::Hole(mut hole) if hole.from <= keep.0 => {
                    hole.to = hole.to.min(keep.0);
                    self.push(Item::Hole(hole));
                }
                Item::Hole(_) | Item::Rewound(_) | Item::Reset => {}
            }
        }
        self.push(Item::Rewound(to));
    }

    /// The record that is `durable` and all of this.
    pub(crate) fn applied_to(&self, durable: &StreamRecord) -> StreamRecord {
        let mut record = durable.clone();
        self.items.iter().for_each(|item| record.take(item));
        record
    }

    /// The rows in runs that one part can hold: consecutive, with the same columns, `part_rows` at most.
    pub(crate) fn runs(&self, part_rows: u64) -> Vec<Vec<Batch>> {
        let mut runs: Vec<Vec<Batch>> = Vec::new();
        let mut in_run = 0;
        for batch in self.items.iter().filter_map(Item::rows) {
            let follows = runs.last().and_then(|run| run.last()).is_some_and(|last| {
                last.range().end() == batch.start && columns(&last.rows) == columns(&batch.rows)
            });
            let rows = batch.rows.len() as u64;
            if follows && in_run + rows <= part_rows.max(MAX_ROWS_PER_BATCH as u64) {
                in_run += rows;
                runs.last_mut().into_iter().for_each(|run| run.push(batch.clone()));
            } else {
                in_run = rows;
                runs.push(vec![batch.clone()]);
            }
        }
        runs
    }
}

impl Item {
    fn rows(&self) -> Option<&Batch> {
        match self {
            Item::Rows(batch) => Some(batch),
            Item::Hole(_) | Item::Rewound(_) | Item::Reset => None,
        }
    }
}

/// The columns of metrics; none for other kinds.
pub(crate) fn columns(rows: &Rows) -> &[String] {
    match rows {
        Rows::Metrics(rows) => &rows.columns,
        Rows::Candles(_) | Rows::Warnings(_) => &[],
    }
}

#[cfg(test)]
mod tests;
