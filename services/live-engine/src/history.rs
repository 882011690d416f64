//! Where an engine begins: at the newest checkpoint that can be used, or at the journal's beginning.

use crate::derive::Rule;
use crate::engine::{Engine, Limits};
use crate::error::Error;
use crate::restart::Restart;
use gapless_checkpoint::{Checkpoint, CheckpointFolder, Header};
use gapless_disk::RealDisk;
use gapless_model::{Position, Seq};
use gapless_protocol::Begin;
use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

/// The checkpoints, if there is a folder for them.
pub(crate) struct History {
    folder: Option<CheckpointFolder>,
}

impl History {
    /// An empty path means that there are none.
    pub(crate) fn open(dir: &Path) -> Result<History, Error> {
        let is_none = dir.as_os_str().is_empty();
        let folder = (!is_none).then(|| CheckpointFolder::open(Arc::new(RealDisk), dir)).transpose()?;
        Ok(History { folder })
    }

    /// The engine to go on with, and where in the journal. `before` is the one that it replaces, if any.
    pub(crate) fn begin(
        &self,
        limits: &Limits,
        rules: &[Rule],
        restart: Restart,
        before: Option<&Engine>,
    ) -> (Engine, Begin) {
        let mut refused: Vec<Header> = Vec::new();
        while let Some(checkpoint) = self.newest(restart, &refused) {
            match restore(limits, rules, &checkpoint, before) {
                Some(engine) => {
                    let Header { epoch, position, .. } = *checkpoint.header();
                    return (engine, Begin::Cursor { epoch, applied: Seq(position.0) });
                }
                None => refused.push(*checkpoint.header()),
            }
        }
        tracing::info!("no checkpoint to begin from: reading the journal from its beginning");
        (Engine::new(limits, rules, before), Begin::Earliest)
    }

    fn newest(&self, restart: Restart, refused: &[Header]) -> Option<Checkpoint> {
        let folder = self.folder.as_ref()?;
        let fits = |header: &Header| {
            header.partition == 0
                && restart.allows(header.epoch, header.position)
                && !refused.contains(header)
        };
        match folder.newest_valid_where(fits) {
            Ok(found) => {
                for skipped in found.skipped.iter().filter(|_| refused.is_empty()) {
                    let (file, reason) = (skipped.path.display(), &skipped.damage);
                    tracing::warn!(%file, %reason, "a checkpoint is damaged: the one before is used");
                }
                found.checkpoint
            }
            Err(error) => {
                tracing::error!(%error, "the checkpoints cannot be looked at");
                None
            }
        }
    }
}

fn restore(
    limits: &Limits,
    rules: &[Rule],
    checkpoint: &Checkpoint,
    before: Option<&Engine>,
) -> Option<Engine> {
    let begin = Instant::now();
    let Header { epoch, position, .. } = *checkpoint.header();
    match Engine::restore(limits, rules, checkpoint.parts(), before) {
        Ok(engine) if (engine.state().epoch(), engine.state().position()) == (epoch, position) => {
            let (streams, bytes) = (engine.state().len(), checkpoint.bytes().len());
            let seconds = begin.elapsed().as_secs_f64();
            tracing::info!(position = position.0, streams, bytes, seconds, "restored from a checkpoint");
            Some(engine)
        }
        Ok(_) => {
            not_used(position, "its parts are those of another position");
            None
        }
        Err(error) => {
            not_used(position, &error.to_string());
            None
        }
    }
}

fn not_used(position: Position, reason: &str) {
    let file = gapless_checkpoint::file_name(position);
    tracing::warn!(file, reason, "a checkpoint cannot be used: the one before is");
}
