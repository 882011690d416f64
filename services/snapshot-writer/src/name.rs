//! Names of folders and files.

use crate::manifest::Group;
use gapless_formats::FileForm;
use gapless_model::StreamKey;
use std::fmt::Write;

/// A folder that is being made; it has no manifest that counts.
pub(crate) const NEW: &str = ".new-";
/// A folder that is being removed.
pub(crate) const REMOVING: &str = ".removing-";
/// A folder whose manifest cannot be read; kept for whoever wants to look at it.
pub(crate) const DAMAGED: &str = "damaged-";

/// A topic as the name of a folder: what is not a letter, a digit, `_`, `-` or the dot between its parts
/// is written as `%` and two hexadecimal digits.
pub(crate) fn topic_folder(key: &StreamKey) -> String {
    safe(&key.topic())
}

/// The folder of the `number`th artifact of that name.
pub(crate) fn artifact_folder(name: &str, number: u64) -> String {
    format!("{}@{number}", safe(name))
}

/// What artifacts that hold `key` are called.
pub(crate) fn group_name(group: Group, key: &StreamKey) -> String {
    match group {
        Group::Stream => key.topic(),
        Group::Source => key.source_id().to_owned(),
    }
}

/// A file with rows; zeros make the order of names that of the rows.
pub(crate) fn part_file(first: u64, last: u64, form: FileForm) -> String {
    format!("rows-{first:020}-{last:020}.{}", form.ending())
}

/// Whether a file of that name could have been made by [`part_file`].
pub(crate) fn is_part_file(name: &str) -> bool {
    name.starts_with("rows-")
        && [FileForm::Csv, FileForm::Parquet].iter().any(|form| name.ends_with(form.ending()))
}

fn safe(text: &str) -> String {
    let mut name = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-') {
            name.push(char::from(byte));
        } else {
            // Writing to a text does not fail.
            let _ = write!(name, "%{byte:02X}");
        }
    }
    name
}

#[cfg(test)]
mod tests;
