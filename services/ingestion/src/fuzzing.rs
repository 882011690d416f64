//! The bodies of the fuzz targets in `tests/fuzz`; a test replays their corpora through the same functions.

mod ledger;

pub use crate::http::fuzzing::http_request;
pub use ledger::ledger_restore;

/// What a target is fed to, by its folder in `tests/fuzz/corpus`.
pub type Target = (&'static str, fn(&[u8]));

/// Every target of this crate.
pub const TARGETS: [Target; 2] = [("http_request", http_request), ("ledger_restore", ledger_restore)];

/// The longest message about an input: some lines of a terminal.
const MAX_MESSAGE_BYTES: usize = 2000;

/// A message that a person can read.
pub(crate) fn short(error: &dyn std::fmt::Display) {
    let words = error.to_string();
    assert!(words.len() <= MAX_MESSAGE_BYTES, "a message of {} bytes: {words:.200}", words.len());
}

/// Cuts `bytes` into pieces, each behind its length (two bytes).
fn pieces(mut bytes: &[u8]) -> impl Iterator<Item = &[u8]> {
    std::iter::from_fn(move || {
        let (length, rest) = bytes.split_first_chunk()?;
        let length = usize::from(u16::from_le_bytes(*length)).min(rest.len());
        let (piece, rest) = rest.split_at(length);
        bytes = rest;
        Some(piece)
    })
}
