//! The body of the fuzz target in `tests/fuzz`; a test replays its corpus through the same function.

use crate::manifest::Manifest;

/// The longest message about a manifest: some lines of a terminal.
const MAX_MESSAGE_BYTES: usize = 2000;

/// A manifest, as it is read at start and by `gapless verify`.
pub fn manifest(bytes: &[u8]) {
    let manifest = match Manifest::parse(bytes) {
        Ok(manifest) => manifest,
        Err(words) => {
            assert!(words.len() <= MAX_MESSAGE_BYTES, "a message of {} bytes: {words:.200}", words.len());
            return;
        }
    };
    assert_eq!(Manifest::parse(&manifest.bytes()).as_ref(), Ok(&manifest), "it is another one when written");
    let bytes = manifest.files().fold(0u64, |sum, file| sum.saturating_add(file.bytes));
    assert_eq!(manifest.file_bytes(), bytes);
    for record in &manifest.streams {
        let key = record.key().map(|key| key.topic());
        assert_eq!(key.as_ref(), Some(&record.topic), "a record without a stream was accepted");
        let ranges = record.parts.iter().map(|part| (part.range(), part.rows));
        assert!(ranges.into_iter().all(|(range, rows)| range.len() == rows || range.end().0 == u64::MAX));
        for file in record.parts.iter().flat_map(|part| &part.files) {
            let inside = file.name.strip_prefix(&record.folder).is_some_and(|rest| rest.starts_with('/'));
            assert!(inside && !file.name.contains("..") && file.form().is_some(), "{file:?} lies elsewhere");
        }
    }
}

#[cfg(test)]
mod tests;
