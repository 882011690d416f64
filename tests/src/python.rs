//! A Python with pyzmq, flatbuffers and the schema compiler, where this machine can have one.
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::places::repository;

/// That Python, made if need be; `None`, with a message, when it is not to be had.
///
/// # Panics
/// When making it fails for another reason than that.
pub fn python() -> Option<PathBuf> {
    let made = Command::new(repository().join(".ci/python")).stderr(Stdio::inherit()).output();
    let made = made.expect("the script can be started");
    match made.status.code() {
        Some(0) => Some(PathBuf::from(String::from_utf8_lossy(&made.stdout).trim())),
        Some(3) => {
            eprintln!("SKIPPED: this test needs Python with pip; the message above says what is missing");
            None
        }
        code => panic!(".ci/python ended with {code:?}"),
    }
}

/// Writes the module `gapless_generated` for a schema of this repository into `folder`.
///
/// # Panics
/// When the schema compiler fails.
pub fn generate_python(python: &Path, schema: &str, folder: &Path) {
    let flatc = python.with_file_name("flatc");
    let arguments = ["--python", "--gen-onefile", "--gen-object-api", "-o"];
    let done = Command::new(flatc).args(arguments).arg(folder).arg(repository().join(schema)).status();
    assert!(done.expect("flatc can be started").success(), "flatc fails on {schema}");
}
