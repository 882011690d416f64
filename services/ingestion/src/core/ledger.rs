//! The sequencer with a lock: the writer decides with it, everybody else looks.
//!
//! The writer holds the lock from the first decision of a group until the group is in the journal, so
//! whoever looks never sees what may still be taken back.

use crate::intake::Producers;
use crate::{Error, ProducerStatus};
use gapless_journal::{Journal, Opened};
use gapless_model::{Epoch, Position, Seq, StreamKey, StreamStatus, UnixMillis};
use gapless_protocol::{RecordHeader, Sequencer, SequencerError, SequencerLimits};
use gapless_wire::{BatchHeader, JournalRecordView, Limits};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Read at once while restoring: large enough for the disk, small in memory.
const RESTORE_CHUNK_BYTES: usize = 4 << 20;

/// Who is how far: streams and producers.
#[derive(Debug)]
pub struct Ledger(Mutex<Sequencer>);

impl Ledger {
    /// The state as of the journal's last record: the preamble of a segment, in general the last one, and the
    /// records after it. What damaged records held is not in it; then the journal has begun an epoch.
    ///
    /// # Errors
    /// When the journal cannot be read, or its records do not follow each other.
    pub fn restore(opened: &Opened, limits: SequencerLimits) -> Result<Ledger, Error> {
        let status = opened.journal.status();
        let first = status.epochs.first().map_or(Epoch::UNSTATED, |start| start.epoch);
        let position = Position(opened.replay_from.0.saturating_sub(1));
        let refused = |error| Error::Restore { position, error };
        let mut sequencer = match opened.preamble.as_slice() {
            [] => {
                let mut sequencer = Sequencer::new(limits, first);
                // No segment that is left says what was before it: the journal has begun an epoch.
                if position > Position::NONE && opened.recovery.left_epoch.is_some() {
                    sequencer.lose(position);
                }
                sequencer
            }
            snapshot => Sequencer::restore(limits, snapshot).map_err(refused)?,
        };
        if sequencer.position() != position {
            return Err(refused(SequencerError::Snapshot { reason: "it is the state of another position" }));
        }
        let mut from = opened.replay_from;
        while from <= status.latest {
            let read = opened.journal.read(from, RESTORE_CHUNK_BYTES)?;
            if read.first > from {
                // Damaged: the journal has begun an epoch after its last record.
                sequencer.lose(Position(read.first.0 - 1));
            }
            for (record, position) in read.records.iter().zip(read.first.0..) {
                begin_epochs(&mut sequencer, &opened.journal, Position(position))?;
                let epoch = opened.journal.overruled(Position(position));
                replay(&mut sequencer, Position(position), epoch, record)?;
            }
            from = sequencer.position().next();
        }
        let next = sequencer.position().next();
        begin_epochs(&mut sequencer, &opened.journal, next)?;
        Ok(Ledger(Mutex::new(sequencer)))
    }

    /// The sequencer itself, for the writer.
    pub(crate) fn lock(&self) -> MutexGuard<'_, Sequencer> {
        // A writer that panics ends the service, and nothing is written after that.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Every stream, in the order of their keys.
    pub fn streams(&self, now: UnixMillis) -> Vec<StreamStatus> {
        let sequencer = self.lock();
        let status = |view: gapless_protocol::StreamView<'_>| StreamStatus {
            key: view.key.clone(),
            watermark: view.watermark,
            server_time: now,
            epochs: view.epochs.to_vec(),
        };
        sequencer.streams().map(status).collect()
    }

    /// How many streams there are.
    pub fn stream_count(&self) -> usize {
        self.lock().streams().count()
    }

    /// How far producer `id` got on `key`, as acknowledged.
    pub fn producer_status(&self, id: &str, key: &StreamKey) -> ProducerStatus {
        let sequencer = self.lock();
        ProducerStatus {
            last_sequence: sequencer.last_producer_sequence(key, id),
            latest: sequencer.stream(key).map_or(Seq::NONE, |stream| stream.watermark.latest),
        }
    }
}

impl Producers for Ledger {
    fn status(&self, id: &str, key: &StreamKey) -> ProducerStatus {
        self.producer_status(id, key)
    }
}

/// Begins the epochs that the journal says began at or before `position`: one without any record is known
/// only there.
fn begin_epochs(sequencer: &mut Sequencer, journal: &Journal, position: Position) -> Result<(), Error> {
    for start in journal.epochs() {
        if start.epoch > sequencer.epoch() && start.first_sequence.0 <= position.0 {
            sequencer.begin_epoch(start.epoch).map_err(|error| Error::Restore { position, error })?;
        }
    }
    Ok(())
}

/// Takes in a record, in `epoch` if that is another one than the record says.
fn replay(
    sequencer: &mut Sequencer,
    position: Position,
    epoch: Option<Epoch>,
    bytes: &[u8],
) -> Result<(), Error> {
    let limits = Limits::live();
    let unreadable = |error| Error::Record { position, error };
    let record = JournalRecordView::parse(bytes, &limits).map_err(unreadable)?;
    let batch = BatchHeader::peek(record.batch, &limits).map_err(unreadable)?;
    if record.position != position {
        let error = SequencerError::Position { last: sequencer.position(), found: record.position };
        return Err(Error::Restore { position, error });
    }
    let header = RecordHeader {
        position,
        epoch: epoch.unwrap_or(record.epoch),
        key: &batch.key,
        producer_id: record.producer_id,
        producer_sequence: record.producer_sequence,
        content_hash: record.content_hash,
        range: batch.range(),
        digest: batch.digest,
        latest_ts: batch.last_ts.unwrap_or_default(),
    };
    sequencer.replay(header).map_err(|error| Error::Restore { position, error })
}
