use crate::fuzzing::TARGETS;
use std::path::PathBuf;

/// What the fuzzer found worth keeping, replayed on every run.
#[test]
fn the_committed_corpus_is_read_without_a_panic() {
    for (target, body) in TARGETS {
        let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../tests/fuzz/corpus").join(target);
        let files: Vec<_> = std::fs::read_dir(&folder).unwrap().collect();
        assert!(!files.is_empty(), "{folder:?} is empty");
        for file in files {
            body(&std::fs::read(file.unwrap().path()).unwrap());
        }
    }
}
