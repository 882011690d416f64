//! Noticing that the files are not what they were.
//!
//! Somebody who puts an older copy of the folder back, or takes the folder away, changes nothing that a record could
//! show: the older copy is whole, and a removed file can still be written. But a follower that has more records than
//! the journal proves the one, and a look at the name of the file being written the other. To go on would give the
//! same numbers to other records, or acknowledge what nobody will find again; so nothing is taken any more, and
//! readers are served on. Stopping the process was rejected: started again at once, it would go on all the same.

use crate::error::io_error;
use crate::{Journal, JournalError};
use gapless_model::Position;
use std::io::ErrorKind;
use std::path::PathBuf;
use std::sync::OnceLock;

/// A file that is written meanwhile may have any length; one that is another one has so each time.
const LOOKS: usize = 3;

/// Why nothing is taken any more, if it is so; each is said once and stays.
#[derive(Debug, Default)]
pub(crate) struct Halts {
    overtaken: OnceLock<String>,
    /// Then nothing is written either: the folder may be another journal's.
    displaced: OnceLock<String>,
}

impl Journal {
    /// Why nothing is taken any more although the disk is well: [`JournalError::Halted`]. It stays so until the
    /// journal is opened again.
    pub fn halted(&self) -> Option<JournalError> {
        let Halts { overtaken, displaced } = &self.shared.halts;
        displaced.get().or(overtaken.get()).cloned().map(|reason| JournalError::Halted { reason })
    }

    /// A follower has records of this epoch that are not here.
    pub(crate) fn overtaken_by(&self, follower: &str, acknowledged: Position, latest: Position) {
        let opened_at = self.shared.opened_at;
        let reason = format!(
            "follower {follower:?} has acknowledged record {acknowledged} of the current epoch, but the journal ends at \
             {latest} (at {opened_at} when it was opened): an older copy of it was put back, or records were lost. Put \
             the newer journal back; or, to go on from here, restart the service: it then begins a new epoch"
        );
        if self.shared.halts.overtaken.set(reason.clone()).is_ok() {
            tracing::error!(follower, %acknowledged, %latest, %opened_at, reason, "the journal takes no more records");
        }
    }

    /// Whether the files are in their place, as far as is known.
    pub(crate) fn check_place(&self) -> Result<(), JournalError> {
        match self.shared.halts.displaced.get() {
            Some(reason) => Err(JournalError::Halted { reason: reason.clone() }),
            None => Ok(()),
        }
    }

    /// Looks whether the file being written is still there under its name.
    pub(crate) fn look_at_place(&self) -> Result<(), JournalError> {
        self.check_place()?;
        let mut found = None;
        for _ in 0..LOOKS {
            found = self.displaced()?;
            if found.is_none() {
                return Ok(());
            }
        }
        if let Some((path, what)) = found {
            let reason = format!(
                "{} {what}: the journal's folder was removed, moved or replaced while the service ran. Stop the \
                 service, put the folder back, and start it again; what was acknowledged shortly before may be lost",
                path.display()
            );
            if self.shared.halts.displaced.set(reason.clone()).is_ok() {
                tracing::error!(file = %path.display(), reason, "the journal takes no more records");
            }
        }
        self.check_place()
    }

    /// The file being written, and what became of its name, if anything did.
    fn displaced(&self) -> Result<Option<(PathBuf, &'static str)>, JournalError> {
        let path = self.shared.log().segments.back().map(|segment| segment.path.clone());
        let Some(path) = path else { return Ok(None) };
        let failed = |error| io_error("look at", &path)(error);
        let own = self.shared.syncer.file();
        let before = own.len().map_err(failed)?;
        let named = match self.shared.disk.open(&path, false) {
            Ok(file) => file.len().map_err(failed)?,
            Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => {
                return Ok(Some((path, "is not there any more")));
            }
            Err(error) => return Err(failed(error)),
        };
        let after = own.len().map_err(failed)?;
        let is_own = (before.min(after)..=before.max(after)).contains(&named);
        Ok((!is_own).then_some((path, "is not the file any more that is being written")))
    }
}
