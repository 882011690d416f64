use super::*;
use crate::sources::fake_journal::FakeJournal;
use crate::sources::tests::eventually;

const SECOND: i64 = 1_000_000_000;

#[test]
fn ticks_come_at_whole_seconds_and_never_twice() {
    let tick = |now: i64, last: i64| next_tick(UnixNanos(now), UnixNanos(last), SECOND).0;
    assert_eq!(tick(10 * SECOND + 1, 10 * SECOND), 11 * SECOND);
    assert_eq!(tick(10 * SECOND, 10 * SECOND), 11 * SECOND);
    assert_eq!(tick(13 * SECOND + 5, 10 * SECOND), 14 * SECOND, "missed ticks are not made up");
    assert_eq!(
        tick(11 * SECOND - 5, 11 * SECOND),
        12 * SECOND,
        "a timer that fires early does not repeat a tick"
    );
    assert_eq!(tick(SECOND / 2, 100 * SECOND), SECOND, "a clock that was set back far is believed");
}

#[test]
fn every_reading_makes_a_valid_row_of_plausible_numbers() {
    let mut machine = Machine::new().unwrap();
    let readings = machine.measure();
    for reading in &readings {
        let (columns, values): (Vec<String>, Vec<f64>) = reading.values.iter().cloned().unzip();
        assert!(values.iter().all(|value| value.is_finite() && *value >= 0.0), "{reading:?}");
        let rows = MetricRows { columns: columns.into(), ts: vec![UnixNanos(0)], values };
        assert_eq!(Rows::Metrics(rows).validate(), Ok(()), "{}", reading.symbol);
    }
    let value = |symbol: &str, column: &str| {
        let reading = readings.iter().find(|reading| reading.symbol == symbol).unwrap();
        reading.values.iter().find(|(name, _)| name == column).unwrap().1
    };
    assert!(value("memory", "used") < value("memory", "total"));
    assert!((0.0..=101.0).contains(&value("cpu", "total")));
}

#[test]
fn the_machine_is_measured_once_a_second_until_the_stop() {
    let journal = FakeJournal::new(100).spawn(|| None);
    let shutdown = Shutdown::new();
    let progress = Arc::new(Progress::new("test"));
    let host =
        Host::new(&HostSettings::default(), journal.intake.clone(), shutdown.clone(), progress).unwrap();
    let thread = std::thread::spawn(|| host.run());
    let key: StreamKey = "metrics.host.memory.1s".parse().unwrap();
    eventually("two rows", || journal.rows(&key).len() >= 2);
    shutdown.request();
    thread.join().unwrap().unwrap();
    let ts: Vec<i64> = journal.rows(&key).iter().map(|rows| rows.ts(0).unwrap().0).collect();
    assert!(ts.windows(2).all(|pair| pair[1] - pair[0] == SECOND && pair[0] % SECOND == 0), "{ts:?}");
    let topics: Vec<String> = journal.keys().iter().map(ToString::to_string).collect();
    for symbol in ["cpu", "disk", "load", "memory", "net"] {
        assert!(topics.contains(&format!("metrics.host.{symbol}.1s")), "{topics:?}");
    }
}
