//! The generated code belongs to the schemas beside it.

use super::root;
use sha2::{Digest, Sha256};
use std::fs;
use std::path::PathBuf;
use std::process::Command;

/// The compiler that `.ci/gen` uses, if it is on this machine.
fn flatc() -> Option<PathBuf> {
    let cache = std::env::var_os("GAPLESS_CACHE").map(PathBuf::from);
    let cache = cache.or_else(|| Some(PathBuf::from(std::env::var_os("HOME")?).join(".cache/gapless")));
    let candidates = [Some(PathBuf::from("flatc")), cache.map(|dir| dir.join("flatc-25.12.19/bin/flatc"))];
    let found = candidates.into_iter().flatten().find(|flatc| {
        let version = Command::new(flatc).arg("--version").output();
        version.is_ok_and(|output| output.stdout.trim_ascii() == b"flatc version 25.12.19")
    });
    if found.is_none() {
        eprintln!("skipped: flatc 25.12.19 is not here; .ci/gen fetches it");
    }
    found
}

fn hashes() -> Vec<(String, String)> {
    let list = fs::read_to_string(root().join("shared/wire/src/generated/schemas.sha256")).unwrap();
    let entry =
        |line: &str| line.split_once("  ").map(|(hash, file)| (file.to_owned(), hash.to_owned())).unwrap();
    list.lines().map(entry).collect()
}

#[test]
fn the_generated_code_is_that_of_the_schemas() {
    let hashes = hashes();
    assert_eq!(hashes.len(), 4);
    for (file, hash) in hashes {
        let digest = Sha256::digest(fs::read(root().join(&file)).unwrap());
        let now: String = digest.iter().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!(now, hash, "{file} changed: run .ci/gen");
    }
}

#[test]
fn generating_again_changes_nothing() {
    let Some(flatc) = flatc() else { return };
    let out = tempfile::tempdir().unwrap();
    let generate = |suffix: &str, schemas: &[&str]| {
        let mut command = Command::new(&flatc);
        command.current_dir(root()).args(["--rust", "--filename-suffix", suffix, "-o"]).arg(out.path());
        assert!(command.args(schemas).status().unwrap().success());
    };
    generate(
        "_generated",
        &["schemas/gapless.fbs", "schemas/envelope_header.fbs", "schemas/candle_rows.fbs"],
    );
    generate("_v1", &["schemas/v1/gapless.fbs"]);
    for file in
        ["gapless_generated.rs", "envelope_header_generated.rs", "candle_rows_generated.rs", "gapless_v1.rs"]
    {
        let checked_in = fs::read(root().join("shared/wire/src/generated").join(file)).unwrap();
        let fresh = fs::read(out.path().join(file)).unwrap();
        assert!(fresh == checked_in, "{file} is not what flatc generates: run .ci/gen");
    }
}

/// W1: the compiler's own judgement on whether the current schema only appends to version 1.
#[test]
fn the_current_schema_only_appends_to_version_1() {
    let Some(flatc) = flatc() else { return };
    let schemas = root().join("schemas");
    let status = Command::new(flatc)
        .arg("--conform")
        .arg(schemas.join("v1/gapless.fbs"))
        .arg(schemas.join("gapless.fbs"))
        .status()
        .unwrap();
    assert!(status.success());
}

/// W5: the readable twin of a golden file is what the compiler's own reader finds in it, which makes it a
/// second implementation that agrees.
#[test]
fn every_golden_file_reads_as_its_twin() {
    let Some(flatc) = flatc() else { return };
    let out = tempfile::tempdir().unwrap();
    for (version, schema) in [(1, "schemas/v1/gapless.fbs"), (2, "schemas/gapless.fbs")] {
        let suffix = format!(".v{version}.bin");
        let files = fs::read_dir(root().join("schemas/fixtures")).unwrap().map(|entry| entry.unwrap().path());
        let files: Vec<_> = files.filter(|path| path.to_string_lossy().ends_with(&suffix)).collect();
        let mut command = Command::new(&flatc);
        command.current_dir(root()).args([
            "--json",
            "--strict-json",
            "--raw-binary",
            "--defaults-json",
            "-o",
        ]);
        command.arg(out.path()).args([schema, "--"]).args(&files);
        assert!(command.status().unwrap().success());
        for file in files {
            let twin = file.with_extension("json");
            let fresh = fs::read_to_string(out.path().join(twin.file_name().unwrap())).unwrap();
            assert_eq!(fresh, fs::read_to_string(&twin).unwrap(), "{}", twin.display());
        }
    }
}

/// W21: the examples in the README are digests of rows that went over the wire.
#[test]
fn the_readme_shows_the_digests_that_are_computed() {
    use super::samples;
    use crate::{Limits, Message, decode_batch, encode_message};
    use gapless_model::{Batch, Flags, Rows, Seq};
    let readme = fs::read_to_string(root().join("schemas/README.md")).unwrap();
    let first = Rows::Candles(samples::rows()[..1].to_vec());
    let batch = Batch::unsequenced(samples::key("candles.a.b.1m"), Flags::NONE, first);
    let read = decode_batch(&encode_message(&Message::Batch(batch), ""), &Limits::live()).unwrap();
    let digest = gapless_model::Digest::of(Seq(1), &read.rows).to_string();
    assert_eq!(digest, "34919af58e4e3ded");
    for published in [digest.as_str(), "37abec06537750d9", "b40c260f8bd847fb"] {
        assert!(readme.contains(&format!("`{published}`")), "{published}");
    }
}
