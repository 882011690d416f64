use super::*;
use crate::sources::fake_journal::{FakeJournal, candles};

fn run(settings: &SimSettings) -> crate::sources::fake_journal::RunningJournal {
    let journal = FakeJournal::new(8).spawn(|| None);
    let progress = Arc::new(Progress::new("test"));
    Sim::new(settings, journal.intake.clone(), Shutdown::new(), progress).unwrap().run().unwrap();
    journal
}

#[test]
fn a_market_at_full_speed_delivers_all_its_rows_flagged_as_simulated() {
    let settings = SimSettings {
        pace: Pace::Full,
        rows: 5_000,
        start_ms: 1_700_000_000_000,
        batch_rows: 64,
        ..SimSettings::default()
    };
    let journal = run(&settings);
    for symbol in &settings.symbols {
        let key = settings.key(symbol).unwrap();
        assert_eq!(
            candles(journal.rows(&key)),
            Market::new(1, symbol, settings.interval.parse().unwrap())
                .candles(UnixMillis(1_700_000_000_000), 5_000)
        );
        assert!(journal.flags(&key).iter().all(|flags| flags.contains(Flags::SIMULATED)));
    }
}

#[test]
fn a_market_at_a_rate_takes_its_time() {
    let settings = SimSettings {
        pace: Pace::Rate(200.0),
        rows: 60,
        symbols: vec!["A".into()],
        ..SimSettings::default()
    };
    let started = Instant::now();
    let journal = run(&settings);
    assert!(started.elapsed() >= Duration::from_millis(59 * 1000 / 200));
    assert_eq!(candles(journal.rows(&settings.key("A").unwrap())).len(), 60);
}

#[test]
fn settings_that_cannot_work_name_the_setting() {
    let refused = |settings: SimSettings| settings.check().unwrap_err().to_string();
    assert!(refused(SimSettings { symbols: vec![], ..SimSettings::default() }).contains("symbols"));
    assert!(refused(SimSettings { batch_rows: 0, ..SimSettings::default() }).contains("batch_rows"));
    assert!(
        refused(SimSettings { symbols: vec!["A.B".into()], ..SimSettings::default() }).contains("symbol")
    );
    assert!(
        refused(SimSettings { interval: "1 hour".into(), ..SimSettings::default() }).contains("interval")
    );
}
