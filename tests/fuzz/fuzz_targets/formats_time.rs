#![no_main]
libfuzzer_sys::fuzz_target!(|bytes: &[u8]| gapless_formats::fuzzing::formats_time(bytes));
