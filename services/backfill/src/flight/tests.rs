use super::*;

type Asked = Flights<&'static str, u32, &'static str>;

fn board(flights: &mut Asked, question: &'static str, who: u32, now: Instant) -> Boarding<&'static str> {
    flights.board(&question, who, now).0
}

fn land(flights: &mut Asked, question: &'static str, found: Option<&'static str>, now: Instant) -> Vec<u32> {
    flights.land_ahead(&question, &Ok::<_, ()>(found), now)
}

#[test]
fn what_a_look_ahead_did_not_find_is_not_kept() {
    let (mut flights, now) = (Asked::new(), Instant::now());
    assert!(flights.board_ahead(&"unknown", now));
    assert_eq!(land(&mut flights, "unknown", None, now), [] as [u32; 0]);
    assert_eq!(board(&mut flights, "unknown", 1, now), Boarding::Pilot);
    assert!(flights.board_ahead(&"unreadable", now));
    assert_eq!(flights.land_ahead(&"unreadable", &Err("a disk failed"), now), [] as [u32; 0]);
    assert_eq!(board(&mut flights, "unreadable", 2, now), Boarding::Pilot);
}

#[test]
fn the_first_looks_and_the_others_wait() {
    let (mut flights, now) = (Asked::new(), Instant::now());
    assert_eq!(board(&mut flights, "a", 1, now), Boarding::Pilot);
    assert_eq!(board(&mut flights, "a", 2, now), Boarding::Passenger);
    assert_eq!(board(&mut flights, "b", 3, now), Boarding::Pilot);
    assert_eq!(flights.land(&"a"), [1, 2]);
    assert_eq!(board(&mut flights, "a", 4, now), Boarding::Pilot, "an answer is not kept");
    assert_eq!(flights.land(&"b"), [3]);
    assert_eq!(flights.land(&"a"), [4]);
    assert_eq!(flights.land(&"a"), [] as [u32; 0]);
}

#[test]
fn waiting_is_bounded() {
    let (mut flights, now) = (Asked::new(), Instant::now());
    for who in 0..MAX_WAITERS as u32 {
        assert_ne!(board(&mut flights, "a", who, now), Boarding::Full);
    }
    assert_eq!(board(&mut flights, "a", 0, now), Boarding::Full);
    assert_eq!(flights.land(&"a").len(), MAX_WAITERS);
    assert_eq!(board(&mut flights, "a", 0, now), Boarding::Pilot);
}

#[test]
fn who_asks_during_a_look_ahead_gets_what_it_finds() {
    let (mut flights, now) = (Asked::new(), Instant::now());
    assert!(flights.board_ahead(&"next", now));
    assert!(!flights.board_ahead(&"next", now), "one look is enough");
    assert_eq!(board(&mut flights, "next", 1, now), Boarding::Passenger);
    assert_eq!(land(&mut flights, "next", Some("rows"), now), [1]);
    assert_eq!(board(&mut flights, "next", 2, now), Boarding::Pilot, "it is not kept then");
}

#[test]
fn who_asks_after_a_look_ahead_gets_it_once_and_soon_or_not_at_all() {
    let (mut flights, now) = (Asked::new(), Instant::now());
    assert!(flights.board_ahead(&"next", now));
    assert_eq!(land(&mut flights, "next", Some("rows"), now), [] as [u32; 0]);
    assert!(!flights.board_ahead(&"next", now), "it is there already");
    assert_eq!(flights.board(&"next", 1, now + KEPT_FOR), (Boarding::Found("rows"), Some(1)));
    assert_eq!(board(&mut flights, "next", 2, now), Boarding::Pilot);

    assert!(flights.board_ahead(&"later", now));
    assert_eq!(land(&mut flights, "later", Some("rows"), now), [] as [u32; 0]);
    let too_late = now + KEPT_FOR + Duration::from_millis(1);
    assert_eq!(board(&mut flights, "later", 3, too_late), Boarding::Pilot);
}

#[test]
fn few_looks_ahead_are_kept_the_newest() {
    let (mut flights, now) = (Flights::<usize, u32, usize>::new(), Instant::now());
    for question in 0..MAX_KEPT + 2 {
        assert!(flights.board_ahead(&question, now));
        assert_eq!(flights.land_ahead(&question, &Ok::<_, ()>(Some(question)), now), [] as [u32; 0]);
    }
    let found = |flights: &mut Flights<usize, u32, usize>, question| flights.board(&question, 1, now).0;
    assert_eq!(found(&mut flights, 1), Boarding::Pilot);
    assert_eq!(found(&mut flights, 2), Boarding::Found(2));
}
