//! The last rows of one stream.

use gapless_model::{Candle, MetricRows, Rows, Warning};

/// The most bytes of rows that a window hands out: a hundred of them fit some messages, whatever the
/// rows are. Candles never come near it; wide metrics and long warnings do.
const MAX_BYTES: usize = 1 << 20;
/// What a warning takes beside its texts.
const WARNING_BYTES: usize = 64;
/// What a candle takes in a message: six numbers, the offset of their table and its place in the list.
const CANDLE_ENCODED_BYTES: usize = 60;

/// The last rows of one stream, at most `limit` and about [`MAX_BYTES`]; of a metrics stream those since
/// its columns last changed. Which rows these are depends on the rows alone, not on how they came: a window
/// that is restored from a checkpoint goes on as if it had never been away.
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

    /// A window that held `rows` last.
    pub(crate) fn restore(limit: usize, rows: Option<Rows>) -> Window {
        let mut window = Window { limit, rows: None };
        window.rows = rows.filter(|_| limit > 0).map(|rows| window.tail(rows));
        window
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
        let rows = self.rows.as_ref()?;
        let kept = self.kept();
        (kept > 0).then(|| last(rows, kept))
    }

    /// How many rows [`Window::rows`] gives, at least one when there are any.
    fn kept(&self) -> usize {
        let Some(rows) = &self.rows else { return 0 };
        let most = rows.len().min(self.limit);
        let fitting = match rows {
            Rows::Candles(_) => MAX_BYTES / size_of::<Candle>(),
            Rows::Metrics(rows) => MAX_BYTES / ((rows.columns.len() + 1) * size_of::<f64>()),
            Rows::Warnings(rows) => {
                let mut bytes = 0;
                let fits = |row: &&Warning| {
                    bytes += warning_bytes(row);
                    bytes <= MAX_BYTES
                };
                rows.iter().rev().take(most).take_while(fits).count()
            }
        };
        most.min(fitting.max(1))
    }

    /// About how many bytes [`Window::rows`] has as a message.
    pub(crate) fn encoded_bytes(&self) -> usize {
        match &self.rows {
            None => 0,
            Some(Rows::Candles(_)) => self.kept() * CANDLE_ENCODED_BYTES,
            Some(Rows::Metrics(rows)) => self.kept() * (rows.columns.len() + 1) * size_of::<f64>(),
            Some(Rows::Warnings(rows)) => rows.iter().rev().take(self.kept()).map(warning_bytes).sum(),
        }
    }

    fn tail(&self, rows: Rows) -> Rows {
        let len = rows.len();
        rows.slice(len.saturating_sub(self.limit), len)
    }
}

/// In memory, and not less in a message.
fn warning_bytes(row: &Warning) -> usize {
    WARNING_BYTES + row.code.len() + row.subject.len() + row.message.len()
}

/// A copy of the last `count` rows; no other row is copied on the way.
fn last(rows: &Rows, count: usize) -> Rows {
    let from = rows.len().saturating_sub(count);
    match rows {
        Rows::Candles(rows) => Rows::Candles(rows.get(from..).unwrap_or_default().to_vec()),
        Rows::Warnings(rows) => Rows::Warnings(rows.get(from..).unwrap_or_default().to_vec()),
        Rows::Metrics(rows) => Rows::Metrics(MetricRows {
            columns: rows.columns.clone(),
            ts: rows.ts.get(from..).unwrap_or_default().to_vec(),
            values: rows.values.get(from * rows.columns.len()..).unwrap_or_default().to_vec(),
        }),
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
