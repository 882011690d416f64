use super::*;

fn at(millis: u64) -> MonoTime {
    MonoTime(0).after(Duration::from_millis(millis))
}

#[test]
fn tells_once_a_second_how_far_it_is() {
    let mut reading = Reading::new(Position(1000), at(0));
    assert_eq!(reading.poll(Position(1500), Position(3000), at(999)), None);
    let told = reading.poll(Position(1500), Position(3000), at(1000)).unwrap();
    assert_eq!(told.to_string(), "reading the journal: record 1500 of 3000 (25 %), 500 records/s");
    assert_eq!(reading.poll(Position(2000), Position(3000), at(1500)), None);
    let told = reading.poll(Position(3000), Position(3000), at(2000)).unwrap();
    assert_eq!((told.percent, told.records_per_s), (100, 1000));
}

#[test]
fn retired_records_are_not_on_the_way() {
    let mut reading = Reading::new(Position::NONE, at(0));
    reading.skip(Position(9000));
    let told = reading.poll(Position(9500), Position(10_000), at(1000)).unwrap();
    assert_eq!((told.percent, told.records_per_s), (50, 500));
}

#[test]
fn nothing_is_told_before_the_journal_said_how_far_it_is() {
    assert_eq!(Reading::new(Position::NONE, at(0)).poll(Position::NONE, Position::NONE, at(5000)), None);
}
