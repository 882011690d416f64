#![no_main]
libfuzzer_sys::fuzz_target!(|bytes: &[u8]| gapless_journal::fuzzing::journal_damage(bytes));
