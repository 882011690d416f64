use super::*;
use crate::load::Lane;
use gapless::{Digest, Flags, Seq};

fn lane() -> Lane {
    Lane { number: 7, key: "candles.crash.a.1s".parse().unwrap() }
}

fn batch(lane: &Lane, first: u64, count: u64, start: u64) -> Batch {
    let batch = Batch::unsequenced(lane.key.clone(), Flags::NONE, lane.rows(first, count));
    Batch { start: Seq(start), ..batch }
}

/// What a producer remembers that made and got acknowledged so many rows, in batches of ten.
fn book(rows: u64) -> Book {
    let book = Book::default();
    book.open(&lane());
    for first in (0..rows).step_by(10) {
        book.make(&lane(), 10);
        book.acknowledge(&lane(), first, 10, first + 1);
    }
    book
}

fn judge(batches: &[Batch], book: &Book) -> (Vec<String>, u64) {
    let derived = BTreeMap::from([("candles.crash.a.1m".to_owned(), 7)]);
    let mut traced = Traced::default();
    batches.iter().for_each(|batch| traced.take(batch, &derived));
    traced.against(book)
}

#[test]
fn every_row_once_and_in_order_is_right() {
    let batches = [batch(&lane(), 0, 10, 1), batch(&lane(), 10, 10, 11)];
    assert_eq!(judge(&batches, &book(20)), (vec![], 0));
}

#[test]
fn an_acknowledged_row_that_is_not_there_is_lost() {
    let (problems, lost) = judge(&[batch(&lane(), 0, 10, 1)], &book(20));
    assert_eq!(lost, 10, "{problems:?}");
    assert!(!problems.is_empty());
}

#[test]
fn a_row_that_is_there_twice_or_out_of_order_is_told() {
    let twice = [batch(&lane(), 0, 10, 1), batch(&lane(), 0, 10, 11)];
    assert!(judge(&twice, &book(10)).0.iter().any(|problem| problem.contains("row 0 where 10 was due")));
    let swapped = [batch(&lane(), 10, 10, 1), batch(&lane(), 0, 10, 11)];
    assert!(judge(&swapped, &book(20)).0.iter().any(|problem| problem.contains("row 10 where 0 was due")));
}

#[test]
fn a_receipt_that_names_another_place_is_told() {
    // The rows are whole, but begin one later than the receipts said.
    let (problems, _) = judge(&[batch(&lane(), 0, 10, 2)], &book(10));
    assert!(problems.iter().any(|problem| problem.contains("acknowledged as 1")), "{problems:?}");
}

#[test]
fn a_bar_that_is_missing_is_told() {
    let (problems, _) = judge(&[batch(&lane(), 0, 60, 1)], &book(60));
    assert_eq!(problems, ["candles.crash.a.1m: 0 bars of 1"]);
}

#[test]
fn places_that_differ_in_one_value_are_told_apart() {
    let key: StreamKey = "candles.crash.a.1s".parse().unwrap();
    let place = |digest| Place {
        streams: BTreeMap::from([(key.clone(), Held { rows: 5, digest: Digest(digest) })]),
        problems: Vec::new(),
    };
    let every = Choice::Prefix(String::new());
    assert_eq!(same(&place(1), &place(1), "archive", &every), Vec::<String>::new());
    assert_eq!(same(&place(1), &place(2), "archive", &every).len(), 1);
    assert_eq!(same(&place(1), &Place::default(), "archive", &every).len(), 1);
    assert_eq!(same(&place(1), &Place::default(), "other", &Choice::Topics(vec![])), Vec::<String>::new());
}

#[test]
fn of_many_problems_the_first_are_told() {
    let told = shortened((0..25).map(|n| n.to_string()).collect());
    assert_eq!((told.len(), told.last().map(String::as_str)), (11, Some("... and 15 more")));
}
