//! Rows of one kind, gathered one by one until they make a batch.
//!
//! What the fields mean is worked out from their names once and remembered, as rows in a body nearly
//! always name the same fields in the same order.

use crate::layout::{Layout, Reading, column_named, time_column};
use crate::row::Row;
use crate::scalar::{Scalar, cut};
use crate::ticks::Price;
use gapless_model::{Candle, Kind, MAX_ROWS_PER_BATCH, MetricRows, Rows, Severity, UnixNanos, Warning};
use std::borrow::Cow;

/// Why a row was not taken.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PushError {
    /// Metrics: the row has a column that the first row of the batch has not. It fits a batch of its own.
    #[error(
        "column {0:?} is not in the first row of the batch, which fixes the columns: send it in a batch of its own"
    )]
    NewColumn(String),
    /// The batch is full; the row fits the next one.
    #[error("the batch is full: it has {MAX_ROWS_PER_BATCH} rows")]
    Full,
    /// The row itself is wrong.
    #[error("{0}")]
    Bad(String),
}

impl From<String> for PushError {
    fn from(reason: String) -> PushError {
        PushError::Bad(reason)
    }
}

/// Gathers rows of one kind; every row in it is valid.
#[derive(Debug)]
pub struct RowsBuilder {
    rows: Rows,
    names: Vec<String>,
    plan: Option<Plan>,
}

/// Which field is what.
#[derive(Debug)]
enum Plan {
    Candles(Layout),
    /// The field with the time, and for each other field its column.
    Metrics {
        time: usize,
        columns: Vec<Option<usize>>,
    },
    Warnings {
        time: usize,
        severity: Option<usize>,
        code: usize,
        subject: Option<usize>,
        message: Option<usize>,
    },
}

impl RowsBuilder {
    /// An empty batch of `kind`.
    pub fn new(kind: Kind) -> RowsBuilder {
        RowsBuilder { rows: Rows::empty(kind), names: Vec::new(), plan: None }
    }

    /// How many rows it has.
    pub fn len(&self) -> usize {
        self.rows.len()
    }

    /// Whether it has none.
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// About how many bytes they take in memory.
    pub fn approx_bytes(&self) -> usize {
        self.rows.approx_bytes()
    }

    /// Hands the rows out and starts anew.
    pub fn take(&mut self) -> Rows {
        let fresh = RowsBuilder::new(self.rows.kind());
        std::mem::replace(self, fresh).rows
    }

    /// Adds one row, whole or not at all.
    ///
    /// # Errors
    /// [`PushError`] says why the row was not taken; those before it stay.
    pub fn push(&mut self, row: &Row<'_>) -> Result<(), PushError> {
        if self.rows.len() >= MAX_ROWS_PER_BATCH {
            return Err(PushError::Full);
        }
        let same_names = self.names.len() == row.fields.len()
            && self.names.iter().zip(&row.fields).all(|(known, (name, _))| known == name);
        let plan = match self.plan.take() {
            Some(plan) if same_names => plan,
            _ => {
                let names: Vec<String> = row.fields.iter().map(|(name, _)| name.to_string()).collect();
                let plan = self.plan_for(&names)?;
                self.names = names;
                plan
            }
        };
        let pushed = plan.push(&mut self.rows, row);
        self.plan = Some(plan);
        pushed
    }

    fn plan_for(&mut self, names: &[String]) -> Result<Plan, PushError> {
        let time = || time_column(names).ok_or("no time: name it ts, timestamp or time".to_string());
        match &mut self.rows {
            Rows::Candles(_) => {
                let layout = Layout::of_names(names)?;
                if layout.is_ticks() {
                    return Err(PushError::Bad(
                        "no candle: send open, high, low and close; single prices are folded only by replay"
                            .into(),
                    ));
                }
                Ok(Plan::Candles(layout))
            }
            Rows::Metrics(rows) => {
                let time = time()?;
                let others = names.iter().enumerate().filter(|(at, _)| *at != time).map(|(_, name)| name);
                if rows.ts.is_empty() {
                    let columns: Vec<String> = others.cloned().collect();
                    check_columns(&columns)?;
                    rows.columns = columns.into();
                } else if let Some(new) = others.into_iter().find(|name| !rows.columns.contains(name)) {
                    return Err(PushError::NewColumn(cut(new)));
                }
                let column =
                    |(at, name)| (at != time).then(|| rows.columns.iter().position(|c| c == name)).flatten();
                Ok(Plan::Metrics { time, columns: names.iter().enumerate().map(column).collect() })
            }
            Rows::Warnings(_) => Ok(Plan::Warnings {
                time: time()?,
                severity: column_named(names, &["severity", "level"]),
                code: column_named(names, &["code"])
                    .ok_or("no code: say what it is, such as stale_source".to_string())?,
                subject: column_named(names, &["subject"]),
                message: column_named(names, &["message", "msg"]),
            }),
        }
    }
}

