use super::{HeartbeatSchedule, HeartbeatSettings, HeartbeatSlot};
use gapless_model::MonoTime;
use proptest::prelude::*;

fn ms(millis: u64) -> MonoTime {
    MonoTime(millis * 1_000_000)
}

fn owed(schedule: &mut HeartbeatSchedule, at: u64) -> Vec<usize> {
    std::iter::from_fn(|| schedule.poll_output(ms(at))).map(HeartbeatSlot::index).collect()
}

#[test]
fn an_idle_log_proves_its_end_after_250_ms_and_then_each_second() {
    let mut schedule = HeartbeatSchedule::new(HeartbeatSettings::default());
    let log = schedule.register(ms(0));
    schedule.handle_row(log, ms(0));
    let sent: Vec<u64> = (0..4_000).filter(|at| !owed(&mut schedule, *at).is_empty()).collect();
    assert_eq!(sent, [250, 1_250, 2_250, 3_250]);
}

#[test]
fn a_busy_log_owes_nothing_and_costs_no_heap_entry_per_row() {
    let mut schedule = HeartbeatSchedule::new(HeartbeatSettings::default());
    let log = schedule.register(ms(0));
    for at in 1..100_000 {
        schedule.handle_row(log, ms(at));
        assert_eq!(owed(&mut schedule, at), [0usize; 0]);
    }
    assert!(schedule.heap.len() <= 2);
}

#[test]
fn the_timeout_is_never_later_than_what_is_owed() {
    let mut schedule = HeartbeatSchedule::new(HeartbeatSettings::default());
    assert_eq!(schedule.poll_timeout(), None);
    let log = schedule.register(ms(0));
    owed(&mut schedule, 0);
    schedule.handle_row(log, ms(100));
    assert_eq!(schedule.poll_timeout().map(|(at, _)| at), Some(ms(350)));
}

proptest! {
    #[test]
    fn agrees_with_one_timer_per_log(rows in prop::collection::vec((0u64..5_000, 0usize..5), 0..200)) {
        let mut schedule = HeartbeatSchedule::new(HeartbeatSettings::default());
        let slots: Vec<HeartbeatSlot> = (0..5).map(|_| schedule.register(ms(0))).collect();
        let mut due = [0u64; 5];
        for at in 0..6_000 {
            for (_, log) in rows.iter().filter(|(time, _)| *time == at) {
                schedule.handle_row(slots[*log], ms(at));
                due[*log] = at + 250;
            }
            let expected: Vec<usize> = (0..5).filter(|log| due[*log] == at).collect();
            if let Some(next) = due.iter().min() {
                let (timeout, _) = schedule.poll_timeout().unwrap();
                prop_assert!(timeout <= ms(*next));
            }
            for log in &expected {
                due[*log] = at + 1_000;
            }
            let mut sent = owed(&mut schedule, at);
            sent.sort_unstable();
            prop_assert_eq!(sent, expected);
            prop_assert!(schedule.heap.len() <= 5 * 5);
        }
    }
}
