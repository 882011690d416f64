//! The spacing of a stream's rows, `<int><s|m|h|d>`.

use crate::KeyError;
use std::fmt;
use std::str::FromStr;

/// The nominal time between two rows of a stream, such as `1m`. Always at least one second.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Interval {
    seconds: u32,
}

impl Interval {
    /// An interval of whole seconds.
    ///
    /// # Errors
    /// [`KeyError::Interval`] when `seconds` is 0.
    pub fn from_seconds(seconds: u32) -> Result<Interval, KeyError> {
        if seconds == 0 { Err(KeyError::Interval("0s".into())) } else { Ok(Interval { seconds }) }
    }

    /// Its length in seconds, at least 1.
    pub fn seconds(self) -> u32 {
        self.seconds
    }

    /// Its length in milliseconds.
    pub fn millis(self) -> i64 {
        i64::from(self.seconds) * 1000
    }
}

impl FromStr for Interval {
    type Err = KeyError;

    fn from_str(text: &str) -> Result<Interval, KeyError> {
        let bad = || KeyError::Interval(text.chars().take(32).collect());
        let digits = text.trim_end_matches(|c: char| !c.is_ascii_digit());
        let scale = match &text[digits.len()..] {
            "s" => 1,
            "m" => 60,
            "h" => 3600,
            "d" => 86_400,
            _ => return Err(bad()),
        };
        if digits.starts_with('0') || !digits.bytes().all(|b| b.is_ascii_digit()) {
            return Err(bad());
        }
        let count: u32 = digits.parse().map_err(|_| bad())?;
        Interval::from_seconds(count.checked_mul(scale).ok_or_else(bad)?)
    }
}

/// Printed with the largest unit that divides it: 300 seconds are `5m`.
impl fmt::Display for Interval {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (scale, unit) = [(86_400, 'd'), (3600, 'h'), (60, 'm')]
            .into_iter()
            .find(|(scale, _)| self.seconds.is_multiple_of(*scale))
            .unwrap_or((1, 's'));
        write!(f, "{}{unit}", self.seconds / scale)
    }
}
