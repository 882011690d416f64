//! The pure core builds for WebAssembly and imports nothing from its environment.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::process::Command;

use gapless_tests::repository;

/// The exit code with which `.ci/wasm` says that this machine has no WebAssembly toolchain.
const NO_TOOLCHAIN: i32 = 3;

#[test]
fn the_core_builds_for_wasm32_and_imports_nothing() {
    let build = Command::new(repository().join(".ci/wasm")).output().unwrap();
    let said = String::from_utf8_lossy(&build.stderr);
    if build.status.code() == Some(NO_TOOLCHAIN) {
        eprintln!("SKIPPED: {said}");
        return;
    }
    assert!(build.status.success(), "{said}");
    let path = String::from_utf8(build.stdout).unwrap();
    let module = std::fs::read(path.trim()).unwrap();
    let sections = sections(&module);
    assert!(sections.contains(&(EXPORTS, true)) && sections.contains(&(CODE, true)), "{sections:?}");
    let imports = sections.iter().filter(|(id, filled)| *id == IMPORTS && *filled).count();
    assert_eq!(imports, 0, "the core must not need anything from its environment");
    let probe = b"gapless_probe";
    assert!(module.windows(probe.len()).any(|window| window == probe), "the probe is not in the module");
}

// Section ids and layout: WebAssembly core specification, 5.5 (binary format of modules).
const IMPORTS: u8 = 2;
const EXPORTS: u8 = 7;
const CODE: u8 = 10;

/// Every section's id, and whether it says to hold anything.
fn sections(module: &[u8]) -> Vec<(u8, bool)> {
    assert!(module.starts_with(b"\0asm\x01\0\0\0"), "not a WebAssembly module");
    let mut at = 8;
    let mut found = Vec::new();
    while at < module.len() {
        let id = module[at];
        let (length, body) = leb128(module, at + 1);
        found.push((id, leb128(module, body).0 > 0));
        at = body + length;
    }
    found
}

/// An unsigned LEB128 number and where it ends.
fn leb128(bytes: &[u8], mut at: usize) -> (usize, usize) {
    let (mut value, mut shift) = (0, 0);
    loop {
        let byte = bytes[at];
        value |= usize::from(byte & 0x7f) << shift;
        at += 1;
        shift += 7;
        if byte & 0x80 == 0 {
            return (value, at);
        }
    }
}
