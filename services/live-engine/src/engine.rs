//! The engine without its sockets: records in, state, derived bars and what to publish out.
//!
//! It reads the journal from its beginning and is silent until it has reached the end that the journal
//! stated first: what came before has been published by an earlier run, and whoever missed it heals from
//! backfill. From then on every record is published as it comes.

use crate::derive::{Deriver, Rule};
use crate::outbox::{Outbox, PRODUCER_ID};
use crate::state::{Mismatch, State, StreamIndex, Viewed};
use gapless_model::{Batch, Epoch, Position};
use gapless_wire::{JournalRecord, JournalStatusResponse};

/// Where the engine is in the journal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    /// Reading history, up to this record; `None` while the journal has not said where it ends.
    Reading { until: Option<Position> },
    /// Publishing what comes.
    Live,
}

/// The engine's limits.
#[derive(Debug, Clone)]
pub struct Limits {
    /// Rows kept per stream.
    pub window_rows: usize,
    /// The most streams.
    pub max_streams: usize,
}

/// The fold of one journal partition: current state, bars that are forming, and derived batches on their
/// way to ingestion.
#[derive(Debug)]
pub struct Engine {
    pub(crate) state: State,
    pub(crate) deriver: Deriver,
    pub(crate) outbox: Outbox,
    phase: Phase,
    /// The last record that was read, or is lost.
    reached: Position,
    doubt: Doubt,
    warned_foreign: bool,
}

/// Whether the streams stand where the records say that were read.
#[derive(Debug)]
enum Doubt {
    /// They do.
    None,
    /// Records were lost, here or before a new epoch: the journal is to be asked.
    Wanted,
    /// It was asked.
    Asked,
    /// It answered, and speaks of records that are still on their way.
    Early(JournalStatusResponse),
}

/// What a record means for the outside.
#[derive(Debug, PartialEq, Eq)]
pub struct Folded {
    /// The stream that it belongs to.
    pub stream: StreamIndex,
    /// Whether the stream was not known before.
    pub is_new: bool,
    /// Whether it is to be published.
    pub publish: bool,
    /// Rows that the engine derived and now finds in the journal.
    pub derived_rows: u64,
    /// What is wrong with it.
    pub mismatch: Option<Mismatch>,
}

impl Engine {
    /// An engine that has read nothing. `before` is the one that it replaces, if any.
    pub fn new(limits: &Limits, rules: &[Rule], before: Option<&Engine>) -> Engine {
        Engine {
            state: State::new(limits.window_rows, limits.max_streams),
            deriver: Deriver::new(rules.to_vec()),
            outbox: Outbox::new(before.map(|before| &before.outbox)),
            phase: Phase::Reading { until: None },
            reached: Position::NONE,
            doubt: Doubt::None,
            warned_foreign: false,
        }
    }

    /// Every stream as of the last record.
    pub fn state(&self) -> &State {
        &self.state
    }

    /// The bars that are forming.
    pub fn deriver(&self) -> &Deriver {
        &self.deriver
    }

    /// Derived batches that are not in the journal yet.
    pub fn outbox(&self) -> &Outbox {
        &self.outbox
    }

    /// The same, to send them and to tell what became of them.
    pub fn outbox_mut(&mut self) -> &mut Outbox {
        &mut self.outbox
    }

    /// The record that history ends with, as far as it is known; [`Position::NONE`] else, and once live.
    pub fn reading_until(&self) -> Position {
        match self.phase {
            Phase::Reading { until: Some(until) } => until,
            Phase::Reading { until: None } | Phase::Live => Position::NONE,
        }
    }

    /// Whether records are published.
    pub fn is_live(&self) -> bool {
        self.phase == Phase::Live
    }

    /// The record after which the journal has to keep everything; `None` before the engine is live.
    ///
    /// What bars come from stays in the journal until those are in it too. Bars that are forming do not hold
    /// it: a source that stopped in the middle of one would hold it for ever.
    pub fn needs_after(&self) -> Option<Position> {
        let read = self.state.position();
        let needed = self.outbox.oldest().map_or(read, |oldest| Position(oldest.0 - 1));
        self.is_live().then_some(read.min(needed))
    }

