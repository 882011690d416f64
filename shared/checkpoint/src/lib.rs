//! Checkpoints of the live engine's state, as files in a folder.
//!
//! A [`Checkpoint`] is one file: a header that names a journal position, the parts that the engine encoded
//! (opaque here), and checksums over everything. A [`CheckpointFolder`] writes them, finds the newest one
//! that is whole, and removes old ones.
//!
//! It knows nothing of what the parts say (that is `gapless-wire` and the live engine), and it decides
//! nothing about when to write.
//!
//! # Invariants
//! - A file is whole and durable under its name, or it has no such name.
//! - Every flipped bit and every missing or added byte is noticed: a damaged file is never handed out.
//! - A file was read back and found whole before it got its name; only then is an older one removed.
//!
//! ```
//! use gapless_checkpoint::{Checkpoint, CheckpointFolder, Header};
//! use gapless_disk::RealDisk;
//! use gapless_model::{Epoch, Position};
//! use std::sync::Arc;
//!
//! let dir = tempfile::tempdir()?;
//! let folder = CheckpointFolder::open(Arc::new(RealDisk), dir.path())?;
//! let header = Header { partition: 0, epoch: Epoch(7), position: Position(100), streams: 1 };
//! folder.write(&Checkpoint::new(header, [b"state"])?)?;
//! let found = folder.newest_valid()?;
//! assert_eq!(found.checkpoint.unwrap().parts().collect::<Vec<_>>(), [b"state"]);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing))]

mod checkpoint;
mod damage;
mod folder;
#[cfg(any(test, feature = "fuzzing"))]
pub mod fuzzing;
mod header;

pub use checkpoint::{Checkpoint, MAX_FILE_BYTES, MAX_PART_BYTES, PartError};
pub use damage::Damage;
pub use folder::{Checked, CheckpointFolder, FolderError, Found, Skipped, file_name};
pub use header::{FORMAT, Header};

#[cfg(test)]
mod tests;
