use super::*;

#[test]
fn percentiles_are_values_that_occurred() {
    let spread = Spread::of((1..=200).rev().map(Duration::from_millis));
    assert_eq!(spread, Spread { count: 200, p50_ms: 100, p99_ms: 198, max_ms: 200 });
}

#[test]
fn few_values_have_the_longest_as_their_p99() {
    let spread = Spread::of([3, 1, 2].map(Duration::from_millis));
    assert_eq!(spread, Spread { count: 3, p50_ms: 2, p99_ms: 3, max_ms: 3 });
    assert_eq!(Spread::of([]), Spread::default());
}
