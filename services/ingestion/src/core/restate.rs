//! Records whose epoch turned out to be another one.
//!
//! What was added to an older copy of the journal says the epoch that the copy was in, where these positions are
//! other records. A follower that is in the new epoch passes such records over, as it must. So they are served as the
//! records of the new epoch that they are; in the journal's files they stay as they were written.

use gapless_journal::Journal;
use gapless_model::{Batch, Epoch, Position};
use gapless_wire::{DecodeError, Encoder, JournalRecordView, Limits, decode_batch};

/// Consecutive `records` from `first` on, each in the epoch that it is of by now.
///
/// # Errors
/// When one of those that are to be changed cannot be read.
pub(super) fn restated(
    journal: &Journal,
    first: Position,
    records: Vec<Vec<u8>>,
) -> Result<Vec<Vec<u8>>, DecodeError> {
    let restate = |(at, record): (u64, Vec<u8>)| match journal.overruled(Position(at)) {
        Some(epoch) => in_epoch(epoch, &record),
        None => Ok(record),
    };
    (first.0..).zip(records).map(restate).collect()
}

fn in_epoch(epoch: Epoch, record: &[u8]) -> Result<Vec<u8>, DecodeError> {
    let limits = Limits::live();
    let view = JournalRecordView::parse(record, &limits)?;
    let batch = Batch { epoch, ..decode_batch(view.batch, &limits)? };
    let mut encoder = Encoder::new();
    let batch = encoder.batch(&batch).to_vec();
    Ok(encoder.journal_record(&JournalRecordView { epoch, batch: &batch, ..view }).to_vec())
}
