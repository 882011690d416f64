use super::*;
use gapless_model::{Epoch, Seq};
use proptest::prelude::*;

fn stream(live: LiveFaults, seed: u64) -> Stream {
    let key: StreamKey = "candles.dev.X.1s".parse().unwrap();
    let setup = StreamSetup { batch_rows: 7, live: Some(live), ..StreamSetup::default() };
    let source = Source::generated(&key, seed, UnixMillis(0));
    let history = History::new(key.clone(), 1_000_000, Epoch(1));
    Stream::new(key, &setup, &FaultPlan::default(), source, history, seed, MonoTime(0))
}

fn plan() -> impl Strategy<Value = LiveFaults> {
    (0.0..40.0, 0u64..9, 0.0..40.0, 0.0..40.0, 0u32..9, 0u32..200).prop_map(
        |(drop, every, corrupt, twice, window, jitter)| LiveFaults {
            drop_percent: drop,
            drop_every: every,
            corrupt_percent: corrupt,
            duplicate_percent: twice,
            reorder_window: window,
            delay_jitter_ms: jitter,
            ..LiveFaults::default()
        },
    )
}

proptest! {
    #[test]
    fn whatever_the_plan_each_row_leaves_at_most_once_unchanged_and_not_before_it_is_made(plan in plan(), seed: u64) {
        let mut stream = stream(plan.clone(), seed);
        let mut left: Vec<u64> = Vec::new();
        let mut readable = 0;
        for n in 0..60u64 {
            let now = MonoTime(n * 20_000_000);
            let (batch, departures) = stream.tick(now, UnixMillis(0)).unwrap();
            for departure in departures {
                prop_assert!(departure.at >= now);
                let range = departure.batch.range();
                prop_assert_eq!(&departure.batch.rows, &batch.clone().cut(range).rows);
                left.extend(range.start().0..range.end().0);
                let whole = !matches!(departure.fate, Fate::Corrupt(_) | Fate::WrongVersion | Fate::Withhold);
                readable += if whole { range.len() } else { 0 };
            }
        }
        prop_assert!(left.windows(2).all(|pair| pair[0] < pair[1]), "no row leaves twice by itself");
        prop_assert!(plan.drop_every == 0 || left.iter().all(|seq| seq % plan.drop_every != 0));
        let view = stream.view();
        prop_assert_eq!((view.published, view.published + view.withheld), (readable, 60 * 7));
        prop_assert_eq!(view.latest, Seq(60 * 7).0);
    }

    #[test]
    fn a_shuffled_window_holds_every_place_once(seed: u64, start: u64, window in 1u32..50) {
        let mut places: Vec<u32> = (0..window).map(|place| shuffled(seed, start, window, place)).collect();
        places.sort_unstable();
        prop_assert_eq!(places, (0..window).collect::<Vec<_>>());
    }
}

#[test]
fn jitter_moves_ticks_within_its_bounds() {
    let mut stream = stream(LiveFaults::default(), 3);
    stream.rate.jitter_percent = 50;
    let waits: Vec<u128> = (0..200).map(|n| stream.next_wait(n).as_millis()).collect();
    assert!(waits.iter().all(|ms| (10..=30).contains(ms)));
    assert!(waits.iter().any(|ms| *ms < 14) && waits.iter().any(|ms| *ms > 26), "{waits:?}");
}
