#![no_main]
use std::panic;

// A hostile Parquet file makes its decoder panic, which is caught: without this, libFuzzer takes it for a crash.
libfuzzer_sys::fuzz_target!(
    init: panic::set_hook(Box::new(|_| ())),
    |bytes: &[u8]| gapless_formats::fuzzing::formats_rows_file(bytes)
);
