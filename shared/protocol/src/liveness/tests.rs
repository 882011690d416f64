use super::{Liveness, Sign};
use crate::{Health, Settings};
use gapless_model::MonoTime;

fn ms(millis: u64) -> MonoTime {
    MonoTime(millis * 1_000_000)
}

#[test]
fn missing_rows_that_do_not_come_are_a_stall_and_rows_that_do_are_not() {
    let mut liveness = Liveness::new(&Settings::default());
    for at in (0..10_000).step_by(1_000) {
        liveness.heard(Sign::Heartbeat, ms(at));
        liveness.missing(true, ms(at));
        liveness.delivered(ms(at));
    }
    assert_eq!(liveness.health(ms(10_000)), Health::Backfilling);
    for at in (10_000..20_000).step_by(1_000) {
        liveness.heard(Sign::Heartbeat, ms(at));
    }
    assert_eq!(liveness.health(ms(20_000)), Health::Stalled);
    liveness.missing(false, ms(20_000));
    assert_eq!(liveness.health(ms(20_000)), Health::Subscribed);
}

#[test]
fn a_silent_feed_that_had_heartbeats_stays_stalled_whatever_the_replay_side_says() {
    let mut liveness = Liveness::new(&Settings::default());
    liveness.heard(Sign::Heartbeat, ms(0));
    liveness.status_heard(ms(3_000));
    assert_eq!(liveness.health(ms(3_500)), Health::Stalled);
}

#[test]
fn a_silent_feed_is_polled_at_once_and_then_at_leisure() {
    let mut liveness = Liveness::new(&Settings::default());
    liveness.heard(Sign::Heartbeat, ms(0));
    let polls: Vec<u64> = (0..30_000).filter(|at| liveness.poll(ms(*at))).collect();
    assert_eq!(polls, [3_500, 13_500, 23_500]);
}