    /// Folds a record in that came while the journal was followed in `epoch`, which may be newer than the
    /// record's own; `None` when it would open one stream too many.
    pub fn handle_record(&mut self, epoch: Epoch, record: &JournalRecord, batch: &Batch) -> Option<Folded> {
        let publish = self.is_live();
        self.follow(epoch);
        let Some(applied) = self.state.apply(record.position, epoch, batch) else {
            self.reach(record.position);
            return None;
        };
        let stream = applied.stream;
        if let (true, Some(state)) = (applied.is_new, self.state.get(stream)) {
            self.deriver.open(stream, &state.key, &state.topic, applied.is_partial);
        }
        let is_hole = matches!(applied.mismatch, Some(Mismatch::Sequence { .. }));
        if is_hole || (applied.is_partial && !applied.is_new) {
            self.deriver.skip(stream);
        }
        let derived_rows = self.settle_own(record, batch);
        for closed in self.deriver.fold(stream, batch) {
            self.outbox.push(record.position, closed);
        }
        self.reach(record.position);
        Some(Folded { stream, is_new: applied.is_new, publish, derived_rows, mismatch: applied.mismatch })
    }

    /// The journal says how far it is, in the epoch that is followed.
    pub fn handle_watermark(&mut self, epoch: Epoch, earliest: Position, latest: Position) {
        self.follow(epoch);
        if let Phase::Reading { until: None } = self.phase {
            let is_empty = earliest > latest;
            let until = if is_empty { Position::NONE } else { latest };
            self.phase = Phase::Reading { until: Some(until) };
            self.reach(self.state.position());
        }
    }

    /// Records up to this one will not come: they are retired or damaged. Streams go on without them.
    pub fn handle_truncated(&mut self, last: Position) {
        self.doubt();
        self.reach(last);
    }

    /// Everything that the journal has was read, or given up as retired.
    pub fn handle_caught_up(&mut self) {
        self.go_live();
    }

    /// Whether the journal has to be asked for its view of the streams; it answers with
    /// [`Engine::handle_view`]. True once for each time that it has to.
    pub fn poll_view(&mut self) -> bool {
        let is_wanted = matches!(self.doubt, Doubt::Wanted) && self.is_live();
        if is_wanted {
            self.doubt = Doubt::Asked;
        }
        is_wanted
    }

    /// The journal's view of its streams. It is taken over once all that it speaks of is read.
    pub fn handle_view(&mut self, view: JournalStatusResponse) {
        if matches!(self.doubt, Doubt::Asked) {
            self.doubt = if view.epoch == self.state.epoch() { Doubt::Early(view) } else { Doubt::Wanted };
        }
    }

    /// The streams that a view opened, once it is taken over; poll it after whatever was handled.
    pub fn poll_opened(&mut self) -> Vec<StreamIndex> {
        let reached = self.reached.max(self.state.position());
        let Doubt::Early(view) = &self.doubt else { return Vec::new() };
        if view.latest > reached {
            return Vec::new();
        }
        let Viewed { opened, moved, left_out } = self.state.take_view(&view.streams, view.latest);
        self.doubt = Doubt::None;
        if left_out > 0 {
            tracing::error!(streams = left_out, "too many streams: raise max_streams");
        }
        for stream in moved {
            if let Some(state) = self.state.get(stream) {
                tracing::warn!(stream = %state.topic, latest = state.latest.0, "records are lost: it stands here");
            }
            self.deriver.skip(stream);
        }
        for stream in &opened {
            if let Some(state) = self.state.get(*stream) {
                self.deriver.open(*stream, &state.key, &state.topic, true);
            }
        }
        opened
    }

    /// The journal is followed in `epoch`. In a new one it may lack records that it had before, so that
    /// what it acknowledged is void, and numbers are given again that were read here.
    fn follow(&mut self, epoch: Epoch) {
        let before = self.state.epoch();
        self.state.follow(epoch);
        if before.is_stated() && before != epoch {
            self.outbox.send_again();
            self.doubt();
        }
    }

    fn doubt(&mut self) {
        self.state.cut();
        self.doubt = Doubt::Wanted;
    }

    fn settle_own(&mut self, record: &JournalRecord, batch: &Batch) -> u64 {
        if record.producer_id == PRODUCER_ID {
            return self.outbox.seen(&batch.key, record.producer_sequence);
        }
        let topic: &str = batch.key.shared_topic();
        if self.deriver.forming().contains_key(topic) && !self.warned_foreign {
            self.warned_foreign = true;
            tracing::warn!(
                stream = topic,
                producer = record.producer_id,
                "a derived stream also has rows of another producer: change the rules or that producer"
            );
        }
        0
    }

    fn reach(&mut self, position: Position) {
        self.reached = self.reached.max(position);
        if let Phase::Reading { until: Some(until) } = self.phase
            && position >= until
        {
            self.go_live();
        }
    }

    fn go_live(&mut self) {
        self.phase = Phase::Live;
        self.outbox.open();
    }
}

#[cfg(test)]
pub(crate) mod tests;
