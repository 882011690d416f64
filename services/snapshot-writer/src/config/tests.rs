use super::*;

fn refused(change: impl FnOnce(&mut Config)) -> String {
    let mut config = Config::default();
    change(&mut config);
    config.validate().unwrap_err().key
}

#[test]
fn the_defaults_are_usable_and_take_everything() {
    let config = Config::default();
    config.validate().unwrap();
    assert_eq!(config.selection(), (vec![], vec![String::new()]));
    assert_eq!(config.limits(), Limits::default());
}

#[test]
fn limits_are_checked_against_each_other() {
    assert_eq!(refused(|config| config.live = "5556".into()), "live");
    assert_eq!(refused(|config| config.topics = vec!["candles.a".into()]), "topics.0");
    assert_eq!(refused(|config| config.formats = vec![]), "formats");
    assert_eq!(refused(|config| config.formats = vec![Format::Csv, Format::Csv]), "formats");
    assert_eq!(refused(|config| config.write_rows = config.buffer_rows + 1), "write_rows");
    assert_eq!(refused(|config| config.part_rows = 100), "part_rows");
    assert_eq!(refused(|config| config.latest_every = HumanDuration::from_millis(1)), "latest_every");
    assert_eq!(refused(|config| config.checkpoint.keep = 0), "checkpoint.keep");
    assert_eq!(refused(|config| config.checkpoint.follower_id.clear()), "checkpoint.follower_id");
    let nothing = |config: &mut Config| (config.artifact_dir, config.checkpoint.dir) = Default::default();
    assert_eq!(refused(nothing), "artifact_dir");
}

#[test]
fn no_stream_is_selected_twice() {
    let texts = |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect::<Vec<String>>();
    let config = Config {
        topics: texts(&["metrics.a.b.1s", "candles.a.b.1m", "metrics.a.b.1s"]),
        prefixes: texts(&["candles.", "candles.a.", "warnings.", "candles."]),
        ..Config::default()
    };
    assert_eq!(config.selection(), (texts(&["metrics.a.b.1s"]), texts(&["candles.", "warnings."])));
}

/// What the fuzzer found worth keeping, replayed on every run.
#[test]
fn the_committed_corpus_of_configurations_is_read_without_a_panic() {
    let folder = std::path::PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../tests/fuzz/corpus/config");
    let files: Vec<_> = std::fs::read_dir(&folder).unwrap().collect();
    assert!(!files.is_empty(), "{folder:?} is empty");
    for file in files {
        let input = std::fs::read(file.unwrap().path()).unwrap();
        gapless_service_kit::config::assert_sound::<Config>("snapshot-writer", &input);
    }
}
