//! What the journal may have become while nobody had it open.

use super::Truth;
use gapless_model::{EpochStart, Position, Seq, SeqRange};

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

impl Truth {
    /// Ingestion has opened the journal: `epochs` and `earliest` are its own word, `records` everything that
    /// can be read from `earliest` on, with `None` for what cannot because it is damaged.
    pub fn reopened(
        &mut self,
        ending: Ending,
        epochs: &[EpochStart],
        earliest: Position,
        records: &[Option<Vec<u8>>],
    ) {
        let first = |epochs: &[EpochStart]| epochs.first().map(|start| start.epoch);
        if ending == Ending::Removed || first(&self.epochs) != first(epochs) {
            let had = self.epochs.clone();
            self.require(ending == Ending::Removed || had.is_empty(), "a journal stays the same one", || {
                format!("{had:?} became {epochs:?} after {ending:?}")
            });
            self.forget(Position::NONE);
            (self.durable, self.earliest) = (Position::NONE, Position::NONE);
            self.damaged.clear();
        }
        let latest = Position((earliest.0 + records.len() as u64).saturating_sub(1));
        let new_epochs: Vec<EpochStart> =
            epochs.iter().filter(|start| !self.epochs.contains(start)).copied().collect();
        self.check_kept(ending, latest, &new_epochs);
        self.epochs = epochs.to_vec();
        self.forget(latest);
        self.retired_before(earliest);
        for (record, position) in records.iter().zip(earliest.0..) {
            self.check_record(Position(position), record.as_deref());
        }
        // What recovery found is synced by it.
        self.durable = latest;
    }

    fn check_kept(&mut self, ending: Ending, latest: Position, new_epochs: &[EpochStart]) {
        let (had, durable) = (self.latest(), self.durable);
        let kept = match ending {
            Ending::Closed | Ending::Killed => had,
            Ending::PowerLost => durable,
            Ending::Removed => Position::NONE,
        };
        let is_damaged = self.is_damaged();
        self.require(latest >= kept || is_damaged, "what is safe stays", || {
            format!("after {ending:?} the journal ends at {latest}; it had {had}, {durable} of it synced")
        });
        let promised = (latest.0..had.0)
            .map(|at| Position(at + 1))
            .find(|position| self.record(*position).is_some_and(|record| record.promised));
        self.require(promised.is_none() || is_damaged, "a promised record stays", || {
            format!("record {promised:?} was promised and is gone")
        });
        let begins_anew = new_epochs.iter().any(|start| start.first_sequence <= Seq(latest.0 + 1));
        self.require(latest >= had || begins_anew, "a loss begins a new epoch", || {
            format!("records after {latest} of {had} are gone, and the epoch is the same")
        });
        let needless = ending == Ending::Killed && !new_epochs.is_empty() && latest >= had && !is_damaged;
        self.require(!needless || had == Position::NONE, "an epoch ends only by a loss", || {
            format!("{new_epochs:?} began although nothing was lost")
        });
    }

    fn check_record(&mut self, position: Position, bytes: Option<&[u8]>) {
        let Some(bytes) = bytes else {
            let is_damaged = self.damaged.iter().any(|range| range.contains(Seq(position.0)));
            return self
                .require(is_damaged, "only what is damaged cannot be read", || format!("record {position}"));
        };
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
