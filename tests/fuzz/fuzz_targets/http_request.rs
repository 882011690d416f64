#![no_main]
libfuzzer_sys::fuzz_target!(|bytes: &[u8]| gapless_ingestion::fuzzing::http_request(bytes));
