//! Tables for people, JSON for machines.

use anyhow::Result;
use comfy_table::{CellAlignment, ContentArrangement, Table, TableComponent, presets};
use serde::Serialize;
use std::io::Write;
use std::time::Duration;

/// A table with these headings; those that begin with `>` are aligned to the right.
pub(crate) fn table(headings: &[&str]) -> Table {
    let mut table = Table::new();
    table.load_preset(presets::UTF8_HORIZONTAL_ONLY).set_content_arrangement(ContentArrangement::Dynamic);
    // Lines above and below the whole and under the headings, none between rows.
    for between in [
        TableComponent::HorizontalLines,
        TableComponent::MiddleIntersections,
        TableComponent::LeftBorderIntersections,
        TableComponent::RightBorderIntersections,
    ] {
        table.remove_style(between);
    }
    table.set_header(headings.iter().map(|heading| heading.trim_start_matches('>')));
    for (column, heading) in table.column_iter_mut().zip(headings) {
        if heading.starts_with('>') {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
    table
}

/// Prints a value as indented JSON on stdout.
pub(crate) fn json(value: &impl Serialize) -> Result<()> {
    line(serde_json::to_string_pretty(value)?)
}

/// Prints text on stdout; a closed pipe is an error here, not a panic.
pub(crate) fn line(text: impl std::fmt::Display) -> Result<()> {
    writeln!(std::io::stdout().lock(), "{text}")?;
    Ok(())
}

/// A count with thousands apart.
pub(crate) fn count(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// `1 row is`, `2 rows are`.
pub(crate) fn rows_are(number: u64) -> String {
    if number == 1 { "1 row is".into() } else { format!("{} rows are", count(number)) }
}

/// "1 stream" or "7 streams".
pub(crate) fn streams(number: usize) -> String {
    if number == 1 { "1 stream".into() } else { format!("{} streams", count(number as u64)) }
}

/// "1 stream is" or "7 streams are".
pub(crate) fn streams_are(number: usize) -> String {
    format!("{} {}", streams(number), if number == 1 { "is" } else { "are" })
}

/// How long ago, in one unit.
pub(crate) fn age(age: Option<Duration>) -> String {
    match age {
        None => "-".into(),
        Some(age) if age < Duration::from_secs(1) => format!("{}ms", age.as_millis()),
        Some(age) if age < Duration::from_secs(120) => format!("{:.1}s", age.as_secs_f64()),
        Some(age) if age < Duration::from_secs(7200) => format!("{}m", age.as_secs() / 60),
        Some(age) => format!("{}h", age.as_secs() / 3600),
    }
}

#[cfg(test)]
mod tests;
