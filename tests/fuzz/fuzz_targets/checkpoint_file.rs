#![no_main]
libfuzzer_sys::fuzz_target!(|bytes: &[u8]| gapless_checkpoint::fuzzing::checkpoint_file(bytes));
