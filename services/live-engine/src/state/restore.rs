//! State out of a checkpoint, and what a checkpoint takes of it.

use super::{State, StreamIndex, StreamState};
use crate::window::Window;
use gapless_model::{Batch, Epoch, Flags, Position, StreamKey, Watermark};
use std::sync::Arc;

/// One stream as a checkpoint has it.
#[derive(Debug, Clone)]
pub(crate) struct Restored {
    pub(crate) key: StreamKey,
    pub(crate) watermark: Watermark,
    pub(crate) flags: Flags,
    pub(crate) is_cut: bool,
    pub(crate) window: Option<Batch>,
}

impl State {
    /// A state after `position`, without its streams yet.
    pub(crate) fn at(mut self, epoch: Epoch, position: Position) -> State {
        // Streams that are cut count one loss less than there was.
        (self.epoch, self.position, self.cuts) = (epoch, position, 1);
        self
    }

    /// The next stream, in the order of appearance; `None` when it is one too many or there already.
    pub(crate) fn restore(&mut self, restored: Restored) -> Option<StreamIndex> {
        if self.by_key.contains_key(&restored.key) {
            return None;
        }
        let stream = self.open(&restored.key)?;
        let window = Window::restore(self.window_rows, restored.window.map(|batch| batch.rows));
        let entry = Arc::make_mut(self.streams.get_mut(stream.0 as usize)?);
        let Watermark { latest, latest_ts, digest, .. } = restored.watermark;
        (entry.latest, entry.latest_ts, entry.digest) = (latest, latest_ts, digest);
        entry.flags = restored.flags;
        entry.cuts = u32::from(!restored.is_cut);
        entry.window = window;
        Some(stream)
    }

    /// All streams, shared: they stay as they are now whatever comes.
    pub(crate) fn share(&self) -> Vec<Arc<StreamState>> {
        self.streams.clone()
    }
}
