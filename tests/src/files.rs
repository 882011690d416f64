//! What the data files hold, read without the product's own readers.
use std::path::Path;

/// A candle as `(ts_ms, open, high, low, close, volume)`.
pub type FileCandle = (i64, f64, f64, f64, f64, f64);

/// The rows of a candle file as it lies on disk; a missing volume is 0.
///
/// # Panics
/// When a row is not what these files have.
pub fn file_candles(path: &Path) -> Vec<FileCandle> {
    rows(path)
        .map(|(ts_us, v)| (ts_us / 1000, v[0], v[1], v[2], v[3], v.get(4).copied().unwrap_or(0.0)))
        .collect()
}

/// The ticks of a bid/ask file folded into candles of `seconds`: mid price, volume is the number of ticks.
///
/// # Panics
/// When a row is not what these files have.
pub fn folded_ticks(path: &Path, seconds: i64) -> Vec<FileCandle> {
    let mut candles: Vec<FileCandle> = Vec::new();
    for (ts_us, quote) in rows(path) {
        let start = ts_us.div_euclid(seconds * 1_000_000) * seconds * 1000;
        let mid = (quote[0] + quote[1]) / 2.0;
        match candles.last_mut() {
            Some((ts, _, high, low, close, volume)) if *ts == start => {
                *high = high.max(mid);
                *low = low.min(mid);
                *close = mid;
                *volume += 1.0;
            }
            _ => candles.push((start, mid, mid, mid, mid, 1.0)),
        }
    }
    candles
}

fn rows(path: &Path) -> impl Iterator<Item = (i64, Vec<f64>)> {
    let text = std::fs::read_to_string(path).expect("the file can be read");
    let lines: Vec<String> = text.lines().skip(1).map(str::to_owned).collect();
    lines.into_iter().map(|line| {
        let (ts, values) = line.split_once(',').expect("columns");
        (micros(ts), values.split(',').map(|value| value.parse().expect("a number")).collect())
    })
}

/// `YYYY-MM-DD HH:MM:SS[.ffffff][+00:00]` in microseconds since 1970.
fn micros(text: &str) -> i64 {
    let number = |range: std::ops::Range<usize>| text[range].parse::<i64>().expect("digits");
    let (year, month, day) = (number(0..4), number(5..7), number(8..10));
    let seconds = number(11..13) * 3600 + number(14..16) * 60 + number(17..19);
    let fraction = text.get(19..26).filter(|rest| rest.starts_with('.'));
    let fraction = fraction.map_or(0, |_| number(20..26));
    (days(year, month, day) * 86_400 + seconds) * 1_000_000 + fraction
}

/// Days since 1970-01-01 in the Gregorian calendar, years counted from March.
fn days(year: i64, month: i64, day: i64) -> i64 {
    let (year, month) = if month > 2 { (year, month - 3) } else { (year - 1, month + 9) };
    let leap_days = year.div_euclid(4) - year.div_euclid(100) + year.div_euclid(400);
    365 * year + leap_days + (153 * month + 2) / 5 + day - 1 - 719_468
}
