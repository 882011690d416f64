use super::*;
use proptest::prelude::*;

fn pacer(pace: &str) -> Pacer {
    Pacer::new(pace.parse().unwrap())
}

const fn ms(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

#[test]
fn a_pace_reads_back_as_it_was_written() {
    for text in ["full", "1000/s", "0.5/s", "60x", "0.25x"] {
        assert_eq!(text.parse::<Pace>().unwrap().to_string(), text);
    }
    for text in ["", "fast", "0/s", "-1x", "nan/s", "infx", "1e99/s", "10", "x", "/s"] {
        assert!(text.parse::<Pace>().is_err_and(|error| error.contains("1000/s")), "{text}");
    }
}

#[test]
fn at_full_speed_every_row_is_due_at_once() {
    assert_eq!(pacer("full").due([0, 60_000, 120_000], ms(0)), (3, None));
}

#[test]
fn at_a_fixed_rate_rows_are_due_one_after_another() {
    let mut pacer = pacer("10/s");
    assert_eq!(pacer.due([0; 5], ms(0)), (1, Some(ms(100))));
    pacer.advance(1);
    assert_eq!(pacer.due([0; 4], ms(250)), (2, Some(ms(300))));
}

#[test]
fn at_the_datas_own_pace_rows_are_as_far_apart_as_their_times() {
    let mut pacer = pacer("60x");
    assert_eq!(pacer.due([600_000, 660_000, 720_000], ms(1000)), (2, Some(ms(2000))));
    pacer.advance(2);
    assert_eq!(pacer.due([720_000, 0], ms(2000)), (2, None), "a row that goes back in time is due at once");
}

proptest! {
    #[test]
    fn after_any_time_as_many_rows_are_due_as_the_rate_says(rate in 1u32..10_000, millis in 0u64..100_000) {
        let mut pacer = Pacer::new(Pace::Rate(f64::from(rate)));
        let mut handed = 0usize;
        loop {
            let (due, _) = pacer.due(std::iter::repeat_n(0, 1000), ms(millis));
            if due == 0 { break }
            pacer.advance(due);
            handed += due;
        }
        let expected = (u64::from(rate) * millis / 1000) as usize + 1;
        prop_assert!(handed.abs_diff(expected) <= 1, "{handed} instead of {expected}");
    }
}
