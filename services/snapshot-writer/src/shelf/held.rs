//! Events that an artifact could not take: it could not be begun, completed or corrected on the disk. They wait in
//! their order, and so do all later ones of that artifact's streams.

use crate::manifest::Group;
use crate::name::group_name;
use gapless::Event;
use gapless_model::StreamKey;
use std::collections::{BTreeMap, VecDeque};

/// Events that wait, by the name of the artifacts that they are for.
#[derive(Debug, Default)]
pub(super) struct Held {
    by_name: BTreeMap<String, VecDeque<Event>>,
}

impl Held {
    /// Whether events for artifacts of that name wait.
    pub(super) fn has(&self, name: &str) -> bool {
        self.by_name.contains_key(name)
    }

    /// The names.
    pub(super) fn names(&self) -> impl Iterator<Item = &String> {
        self.by_name.keys()
    }

    /// Puts an event behind the others.
    pub(super) fn push(&mut self, name: &str, event: Event) {
        self.by_name.entry(name.to_owned()).or_default().push_back(event);
    }

    /// Puts back what was taken out.
    pub(super) fn put_back(&mut self, name: &str, event: Event) {
        self.by_name.entry(name.to_owned()).or_default().push_front(event);
    }

    /// Takes the first event out.
    pub(super) fn take(&mut self, name: &str) -> Option<Event> {
        let events = self.by_name.get_mut(name)?;
        let event = events.pop_front();
        if events.is_empty() {
            self.by_name.remove(name);
        }
        event
    }

    /// How many rows wait, and about how many bytes of memory everything takes.
    pub(super) fn waiting(&self) -> (u64, u64) {
        let sum = |(rows, bytes), (r, b)| (rows + r, bytes + b);
        self.by_name.values().flatten().map(size).fold((0, 0), sum)
    }
}

/// The name of the artifacts that an event is for; `None` when none has to know of it.
pub(super) fn name_for(group: Group, event: &Event) -> Option<String> {
    concerned(event).map(|key| group_name(group, key))
}

/// The rows of an event, and about how much memory it takes.
pub(super) fn size(event: &Event) -> (u64, u64) {
    let own = size_of::<Event>() as u64;
    match event {
        Event::Rows(batch) => (batch.rows.len() as u64, own + batch.rows.approx_bytes() as u64),
        _ => (0, own),
    }
}

fn concerned(event: &Event) -> Option<&StreamKey> {
    match event {
        Event::Rows(batch) => Some(&batch.key),
        Event::Truncated { key, .. } | Event::Rewind { key, .. } | Event::Reset { key, .. } => Some(key),
        Event::GapOpened { .. }
        | Event::GapHealed { .. }
        | Event::GapVoid { .. }
        | Event::State(_)
        | Event::Health { .. }
        | Event::CaughtUp { .. } => None,
    }
}
