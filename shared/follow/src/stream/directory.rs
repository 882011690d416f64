//! The streams that are followed, by number and by topic.

use super::Select;
use crate::Progress;
use gapless_model::{Seq, StreamKey};
use gapless_protocol::Continuity;
use std::collections::{HashMap, VecDeque};

/// One followed stream.
pub(crate) struct Stream {
    pub(crate) key: StreamKey,
    /// Its newest row as a version 1 server last told, whose replies do not.
    pub(crate) latest: Seq,
    /// Whether its server, if it states no epochs, still tells the same history.
    pub(crate) continuity: Continuity,
    /// Whether its status was last asked in version 2, which an old server may leave unanswered.
    pub(crate) asked_in_version2: bool,
    /// What the application was told last.
    pub(crate) told: Option<Progress>,
    dirty: bool,
}

pub(crate) struct Directory {
    select: Select,
    max_streams: usize,
    streams: Vec<Stream>,
    by_topic: HashMap<Box<[u8]>, u32>,
    dirty: VecDeque<u32>,
    warned: bool,
}

impl Directory {
    pub(crate) fn new(select: Select, max_streams: usize) -> Directory {
        Directory {
            select,
            max_streams,
            streams: Vec::new(),
            by_topic: HashMap::new(),
            dirty: VecDeque::new(),
            warned: false,
        }
    }

    pub(crate) fn select(&self) -> &Select {
        &self.select
    }

    /// The stream with exactly this topic.
    pub(crate) fn find(&self, topic: &[u8]) -> Option<u32> {
        self.by_topic.get(topic).copied()
    }

    pub(crate) fn get(&self, log: u32) -> Option<&Stream> {
        self.streams.get(log as usize)
    }

    pub(crate) fn get_mut(&mut self, log: u32) -> Option<&mut Stream> {
        self.streams.get_mut(log as usize)
    }

    /// All of them, by number.
    pub(crate) fn iter_mut(&mut self) -> impl Iterator<Item = (u32, &mut Stream)> {
        (0..).zip(self.streams.iter_mut())
    }

    /// Whether a stream that was found shall be followed too.
    pub(crate) fn wants(&self, topic: &str) -> bool {
        match &self.select {
            Select::Prefixes(prefixes) => prefixes.iter().any(|prefix| topic.starts_with(prefix.as_str())),
            Select::Topics(_) => false,
        }
    }

    /// Adds a stream that is not there yet; `None` when there are too many.
    pub(crate) fn add(&mut self, key: StreamKey) -> Option<u32> {
        if self.streams.len() >= self.max_streams {
            if !self.warned {
                self.warned = true;
                tracing::warn!(limit = self.max_streams, stream = %key, "too many streams: more are ignored");
            }
            return None;
        }
        let log = u32::try_from(self.streams.len()).ok()?;
        self.by_topic.insert(key.topic().into_bytes().into(), log);
        self.streams.push(Stream {
            key,
            latest: Seq::NONE,
            continuity: Continuity::default(),
            asked_in_version2: false,
            told: None,
            dirty: false,
        });
        Some(log)
    }

    pub(crate) fn mark(&mut self, log: u32) {
        if let Some(stream) = self.streams.get_mut(log as usize)
            && !stream.dirty
        {
            stream.dirty = true;
            self.dirty.push_back(log);
        }
    }

    /// A stream that was touched since it was last taken.
    pub(crate) fn take_marked(&mut self) -> Option<u32> {
        let log = self.dirty.pop_front()?;
        if let Some(stream) = self.streams.get_mut(log as usize) {
            stream.dirty = false;
        }
        Some(log)
    }
}
