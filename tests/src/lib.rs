//! End-to-end, compatibility and tidy tests.
