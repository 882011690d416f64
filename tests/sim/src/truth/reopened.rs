//! What the journal may have become while nobody had it open.

use super::Truth;
use gapless_model::{EpochStart, Position, Seq, SeqRange, StreamStatus};

/// How a process ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ending {
    /// It was asked to, or had not begun yet.
    Closed,
    /// It was killed.
    Killed,
    /// The power was gone.
    PowerLost,
    /// Somebody took its files away.
    Removed,
}

/// What ingestion found when it opened the journal, by its own word.
#[derive(Debug)]
pub struct Reopened<'a> {
    /// How the process before ended.
    pub ending: Ending,
    /// Epochs and where they begin.
    pub epochs: &'a [EpochStart],
    /// The oldest record.
    pub earliest: Position,
    /// Everything that can be read from there on, with `None` for what cannot because it is damaged.
    pub records: &'a [Option<Vec<u8>>],
    /// The newest file ended inside a record.
    pub torn: bool,
    /// The first record of the newest file.
    pub tail: Position,
    /// Every stream as the sequencer knows it.
    pub streams: &'a [StreamStatus],
}

impl Truth {
    /// Ingestion has opened the journal.
    pub fn reopened(&mut self, found: &Reopened<'_>) {
        let Reopened { ending, epochs, earliest, records, .. } = *found;
        let first = |epochs: &[EpochStart]| epochs.first().map(|start| start.epoch);
        if ending == Ending::Removed || first(&self.epochs) != first(epochs) {
            let had = self.epochs.clone();
            self.require(ending == Ending::Removed || had.is_empty(), "a journal stays the same one", || {
                format!("{had:?} became {epochs:?} after {ending:?}")
            });
            self.forget(Position::NONE);
            (self.durable, self.earliest) = (Position::NONE, Position::NONE);
            self.damaged.clear();
            self.journal_flips = 0;
            self.checkpoints.pinned_from = None;
        }
        let latest = Position((earliest.0 + records.len() as u64).saturating_sub(1));
        let new_epochs: Vec<EpochStart> =
            epochs.iter().filter(|start| !self.epochs.contains(start)).copied().collect();
        self.check_kept(found, latest, &new_epochs);
        self.epochs = epochs.to_vec();
        self.forget(latest);
        self.retired_before(earliest);
        for (record, position) in records.iter().zip(earliest.0..) {
            self.check_record(Position(position), record.as_deref());
        }
        self.check_streams(found.streams, !new_epochs.is_empty());
        // What recovery found is synced by it.
        self.durable = latest;
    }

    fn check_kept(&mut self, found: &Reopened<'_>, latest: Position, new_epochs: &[EpochStart]) {
        let (ending, had, durable) = (found.ending, self.latest(), self.durable);
        // Behind damage in the newest file nothing proves that it was not the power loss that did it.
        let heads = std::mem::take(&mut self.damaged_heads);
        let head = heads.contains(&found.tail).then_some(found.tail);
        let cut = head.or_else(|| self.first_damaged_since(found.tail));
        // One that cannot tell how it was left takes it for a power loss.
        let is_doubted = std::mem::take(&mut self.ending_doubted);
        let cut = cut.filter(|_| ending == Ending::PowerLost || is_doubted);
        let spared = cut.map_or(Position(u64::MAX), |first| Position(first.0 - 1));
        let kept = match ending {
            Ending::Closed | Ending::Killed => self.last_whole().min(spared),
            Ending::PowerLost => durable.min(self.last_whole()).min(spared),
            Ending::Removed => Position::NONE,
        };
        self.require(latest >= kept, "what is safe stays", || {
            format!("after {ending:?} the journal ends at {latest}; it had {had}, {durable} of it synced")
        });
        let promised = (latest.0..had.0)
            .map(|at| Position(at + 1))
            .filter(|position| *position <= spared && !self.is_damaged_at(Seq(position.0)))
            .find(|position| self.record(*position).is_some_and(|record| record.promised));
        self.require(promised.is_none(), "a promised record stays", || {
            format!("record {promised:?} was promised and is gone")
        });
        let begins_anew = new_epochs.iter().any(|start| start.first_sequence <= Seq(latest.0 + 1));
        self.require(latest >= had || begins_anew, "a loss begins a new epoch", || {
            format!("records after {latest} of {had} are gone, and the epoch is the same")
        });
        let needless = ending == Ending::Killed && !new_epochs.is_empty() && latest >= had;
        // Half a record is what a killed process leaves on a full disk, and what somebody leaves who cut the file.
        let is_excused = had == Position::NONE || self.is_damaged() || found.torn;
        self.require(!needless || is_excused, "an epoch ends only by a loss", || {
            format!("{new_epochs:?} began although nothing was lost")
        });
    }

