//! What live-engine says of streams: how far it is, and its running digest.

use super::{ASK, CATCH_UP};
use anyhow::Result;
use gapless::{Client, Position, StreamKey, Watermark};
use std::collections::BTreeMap;
use std::time::Instant;

pub(super) struct Live {
    watermarks: BTreeMap<StreamKey, Watermark>,
}

impl Live {
    /// Asks until the engine has folded the journal up to `journal`, at most [`CATCH_UP`].
    pub(super) fn read(client: &Client, prefix: &str, journal: Option<Position>) -> Result<Live> {
        let end = Instant::now() + CATCH_UP;
        loop {
            let states = client.state(prefix)?;
            let behind = journal.is_some_and(|goal| states.iter().any(|state| state.position < goal));
            if (behind || states.is_empty()) && Instant::now() < end {
                std::thread::sleep(ASK);
                continue;
            }
            return Ok(Live {
                watermarks: states.into_iter().map(|state| (state.key, state.watermark)).collect(),
            });
        }
    }

    pub(super) fn watermark(&self, key: &StreamKey) -> Option<&Watermark> {
        self.watermarks.get(key)
    }
}
