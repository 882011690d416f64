#![no_main]
libfuzzer_sys::fuzz_target!(|bytes: &[u8]| gapless_snapshot_writer::fuzzing::manifest(bytes));