impl Plan {
    fn push(&self, rows: &mut Rows, row: &Row<'_>) -> Result<(), PushError> {
        match (self, rows) {
            (Plan::Candles(layout), Rows::Candles(rows)) => rows.push(candle(layout, row)?),
            (Plan::Metrics { time, columns }, Rows::Metrics(rows)) => metrics(rows, *time, columns, row)?,
            (Plan::Warnings { time, severity, code, subject, message }, Rows::Warnings(rows)) => {
                let text =
                    |name, at: Option<usize>| named(name, at.map_or(Ok(None), |at| field(row, at).text()));
                let warning = Warning {
                    ts: read_time(row, *time)?,
                    severity: severity.map_or(Ok(Severity::Info), |at| read_severity(&field(row, at)))?,
                    code: text("code", Some(*code))?.unwrap_or_default(),
                    subject: text("subject", *subject)?.unwrap_or_default(),
                    message: text("message", *message)?.unwrap_or_default(),
                };
                warning.check()?;
                rows.push(warning);
            }
            // A plan is made for the rows of the same builder, so the kinds always agree.
            (Plan::Candles(_) | Plan::Metrics { .. } | Plan::Warnings { .. }, _) => {}
        }
        Ok(())
    }
}

fn candle(layout: &Layout, row: &Row<'_>) -> Result<Candle, PushError> {
    match layout.read(Price::Mid, |at| field(row, at))? {
        Reading::Candle(candle) => Ok(candle),
        Reading::Tick(_) => Err(PushError::Bad("a tick is no candle".into())),
    }
}

fn metrics(
    rows: &mut MetricRows,
    time: usize,
    columns: &[Option<usize>],
    row: &Row<'_>,
) -> Result<(), PushError> {
    let ts = read_time(row, time)?;
    let mut values = vec![f64::NAN; rows.columns.len()];
    for ((name, field), column) in row.fields.iter().zip(columns) {
        let Some(slot) = column.and_then(|column| values.get_mut(column)) else { continue };
        match named(name, field.number())? {
            Some(value) if value.is_infinite() => {
                return Err(PushError::Bad(format!(
                    "{} is infinite: send a number or leave it out",
                    cut(name)
                )));
            }
            Some(value) => *slot = value,
            None => {}
        }
    }
    rows.ts.push(ts);
    rows.values.extend(values);
    Ok(())
}

/// Refuses names that no metrics stream can have, by the model's own rule.
fn check_columns(columns: &[String]) -> Result<(), PushError> {
    let values = vec![0.0; columns.len()];
    let probe = MetricRows { columns: columns.into(), ts: vec![UnixNanos(0)], values };
    Rows::Metrics(probe).validate().map_err(|error| PushError::Bad(error.to_string()))
}

fn read_time(row: &Row<'_>, at: usize) -> Result<UnixNanos, String> {
    named("time", field(row, at).time())?.ok_or_else(|| "time is missing".to_string())
}

fn read_severity(field: &Scalar<'_>) -> Result<Severity, String> {
    let unknown = || "severity is not known: use info, warning or error".to_string();
    match field {
        Scalar::Missing => Ok(Severity::Info),
        Scalar::Integer(number) => u8::try_from(*number).ok().and_then(Severity::from_u8).ok_or_else(unknown),
        Scalar::Text(text) => match text.trim().to_ascii_lowercase().as_str() {
            "" | "info" | "0" => Ok(Severity::Info),
            "warning" | "warn" | "1" => Ok(Severity::Warning),
            "error" | "2" => Ok(Severity::Error),
            _ => Err(format!("severity is {:?}: use info, warning or error", cut(text))),
        },
        Scalar::Decimal(_) | Scalar::Nanos(_) | Scalar::Other(_) => Err(unknown()),
    }
}

fn named<T>(name: &str, value: Result<T, String>) -> Result<T, String> {
    value.map_err(|reason| format!("{} {reason}", cut(name)))
}

fn field<'a>(row: &'a Row<'_>, at: usize) -> Scalar<'a> {
    match row.fields.get(at) {
        None | Some((_, Scalar::Missing)) => Scalar::Missing,
        Some((_, Scalar::Integer(value))) => Scalar::Integer(*value),
        Some((_, Scalar::Nanos(value))) => Scalar::Nanos(*value),
        Some((_, Scalar::Decimal(value))) => Scalar::Decimal(*value),
        Some((_, Scalar::Text(text))) => Scalar::Text(Cow::Borrowed(text)),
        Some((_, Scalar::Other(what))) => Scalar::Other(what),
    }
}
