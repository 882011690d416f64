//! What comes out of inputs.

use super::{Feed, Format, Piece};
use gapless::{Kind, Rows};
use std::io::Cursor;

fn pieces(kind: Kind, format: Format, batch: usize, text: &'static str) -> Vec<Piece> {
    Feed::start(Box::new(Cursor::new(text)), kind, format, batch).pieces().collect()
}

fn lengths(pieces: &[Piece]) -> Vec<usize> {
    pieces.iter().filter_map(|p| if let Piece::Rows(rows) = p { Some(rows.len()) } else { None }).collect()
}

#[test]
fn gathers_lines_into_full_batches() {
    let text = "{\"ts\":1,\"a\":1}\n{\"ts\":2,\"a\":2}\n{\"ts\":3,\"a\":3}\n";
    assert_eq!(lengths(&pieces(Kind::Metrics, Format::Ndjson, 2, text)), [2, 1]);
}

#[test]
fn a_new_column_begins_a_new_batch() {
    let text = "{\"ts\":1,\"a\":1}\n{\"ts\":2,\"a\":2,\"b\":3}\n";
    let pieces = pieces(Kind::Metrics, Format::Ndjson, 100, text);
    assert_eq!(lengths(&pieces), [1, 1]);
}

#[test]
fn a_bad_line_is_named_and_spoils_no_other() {
    for (format, text) in [
        (Format::Ndjson, "{\"ts\":1,\"a\":1}\nnonsense\n{\"ts\":3,\"a\":3}\n"),
        (Format::Csv, "ts,a\n1,1\n2,x,7\n3,3\n"),
    ] {
        let pieces = pieces(Kind::Metrics, format, 100, text);
        assert_eq!(lengths(&pieces).iter().sum::<usize>(), 2, "{pieces:?}");
        let bad: Vec<u64> = pieces
            .iter()
            .filter_map(|p| if let Piece::Bad { line, .. } = p { Some(*line) } else { None })
            .collect();
        assert_eq!(bad, [if format == Format::Csv { 3 } else { 2 }]);
    }
}

#[test]
fn csv_lines_travel_together() {
    let pieces = pieces(Kind::Candles, Format::Csv, 100, "ts,o,h,l,c\n60,1,2,1,2\n120,2,3,2,3\n");
    assert!(matches!(&pieces[..], [Piece::Rows(Rows::Candles(rows))] if rows.len() == 2), "{pieces:?}");
}

#[test]
fn an_array_is_taken_whole_or_not_at_all() {
    let good = pieces(Kind::Metrics, Format::Json, 100, "[{\"ts\":1,\"a\":1},{\"ts\":2,\"a\":2}]");
    assert_eq!(lengths(&good), [2]);
    let bad = pieces(Kind::Metrics, Format::Json, 100, "[{\"ts\":1,\"a\":1},{\"a\":2}]");
    assert!(matches!(&bad[..], [Piece::Broken(reason)] if reason.contains("row 2")), "{bad:?}");
}
