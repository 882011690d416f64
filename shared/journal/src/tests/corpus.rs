use crate::fuzzing::TARGETS;
use std::path::PathBuf;

/// What the fuzzers found worth keeping, replayed on every run.
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

proptest::proptest! {
    #![proptest_config(proptest::prelude::ProptestConfig { cases: 300, ..Default::default() })]

    #[test]
    fn whatever_is_damaged_is_missing_or_said_never_changed(
        mode in 0u8..16, hits in proptest::collection::vec(proptest::prelude::any::<[u8; 4]>(), 0..6)
    ) {
        let input: Vec<u8> = std::iter::once(mode).chain(hits.into_iter().flatten()).collect();
        crate::fuzzing::journal_damage(&input);
    }
}
