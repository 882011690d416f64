//! Pieces of SQL text, quoted.

use gapless_model::StreamKey;
use std::path::Path;

/// A text literal.
pub(crate) fn text(value: &str) -> String {
    format!("'{}'", value.replace('\'', "''"))
}

/// A name, such as that of a column.
pub(crate) fn name(value: &str) -> String {
    format!("\"{}\"", value.replace('"', "\"\""))
}

/// A path as a text literal.
pub(crate) fn path(value: &Path) -> String {
    text(&value.to_string_lossy())
}

/// The condition that a row of an application's table belongs to `key`.
pub(crate) fn of_stream(key: &StreamKey) -> String {
    format!(
        "source_id = {} AND symbol = {} AND \"interval\" = {}",
        text(key.source_id()),
        text(key.symbol()),
        text(key.interval())
    )
}
