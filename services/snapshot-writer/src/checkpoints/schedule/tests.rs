use super::*;

fn schedule(now: Instant) -> Schedule {
    Schedule::new(&CheckpointConfig { rows: 100, ..CheckpointConfig::default() }, now)
}

const MINUTE: Duration = Duration::from_secs(60);

#[test]
fn one_is_due_after_its_interval_if_there_is_anything_new() {
    let start = Instant::now();
    let mut schedule = schedule(start);
    assert_eq!(schedule.due(0, 0, start + MINUTE), None, "nothing happened");
    assert_eq!(schedule.due(1, 0, start + MINUTE / 2), None, "not yet");
    assert_eq!(schedule.due(1, 0, start + MINUTE), Some("interval"));
    schedule.heard(true);
    assert_eq!(schedule.due(0, 0, start + MINUTE), Some("interval"), "the journal has more");
    schedule.taken(1, 0, start + MINUTE, true);
    assert_eq!(schedule.due(1, 0, start + 3 * MINUTE), None);
}

#[test]
fn many_rows_and_the_end_of_a_stream_do_not_wait_for_the_interval() {
    let start = Instant::now();
    let mut schedule = schedule(start);
    assert_eq!(schedule.due(99, 0, start), None);
    assert_eq!(schedule.due(100, 0, start), Some("rows"));
    assert_eq!(schedule.due(0, 1, start), Some("end of a stream"));
    schedule.taken(150, 1, start, true);
    assert_eq!(schedule.due(400, 9, start + REST / 2), None, "it rests");
    assert_eq!(schedule.due(249, 1, start + REST), None);
    assert_eq!(schedule.due(250, 1, start + REST), Some("rows"));
}

#[test]
fn one_that_failed_is_tried_again_after_a_while() {
    let start = Instant::now();
    let mut schedule = schedule(start);
    schedule.taken(100, 1, start, false);
    assert_eq!(schedule.due(100, 1, start + RETRY / 2), None);
    assert_eq!(schedule.due(100, 1, start + RETRY), Some("end of a stream"));
}
