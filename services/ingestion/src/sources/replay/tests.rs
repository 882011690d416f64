use super::*;
use crate::Refusal;
use crate::sources::fake_journal::{FakeJournal, RunningJournal, candles};
use crate::sources::tests::eventually;
use gapless_model::UnixMillis;
use std::path::Path;

/// A file of `rows` one-minute candles whose open is their number.
fn file(folder: &Path, rows: u64) -> PathBuf {
    let path = folder.join("btc-perp-1m.csv");
    let mut text = String::from("ts,open,high,low,close\n");
    for n in 1..=rows {
        text += &format!("{},{n},{n},{n},{n}\n", 1_700_000_000 + n * 60);
    }
    std::fs::write(&path, text).unwrap();
    path
}

fn key() -> StreamKey {
    "candles.replay.btc-perp.1m".parse().unwrap()
}

fn open(journal: &RunningJournal, settings: &ReplaySettings) -> Result<Replay, SourceError> {
    let progress = Arc::new(Progress::new("test"));
    Replay::open(settings, journal.intake.clone(), Shutdown::new(), progress)
}

fn run(journal: &RunningJournal, settings: &ReplaySettings) -> Arc<Progress> {
    let replay = open(journal, settings).unwrap();
    let progress = replay.progress.clone();
    replay.run().unwrap();
    progress
}

fn opens(journal: &RunningJournal, key: &StreamKey) -> Vec<u64> {
    candles(journal.rows(key)).iter().map(|candle| candle.open as u64).collect()
}

#[test]
fn a_file_is_replayed_whole_into_the_stream_of_its_name() {
    let folder = tempfile::tempdir().unwrap();
    let journal = FakeJournal::new(4).spawn(|| None);
    let progress = run(&journal, &ReplaySettings::of(file(folder.path(), 1_234)));
    assert_eq!(opens(&journal, &key()), (1..=1_234).collect::<Vec<_>>());
    assert_eq!((progress.read(), progress.delivered(), progress.duplicate()), (1_234, 1_234, 0));
    let (bytes, total) = progress.bytes();
    assert!(bytes == total && total > 0);
}

#[test]
fn a_replay_that_is_repeated_adds_nothing_and_one_of_a_grown_file_adds_the_new_rows() {
    let folder = tempfile::tempdir().unwrap();
    let journal = FakeJournal::new(100).spawn(|| None);
    run(&journal, &ReplaySettings::of(file(folder.path(), 250)));
    let again = run(&journal, &ReplaySettings::of(file(folder.path(), 250)));
    assert_eq!((again.delivered(), again.duplicate()), (0, 250));
    let grown =
        run(&journal, &ReplaySettings { batch_rows: 7, ..ReplaySettings::of(file(folder.path(), 300)) });
    assert_eq!((grown.delivered(), grown.duplicate()), (50, 250));
    assert_eq!(opens(&journal, &key()), (1..=300).collect::<Vec<_>>());
}

#[test]
fn a_replay_that_is_stopped_goes_on_where_it_was() {
    let folder = tempfile::tempdir().unwrap();
    let path = file(folder.path(), 500);
    let journal = FakeJournal::new(2).spawn(|| None);
    for batch_rows in [1, 13, 100] {
        let paced = ReplaySettings { batch_rows, pace: Pace::Rate(2_000.0), ..ReplaySettings::of(&path) };
        let replay = open(&journal, &paced).unwrap();
        let (shutdown, progress) = (replay.shutdown.clone(), replay.progress.clone());
        let thread = std::thread::spawn(|| replay.run());
        eventually("some rows", || progress.delivered() > 20);
        shutdown.request();
        thread.join().unwrap().unwrap();
    }
    run(&journal, &ReplaySettings::of(&path));
    assert_eq!(opens(&journal, &key()), (1..=500).collect::<Vec<_>>());
}

#[test]
fn a_journal_that_refuses_now_and_then_gets_every_row_once() {
    let folder = tempfile::tempdir().unwrap();
    let mut rng = fastrand::Rng::with_seed(3);
    let journal = FakeJournal::new(3).spawn(move || match rng.u8(..8) {
        0 => Some(Refusal::NoSpace { retry_after_ms: 1 }),
        1 => Some(Refusal::Failed { message: "disk gone".into(), retry_after_ms: 1 }),
        _ => None,
    });
    run(&journal, &ReplaySettings { batch_rows: 10, ..ReplaySettings::of(file(folder.path(), 900)) });
    assert_eq!(opens(&journal, &key()), (1..=900).collect::<Vec<_>>());
}

