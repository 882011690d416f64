use super::*;

fn rejected(config: Config) -> String {
    let Invalid { key, message } = config.validate().unwrap_err();
    format!("{key}: {message}")
}

#[test]
fn the_defaults_are_usable_and_on_loopback() {
    let config = Config::default();
    assert_eq!(config.validate(), Ok(()));
    for address in [&config.live, &config.state] {
        assert!(address.parse::<Endpoint>().unwrap().is_local());
    }
}

#[test]
fn a_complaint_names_the_key() {
    let bad = |change: fn(&mut Config)| {
        let mut config = Config::default();
        change(&mut config);
        rejected(config)
    };
    assert!(bad(|config| config.live = "5556".into()).starts_with("live: "));
    assert!(bad(|config| config.window_rows = 10_001).starts_with("window_rows: "));
    assert!(bad(|config| config.max_streams = 0).starts_with("max_streams: "));
    assert!(bad(|config| config.follower_id = String::new()).starts_with("follower_id: "));
}

#[test]
fn rules_are_read_and_checked() {
    let text = r#"
        [[derive]]
        prefix = "candles."
        from = "1m"
        to = ["5m", "1h"]
        [[derive]]
        prefix = "candles.kraken."
        from = "1h"
        to = ["1d"]
    "#;
    let mut config: Config = toml::from_str(text).unwrap();
    assert_eq!(config.rules().unwrap().len(), 2);
    config.derive[1].to.push("90m".into());
    assert!(rejected(config.clone()).starts_with("derive.1: 90m cannot be made of 1h"));
    config.derive[1].to = vec!["soon".into()];
    assert!(rejected(config).starts_with("derive.1: interval"));
}

/// What the fuzzer found worth keeping, replayed on every run.
#[test]
fn the_committed_corpus_of_configurations_is_read_without_a_panic() {
    let folder = std::path::PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../tests/fuzz/corpus/config");
    let files: Vec<_> = std::fs::read_dir(&folder).unwrap().collect();
    assert!(!files.is_empty(), "{folder:?} is empty");
    for file in files {
        let input = std::fs::read(file.unwrap().path()).unwrap();
        gapless_service_kit::config::assert_sound::<Config>("live-engine", &input);
    }
}
