//! Rows as lines.

use super::{csv_line, json_row, table_line};
use gapless::{Batch, Epoch, Flags, MetricRows, Rows, Seq, UnixNanos};

fn batch() -> Batch {
    let rows = Rows::Metrics(MetricRows {
        columns: ["load".to_owned(), "free".to_owned()].into(),
        ts: vec![UnixNanos(0), UnixNanos(1)],
        values: vec![0.1, 2.0, f64::NAN, 3.0],
    });
    let key = "metrics.lab.oven.1s".parse().unwrap();
    Batch { epoch: Epoch(7), start: Seq(5), ..Batch::unsequenced(key, Flags::SIMULATED, rows) }
}

#[test]
fn a_row_as_json_has_its_place_and_its_values() {
    let text = json_row(&batch(), 1, 6, "now").unwrap();
    let row: serde_json::Value = serde_json::from_str(&text).unwrap();
    assert_eq!(row["stream"], "metrics.lab.oven.1s");
    assert_eq!((&row["seq"], &row["epoch"], &row["simulated"]), (&6.into(), &7.into(), &true.into()));
    assert!(text.ends_with(r#""values":{"load":null,"free":3.0}}"#), "in the order of the columns: {text}");
}

#[test]
fn simulated_rows_say_so() {
    assert!(table_line(&batch(), 0, 5, "now").ends_with("load=0.1 free=2 (simulated)"));
}

#[test]
fn fields_with_commas_are_quoted() {
    assert_eq!(csv_line(["a", "b,c"].into_iter()).unwrap(), "a,\"b,c\"\n");
}
