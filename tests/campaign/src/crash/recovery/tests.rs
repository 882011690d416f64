use super::*;
use crate::client::{Followed, Watch};
use crate::crash::schedule::Deed;

fn key() -> StreamKey {
    "candles.crash.a.1s".parse().unwrap()
}

#[test]
fn it_is_over_when_everything_that_was_acknowledged_by_then_was_handed_over() {
    let watch = Watch::new();
    let mut recoveries = Recoveries::default();
    recoveries.begin(3, BTreeMap::from([(key(), 10)]), false);
    recoveries.look(&watch.lock());
    assert_eq!((recoveries.left(), recoveries.done.len()), (1, 0), "no row was handed over");
    watch.lock().streams.insert(key(), Followed { applied: 9, ..Followed::default() });
    recoveries.look(&watch.lock());
    assert_eq!(recoveries.left(), 1, "one row is missing");
    watch.lock().streams.insert(key(), Followed { applied: 10, ..Followed::default() });
    recoveries.look(&watch.lock());
    assert_eq!((recoveries.left(), recoveries.done.len()), (0, 1));
    assert_eq!((recoveries.done[0].fault, recoveries.done[0].disturbed), (3, false));
}

#[test]
fn another_fault_in_between_disturbs_it() {
    let mut recoveries = Recoveries::default();
    recoveries.begin(0, BTreeMap::new(), false);
    recoveries.disturb();
    recoveries.look(&Watch::new().lock());
    assert!(recoveries.done[0].disturbed);
}

#[test]
fn a_clients_own_fault_concerns_nobody_else() {
    let fault = |target| Fault { at: Duration::ZERO, lasts: Duration::ZERO, target, deed: Deed::Kill };
    assert!(concerns(&fault(Target::Backfill), Target::ListClient));
    assert!(concerns(&fault(Target::DuckClient), Target::DuckClient));
    assert!(!concerns(&fault(Target::DuckClient), Target::ListClient));
    assert!(!concerns(&fault(Target::SnapshotWriter), Target::ListClient));
}