#[test]
fn two_replays_of_one_file_at_once_add_every_row_once() {
    let folder = tempfile::tempdir().unwrap();
    let path = file(folder.path(), 2_000);
    let journal = FakeJournal::new(8).spawn(|| None);
    let replays = [7, 10].map(|batch_rows| {
        let replay = open(&journal, &ReplaySettings { batch_rows, ..ReplaySettings::of(&path) }).unwrap();
        std::thread::spawn(|| replay.run())
    });
    // Either may give up to the other, but not both.
    let outcomes = replays.map(|replay| replay.join().unwrap());
    assert!(outcomes.iter().any(Result::is_ok), "{outcomes:?}");
    assert_eq!(opens(&journal, &key()), (1..=2_000).collect::<Vec<_>>());
}

#[test]
fn a_fixed_rate_and_the_datas_own_pace_take_their_time() {
    let folder = tempfile::tempdir().unwrap();
    let path = file(folder.path(), 101);
    for pace in ["500/s", "30000x"] {
        let journal = FakeJournal::new(100).spawn(|| None);
        let started = Instant::now();
        run(&journal, &ReplaySettings { pace: pace.parse().unwrap(), ..ReplaySettings::of(&path) });
        assert!(started.elapsed() >= Duration::from_millis(200), "{pace}: {:?}", started.elapsed());
        assert_eq!(opens(&journal, &key()).len(), 101);
    }
}

#[test]
fn a_strict_replay_delivers_what_stands_before_the_bad_row_and_names_it() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("x-1m.csv");
    std::fs::write(&path, "ts,open,high,low,close\n60,1,1,1,1\n120,1,1,1,1\n180,1,x,1,1\n240,1,1,1,1\n")
        .unwrap();
    let journal = FakeJournal::new(100).spawn(|| None);
    let strict = ReplaySettings { strict: true, ..ReplaySettings::of(&path) };
    let error = open(&journal, &strict).unwrap().run().unwrap_err().to_string();
    assert!(error.contains("x-1m.csv:4: high"), "{error}");
    let key = "candles.replay.x.1m".parse().unwrap();
    assert_eq!(journal.rows(&key).iter().map(Rows::len).sum::<usize>(), 2);
    let lenient = run(&journal, &ReplaySettings::of(&path));
    assert_eq!((lenient.delivered(), lenient.bad()), (1, 1));
}

#[test]
fn ticks_are_folded_and_settings_override_what_the_name_says() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("usd jpy.ticks.csv");
    std::fs::write(&path, "ts,bid,ask\n0,1,3\n1,2,4\n5,3,5\n").unwrap();
    let journal = FakeJournal::new(100).spawn(|| None);
    run(&journal, &ReplaySettings::of(&path));
    run(
        &journal,
        &ReplaySettings {
            source_id: "fx".into(),
            symbol: Some("USDJPY".into()),
            interval: Some("5s".into()),
            price: "bid".into(),
            ..ReplaySettings::of(&path)
        },
    );
    let mid = candles(journal.rows(&"candles.replay.usd-jpy-ticks.1m".parse().unwrap()));
    assert_eq!(mid, [Candle { ts: UnixMillis(0), open: 2.0, high: 4.0, low: 2.0, close: 4.0, volume: 3.0 }]);
    let bid = candles(journal.rows(&"candles.fx.USDJPY.5s".parse().unwrap()));
    assert_eq!(
        bid.iter().map(|c| (c.open, c.close, c.volume)).collect::<Vec<_>>(),
        [(1.0, 2.0, 2.0), (3.0, 3.0, 1.0)]
    );
}

#[test]
fn settings_that_cannot_work_name_the_setting() {
    let refused = |settings: ReplaySettings| settings.check().unwrap_err().to_string();
    let of = || ReplaySettings::of("x.csv");
    assert!(refused(ReplaySettings { batch_rows: 10_001, ..of() }).contains("batch_rows"));
    assert!(refused(ReplaySettings { price: "middle".into(), ..of() }).contains("price"));
    assert!(refused(ReplaySettings { interval: Some("minute".into()), ..of() }).contains("interval"));
}

#[test]
fn the_given_data_is_replayed_whole() {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data");
    if !folder.is_dir() {
        return eprintln!("skipped: ../shared/data is not there");
    }
    let journal = FakeJournal::new(64).spawn(|| None);
    for (name, rows) in [("btc-perp-1m.csv", 45_031), ("gbpusd-1m-bid.csv", 30_117)] {
        let progress =
            run(&journal, &ReplaySettings { strict: true, ..ReplaySettings::of(folder.join(name)) });
        assert_eq!((progress.delivered(), progress.bad()), (rows, 0), "{name}");
    }
    run(&journal, &ReplaySettings { strict: true, ..ReplaySettings::of(folder.join("usdjpy-ticks.csv")) });
    let topics: Vec<String> = journal.keys().iter().map(ToString::to_string).collect();
    assert_eq!(
        topics,
        ["candles.replay.btc-perp.1m", "candles.replay.gbpusd-1m-bid.1m", "candles.replay.usdjpy-ticks.1m"]
    );
    let ticks = candles(journal.rows(&topics[2].parse().unwrap()));
    assert_eq!(ticks.iter().map(|candle| candle.volume).sum::<f64>(), 1000.0);
}
