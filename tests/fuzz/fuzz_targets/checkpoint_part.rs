#![no_main]
libfuzzer_sys::fuzz_target!(|bytes: &[u8]| gapless_wire::fuzzing::checkpoint_part(bytes));
