//! A segmented append-only log with checksums, group commit and recovery.
