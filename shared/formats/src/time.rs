//! When something happened, from the forms that people and exchanges write.
//!
//! Three families are told apart by their looks: a plain number is an epoch, whose magnitude names its
//! unit; eight or fourteen digits that read as a date between 1900 and 2100 are that date; everything
//! else is a calendar time, in UTC unless it states an offset. Guessing a local time zone was rejected:
//! the same file would mean different moments on different machines.

use crate::scalar::cut;
use gapless_model::UnixNanos;
use jiff::civil::Date;
use jiff::tz::Offset;

/// Below this, an epoch is in seconds: 10^11 s is the year 5138, 10^11 ms is 1973.
const SECONDS_BELOW: u64 = 100_000_000_000;
/// Below this, an epoch is in milliseconds: 10^14 ms is the year 5138, 10^14 us is 1973.
const MILLIS_BELOW: u64 = 100_000_000_000_000;
/// Below this, an epoch is in microseconds: 10^17 us is the year 5138, 10^17 ns is 1973.
const MICROS_BELOW: u64 = 100_000_000_000_000_000;
/// Years that a bare run of digits may start with to be read as a date; as seconds these would all lie
/// within two months of 1970, as milliseconds after 2570.
const COMPACT_YEARS: std::ops::RangeInclusive<i64> = 1900..=2100;

/// Why a text is not a time.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TimeError {
    /// It has none of the known forms.
    #[error(
        "{0:?} is not a time: write RFC 3339, YYYY-MM-DD HH:MM:SS[.ffffff] with or without an offset, or an epoch in s, ms, us or ns"
    )]
    Unknown(String),
    /// It is a time that cannot be represented in nanoseconds.
    #[error("{0:?} lies outside the years 1677 to 2262")]
    OutOfRange(String),
}

/// Reads a time: RFC 3339, `YYYY-MM-DD[ HH:MM[:SS[.fraction]]]` with or without an offset (none is UTC;
/// `/` and `.` may stand for `-`, `T` for the space), `YYYYMMDD[ HHMMSS]`, or an epoch.
///
/// An epoch is an integer or a decimal; below 10^11 it counts seconds, below 10^14 milliseconds, below
/// 10^17 microseconds, else nanoseconds. Digits beyond nanoseconds are cut.
///
/// ```
/// use gapless_formats::parse_time;
/// let same = ["2022-02-01T05:30:00+00:00", "2022-02-01 05:30:00", "1643693400", "1643693400000.0"];
/// assert!(same.iter().all(|text| parse_time(text).unwrap().0 == 1_643_693_400_000_000_000));
/// ```
///
/// # Errors
/// [`TimeError`] when it has another form or lies outside the years 1677 to 2262.
pub fn parse_time(text: &str) -> Result<UnixNanos, TimeError> {
    let text = text.trim();
    let nanos = match compact(text).or_else(|| epoch(text)).or_else(|| calendar(text)) {
        Some(nanos) => nanos,
        None => return Err(TimeError::Unknown(cut(text))),
    };
    nanoseconds(nanos).ok_or_else(|| TimeError::OutOfRange(cut(text)))
}

/// An epoch whose unit its magnitude names, as [`parse_time`] reads it.
///
/// # Errors
/// [`TimeError::OutOfRange`] when it is too large for nanoseconds.
pub(crate) fn epoch_from_integer(count: i64) -> Result<UnixNanos, TimeError> {
    let nanos = i128::from(count) * i128::from(unit_nanos(count.unsigned_abs()));
    nanoseconds(nanos).ok_or_else(|| TimeError::OutOfRange(count.to_string()))
}

fn nanoseconds(nanos: i128) -> Option<UnixNanos> {
    i64::try_from(nanos).ok().map(UnixNanos)
}

/// How many nanoseconds one unit of an epoch of this magnitude is.
fn unit_nanos(magnitude: u64) -> u32 {
    match magnitude {
        m if m < SECONDS_BELOW => 1_000_000_000,
        m if m < MILLIS_BELOW => 1_000_000,
        m if m < MICROS_BELOW => 1_000,
        _ => 1,
    }
}

/// `YYYYMMDD` or `YYYYMMDDHHMMSS`.
fn compact(text: &str) -> Option<i128> {
    if !matches!(text.len(), 8 | 14) || !text.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    let mut scan = Scan { rest: text.as_bytes() };
    let (year, month, day) = (scan.digits(4)?, scan.digits(2)?, scan.digits(2)?);
    if !COMPACT_YEARS.contains(&year) {
        return None;
    }
    let clock = if scan.is_done() { (0, 0, 0) } else { (scan.digits(2)?, scan.digits(2)?, scan.digits(2)?) };
    moment((year, month, day), clock, 0, 0)
}

/// An integer, a decimal, or a number in scientific notation.
fn epoch(text: &str) -> Option<i128> {
    if text.contains(['e', 'E']) && text.starts_with(|c: char| c.is_ascii_digit() || c == '-') {
        let value: f64 = text.parse().ok().filter(|v: &f64| v.is_finite() && v.abs() < 1e20)?;
        return epoch(&format!("{value}"));
    }
    let (negative, digits) = match text.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, text),
    };
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    let all_digits = |part: &str| part.bytes().all(|b| b.is_ascii_digit());
    // 20 digits hold any u64; a longer number is no time of this era.
    if whole.is_empty() || whole.len() > 20 || !all_digits(whole) || !all_digits(fraction) {
        return None;
    }
    let whole: u64 = whole.parse().ok()?;
    let unit = i128::from(unit_nanos(whole));
    let nanos = i128::from(whole) * unit + i128::from(billionths(fraction)) * unit / 1_000_000_000;
    Some(if negative { -nanos } else { nanos })
}

