use crate::{TimeError, parse_time};
use jiff::Timestamp;
use proptest::prelude::*;

fn nanos(text: &str) -> i64 {
    parse_time(text).unwrap_or_else(|error| panic!("{text}: {error}")).0
}

/// The moment as an independent implementation reads it.
fn reference(text: &str) -> i64 {
    i64::try_from(text.parse::<Timestamp>().unwrap().as_nanosecond()).unwrap()
}

#[test]
fn the_usual_calendar_forms_mean_the_same_moment() {
    let moment = reference("2013-01-01T22:02:35.907Z");
    for text in [
        "2013-01-01T22:02:35.907Z",
        "2013-01-01t22:02:35.907z",
        "2013-01-01 22:02:35.907000+00:00",
        "2013-01-01 22:02:35.907",
        "2013-01-01 22:02:35.907000",
        "2013-01-01 22:02:35,907",
        "2013-01-01T22:02:35.907 UTC",
        "2013/01/01 22:02:35.907",
        "2013.01.01 22:02:35.907",
        "2013-01-02T00:02:35.907+02:00",
        "2013-01-02T00:02:35.907+0200",
        "2013-01-02T00:02:35.907+02",
        "2013-01-01 16:32:35.907 -05:30",
        "20130101 220235.907",
        "20130101T220235.907Z",
        "  2013-01-01T22:02:35.907Z  ",
    ] {
        assert_eq!(nanos(text), moment, "{text}");
    }
}

#[test]
fn a_date_alone_is_its_midnight_in_utc() {
    let midnight = reference("2022-01-31T00:00:00Z");
    for text in ["2022-01-31", "2022/01/31", "2022.01.31", "20220131", "20220131000000", "2022-01-31 00:00"] {
        assert_eq!(nanos(text), midnight, "{text}");
    }
}

#[test]
fn the_magnitude_of_an_epoch_names_its_unit() {
    let moment = 1_700_000_000_123_456_789;
    assert_eq!(nanos("1700000000"), 1_700_000_000_000_000_000);
    assert_eq!(nanos("1700000000.123456789"), moment);
    assert_eq!(nanos("1700000000123"), 1_700_000_000_123_000_000);
    assert_eq!(nanos("1700000000123.456789"), moment);
    assert_eq!(nanos("1700000000123456"), 1_700_000_000_123_456_000);
    assert_eq!(nanos("1700000000123456789"), moment);
    assert_eq!(nanos("1.7e9"), 1_700_000_000_000_000_000);
    assert_eq!(nanos("-1"), -1_000_000_000);
    assert_eq!(nanos("0"), 0);
}

#[test]
fn what_is_no_time_is_refused_with_what_to_write() {
    for text in [
        "",
        "noon",
        "2022-13-01",
        "2022-02-30",
        "2022-01-01 24:00:00",
        "2022-01-01 10:61",
        "2022-01-01T10:00:00+99:00",
        "2022-01-01T10:00:00+01:0",
        "2022-01-01 10:00:00 CET",
        "01/02/2022",
        "2022-01-01T",
        "2022-01-01 10:00:00.",
        "1.2.3",
        "--1",
        "1e400",
        "NaN",
        "inf",
        "２０２２-01-01",
    ] {
        let error = parse_time(text).unwrap_err();
        assert!(matches!(error, TimeError::Unknown(_)), "{text}: {error}");
        assert!(error.to_string().contains("RFC 3339"));
    }
}

#[test]
fn a_time_beyond_nanoseconds_is_told_apart_from_nonsense() {
    for text in ["1600-01-01", "2500-01-01T00:00:00Z", "99999999999", "18446744073709551615"] {
        assert!(matches!(parse_time(text), Err(TimeError::OutOfRange(_))), "{text}");
    }
}

proptest! {
    #[test]
    fn every_rfc_3339_time_reads_as_the_reference_reads_it(seconds in -8_000_000_000i64..8_000_000_000, nanos_part in 0i32..1_000_000_000, offset in -86_000i32..86_000) {
        let timestamp = Timestamp::new(seconds, nanos_part).unwrap();
        let expected = i64::try_from(timestamp.as_nanosecond()).unwrap();
        prop_assert_eq!(nanos(&timestamp.to_string()), expected);
        let zone = jiff::tz::Offset::from_seconds(offset / 60 * 60).unwrap();
        let shifted = timestamp.display_with_offset(zone).to_string();
        prop_assert_eq!(nanos(&shifted), expected, "{}", shifted);
    }

    #[test]
    fn an_epoch_in_any_unit_reads_as_the_moment_it_counts(moment in 100_000_000_000_000_000i64..i64::MAX) {
        prop_assert_eq!(nanos(&moment.to_string()), moment);
        prop_assert_eq!(nanos(&(moment / 1_000).to_string()), moment / 1_000 * 1_000);
        prop_assert_eq!(nanos(&(moment / 1_000_000).to_string()), moment / 1_000_000 * 1_000_000);
        prop_assert_eq!(nanos(&format!("{}.{:09}", moment / 1_000_000_000, moment % 1_000_000_000)), moment);
    }

    #[test]
    fn no_text_panics(text in "[-0-9TtZz:/. +,eUTC]{0,40}", any in ".{0,40}") {
        let _ = parse_time(&text);
        let _ = parse_time(&any);
    }
}
