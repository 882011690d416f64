use super::root;
use crate::fuzzing::TARGETS;
use std::fs;

/// W4: what the fuzzers found worth keeping, replayed on every run.
#[test]
fn the_committed_corpus_is_read_without_a_panic() {
    for (target, body) in TARGETS {
        let folder = root().join("tests/fuzz/corpus").join(target);
        let files: Vec<_> = fs::read_dir(&folder).unwrap_or_else(|e| panic!("{folder:?}: {e}")).collect();
        assert!(!files.is_empty(), "{folder:?} is empty");
        for file in files {
            body(&fs::read(file.unwrap().path()).unwrap());
        }
    }
}
