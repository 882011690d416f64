use super::*;
use gapless_model::{Epoch, UnixMillis};

fn version1() -> BackfillCandlesRequest {
    BackfillCandlesRequest {
        key: "candles.a.b.1m".parse().unwrap(),
        from_exclusive: None,
        end_ts: None,
        limit: 0,
        to: None,
        epoch: Epoch::UNSTATED,
    }
}

fn version2() -> BackfillRequest {
    BackfillRequest {
        key: "candles.a.b.1m".parse().unwrap(),
        epoch: Epoch::UNSTATED,
        from_exclusive: Seq::NONE,
        to: Seq::NONE,
        start_ts: None,
        end_ts: None,
        limit: 0,
        max_bytes: 0,
    }
}

#[test]
fn no_limit_means_the_cap_and_no_limit_is_above_it() {
    assert_eq!(Question::from(&version1()).limit, 10_000);
    assert_eq!(Question::from(&BackfillCandlesRequest { limit: 7, ..version1() }).limit, 7);
    assert_eq!(Question::from(&BackfillCandlesRequest { limit: u32::MAX, ..version1() }).limit, 10_000);
    assert_eq!(Question::from(&version2()).limit, 40_000);
    assert_eq!(Question::from(&BackfillRequest { limit: u32::MAX, ..version2() }).limit, 40_000);
    let bytes = |max_bytes| Question::from(&BackfillRequest { max_bytes, ..version2() }).max_bytes;
    assert_eq!((bytes(0), bytes(1), bytes(u32::MAX)), (DEFAULT_BYTES, 1, MAX_BYTES));
}

#[test]
fn a_client_that_reads_on_is_foreseen() {
    let page = |from: u64, to: u64| BackfillRequest {
        from_exclusive: Seq(from - 1),
        to: Seq(to),
        limit: (to - from + 1) as u32,
        ..version2()
    };
    let question = Question::from(&page(101, 200));
    let answer = |from: u64, to: u64| SeqRange::new(Seq(from), Seq(to + 1));
    assert_eq!(question.next(answer(101, 200), Seq(300)), Some(Question::from(&page(201, 300))));
    assert_eq!(
        question.next(answer(101, 150), Seq(300)),
        Some(Question::from(&page(151, 250))),
        "cut by bytes"
    );
    assert_eq!(question.next(answer(101, 200), Seq(299)), None, "the next page is shorter");
    assert_eq!(question.next(answer(111, 200), Seq(900)), None, "a part was missing");
    let once = Question::from(&BackfillRequest { to: Seq::NONE, ..page(101, 200) });
    assert_eq!(once.next(answer(101, 200), Seq(900)), None, "it has no end");
}

#[test]
fn absurd_sequences_ask_for_nothing() {
    let request = BackfillRequest { from_exclusive: Seq(u64::MAX), to: Seq(u64::MAX), ..version2() };
    let question = Question::from(&request);
    assert_eq!(question.from, Seq(u64::MAX));
    let ends =
        |ts| Question::from(&BackfillCandlesRequest { end_ts: Some(UnixMillis(ts)), ..version1() }).end_ts;
    assert_eq!(ends(i64::MAX), Some(UnixNanos(i64::MAX)));
    assert_eq!(ends(i64::MIN), Some(UnixNanos(i64::MIN)));
}

#[test]
fn the_same_range_is_one_question_in_both_versions() {
    let first = BackfillCandlesRequest { from_exclusive: Some(Seq(4)), limit: 10, ..version1() };
    let second = BackfillRequest { from_exclusive: Seq(4), limit: 10, ..version2() };
    let any_size = |question| Question { max_bytes: 0, ..question };
    assert_eq!(any_size(Question::from(&first)), any_size(Question::from(&second)));
}
