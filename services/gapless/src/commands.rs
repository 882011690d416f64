//! One module per command.

pub(crate) mod act;
pub(crate) mod completions;
pub(crate) mod demo;
pub(crate) mod export;
pub(crate) mod probe;
pub(crate) mod replay;
pub(crate) mod send;
pub(crate) mod simulate;
pub(crate) mod status;
pub(crate) mod streams;
pub(crate) mod tail;
pub(crate) mod up;
pub(crate) mod verify;
