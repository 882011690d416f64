#![no_main]
libfuzzer_sys::fuzz_target!(|bytes: &[u8]| gapless_live_engine::fuzzing::engine_restore(bytes));
