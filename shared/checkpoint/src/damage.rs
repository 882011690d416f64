//! Why a file is not a checkpoint.

use crate::FORMAT;
use gapless_model::Position;

/// Why bytes are not a checkpoint. None of them is read further.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Damage {
    /// It begins with something else.
    #[error("it does not begin as a checkpoint does")]
    Magic,
    /// A later release wrote it: upgrade, or let this release write its own.
    #[error("its format is {found}, this release reads {FORMAT}")]
    Format {
        /// What the header says.
        found: u32,
    },
    /// The header is not what was written.
    #[error("the checksum of its header is wrong")]
    Header,
    /// It ends too early.
    #[error("it ends after {bytes} bytes, inside {what}")]
    Cut {
        /// Its length.
        bytes: u64,
        /// What is missing.
        what: &'static str,
    },
    /// A part is not what was written.
    #[error("the checksum of part {part} is wrong")]
    Part {
        /// Which one, from 0.
        part: u32,
    },
    /// Some byte between the parts is not what was written.
    #[error("the checksum of the whole file is wrong")]
    Whole,
    /// It goes on after its end.
    #[error("{bytes} bytes follow its end")]
    Trailing {
        /// How many.
        bytes: u64,
    },
    /// It is larger than any checkpoint.
    #[error("it has {bytes} bytes, more than any checkpoint")]
    TooLarge {
        /// Its length.
        bytes: u64,
    },
    /// It was renamed.
    #[error("its name says another position than its header, {inside}")]
    Renamed {
        /// What the header says.
        inside: Position,
    },
    /// The disk does not give it.
    #[error("it cannot be read: {0}")]
    Unreadable(String),
}
