//! What was handed over, what was acknowledged, and the store that is told.
//!
//! An event is handed over when the application gets it and acknowledged when it is done with it; only
//! then the cursor moves. With automatic acknowledgement, asking for the next event says that the
//! application is done with the one before.

use crate::store::{Cursor, CursorStore};
use crate::{Error, Event};
use gapless_model::{Digest, Rows, Seq, StreamKey};
use gapless_planted::{Bug, on};
use std::collections::HashMap;
use std::time::Instant;

/// When the cursor moves.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Acknowledge {
    /// An event is acknowledged when the next one is asked for.
    #[default]
    OnNext,
    /// Only by [`crate::Subscription::ack`] or [`crate::Acks::ack`].
    Explicit,
}

/// The books of one subscription.
pub struct Ledger {
    store: Option<Box<dyn CursorStore>>,
    mode: Acknowledge,
    /// Where each stream stands; what lies behind is acknowledged.
    cursors: HashMap<StreamKey, Cursor>,
    /// With [`Acknowledge::OnNext`]: what the application is working on.
    current: Option<Event>,
}

impl Ledger {
    /// Empty books over `store`.
    pub fn new(store: Option<Box<dyn CursorStore>>, mode: Acknowledge) -> Ledger {
        Ledger { store, mode, cursors: HashMap::new(), current: None }
    }

    /// The stored cursors, for the beginning.
    ///
    /// # Errors
    /// [`Error::Store`].
    pub fn load(&mut self) -> Result<HashMap<StreamKey, Cursor>, Error> {
        let Some(store) = &mut self.store else { return Ok(HashMap::new()) };
        Ok(store.cursors().map_err(Error::Store)?.into_iter().collect())
    }

    /// The stored row at each cursor without an epoch, where the store has it.
    ///
    /// # Errors
    /// [`Error::Store`].
    pub fn anchors(
        &mut self,
        cursors: &HashMap<StreamKey, Cursor>,
    ) -> Result<HashMap<StreamKey, Digest>, Error> {
        let Some(store) = &mut self.store else { return Ok(HashMap::new()) };
        let mut anchors = HashMap::new();
        for (key, cursor) in cursors {
            if !cursor.epoch.is_stated() && cursor.applied != Seq::NONE {
                let digest = store.row_digest(key, cursor.applied).map_err(Error::Store)?;
                anchors.extend(digest.map(|digest| (key.clone(), digest)));
            }
        }
        Ok(anchors)
    }

    /// A stream resumes at a stored cursor.
    pub fn resume(&mut self, cursors: &HashMap<StreamKey, Cursor>) {
        self.cursors.clone_from(cursors);
    }

    /// Where a stream stands.
    pub fn cursor(&self, key: &StreamKey) -> Option<Cursor> {
        self.cursors.get(key).copied()
    }

    /// The application asks for the next event: it is done with the one before, if that is the mode.
    ///
    /// # Errors
    /// [`Error::Store`].
    pub fn done_with_current(&mut self) -> Result<(), Error> {
        match self.current.take() {
            Some(event) => self.apply(event),
            None => Ok(()),
        }
    }

    /// `event` is about to be handed over.
    ///
    /// # Errors
    /// [`Error::Store`].
    pub fn hand_over(&mut self, event: &Event) -> Result<(), Error> {
        if let Event::Rows(batch) = event {
            // Where this subscription began is where its cursor stands until something is acknowledged.
            let begin = Cursor { epoch: batch.epoch, applied: batch.start.previous() };
            self.cursors.entry(batch.key.clone()).or_insert(begin);
        }
        if on(Bug::CursorBeforeRows) {
            self.move_ahead(event)?;
        }
        match (event.moves_cursor(), self.mode) {
            (true, Acknowledge::OnNext) => self.current = Some(self.copy(event)),
            (true, Acknowledge::Explicit) => {}
            // Nothing to be done with it by the application: it goes into the books as it passes.
            (false, _) if is_for_the_store(event) => self.tell_store(event.clone())?,
            (false, _) => {}
        }
        Ok(())
    }

    /// The application is done with `event`.
    ///
    /// # Errors
    /// [`Error::AckOrder`] when events before it were not acknowledged; [`Error::Store`].
    pub fn ack(&mut self, event: Event) -> Result<(), Error> {
        if event.moves_cursor() { self.apply(event) } else { Ok(()) }
    }

