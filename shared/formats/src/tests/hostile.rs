//! Bytes that nobody meant: the corpus of the fuzz targets, and what becomes of it when bits flip.

use crate::fuzzing;
use std::path::PathBuf;

/// Damaged copies of each corpus file that are tried.
const COPIES: usize = 300;

fn corpus(target: &str) -> Vec<Vec<u8>> {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../tests/fuzz/corpus").join(target);
    let files = std::fs::read_dir(&folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    let read: Vec<_> = files.map(|file| std::fs::read(file.unwrap().path()).unwrap()).collect();
    assert!(!read.is_empty(), "{target} has no corpus");
    read
}

/// Runs `parse` over the corpus of `target` and over damaged copies of it.
fn replay(target: &str, parse: impl Fn(&[u8])) {
    let mut rng = fastrand::Rng::with_seed(11);
    for bytes in corpus(target) {
        parse(&bytes);
        for _ in 0..COPIES {
            let mut copy = bytes.clone();
            for _ in 0..rng.usize(1..6) {
                let at = rng.usize(..copy.len().max(1));
                match rng.u8(..4) {
                    0 => copy.truncate(at),
                    1 => copy.insert(at.min(copy.len()), rng.u8(..)),
                    2 => copy.extend_from_within(at.min(copy.len())..),
                    _ => copy.iter_mut().skip(at).take(1).for_each(|byte| *byte ^= 1 << rng.u8(..8)),
                }
            }
            parse(&copy);
        }
    }
}

#[test]
fn hostile_bytes_end_as_errors() {
    for (target, body) in fuzzing::TARGETS {
        replay(target, body);
    }
}

#[test]
fn a_file_of_any_name_belongs_to_a_stream() {
    replay("names", fuzzing::file_name);
}

#[test]
fn deep_nesting_ends_as_an_error() {
    fuzzing::formats_json("[".repeat(100_000).as_bytes());
    fuzzing::formats_json(format!("[{{\"ts\":{}", "[".repeat(100_000)).as_bytes());
}

/// Its decoder panics at hostile bytes, which costs milliseconds each: the corpus only, not damaged.
#[test]
fn hostile_parquet_ends_as_an_error() {
    corpus("formats_parquet_file").iter().for_each(|bytes| fuzzing::formats_parquet_file(bytes));
}
