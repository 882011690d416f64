#![allow(clippy::unwrap_used, clippy::panic)]

use super::*;

fn server(next: NextSequence) -> (OldServer, Key) {
    let key = Key::new("old", "btc", "1m");
    (OldServer::new(key.clone(), next, 1), key)
}

fn put(server: &OldServer, question: Question, key: &Key) -> Answer {
    read_answer(&server.answer(&ask(&question, key, 1, "7")), "7").unwrap()
}

#[test]
fn the_two_meanings_of_next_sequence_differ_by_one() {
    for (next, expected) in [(NextSequence::LastReturned, 7), (NextSequence::FirstNotReturned, 8)] {
        let (mut server, key) = server(next);
        server.append(10);
        let Answer::Page { start, candles, more, next } =
            put(&server, Question::Page { from: Some(4), limit: 3 }, &key)
        else {
            panic!("not a page");
        };
        assert_eq!((start, candles.len(), more, next), (5, 3, true, expected));
        assert_eq!(candles[0], OldServer::row(1, 5));
    }
}

#[test]
fn the_end_of_a_stream_has_no_next_sequence() {
    let (mut server, key) = server(NextSequence::FirstNotReturned);
    server.append(3);
    let page = put(&server, Question::Page { from: Some(3), limit: 0 }, &key);
    assert_eq!(page, Answer::Page { start: 4, candles: vec![], more: false, next: 0 });
}

#[test]
fn an_old_server_refuses_what_it_does_not_know() {
    let (server, key) = server(NextSequence::LastReturned);
    assert_eq!(put(&server, Question::Cursor, &Key::new("old", "eth", "1m")), Answer::Error { code: 404 });
    let newer = server.answer(&ask(&Question::Health, &key, 2, "7"));
    assert_eq!(read_answer(&newer, "7"), Ok(Answer::Error { code: 426 }));
    assert_eq!(read_answer(&server.answer(b"nonsense"), ""), Ok(Answer::Error { code: 400 }));
}

#[test]
fn a_live_batch_is_read_back() {
    let (mut server, key) = server(NextSequence::LastReturned);
    assert_eq!(server.append(5), 1);
    let batch = read_batch(key.topic().as_bytes(), &server.batch(2, 4)).unwrap().unwrap();
    let candles = (2..=4).map(|sequence| OldServer::row(1, sequence)).collect();
    assert_eq!(batch, LiveBatch { topic: key.topic(), start: 2, candles });
}
