use super::*;

fn refused(change: impl FnOnce(&mut Config)) -> String {
    let mut config = Config::default();
    change(&mut config);
    let wrong = config.validate().unwrap_err();
    format!("{}: {}", wrong.key, wrong.message)
}

#[test]
fn the_defaults_are_usable() {
    Config::default().validate().unwrap();
}

#[test]
fn what_cannot_be_is_refused_by_its_key() {
    for (said, wrong) in [
        ("live", refused(|config| config.live = "5556".into())),
        ("backfill", refused(|config| config.backfill = String::new())),
        ("lossyy", refused(|config| config.scenario = "lossyy".into())),
        ("tick_ms = 9999999", refused(|config| config.tick_ms = 9_999_999)),
        ("a.b", refused(|config| config.symbols = vec!["a.b".into()])),
        ("absent.duckdb", refused(|config| config.universe = Some("absent.duckdb".into()))),
        ("universe_csv", refused(|config| config.universe_csv = Some("absent.csv".into()))),
        ("source.path", refused(|config| config.source.path = Some("absent.parquet".into()))),
        ("source.table", refused(|config| config.source.table = "bars".into())),
    ] {
        assert!(wrong.contains(said), "{wrong}");
    }
}

#[test]
fn what_is_configured_goes_over_the_scenario() {
    let config = Config {
        scenario: "lossy".into(),
        seed: 9,
        symbols: vec!["X".into()],
        tick_ms: 7,
        batch_rows: 3,
        keep_rows: 50,
        ..Config::default()
    };
    let scenario = config.scenario().unwrap();
    assert_eq!((scenario.seed, scenario.keep_rows), (9, 50));
    let stream = &scenario.streams[0];
    assert_eq!((&stream.symbols[..], stream.tick_ms, stream.batch_rows), (&["X".to_owned()][..], 7, 3));
    assert!(scenario.faults.live.drop_percent > 0.0, "its faults stay");
}

#[test]
fn a_file_of_candles_is_a_stream_named_after_it() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("EURUSD_1m.csv");
    std::fs::write(&path, "ts,open,high,low,close,volume\n60000,1,2,0.5,1.5,7\n120000,1,2,0.5,1.5,8\n")
        .unwrap();
    let source = SourceConfig { path: Some(path), simulated: true, ..SourceConfig::default() };
    let recordings = Config { source, ..Config::default() }.recordings().unwrap();
    let (key, recording) = recordings.first_key_value().unwrap();
    assert_eq!((key.symbol(), key.interval(), recording.candles.len()), ("EURUSD", "1m", 2));
    assert_eq!(recording.flags, gapless_model::Flags::SIMULATED);
}

#[test]
fn a_table_is_named_for_a_database_and_for_nothing_else() {
    let dir = tempfile::tempdir().unwrap();
    let refused = |name: &str, table: &str| {
        let path = dir.path().join(name);
        std::fs::write(&path, "ts,open,high,low,close,volume\n").unwrap();
        let source = SourceConfig { path: Some(path), table: table.into(), ..SourceConfig::default() };
        Config { source, ..Config::default() }.recordings().unwrap_err().to_string()
    };
    for (name, table, said) in [("a.duckdb", "", "say which table"), ("a.csv", "t", "leave it out")] {
        let error = refused(name, table);
        assert!(error.contains(said) && error.contains(name) && error.contains("source.table"), "{error}");
    }
}
