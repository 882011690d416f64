use super::*;
use crate::samples::key;

fn refused(change: impl FnOnce(&mut Config)) -> String {
    let mut config = Config::default();
    change(&mut config);
    config.validate().unwrap_err().key
}

#[test]
fn the_defaults_are_usable_and_keep_everything() {
    let config = Config::default();
    config.validate().unwrap();
    assert!(!config.removes_rows());
    assert_eq!(config.retention_of(&key("candles.a.b.1m")), Retention::default());
}

#[test]
fn limits_are_checked_against_each_other() {
    assert_eq!(refused(|config| config.backfill = "5557".into()), "backfill");
    assert_eq!(refused(|config| config.archive = "/".into()), "archive");
    assert_eq!(refused(|config| config.commit_every = HumanDuration::from_secs(60)), "commit_every");
    assert_eq!(refused(|config| config.workers = 0), "workers");
    assert_eq!(refused(|config| config.max_waiting = 3), "max_waiting_per_client");
    assert_eq!(refused(|config| config.hot.total_bytes = ByteSize(1)), "hot.stream_bytes");
    assert_eq!(refused(|config| config.duckdb.threads = 0), "duckdb");
    assert_eq!(refused(|config| config.follower_id.clear()), "follower_id");
}

#[test]
fn the_first_rule_that_fits_says_what_is_kept() {
    let rule = |prefix: &str, max_rows| RetentionRule {
        prefix: prefix.into(),
        max_rows,
        ..RetentionRule::default()
    };
    let config = Config {
        retention: RetentionConfig { max_rows: 9, max_age: HumanDuration::from_secs(60) },
        retain: vec![rule("metrics.host", 5), rule("metrics.", 0)],
        ..Config::default()
    };
    let rows = |topic: &str| config.retention_of(&key(topic)).max_rows;
    assert_eq!(rows("metrics.host.cpu.1s"), Some(5));
    assert_eq!(rows("metrics.other.cpu.1s"), None);
    assert_eq!(rows("candles.a.b.1m"), Some(9));
    assert!(config.removes_rows());
}

/// What the fuzzer found worth keeping, replayed on every run.
#[test]
fn the_committed_corpus_of_configurations_is_read_without_a_panic() {
    let folder = std::path::PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../tests/fuzz/corpus/config");
    let files: Vec<_> = std::fs::read_dir(&folder).unwrap().collect();
    assert!(!files.is_empty(), "{folder:?} is empty");
    for file in files {
        let input = std::fs::read(file.unwrap().path()).unwrap();
        gapless_service_kit::config::assert_sound::<Config>("backfill", &input);
    }
}
