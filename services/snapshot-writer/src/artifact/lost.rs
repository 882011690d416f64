//! An artifact whose folder was removed while it was being written.
//!
//! What waits in memory is still known, what was written is not. So it is begun again under its name, and the rows
//! that were in it are listed as missing: a manifest never names what is not there. To fetch them again was rejected:
//! something that removes folders regularly would make the writer read everything again each time, and streams are
//! followed together.

use super::folder::{is_gone, make_folder};
use super::{Artifact, Slot, hole};
use crate::clock;
use crate::error::Error;
use crate::manifest::{MANIFEST, Manifest, StreamRecord};
use crate::record::{Item, Stand};
use gapless_model::{Epoch, Seq};
use std::path::Path;

/// Why rows of an artifact are missing that was begun again.
const REMOVED: &str = "their files were removed";

impl Artifact {
    /// Whether its folder, or its manifest and a file that it names, is gone. A manifest that is missing alone is
    /// written again.
    ///
    /// # Errors
    /// When it cannot be told.
    pub(crate) fn is_lost(&self) -> Result<bool, Error> {
        if !is_gone(&self.folder.join(MANIFEST))? {
            return Ok(false);
        }
        for file in self.slots.iter().flat_map(|slot| &slot.durable.parts).flat_map(|part| &part.files) {
            if is_gone(&self.folder.join(&file.name))? {
                return Ok(true);
            }
        }
        Ok(!self.folder.is_dir())
    }

    /// Begins it again without what was in it. What waits still waits.
    ///
    /// # Errors
    /// When the disk does not take it: then nothing has changed here.
    pub(crate) fn begin_again(&mut self) -> Result<(), Error> {
        let base = self.folder.parent().unwrap_or(Path::new("")).to_path_buf();
        let rows: u64 = self.slots.iter().map(|slot| slot.durable.rows).sum();
        let slots: Vec<Slot> = self.slots.iter().map(Slot::without_files).collect();
        let streams = slots.iter().map(|slot| slot.durable.clone()).collect();
        let head = Manifest { streams, updated_at: clock::text(clock::now()), ..self.head.clone() };
        make_folder(&base, &head)?;
        self.slots = slots;
        self.latest.touch();
        tracing::error!(artifact = %self.folder.display(), rows,
            "the folder of an artifact was removed: it is begun again with what was not written yet, and lists the rows \
             that were in it as missing; to have them written anew, remove it while the writer is stopped");
        Ok(())
    }
}

impl Slot {
    /// As if its rows had not been to be had.
    fn without_files(&self) -> Slot {
        let old = &self.durable;
        let firsts = [old.parts.first().map(|part| part.first), old.truncated.first().map(|hole| hole.from)];
        let mut durable = old.clone();
        if let Some(first) = firsts.into_iter().flatten().min() {
            durable = StreamRecord::begin(&self.key, Stand::default());
            durable.closed = old.closed;
            let (last, epoch) = (Seq(old.cursor.sequence), Epoch(old.cursor.epoch));
            durable.take(&Item::Hole(hole(Seq(first), last, epoch, REMOVED.into())));
        }
        let next = self.buffer.applied_to(&durable);
        Slot { key: self.key.clone(), durable, next, buffer: self.buffer.clone(), absorbs: true }
    }
}
