use super::live::LiveFate;
use super::*;
use proptest::prelude::*;

const TOPIC: &str = "candles.dev.X.1s";

fn live_plan() -> impl Strategy<Value = LiveFaults> {
    let percent = || prop_oneof![Just(0.0), 0.0..=100.0];
    ((percent(), percent(), percent(), percent(), percent()), 0u32..500, 0u32..500).prop_map(
        |(p, delay, jitter)| LiveFaults {
            drop_percent: p.0,
            corrupt_percent: p.1,
            wrong_version_percent: p.2,
            duplicate_percent: p.3,
            collide_percent: p.4,
            delay_ms: delay,
            delay_jitter_ms: jitter,
            ..LiveFaults::default()
        },
    )
}

proptest! {
    #[test]
    fn the_same_seed_plan_and_batch_have_the_same_fate(plan in live_plan(), seed: u64, number: u64) {
        let once = fate(&plan, seed, TOPIC, number);
        prop_assert_eq!(once, fate(&plan, seed, TOPIC, number));
        prop_assert!((plan.delay_ms..=plan.delay_ms + plan.delay_jitter_ms).contains(&once.delay_ms));
    }

    #[test]
    fn a_higher_share_of_one_fault_only_adds_to_its_hits(plan in live_plan(), seed: u64, more in 0.0..=100.0) {
        let with_more = LiveFaults { drop_percent: plan.drop_percent.max(more), ..plan.clone() };
        for number in 0..200 {
            let before = fate(&plan, seed, TOPIC, number).fate;
            let after = fate(&with_more, seed, TOPIC, number).fate;
            prop_assert!(after == before || after == Fate::Withhold, "{before:?} became {after:?}");
        }
    }

    #[test]
    fn replies_too_have_the_same_fate_every_time(seed: u64, number: u64, none in 0.0..=100.0, error in 0.0..=100.0) {
        let plan = ReplyFaults { none_percent: none, error_percent: error, ..ReplyFaults::default() };
        prop_assert_eq!(reply_fate(&plan, seed, TOPIC, number), reply_fate(&plan, seed, TOPIC, number));
    }
}

#[test]
fn an_empty_plan_delivers_everything_at_once() {
    let fine = LiveFate { fate: Fate::Deliver, delay_ms: 0 };
    assert!((0..1000).all(|number| fate(&LiveFaults::default(), 3, TOPIC, number) == fine));
    assert!(
        (0..1000).all(|number| reply_fate(&ReplyFaults::default(), 3, TOPIC, number) == ReplyFate::Answer)
    );
}

#[test]
fn shares_are_kept_and_streams_suffer_at_different_times() {
    let plan = LiveFaults { drop_percent: 10.0, ..LiveFaults::default() };
    let dropped = |topic: &str| -> Vec<u64> {
        (0..10_000).filter(|number| fate(&plan, 3, topic, *number).fate == Fate::Withhold).collect()
    };
    let (one, other) = (dropped(TOPIC), dropped("candles.dev.Y.1s"));
    assert!((800..1200).contains(&one.len()), "{} of 10,000", one.len());
    assert_ne!(one, other);
}

#[test]
fn what_cannot_be_is_named_with_what_to_write() {
    let plan = FaultPlan {
        replies: ReplyFaults { error_percent: 101.0, ..ReplyFaults::default() },
        ..FaultPlan::default()
    };
    assert_eq!(plan.problem().unwrap(), "replies.error_percent = 101: write 0 to 100");
    let plan = LiveFaults { drop_percent: f64::NAN, ..LiveFaults::default() };
    assert!(plan.problem().unwrap().contains("drop_percent"));
}