/// A date, then a clock if there is one, then an offset if there is one.
fn calendar(text: &str) -> Option<i128> {
    let mut scan = Scan { rest: text.as_bytes() };
    let year = scan.digits(4)?;
    let separator = scan.one_of(b"-/.");
    let month = scan.digits(2)?;
    if let Some(separator) = separator {
        scan.exactly(separator)?;
    }
    let date = (year, month, scan.digits(2)?);
    if scan.is_done() {
        return moment(date, (0, 0, 0), 0, 0);
    }
    scan.one_of(b"Tt ")?;
    let (clock, fraction) = scan.clock()?;
    let offset = scan.offset()?;
    if scan.is_done() { moment(date, clock, fraction, offset) } else { None }
}

/// The moment in nanoseconds. A leap second is the second before it, as the Unix clock has it.
fn moment(
    (year, month, day): (i64, i64, i64),
    (hour, minute, second): (i64, i64, i64),
    nanos: i32,
    offset_seconds: i32,
) -> Option<i128> {
    let date = Date::new(year as i16, month as i8, day as i8).ok()?;
    if !(0..24).contains(&hour) || !(0..60).contains(&minute) || !(0..=60).contains(&second) {
        return None;
    }
    let time = date.at(hour as i8, minute as i8, second.min(59) as i8, nanos);
    let offset = Offset::from_seconds(offset_seconds).ok()?;
    offset.to_timestamp(time).ok().map(|timestamp| timestamp.as_nanosecond())
}

/// The digits after a decimal point, as billionths; what lies beyond them is cut.
fn billionths(digits: &str) -> u32 {
    digits.bytes().chain(std::iter::repeat(b'0')).take(9).fold(0, |sum, b| sum * 10 + u32::from(b - b'0'))
}

/// What of a text was not read yet.
struct Scan<'a> {
    rest: &'a [u8],
}

impl Scan<'_> {
    fn is_done(&self) -> bool {
        self.rest.is_empty()
    }

    /// Exactly `count` digits.
    fn digits(&mut self, count: usize) -> Option<i64> {
        let (digits, rest) = self.rest.split_at_checked(count)?;
        if !digits.iter().all(u8::is_ascii_digit) {
            return None;
        }
        self.rest = rest;
        Some(digits.iter().fold(0, |sum, b| sum * 10 + i64::from(b - b'0')))
    }

    fn one_of(&mut self, allowed: &[u8]) -> Option<u8> {
        let (&first, rest) = self.rest.split_first()?;
        allowed.contains(&first).then(|| {
            self.rest = rest;
            first
        })
    }

    fn exactly(&mut self, wanted: u8) -> Option<u8> {
        self.one_of(&[wanted])
    }

    /// `HH:MM[:SS[.fraction]]` or `HHMM[SS[.fraction]]`, with the fraction in nanoseconds.
    fn clock(&mut self) -> Option<((i64, i64, i64), i32)> {
        let hour = self.digits(2)?;
        let colon = self.exactly(b':').is_some();
        let minute = self.digits(2)?;
        let has_second = if colon { self.exactly(b':').is_some() } else { self.starts_with_digit() };
        let second = if has_second { self.digits(2)? } else { 0 };
        let nanos = if has_second && self.one_of(b".,").is_some() { self.fraction()? } else { 0 };
        Some(((hour, minute, second), nanos))
    }

    fn starts_with_digit(&self) -> bool {
        self.rest.first().is_some_and(u8::is_ascii_digit)
    }

    fn fraction(&mut self) -> Option<i32> {
        let length = self.rest.iter().take_while(|b| b.is_ascii_digit()).count();
        let (digits, rest) = self.rest.split_at_checked(length).filter(|(digits, _)| !digits.is_empty())?;
        self.rest = rest;
        i32::try_from(billionths(std::str::from_utf8(digits).ok()?)).ok()
    }

    /// `Z`, `UTC`, `±HH`, `±HHMM`, `±HH:MM` or nothing, in seconds east of UTC.
    fn offset(&mut self) -> Option<i32> {
        self.rest = self.rest.trim_ascii_start();
        if self.is_done() || self.is_utc() {
            self.rest = &[];
            return Some(0);
        }
        let sign = if self.one_of(b"+-")? == b'-' { -1 } else { 1 };
        let hours = self.digits(2)?;
        self.exactly(b':');
        let minutes = if self.is_done() { 0 } else { self.digits(2)? };
        if hours > 23 || minutes > 59 {
            return None;
        }
        i32::try_from(sign * (hours * 3600 + minutes * 60)).ok()
    }

    fn is_utc(&self) -> bool {
        [&b"Z"[..], b"UTC", b"GMT"].iter().any(|name| self.rest.eq_ignore_ascii_case(name))
    }
}
