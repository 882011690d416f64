//! What the journal's follower tells, and what the shell does about it.

use super::{Shell, follow, limits, told};
use crate::engine::Folded;
use crate::error::Error;
use crate::reading::Reading;
use crate::restart::Restart;
use gapless_follow::JournalEvent;
use gapless_model::{Batch, Epoch, Position, SeqRange};
use gapless_protocol::{Event, Health, Source, TruncateReason};
use gapless_wire::JournalRecord;

impl Shell {
    pub(super) fn handle_event(&mut self, event: JournalEvent) -> Result<(), Error> {
        let was_live = self.engine.is_live();
        match event {
            JournalEvent::Record { record, batch, epoch, source } => {
                self.record(epoch, record, &batch, source)?;
            }
            JournalEvent::Watermark { epoch, earliest, latest } => {
                self.reading.skip(Position(earliest.0.saturating_sub(1)));
                self.engine.handle_watermark(epoch, earliest, latest);
            }
            JournalEvent::Event(event) => self.handle_log_event(event)?,
            JournalEvent::Streams(view) => self.engine.handle_view(view),
        }
        self.take_view();
        if !was_live && self.engine.is_live() {
            self.go_live();
        }
        Ok(())
    }

    /// What the journal says of its streams, where records are lost.
    fn take_view(&mut self) {
        let now = self.now();
        for stream in self.engine.poll_opened() {
            self.feed.open(stream, now);
        }
        if self.engine.poll_view() {
            self.follower.request_streams();
        }
    }

    fn record(
        &mut self,
        epoch: Epoch,
        record: JournalRecord,
        batch: &Batch,
        source: Source,
    ) -> Result<(), Error> {
        self.meters.applied(source);
        let Some(folded) = self.engine.handle_record(epoch, &record, batch) else {
            let limit = self.config.max_streams;
            tracing::error!(stream = %batch.key, limit, "too many streams: raise max_streams");
            self.proven.fails("a stream is left out: raise max_streams");
            return Ok(());
        };
        self.report(&folded, &record);
        if folded.publish {
            self.meters.derived_rows.increment(folded.derived_rows);
            let now = self.now();
            if folded.is_new {
                self.feed.open(folded.stream, now);
            }
            self.feed.batch(&self.engine.state, folded.stream, record.batch, batch.rows.len(), now)?;
        }
        Ok(())
    }

    /// A record that does not prove itself is an error of the journal or of this machine.
    fn report(&mut self, folded: &Folded, record: &JournalRecord) {
        if let Some(mismatch) = &folded.mismatch {
            let position = record.position.0;
            tracing::error!(%mismatch, position, "a record does not follow from those before it");
            self.proven.fails(format!("record {position}: {mismatch}"));
        }
    }

    fn handle_log_event(&mut self, event: Event) -> Result<(), Error> {
        if let Some(restart) = Restart::of(&event) {
            self.restart(restart)?;
        }
        match event {
            Event::Rewind { from, to, keep } => {
                tracing::warn!(%from, %to, keep = keep.0, "the journal lost acknowledged records: read again");
            }
            Event::Reset { from, to } => {
                tracing::warn!(%from, %to, "the journal is another one: read again");
            }
            Event::Truncated { range, reason, .. } => self.truncated(range, reason),
            Event::CaughtUp { .. } => self.engine.handle_caught_up(),
            Event::Health(health) => self.handle_health(health),
            Event::GapOpened(gap) => {
                tracing::debug!(range = %gap.range, cause = gap.cause.name(), "journal gap opened");
            }
            Event::GapHealed(gap) => tracing::debug!(range = %gap.range, "journal gap healed"),
            Event::GapVoid(gap) => tracing::debug!(range = %gap.range, "journal gap void"),
        }
        Ok(())
    }

    /// Ready means that what is published is current; an engine without its journal is not.
    fn handle_health(&mut self, health: Health) {
        tracing::info!(health = health.name(), "journal");
        match health {
            Health::Disconnected | Health::Connecting | Health::Stalled => {
                self.caught_up.fails(format!("the journal is {}", health.name()));
            }
            Health::Subscribed | Health::Receiving | Health::Backfilling => {
                if self.engine.is_live() {
                    self.caught_up.holds();
                }
            }
        }
    }

    /// State is never patched: it is read again in silence, from a checkpoint before what was lost or from
    /// the journal's beginning.
    fn restart(&mut self, why: Restart) -> Result<(), Error> {
        self.meters.rewinds.increment(1);
        self.caught_up.fails("reading the journal again");
        self.whole.holds();
        let limits = limits(&self.config);
        let (engine, begin) = told(|| self.history.begin(&limits, &self.rules, why, Some(&self.engine)));
        self.reading = Reading::new(engine.state.position(), self.now());
        self.engine = engine;
        self.shelf.clear();
        self.feed.reset();
        self.progress = None;
        self.follower = follow(&self.config, &self.context, &self.wake, begin)?;
        Ok(())
    }

    /// Records will not come. Before the first one they are history that others dealt with; after it, the
    /// state and the bars lack them, and the engine says so.
    fn truncated(&mut self, range: SeqRange, reason: TruncateReason) {
        let after = self.engine.state.position();
        self.engine.handle_truncated(Position(range.last().0));
        if after == Position::NONE {
            tracing::warn!(%range, ?reason, "the journal retired records before they were read");
            return;
        }
        tracing::warn!(%range, ?reason, %after, "records of the journal are lost: state and bars lack their rows");
        let from = "restart from a newer checkpoint, or check the journal";
        self.whole.fails(format!("records {range} are lost ({reason:?}): state lacks their rows; {from}"));
    }

    /// An engine that reads history says each second how far it is.
    pub(super) fn tell_how_far(&mut self) {
        let (position, until) = (self.engine.state.position(), self.engine.reading_until());
        let Some(far) = self.reading.poll(position, until, self.now()) else { return };
        tracing::info!(
            position = far.position.0,
            until = far.until.0,
            percent = far.percent,
            records_per_s = far.records_per_s,
            "reading the journal"
        );
        self.caught_up.fails(far.to_string());
    }

    fn go_live(&mut self) {
        let now = self.now();
        let state = &self.engine.state;
        tracing::info!(streams = state.len(), position = state.position().0, "live");
        self.feed.go_live(state, now);
        self.caught_up.holds();
    }
}
