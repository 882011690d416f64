//! Accepts rows from sources and producers, sequences them and writes the journal.
