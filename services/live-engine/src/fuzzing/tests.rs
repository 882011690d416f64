use super::engine_restore;
use std::path::PathBuf;

/// What the fuzzer found worth keeping, replayed on every run.
#[test]
fn the_committed_corpus_is_read_without_a_panic() {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../tests/fuzz/corpus/engine_restore");
    let files: Vec<_> = std::fs::read_dir(&folder).unwrap().collect();
    assert!(!files.is_empty(), "{folder:?} is empty");
    for file in files {
        engine_restore(&std::fs::read(file.unwrap().path()).unwrap());
    }
}