    /// The newest record that is not damaged.
    fn last_whole(&self) -> Position {
        let mut positions = (1..=self.latest().0).rev();
        Position(positions.find(|at| !self.is_damaged_at(Seq(*at))).unwrap_or_default())
    }

    fn first_damaged_since(&self, tail: Position) -> Option<Position> {
        (tail.0..=self.latest().0).find(|at| self.is_damaged_at(Seq(*at))).map(Position)
    }

    /// What was in damaged records the sequencer may not know any more: then a new epoch gives out the same
    /// numbers again, and the rows that had them are void. Nothing else is forgotten.
    fn check_streams(&mut self, told: &[StreamStatus], is_new_epoch: bool) {
        for number in 0..self.streams.len() {
            let key = self.streams[number].key.clone();
            let had = self.streams[number].rows.len();
            let latest = told.iter().find(|status| status.key == key).map(|status| status.watermark.latest);
            let latest = latest.unwrap_or(Seq::NONE);
            let forgotten: Vec<Position> =
                self.streams[number].rows.iter().skip(latest.0 as usize).map(|row| row.position).collect();
            let are_damaged = forgotten.iter().all(|position| self.is_damaged_at(Seq(position.0)));
            let is_right = latest.0 as usize <= had && (forgotten.is_empty() || is_new_epoch) && are_damaged;
            self.require(is_right, "numbers go on where they were", || {
                format!("{key} is said to be at {latest} of {had}, the records of the rest are {forgotten:?}")
            });
            self.streams[number].rows.truncate(latest.0 as usize);
        }
        if is_new_epoch {
            let damaged = self.damaged.clone();
            let is_damaged = |at: &Position| damaged.iter().any(|range| range.contains(Seq(at.0)));
            self.batches.retain(|_, position| !is_damaged(position));
        }
    }

    fn check_record(&mut self, position: Position, bytes: Option<&[u8]>) {
        let is_damaged = self.is_damaged_at(Seq(position.0));
        let Some(bytes) = bytes else {
            return self
                .require(is_damaged, "only what is damaged cannot be read", || format!("record {position}"));
        };
        self.require(!is_damaged || self.record(position).is_none(), "damage is found", || {
            format!("record {position} has a flipped bit and is read all the same")
        });
        self.mended(position);
        match self.record(position).map(|record| record.hash) {
            Some(hash) => {
                self.require(hash == xxhash_rust::xxh3::xxh3_64(bytes), "a record never changes", || {
                    format!("record {position} is another one")
                })
            }
            None => {
                if let Some((at, record, hashes)) = self.read(bytes) {
                    self.require(at == position, "a record is at its position", || {
                        format!("record {position} says that it is {at}")
                    });
                    self.push(position, record, &hashes);
                }
            }
        }
    }

    /// Records after `latest` never happened.
    fn forget(&mut self, latest: Position) {
        while self.latest() > latest {
            let position = self.latest();
            let Some(record) = self.records.pop() else { return };
            let stream = &mut self.streams[record.stream];
            stream.rows.truncate(record.range.start().0 as usize - 1);
            let (producer, number) = record.sent_by;
            if self.batches.get(&(producer.clone(), number, record.stream)) == Some(&position) {
                self.batches.remove(&(producer, number, record.stream));
            }
        }
        self.damaged = self
            .damaged
            .iter()
            .map(|range| range.intersect(SeqRange::new(Seq::NONE, Seq(latest.0 + 1))))
            .filter(|range| !range.is_empty())
            .collect();
    }
}
