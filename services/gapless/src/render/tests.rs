//! Small texts.

use super::{age, count};
use std::time::Duration;

#[test]
fn counts_have_their_thousands_apart() {
    assert_eq!([0, 999, 1000, 45_031, 1_000_000].map(count), ["0", "999", "1,000", "45,031", "1,000,000"]);
}

#[test]
fn an_age_has_one_unit() {
    let ages = [None, Some(0.25), Some(1.5), Some(300.0), Some(10_000.0)];
    let texts = ages.map(|seconds| age(seconds.map(Duration::from_secs_f64)));
    assert_eq!(texts, ["-", "250ms", "1.5s", "5m", "2h"]);
}
