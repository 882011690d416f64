use super::*;
use std::time::Duration;

#[test]
fn the_defaults_are_valid() {
    assert_eq!(Config::default().validate(), Ok(()));
}

#[test]
fn sync_policies_are_read_and_printed_as_people_write_them() {
    for (text, sync) in
        [("always", Sync::Always), ("os", Sync::Os), ("50ms", Sync::Every(Duration::from_millis(50)))]
    {
        let policy: SyncPolicy = text.parse().unwrap();
        assert_eq!((policy.0, policy.to_string().as_str()), (sync, text));
    }
    assert_eq!("0".parse::<SyncPolicy>().unwrap().0, Sync::Always);
    assert!("sometimes".parse::<SyncPolicy>().unwrap_err().contains("always"));
}

#[test]
fn limits_that_contradict_each_other_name_their_key() {
    let mut config = Config { queue_bytes: ByteSize(1000), ..Config::default() };
    assert_eq!(config.validate().unwrap_err().key, "queue_bytes");
    config.queue_bytes = Config::default().queue_bytes;
    config.journal.max_bytes = config.journal.segment_bytes;
    assert_eq!(config.validate().unwrap_err().key, "journal.max_bytes");
    config.journal.max_bytes = ByteSize(0);
    assert_eq!(config.validate(), Ok(()));
    assert_eq!(config.journal.options(String::new()).retention.max_bytes, None);
}

#[test]
fn a_lease_is_a_day_unless_set_and_0_is_for_ever() {
    let lease = |config: &Config| config.journal.options(String::new()).retention.follower_lease;
    let mut config = Config::default();
    assert_eq!(lease(&config), Some(Duration::from_secs(24 * 3600)));
    config.journal.follower_lease = HumanDuration(Duration::ZERO);
    assert_eq!(lease(&config), None);
}

/// What the fuzzer found worth keeping, replayed on every run.
#[test]
fn the_committed_corpus_of_configurations_is_read_without_a_panic() {
    let folder = std::path::PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../tests/fuzz/corpus/config");
    let files: Vec<_> = std::fs::read_dir(&folder).unwrap().collect();
    assert!(!files.is_empty(), "{folder:?} is empty");
    for file in files {
        let input = std::fs::read(file.unwrap().path()).unwrap();
        gapless_service_kit::config::assert_sound::<Config>("ingestion", &input);
    }
}
