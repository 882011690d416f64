//! Golden bytes of every message of every version, kept for ever.
//!
//! `GAPLESS_WRITE_FIXTURES=1` writes the missing ones; none is ever overwritten.

use super::{root, samples};
use crate::*;
use std::fs;
use std::path::PathBuf;

const CORRELATION_ID: &str = "5f0c-1";

fn file(name: &str, version: u32) -> PathBuf {
    root().join(format!("schemas/fixtures/{name}.v{version}.bin"))
}

fn golden(name: &str, version: u32) -> Vec<u8> {
    let path = file(name, version);
    fs::read(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()))
}

/// W5: bytes written by a version 1 encoder (flatc, from the JSON twin) mean the same for ever.
#[test]
fn golden_bytes_of_version_1_decode_to_what_they_say() {
    for (name, message) in samples::version_1() {
        let envelope = decode(&golden(name, 1), &Limits::reply()).unwrap();
        let correlation_id = CORRELATION_ID.to_owned();
        assert_eq!(envelope, Envelope { schema_version: 1, correlation_id, message }, "{name}");
    }
}

/// W5: the bytes of version 2 mean the same for ever, and are what this encoder writes.
#[test]
fn golden_bytes_of_version_2_are_what_is_written_and_read() {
    for (name, message) in samples::version_2() {
        let bytes = encode_message(&message, CORRELATION_ID);
        if std::env::var_os("GAPLESS_WRITE_FIXTURES").is_some() && !file(name, 2).exists() {
            fs::write(file(name, 2), &bytes).unwrap();
        }
        assert_eq!(bytes, golden(name, 2), "{name}");
        let envelope = decode(&bytes, &Limits::reply()).unwrap();
        assert_eq!(envelope.message, message, "{name}");
        assert_eq!(envelope.schema_version, schema_version_of(&message), "{name}");
    }
}

/// W5: no golden file is without a test, and none without a readable twin.
#[test]
fn every_golden_file_has_a_sample_and_a_readable_twin() {
    let version_1 = samples::version_1().into_iter().map(|(name, _)| format!("{name}.v1"));
    let version_2 = samples::version_2().into_iter().map(|(name, _)| format!("{name}.v2"));
    let known: Vec<String> = version_1.chain(version_2).collect();
    for entry in fs::read_dir(root().join("schemas/fixtures")).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        let stem = name.rsplit_once('.').unwrap().0;
        assert!(known.iter().any(|known| known == stem), "{name} belongs to no sample");
        assert!(root().join(format!("schemas/fixtures/{stem}.json")).exists(), "{stem} has no twin");
    }
}
