//! The streams of one page of a state request.

use super::{State, StreamIndex};
use crate::derive::Forming;
use gapless_model::StreamKey;
use std::collections::BTreeMap;
use std::ops::Bound;
use std::sync::Arc;

/// Some streams in the order of their topics.
#[derive(Debug)]
pub(crate) struct Page<'a> {
    pub(crate) entries: Vec<PageEntry<'a>>,
    pub(crate) has_more: bool,
}

/// One stream: its state when it has rows, its forming bar when it is derived.
#[derive(Debug)]
pub(crate) struct PageEntry<'a> {
    pub(crate) key: &'a StreamKey,
    pub(crate) stream: Option<StreamIndex>,
    pub(crate) forming: Option<&'a Forming>,
}

impl State {
    /// At most `limit` streams whose topics begin with `prefix` and come after `after`. A derived stream
    /// whose first bar is still forming is among them.
    pub(crate) fn page<'a>(
        &'a self,
        forming: &'a BTreeMap<Arc<str>, Forming>,
        prefix: &'a str,
        after: &str,
        limit: usize,
    ) -> Page<'a> {
        let mut topics: BTreeMap<&str, PageEntry<'a>> = BTreeMap::new();
        for (topic, stream) in first(&self.by_topic, prefix, after, limit) {
            if let Some(state) = self.get(*stream) {
                let entry = PageEntry { key: &state.key, stream: Some(*stream), forming: None };
                topics.insert(topic, entry);
            }
        }
        for (topic, bar) in first(forming, prefix, after, limit) {
            let stream = self.by_topic.get(topic).copied();
            topics.insert(topic, PageEntry { key: &bar.key, stream, forming: Some(bar) });
        }
        let has_more = topics.len() > limit;
        Page { entries: topics.into_values().take(limit).collect(), has_more }
    }
}

/// One more than `limit`, to tell whether there are more.
fn first<'a, V>(
    map: &'a BTreeMap<Arc<str>, V>,
    prefix: &'a str,
    after: &str,
    limit: usize,
) -> impl Iterator<Item = (&'a str, &'a V)> {
    let from = if after >= prefix { Bound::Excluded(after) } else { Bound::Included(prefix) };
    map.range::<str, _>((from, Bound::Unbounded))
        .map(|(topic, value)| (&**topic, value))
        .take_while(move |(topic, _)| topic.starts_with(prefix))
        .take(limit.saturating_add(1))
}
