use super::manifest;
use std::path::PathBuf;

/// What the fuzzer found worth keeping, replayed on every run.
#[test]
fn the_committed_corpus_is_read_without_a_panic() {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../tests/fuzz/corpus/manifest");
    let files: Vec<_> = std::fs::read_dir(&folder).unwrap().collect();
    assert!(!files.is_empty(), "{folder:?} is empty");
    for file in files {
        manifest(&std::fs::read(file.unwrap().path()).unwrap());
    }
}
