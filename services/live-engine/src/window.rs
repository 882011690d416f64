//! The last rows of one stream.

use gapless_model::{MetricRows, Rows};

/// The most bytes of rows that a window hands out: a hundred of them fit some messages, whatever the
/// rows are. Candles never come near it; wide metrics and long warnings do.
const MAX_BYTES: usize = 1 << 20;

/// The last rows of one stream, at most `limit`; of a metrics stream those since its columns last changed.
///
/// Rows are dropped only when twice the limit is there, so that a row costs a copy, not a shift of all.
#[derive(Debug, Clone)]
pub(crate) struct Window {
    limit: usize,
    rows: Option<Rows>,
}

impl Window {
    pub(crate) fn new(limit: usize) -> Window {
        Window { limit, rows: None }
    }

    pub(crate) fn push(&mut self, new: &Rows) {
        if self.limit == 0 {
            return;
        }
        let rows = match self.rows.take() {
            Some(mut rows) => {
                if !extend(&mut rows, new) {
                    rows = new.clone();
                }
                rows
            }
            None => new.clone(),
        };
        self.rows = Some(if rows.len() >= self.limit.saturating_mul(2) { self.tail(rows) } else { rows });
    }

    pub(crate) fn clear(&mut self) {
        self.rows = None;
    }

    /// A copy of the rows, fewer when they are large; `None` while there are none.
    pub(crate) fn rows(&self) -> Option<Rows> {
        let mut rows = self.tail(self.rows.clone()?);
        while rows.approx_bytes() > MAX_BYTES && rows.len() > 1 {
            let len = rows.len();
            rows = rows.slice(len / 2, len);
        }
        Some(rows).filter(|rows| !rows.is_empty())
    }

    fn tail(&self, rows: Rows) -> Rows {
        let len = rows.len();
        rows.slice(len.saturating_sub(self.limit), len)
    }
}

/// Appends `new`; false when it does not fit, because its kind or its columns differ.
fn extend(rows: &mut Rows, new: &Rows) -> bool {
    match (rows, new) {
        (Rows::Candles(rows), Rows::Candles(new)) => rows.extend_from_slice(new),
        (Rows::Warnings(rows), Rows::Warnings(new)) => rows.extend_from_slice(new),
        (Rows::Metrics(rows), Rows::Metrics(new)) => return extend_metrics(rows, new),
        (Rows::Candles(_) | Rows::Metrics(_) | Rows::Warnings(_), _) => return false,
    }
    true
}

fn extend_metrics(rows: &mut MetricRows, new: &MetricRows) -> bool {
    if rows.columns != new.columns {
        return false;
    }
    rows.ts.extend_from_slice(&new.ts);
    rows.values.extend_from_slice(&new.values);
    true
}
