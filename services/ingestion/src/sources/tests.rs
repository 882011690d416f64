use super::fake_journal::FakeJournal;
use super::*;
use std::time::{Duration, Instant};

/// Waits until `holds`, which another thread brings about.
pub(crate) fn eventually(what: &str, holds: impl Fn() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(20);
    while !holds() {
        assert!(Instant::now() < deadline, "not within 20 s: {what}");
        std::thread::park_timeout(Duration::from_millis(2));
    }
}

#[test]
fn settings_read_from_a_file_with_what_is_left_out_as_default() {
    #[derive(Debug, Deserialize)]
    struct Table {
        sources: Vec<SourceSettings>,
    }
    let text = r#"
        [[sources]]
        type = "replay"
        path = "a/btc-1m.csv"
        pace = "60x"
        [[sources]]
        type = "host"
        [[sources]]
        type = "sim"
        seed = 9
        symbols = ["A"]
        [[sources]]
        type = "stdin"
        topic = "metrics.shell.load.1s"
    "#;
    let table: Table = toml::from_str(text).unwrap();
    assert_eq!(
        table.sources.iter().map(SourceSettings::name).collect::<Vec<_>>(),
        ["replay", "host", "sim", "stdin"]
    );
    assert!(matches!(
        &table.sources[0],
        SourceSettings::Replay(ReplaySettings { pace: Pace::Data(60.0), batch_rows: 100, .. })
    ));
    for source in &table.sources {
        source.check().unwrap();
        let written = toml::to_string(source).unwrap();
        assert_eq!(&toml::from_str::<SourceSettings>(&written).unwrap(), source, "{written}");
    }
}

#[test]
fn an_unknown_setting_is_refused_by_name() {
    for text in [
        "type = \"host\"\nsecret = 1",
        "type = \"replay\"\npath = \"x\"\nspeed = 2",
        "type = \"sim\"\nsymbol = \"A\"",
    ] {
        let error = toml::from_str::<SourceSettings>(text).unwrap_err().to_string();
        assert!(error.contains("unknown field"), "{error}");
    }
    assert!(
        toml::from_str::<SourceSettings>("type = \"ftp\"")
            .unwrap_err()
            .to_string()
            .contains("unknown variant")
    );
}

#[test]
fn a_source_that_cannot_start_says_why_at_once() {
    let journal = FakeJournal::new(1);
    let start =
        |settings| Source::start(&settings, &journal.intake, &Shutdown::new()).err().unwrap().to_string();
    assert!(start(SourceSettings::replay("does-not-exist.csv")).contains("does-not-exist.csv"));
    let host = HostSettings { interval: "1".into(), ..HostSettings::default() };
    assert!(start(SourceSettings::Host(host)).contains("interval"));
}

#[test]
fn a_started_source_stops_with_the_service() {
    let journal = FakeJournal::new(8).spawn(|| None);
    let shutdown = Shutdown::new();
    let settings = SourceSettings::Sim(SimSettings { pace: Pace::Full, ..SimSettings::default() });
    let source = Source::start(&settings, &journal.intake, &shutdown).unwrap();
    eventually("some rows", || source.progress().delivered() > 1000);
    assert!(!source.is_finished());
    assert_eq!(shutdown.pending(), ["source sim"]);
    shutdown.request();
    source.join().unwrap();
    assert!(shutdown.pending().is_empty());
}
