use super::{Answer, ReplayScheduler, Verdict};
use crate::{Failure, RequestId, Settings, TruncateReason};
use gapless_model::{MonoTime, Seq, SeqRange};
use proptest::prelude::*;
use std::time::Duration;

fn missing(first: u64, last: u64) -> SeqRange {
    SeqRange::new(Seq(first), Seq(last + 1))
}

fn failure() -> impl Strategy<Value = Failure> {
    prop_oneof![
        Just(Failure::NoReply),
        (0u64..200_000).prop_map(|ms| Failure::Busy { retry_after: Duration::from_millis(ms) }),
        Just(Failure::UnknownLog),
        prop::sample::select(vec![400u32, 403, 410, 413, 426, 429, 500, 503])
            .prop_map(|code| Failure::Refused { code }),
        Just(Failure::Corrupt),
    ]
}

fn answer() -> impl Strategy<Value = Answer> {
    prop_oneof![
        2 => Just(Answer::Progress),
        2 => Just(Answer::NotYet),
        2 => Just(Answer::NotServed),
        4 => failure().prop_map(Answer::Failed),
    ]
}

fn is_strike(answer: Answer) -> bool {
    match answer {
        Answer::Progress | Answer::NotYet => false,
        Answer::NotServed | Answer::Failed(Failure::Corrupt) => true,
        Answer::Failed(Failure::Refused { code }) => matches!(code, 400 | 403 | 410 | 413 | 426),
        Answer::Failed(Failure::NoReply | Failure::Busy { .. } | Failure::UnknownLog) => false,
    }
}

#[test]
fn a_chunk_is_asked_for_once_at_a_time() {
    let settings = Settings { chunk_rows: 10_000, ..Settings::default() };
    let mut scheduler = ReplayScheduler::new(&settings, 1);
    let now = MonoTime(0);
    assert_eq!(scheduler.request(missing(5, 4), RequestId(1), now), None);
    assert_eq!(scheduler.request(missing(5, 30_000), RequestId(1), now), Some(missing(5, 10_004)));
    assert_eq!(scheduler.request(missing(5, 30_000), RequestId(2), now), None);
    assert_eq!(scheduler.finish(RequestId(7), now), None);
    assert_eq!(scheduler.finish(RequestId(1), now), Some(missing(5, 10_004)));
    assert_eq!(scheduler.settle(Answer::Progress, now), Verdict::Continue);
    assert_eq!(scheduler.request(missing(10_005, 10_006), RequestId(2), now), Some(missing(10_005, 10_006)));
}

#[test]
fn a_log_that_is_missing_as_a_whole_costs_one_attempt_a_chunk() {
    let mut scheduler = ReplayScheduler::new(&Settings::default(), 1);
    let verdicts: Vec<bool> = (0..8)
        .map(|_| {
            scheduler.settle(Answer::NotServed, MonoTime(0)) == Verdict::GiveUp(TruncateReason::NotServed)
        })
        .collect();
    assert_eq!(verdicts, [false, false, false, false, true, true, true, true]);
    scheduler.settle(Answer::Progress, MonoTime(0));
    assert_eq!(scheduler.settle(Answer::NotServed, MonoTime(0)), Verdict::Continue);
}

proptest! {
    #[test]
    fn waits_after_every_failure_and_gives_up_after_so_many_strikes(
        seed: u64,
        answers in prop::collection::vec(answer(), 1..100),
    ) {
        let settings = Settings::default();
        let mut scheduler = ReplayScheduler::new(&settings, seed);
        let (mut now, mut strikes) = (MonoTime(1), 0);
        for (request, answer) in (1u64..).map(RequestId).zip(answers) {
            let asked = scheduler.request(missing(1, 1_000_000), request, now).unwrap();
            prop_assert_eq!(asked.start(), Seq(1));
            prop_assert!((1..=settings.chunk_rows).contains(&asked.len()));
            prop_assert_eq!(scheduler.in_flight(), Some(asked));
            prop_assert_eq!(scheduler.deadline(true), Some(now.after(settings.request_timeout)));
            prop_assert_eq!(scheduler.finish(request, now), Some(asked));
            let verdict = scheduler.settle(answer, now);
            strikes = match answer {
                Answer::Progress => 0,
                _ => strikes + u32::from(is_strike(answer)),
            };
            let is_over = is_strike(answer) && strikes >= settings.max_strikes;
            prop_assert_eq!(matches!(verdict, Verdict::GiveUp(_)), is_over);
            let next = scheduler.deadline(true).unwrap();
            let wait = next.since(now);
            if answer == Answer::Progress {
                prop_assert_eq!(wait, Duration::ZERO);
            } else {
                prop_assert!(wait >= settings.backoff_initial / 2);
                prop_assert!(wait <= settings.backoff_max + Duration::from_secs(60));
            }
            if let Answer::Failed(Failure::Busy { retry_after }) = answer {
                prop_assert!(wait >= retry_after.min(Duration::from_secs(60)));
            }
            let too_early = scheduler.request(missing(1, 9), RequestId(u64::MAX), MonoTime(next.0 - 1));
            prop_assert_eq!(too_early, None);
            now = next;
        }
    }
}
