//! What the journal says of its streams, where its records do not tell.

use super::{State, StreamIndex, StreamState};
use gapless_model::{Digest, Epoch, Position, Seq, StreamStatus, UnixNanos, Watermark};
use std::collections::HashSet;
use std::sync::Arc;

/// Where a stream stands that the journal does not know.
const NOWHERE: Watermark = Watermark {
    epoch: Epoch::UNSTATED,
    earliest: Seq::NONE,
    latest: Seq::NONE,
    latest_ts: UnixNanos(0),
    digest: Digest(0),
};

/// What a view changed.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Viewed {
    /// Streams that were not known: no record of theirs is left.
    pub(crate) opened: Vec<StreamIndex>,
    /// Streams that stand elsewhere than was read here.
    pub(crate) moved: Vec<StreamIndex>,
    /// How many streams did not fit.
    pub(crate) left_out: usize,
}

impl State {
    /// The journal's view of its streams after the record at `at`, which was read here, or is lost. A stream
    /// of which no later record was read stands where the view says.
    pub(crate) fn take_view(&mut self, streams: &[StreamStatus], at: Position) -> Viewed {
        let mut viewed = Viewed::default();
        for told in streams {
            let known = self.by_key.get(&told.key).copied();
            let Some(stream) = known.or_else(|| self.open(&told.key)) else {
                viewed.left_out += 1;
                continue;
            };
            if self.stand(stream, &told.watermark, at) {
                let changed = if known.is_some() { &mut viewed.moved } else { &mut viewed.opened };
                changed.push(stream);
            }
        }
        let told: HashSet<_> = streams.iter().map(|told| &told.key).collect();
        let untold = self.iter().filter(|(_, stream)| !told.contains(&stream.key)).map(|(stream, _)| stream);
        for stream in untold.collect::<Vec<_>>() {
            if self.stand(stream, &NOWHERE, at) {
                viewed.moved.push(stream);
            }
        }
        viewed
    }

    /// Whether the stream stood elsewhere.
    fn stand(&mut self, stream: StreamIndex, told: &Watermark, at: Position) -> bool {
        let cuts = self.cuts;
        let Some(entry) = self.streams.get_mut(stream.0 as usize).filter(|entry| entry.last <= at) else {
            return false;
        };
        let stands_there = (entry.latest, entry.digest) == (told.latest, told.digest);
        if !stands_there || entry.cuts != cuts {
            let entry = Arc::make_mut(entry);
            entry.cuts = cuts;
            if !stands_there {
                entry.stand(told);
            }
        }
        !stands_there
    }
}

impl StreamState {
    /// Its rows up to there are not known here.
    fn stand(&mut self, at: &Watermark) {
        (self.latest, self.latest_ts, self.digest) = (at.latest, at.latest_ts, at.digest);
        self.window.clear();
    }
}
