use super::*;

fn schedule(now: MonoTime) -> Schedule {
    Schedule::new(MINUTE, 100, true, now)
}

const START: MonoTime = MonoTime(1_000_000_000);
const MINUTE: Duration = Duration::from_secs(60);

#[test]
fn one_is_due_after_its_interval_if_there_is_anything_new() {
    let mut schedule = schedule(START);
    assert_eq!(schedule.due(0, 0, START.after(MINUTE)), None, "nothing happened");
    assert_eq!(schedule.due(1, 0, START.after(MINUTE / 2)), None, "not yet");
    assert_eq!(schedule.due(1, 0, START.after(MINUTE)), Some("interval"));
    schedule.heard(true);
    assert_eq!(schedule.due(0, 0, START.after(MINUTE)), Some("interval"), "the journal has more");
    schedule.taken(1, 0, START.after(MINUTE), true);
    assert_eq!(schedule.due(1, 0, START.after(3 * MINUTE)), None);
}

#[test]
fn many_rows_and_the_end_of_a_stream_do_not_wait_for_the_interval() {
    let mut schedule = schedule(START);
    assert_eq!(schedule.due(99, 0, START), None);
    assert_eq!(schedule.due(100, 0, START), Some("rows"));
    assert_eq!(schedule.due(0, 1, START), Some("end of a stream"));
    schedule.taken(150, 1, START, true);
    assert_eq!(schedule.due(400, 9, START.after(REST / 2)), None, "it rests");
    assert_eq!(schedule.due(249, 1, START.after(REST)), None);
    assert_eq!(schedule.due(250, 1, START.after(REST)), Some("rows"));
}

#[test]
fn one_that_failed_is_tried_again_after_a_while() {
    let mut schedule = schedule(START);
    schedule.taken(100, 1, START, false);
    assert_eq!(schedule.due(100, 1, START.after(RETRY / 2)), None);
    assert_eq!(schedule.due(100, 1, START.after(RETRY)), Some("end of a stream"));
}
