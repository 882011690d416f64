#![no_main]
use gapless_service_kit::config::assert_sound;

// The first byte of an input names the service; the others pass it over.
libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    assert_sound::<gapless_ingestion::Config>("ingestion", bytes);
    assert_sound::<gapless_live_engine::Config>("live-engine", bytes);
    assert_sound::<gapless_backfill::Config>("backfill", bytes);
    assert_sound::<gapless_snapshot_writer::Config>("snapshot-writer", bytes);
});
