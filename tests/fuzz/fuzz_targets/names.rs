#![no_main]
libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    gapless_model::fuzzing::names(bytes);
    gapless_formats::fuzzing::file_name(bytes);
});
