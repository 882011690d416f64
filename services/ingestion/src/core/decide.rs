//! What becomes of one submission, and the bytes of its record.

use super::{Checked, PARTITION};
use crate::{Receipt, Refusal, Submission};
use gapless_model::{Batch, Position, Seq};
use gapless_protocol::{Conflict, Outcome, ProducerRef, Sequenced, Sequencer};
use gapless_wire::{Durability, Encoder, JournalRecordView};

/// What became of a submission, to be told once its group is in the journal.
#[derive(Debug, Clone, PartialEq)]
pub enum Decision {
    /// Its record is in the group.
    Sequenced(Receipt),
    /// It was there before, in the journal or earlier in this group.
    Duplicate(Receipt),
    /// It is not taken.
    Refused(Refusal),
}

/// Decides on `checked` and appends its record, if it gets one, to `records`.
pub(super) fn decide(
    checked: Checked,
    now_us: i64,
    sequencer: &mut Sequencer,
    encoder: &mut Encoder,
    records: &mut Vec<Vec<u8>>,
) -> Decision {
    let (submission, content_hash) = checked.into_parts();
    let producer = submission.producer.as_ref();
    let outcome = sequencer.accept(gapless_protocol::Submission {
        key: &submission.key,
        producer: producer.map(|p| ProducerRef { id: &p.id, sequence: p.sequence, previous: p.previous }),
        content_hash: content_hash.0,
        rows: &submission.rows,
    });
    let receipt = |position, first, last, duplicate| Receipt {
        position,
        epoch: sequencer.epoch(),
        first,
        last,
        durability: Durability::Written,
        duplicate,
    };
    match outcome {
        Outcome::Sequenced(place) => {
            records.push(record(submission, place, content_hash.0, now_us, encoder));
            Decision::Sequenced(receipt(place.position, place.range.start(), place.range.last(), false))
        }
        Outcome::Duplicate { position: Position::NONE, .. } => {
            Decision::Duplicate(receipt(Position::NONE, Seq::NONE, Seq::NONE, true))
        }
        Outcome::Duplicate { position, range } => {
            Decision::Duplicate(receipt(position, range.start(), range.last(), true))
        }
        Outcome::Conflict { expected_previous, conflict } => {
            Decision::Refused(refusal(&submission, expected_previous, conflict))
        }
        Outcome::Refused(gapless_protocol::Refusal::TooManyStreams) => {
            Decision::Refused(Refusal::TooManyStreams)
        }
        Outcome::Refused(gapless_protocol::Refusal::Empty) => {
            Decision::Refused(Refusal::Invalid(gapless_model::RowError::Batch("no rows".into())))
        }
    }
}

/// The bytes that the journal stores and its socket publishes.
fn record(
    submission: Submission,
    place: Sequenced,
    content_hash: u64,
    now_us: i64,
    encoder: &mut Encoder,
) -> Vec<u8> {
    let Submission { key, flags, rows, producer, .. } = submission;
    let batch = Batch {
        key,
        epoch: place.epoch,
        start: place.range.start(),
        flags,
        ts_publish_us: now_us,
        earliest: Seq::NONE,
        digest: place.digest,
        rows,
    };
    let batch = encoder.batch(&batch).to_vec();
    let (producer_id, producer_sequence) =
        producer.as_ref().map_or(("", 0), |producer| (producer.id.as_str(), producer.sequence));
    let view = JournalRecordView {
        partition: PARTITION,
        position: place.position,
        epoch: place.epoch,
        producer_id,
        producer_sequence,
        content_hash,
        batch: &batch,
    };
    encoder.journal_record(&view).to_vec()
}

fn refusal(submission: &Submission, expected_previous: u64, conflict: Conflict) -> Refusal {
    let (id, sequence) =
        submission.producer.as_ref().map_or(("", 0), |producer| (producer.id.as_str(), producer.sequence));
    let key = &submission.key;
    let message = match conflict {
        Conflict::Content => {
            format!(
                "producer {id:?} sent other rows for {key} under its number {sequence} before: use a new number"
            )
        }
        Conflict::Order => format!(
            "number {sequence} of producer {id:?} on {key} does not follow {expected_previous}, the last one \
             accepted: send on from there"
        ),
    };
    Refusal::Conflict { expected_previous, message }
}