    /// When [`Ledger::commit_if_due`] wants to be called.
    pub fn due(&self) -> Option<Instant> {
        self.store.as_ref().and_then(|store| store.due())
    }

    /// Commits when it is time to.
    ///
    /// # Errors
    /// [`Error::Store`].
    pub fn commit_if_due(&mut self, now: Instant) -> Result<(), Error> {
        if self.due().is_some_and(|due| due <= now) { self.commit() } else { Ok(()) }
    }

    /// Writes everything acknowledged so far.
    ///
    /// # Errors
    /// [`Error::Store`].
    pub fn commit(&mut self) -> Result<(), Error> {
        match &mut self.store {
            Some(store) => store.commit().map_err(Error::Store),
            None => Ok(()),
        }
    }

    fn apply(&mut self, event: Event) -> Result<(), Error> {
        let key = event.key().clone();
        let stands = self.cursors.get(&key).copied();
        if stands.is_none() && matches!(event, Event::Rewind { .. }) {
            // It began at the end and nothing was handed over since: nothing is taken back.
            return Ok(());
        }
        let Some(cursor) = moved(stands.unwrap_or_default(), &event)? else { return Ok(()) };
        if let Some(store) = &mut self.store {
            store.apply(event, cursor).map_err(Error::Store)?;
        }
        self.cursors.insert(key, cursor);
        Ok(())
    }

    /// A mistake: the cursor is told before the rows.
    fn move_ahead(&mut self, event: &Event) -> Result<(), Error> {
        let Event::Rows(batch) = event else { return Ok(()) };
        let marker = gapless_model::Batch {
            rows: Rows::empty(batch.kind()),
            start: batch.range().end(),
            ..batch.clone()
        };
        let cursor = Cursor { epoch: batch.epoch, applied: batch.range().last() };
        match &mut self.store {
            Some(store) => store.apply(Event::Rows(marker), cursor).map_err(Error::Store),
            None => Ok(()),
        }
    }

    fn tell_store(&mut self, event: Event) -> Result<(), Error> {
        let cursor = self.cursor(event.key()).unwrap_or_default();
        match &mut self.store {
            Some(store) => store.apply(event, cursor).map_err(Error::Store),
            None => Ok(()),
        }
    }

    /// What has to be remembered of an event that the application works on.
    fn copy(&self, event: &Event) -> Event {
        let keeps_rows = self.store.as_ref().is_some_and(|store| store.keeps_rows());
        match event {
            Event::Rows(batch) if !keeps_rows => {
                let mut marker = gapless_model::Batch::unsequenced(
                    batch.key.clone(),
                    batch.flags,
                    Rows::empty(batch.kind()),
                );
                marker.epoch = batch.epoch;
                marker.start = batch.range().end();
                Event::Rows(marker)
            }
            other => other.clone(),
        }
    }
}

/// Where the cursor stands after `event`; `None` when it lies behind the cursor already.
fn moved(stands: Cursor, event: &Event) -> Result<Option<Cursor>, Error> {
    let at = |epoch, applied| Ok(Some(Cursor { epoch, applied }));
    match event {
        // A marker without rows stands for rows that were handed over in order.
        Event::Rows(batch) if batch.rows.is_empty() => {
            at(batch.epoch.max(stands.epoch), batch.start.previous())
        }
        Event::Rows(batch) if batch.range().last() <= stands.applied => Ok(None),
        Event::Rows(batch) if batch.start != stands.applied.next() => {
            Err(Error::AckOrder { key: batch.key.clone(), cursor: stands.applied, found: batch.start })
        }
        // Replayed rows may be of an older epoch than the one that is followed.
        Event::Rows(batch) => at(batch.epoch.max(stands.epoch), batch.range().last()),
        Event::Truncated { epoch, range, .. } => at(*epoch, stands.applied.max(range.last())),
        Event::Rewind { to, keep, .. } => at(*to, stands.applied.min(*keep)),
        Event::Reset { to, .. } => at(*to, Seq::NONE),
        Event::GapOpened { .. }
        | Event::GapHealed { .. }
        | Event::GapVoid { .. }
        | Event::State(_)
        | Event::Health { .. }
        | Event::CaughtUp { .. } => Ok(None),
    }
}

/// Whether a store may want it although the cursor does not move.
fn is_for_the_store(event: &Event) -> bool {
    matches!(event, Event::GapOpened { .. } | Event::GapHealed { .. } | Event::GapVoid { .. })
}

#[cfg(test)]
mod tests;
