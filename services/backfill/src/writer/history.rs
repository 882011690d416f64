//! What the writer does when the journal's history is not what it was.

use super::{Incoming, Phase, Writer, follow};
use crate::error::Error;
use gapless_model::{Epoch, Position, SeqRange};
use gapless_wire::JournalStatusResponse;

impl Writer {
    /// An epoch that lost nothing here changes histories all the same, also those of quiet streams. Only
    /// once the journal is read: before that, a rewind may be on its way.
    pub(super) fn want_histories(&self) {
        let is_following = matches!(self.phase, Phase::Following);
        if self.is_caught_up && is_following && self.journal_epoch != self.histories_of {
            self.follower.request_streams();
        }
    }

    /// The journal lost records after `keep`. What came of them goes at once, from memory and from what is
    /// not committed; which rows of the archive go is known when the journal has told its streams.
    pub(super) fn handle_rewind(&mut self, from: Epoch, to: Epoch, keep: Position) {
        tracing::warn!(%from, %to, keep = keep.0, "the journal lost acknowledged records");
        self.is_caught_up = false;
        self.caught_up.fails("the journal lost records: asking which rows stay");
        self.pending.keep_to(keep);
        self.hot.write(|hot| hot.clear(self.archive.position()));
        let (from, keep, mut held) = match std::mem::replace(&mut self.phase, Phase::Following) {
            Phase::Following => (from, keep, Vec::new()),
            Phase::Rewinding { from, keep: before, held, .. } => (from, keep.min(before), held),
        };
        held.retain(|incoming: &Incoming| incoming.position <= keep);
        let held_bytes = held.iter().map(|incoming| incoming.bytes.len()).sum();
        self.phase = Phase::Rewinding { from, to, keep, held, held_bytes };
        self.follower.request_streams();
    }

    /// The journal's view of every stream.
    pub(super) fn handle_streams(&mut self, status: &JournalStatusResponse) -> Result<(), Error> {
        match std::mem::replace(&mut self.phase, Phase::Following) {
            Phase::Following => self.take_over_histories(status),
            Phase::Rewinding { from, to, keep, held, held_bytes } if status.epoch < to => {
                // It answers a question from before the rewind.
                self.phase = Phase::Rewinding { from, to, keep, held, held_bytes };
                self.follower.request_streams();
                Ok(())
            }
            Phase::Rewinding { from, to, keep, held, .. } => {
                self.commit()?;
                let removed = self.archive.rewind(keep, from, to, &status.streams)?;
                tracing::warn!(%from, %to, position = keep.0, rows = removed, "took back what the journal lost");
                self.meters.rewinds.increment(1);
                self.follower.take_back(self.archive.position());
                self.hot.write(|hot| hot.clear(self.archive.position()));
                self.histories_of = status.epoch;
                held.into_iter().for_each(|incoming| self.take(incoming));
                Ok(())
            }
        }
    }

    fn take_over_histories(&mut self, status: &JournalStatusResponse) -> Result<(), Error> {
        // Streams that are new are not in the archive before the commit.
        self.commit()?;
        if self.is_caught_up && self.pending.records.is_empty() {
            self.archive.set_histories(&status.streams)?;
            self.histories_of = status.epoch;
        }
        Ok(())
    }

    /// The journal is another one. The archive begins anew; what it has stays beside it as a file.
    pub(super) fn handle_reset(&mut self, from: Epoch, to: Epoch) -> Result<(), Error> {
        let known = self.archive.epoch();
        let retired = self.config.archive.with_extension(format!("retired-{known}.duckdb"));
        tracing::warn!(%from, %to, file = %retired.display(), "the journal is another one: keeping the archive as a file, beginning anew");
        self.commit()?;
        self.phase = Phase::Following;
        self.pending = Default::default();
        self.commit_at = None;
        self.is_caught_up = false;
        self.caught_up.fails("reading another journal");
        self.hot.write(|hot| hot.clear(Position::NONE));
        let is_worth_keeping = self.archive.position() != Position::NONE;
        self.archive.reset(to, is_worth_keeping.then_some(retired.as_path()))?;
        self.follower.take_back(Position::NONE);
        self.histories_of = Epoch::UNSTATED;
        Ok(())
    }

    /// The journal retired records before they were read here. What lies before them in their streams is no
    /// longer served once the next rows come; until then nobody knows which streams they were of.
    pub(super) fn handle_truncated(&mut self, range: SeqRange) -> Result<(), Error> {
        tracing::error!(%range, "the journal retired records before they were archived: their rows are lost here");
        self.commit()?;
        let last = Position(range.last().0);
        if self.pending.records.is_empty() {
            self.archive.skip_to(last)?;
        }
        Ok(())
    }

    /// Too much came while the journal's view of the streams did not: the journal keeps it.
    pub(super) fn follow_anew(&mut self) -> Result<(), Error> {
        tracing::warn!("the journal does not tell its streams: following it anew");
        self.phase = Phase::Following;
        self.progress = None;
        self.commit()?;
        self.pending = Default::default();
        self.follower = follow(&self.config, &self.context, &self.archive)?;
        Ok(())
    }
}
