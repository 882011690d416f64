//! Pacing with time as a value.

use super::{Pace, Pacer};
use gapless::UnixMillis;
use std::time::{Duration, Instant};

#[test]
fn reads_the_words_for_a_pace() {
    assert_eq!("max".parse(), Ok(Pace::Max));
    assert_eq!("full".parse(), Ok(Pace::Max));
    assert_eq!("1000/s".parse(), Ok(Pace::Rate(1000.0)));
    assert_eq!("realtime".parse(), Ok(Pace::Data(1.0)));
    assert_eq!("60x".parse(), Ok(Pace::Data(60.0)));
    for bad in ["fast", "0x", "-1x", "infx", "60", "0/s", "/s"] {
        assert!(bad.parse::<Pace>().is_err(), "{bad}");
    }
}

#[test]
fn follows_the_datas_own_pace_times_a_factor() {
    let now = Instant::now();
    let mut pacer = Pacer::new(Pace::Data(60.0));
    assert_eq!(pacer.wait_at(UnixMillis(0), 1, now), Duration::ZERO);
    assert_eq!(pacer.wait_at(UnixMillis(60_000), 1, now), Duration::from_secs(1));
    assert_eq!(pacer.wait_at(UnixMillis(120_000), 1, now + Duration::from_secs(5)), Duration::ZERO);
}

#[test]
fn keeps_a_rate_over_batches_of_any_size() {
    let now = Instant::now();
    let mut pacer = Pacer::new(Pace::Rate(100.0));
    assert_eq!(pacer.wait_at(UnixMillis(0), 50, now), Duration::ZERO);
    assert_eq!(pacer.wait_at(UnixMillis(0), 200, now), Duration::from_millis(500));
    assert_eq!(pacer.wait_at(UnixMillis(0), 1, now), Duration::from_millis(2500));
}
