//! Where an engine begins: at the newest checkpoint that can be used, or at the journal's beginning.
//!
//! It says what it passed over instead of logging it, so that whoever drives an engine can tell.

use crate::derive::Rule;
use crate::engine::{Engine, Limits};
use crate::restart::Restart;
use gapless_checkpoint::{Checkpoint, CheckpointFolder, FolderError, Header, Skipped, file_name};
use gapless_disk::Disk;
use gapless_model::Seq;
use gapless_protocol::Begin;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// The checkpoints, if there is a folder for them.
#[derive(Debug)]
pub struct History {
    folder: Option<CheckpointFolder>,
}

/// Where an engine begins.
#[derive(Debug)]
pub struct Beginning {
    /// The engine to go on with.
    pub engine: Engine,
    /// Where in the journal it goes on.
    pub begin: Begin,
    /// What it was restored from; `None`: from nothing, the journal is read from its beginning.
    pub checkpoint: Option<Checkpoint>,
    /// Newer checkpoints that could not be used.
    pub passed_over: Vec<PassedOver>,
    /// Why no checkpoint could be looked at.
    pub unreadable: Option<FolderError>,
}

/// A checkpoint that could not be used: the one before is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PassedOver {
    /// Its file.
    pub file: PathBuf,
    /// Why not.
    pub reason: String,
}

impl History {
    /// The checkpoints in `dir` on `disk`; an empty path means that there are none.
    ///
    /// # Errors
    /// [`FolderError`] when the folder cannot be made.
    pub fn open(disk: Arc<dyn Disk>, dir: &Path) -> Result<History, FolderError> {
        let is_none = dir.as_os_str().is_empty();
        let folder = (!is_none).then(|| CheckpointFolder::open(disk, dir)).transpose()?;
        Ok(History { folder })
    }

    /// The engine to go on with, and where in the journal. `before` is the one that it replaces, if any.
    pub fn begin(
        &self,
        limits: &Limits,
        rules: &[Rule],
        restart: Restart,
        before: Option<&Engine>,
    ) -> Beginning {
        let mut beginning = Beginning {
            engine: Engine::new(limits, rules, before),
            begin: Begin::Earliest,
            checkpoint: None,
            passed_over: Vec::new(),
            unreadable: None,
        };
        let mut refused: Vec<Header> = Vec::new();
        while let Some(checkpoint) = self.newest(restart, &refused, &mut beginning) {
            let header = *checkpoint.header();
            match restore(limits, rules, &checkpoint, before) {
                Ok(engine) => {
                    let Header { epoch, position, .. } = header;
                    let begin = Begin::Cursor { epoch, applied: Seq(position.0) };
                    return Beginning { engine, begin, checkpoint: Some(checkpoint), ..beginning };
                }
                Err(reason) => {
                    let file = self.path(&header);
                    beginning.passed_over.push(PassedOver { file, reason });
                    refused.push(header);
                }
            }
        }
        beginning
    }

    fn path(&self, header: &Header) -> PathBuf {
        let name = file_name(header.position);
        self.folder.as_ref().map_or_else(|| PathBuf::from(&name), |folder| folder.dir().join(&name))
    }

    fn newest(&self, restart: Restart, refused: &[Header], beginning: &mut Beginning) -> Option<Checkpoint> {
        let folder = self.folder.as_ref()?;
        let fits = |header: &Header| {
            header.partition == 0
                && restart.allows(header.epoch, header.position)
                && !refused.contains(header)
        };
        match folder.newest_valid_where(fits) {
            Ok(found) => {
                for Skipped { path, damage } in found.skipped {
                    let skipped = PassedOver { file: path, reason: damage.to_string() };
                    if !beginning.passed_over.contains(&skipped) {
                        beginning.passed_over.push(skipped);
                    }
                }
                found.checkpoint
            }
            Err(error) => {
                beginning.unreadable = Some(error);
                None
            }
        }
    }
}

/// The engine that a checkpoint holds, or why it holds none.
fn restore(
    limits: &Limits,
    rules: &[Rule],
    checkpoint: &Checkpoint,
    before: Option<&Engine>,
) -> Result<Engine, String> {
    let Header { epoch, position, .. } = *checkpoint.header();
    let engine = Engine::restore(limits, rules, checkpoint.parts(), before);
    let engine = engine.map_err(|error| error.to_string())?;
    if (engine.state().epoch(), engine.state().position()) == (epoch, position) {
        return Ok(engine);
    }
    Err("its parts are those of another position".into())
}
