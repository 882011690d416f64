//! Beginnings as people write them.

use super::{Beginning, parse_beginning};
use gapless::{Seq, UnixNanos};

#[test]
fn reads_every_form() {
    assert_eq!(parse_beginning("start"), Ok(Beginning::Start));
    assert_eq!(parse_beginning("latest"), Ok(Beginning::Latest));
    assert_eq!(parse_beginning("cursor"), Ok(Beginning::Cursor));
    assert_eq!(parse_beginning("seq:17"), Ok(Beginning::Sequence(Seq(17))));
    assert_eq!(parse_beginning("17"), Ok(Beginning::Sequence(Seq(17))));
    let time = UnixNanos(1_706_702_400_000_000_000);
    assert_eq!(parse_beginning("time:2024-01-31T12:00:00Z"), Ok(Beginning::Time(time)));
    assert_eq!(parse_beginning("time:2024-01-31 12:00:00"), Ok(Beginning::Time(time)));
}

#[test]
fn refuses_what_it_does_not_know() {
    for bad in ["", "seq:0", "seq:-1", "seq:x", "time:tomorrow", "begin", "latest:3"] {
        assert!(parse_beginning(bad).is_err(), "{bad}");
    }
}
