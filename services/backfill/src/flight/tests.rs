use super::*;

#[test]
fn the_first_looks_and_the_others_wait() {
    let mut flights = Flights::new();
    assert_eq!(flights.board("a", 1), Boarding::Pilot);
    assert_eq!(flights.board("a", 2), Boarding::Passenger);
    assert_eq!(flights.board("b", 3), Boarding::Pilot);
    assert_eq!(flights.land(&"a"), [1, 2]);
    assert_eq!(flights.board("a", 4), Boarding::Pilot, "an answer is not kept");
    assert_eq!(flights.land(&"b"), [3]);
    assert_eq!(flights.land(&"a"), [4]);
    assert_eq!(flights.land(&"a"), [] as [i32; 0]);
}

#[test]
fn waiting_is_bounded() {
    let mut flights = Flights::new();
    for who in 0..MAX_WAITERS {
        assert_ne!(flights.board((), who), Boarding::Full);
    }
    assert_eq!(flights.board((), MAX_WAITERS), Boarding::Full);
    assert_eq!(flights.land(&()).len(), MAX_WAITERS);
    assert_eq!(flights.board((), 0), Boarding::Pilot);
}
