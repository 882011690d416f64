//! How far apart the rows of a file are.

use crate::layout::Reading;
use crate::row_source::Pulled;
use gapless_model::Interval;
use std::collections::{HashMap, VecDeque};

/// The most common distance of two consecutive candles, the shorter of two equally common ones; `None`
/// when that is not a whole number of seconds.
pub(crate) fn most_common_spacing(rows: &VecDeque<Pulled>) -> Option<Interval> {
    let times: Vec<i64> = rows
        .iter()
        .filter_map(|row| match row {
            Pulled::Row(_, Reading::Candle(candle)) => Some(candle.ts.0),
            Pulled::Row(_, Reading::Tick(_)) | Pulled::Bad(_) => None,
        })
        .collect();
    let mut counts: HashMap<i64, usize> = HashMap::new();
    for (earlier, later) in times.iter().zip(times.iter().skip(1)) {
        *counts.entry(later.saturating_sub(*earlier)).or_default() += 1;
    }
    let (spacing, _) = counts
        .into_iter()
        .filter(|(spacing, _)| *spacing > 0)
        .max_by_key(|(spacing, count)| (*count, std::cmp::Reverse(*spacing)))?;
    let seconds = u32::try_from(spacing / 1000).ok().filter(|_| spacing % 1000 == 0)?;
    Interval::from_seconds(seconds).ok()
}
