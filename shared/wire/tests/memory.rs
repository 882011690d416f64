//! W4: reading takes memory in proportion to the bytes that came, whatever they claim.
#![allow(unsafe_code, clippy::unwrap_used, clippy::expect_used)]

use gapless_wire::{Limits, decode};
use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::fs;
use std::path::Path;

thread_local! {
    static LIVE: Cell<usize> = const { Cell::new(0) };
    static PEAK: Cell<usize> = const { Cell::new(0) };
}

/// The system's allocator, counting what this thread holds.
struct Counting;

// SAFETY: every call goes to the system's allocator unchanged.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let _ = LIVE.try_with(|live| {
            live.set(live.get().saturating_add(layout.size()));
            let _ = PEAK.try_with(|peak| peak.set(peak.get().max(live.get())));
        });
        // SAFETY: the caller keeps the contract.
        unsafe { System.alloc(layout) }
    }
    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        let _ = LIVE.try_with(|live| live.set(live.get().saturating_sub(layout.size())));
        // SAFETY: the caller keeps the contract.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// The most bytes held while `work` ran, beyond those held before.
fn peak_of(work: impl FnOnce()) -> usize {
    let before = LIVE.get();
    PEAK.set(before);
    work();
    PEAK.get() - before
}

/// Bytes of memory for each byte received: a warning of 21 bytes on the wire has 88 in memory, shared parts
/// count up to 8 times, and a growing vector holds its old and new half.
const FACTOR: usize = 32;
/// For error texts and the smallest messages.
const FLOOR: usize = 64 << 10;

fn assert_modest(name: &str, bytes: &[u8]) {
    for limits in [Limits::request(), Limits::live(), Limits::ingest(), Limits::reply()] {
        let peak = peak_of(|| drop(decode(bytes, &limits)));
        let allowed = bytes.len() * FACTOR + FLOOR;
        assert!(peak <= allowed, "{name}: {} bytes took {peak}, more than {allowed}", bytes.len());
    }
}

fn golden_files() -> Vec<(String, Vec<u8>)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../schemas/fixtures");
    let files = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let files = files.filter(|path| path.extension().is_some_and(|extension| extension == "bin"));
    files.map(|path| (path.display().to_string(), fs::read(path).unwrap())).collect()
}

#[test]
fn absurd_lengths_take_no_memory() {
    for (name, bytes) in golden_files() {
        for at in (0..bytes.len().saturating_sub(4)).step_by(4) {
            for length in [u32::MAX, 0x7fff_ffff, 0x00ff_ffff, bytes.len() as u32] {
                let mut bytes = bytes.clone();
                bytes[at..at + 4].copy_from_slice(&length.to_le_bytes());
                assert_modest(&name, &bytes);
            }
        }
    }
}

/// A vector of offsets that all point to one large text: small on the wire, huge when each is copied.
#[test]
fn one_text_used_ten_thousand_times_is_refused() {
    use flatbuffers::FlatBufferBuilder;
    // The slots of MetricBatch and Envelope, written by hand: key 4, columns 8; message type 10, message 12.
    let mut builder = FlatBufferBuilder::new();
    let text = builder.create_string(&"x".repeat(60_000));
    let columns = builder.create_vector(&vec![text; 10_000]);
    let table = builder.start_table();
    builder.push_slot_always(8, columns);
    let batch = builder.end_table(table);
    let table = builder.start_table();
    builder.push_slot_always(10, 11u8);
    builder.push_slot_always(12, batch);
    let envelope = builder.end_table(table);
    builder.finish_minimal(envelope);
    let bytes = builder.finished_data();
    let error = decode(bytes, &Limits::live()).unwrap_err().to_string();
    assert!(error.contains("grows beyond its limit"), "{error}");
    assert_modest("one text", bytes);
}
