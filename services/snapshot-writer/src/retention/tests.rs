use super::*;

fn kept(name: &str, number: u64, hours: u64, bytes: u64) -> Kept {
    Kept { name: name.into(), number, age: Duration::from_secs(hours * 3600), bytes }
}

fn all() -> Vec<Kept> {
    vec![kept("a", 1, 50, 10), kept("b", 1, 40, 10), kept("a", 2, 30, 10), kept("a", 3, 5, 10)]
}

#[test]
fn without_limits_everything_stays() {
    assert!(expired(&all(), Limits::default()).is_empty());
}

#[test]
fn the_oldest_of_a_name_go_when_there_are_many() {
    let limits = Limits { count: Some(2), ..Limits::default() };
    assert_eq!(expired(&all(), limits), [0]);
    assert_eq!(expired(&all(), Limits { count: Some(0), ..Limits::default() }), [0, 1, 2, 3]);
}

#[test]
fn what_was_completed_long_ago_goes() {
    let limits = Limits { age: Some(Duration::from_secs(35 * 3600)), ..Limits::default() };
    assert_eq!(expired(&all(), limits), [0, 1]);
}

#[test]
fn the_newest_that_fit_the_bytes_stay() {
    let limits = |bytes| Limits { bytes: Some(bytes), ..Limits::default() };
    assert_eq!(expired(&all(), limits(40)), Vec::<usize>::new());
    assert_eq!(expired(&all(), limits(25)), [0, 1]);
    assert_eq!(expired(&all(), Limits { count: Some(1), ..limits(15) }), [0, 1, 2]);
}
