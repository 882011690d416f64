//! What people are told, and the exit code.

use super::{hint, is_usage, usage, words};
use anyhow::Context;
use gapless::{Error, Service};
use std::time::Duration;

#[test]
fn a_cause_that_was_told_already_is_not_told_again() {
    let cause = std::io::Error::other("disk full");
    let error = anyhow::Error::from(cause).context("cannot write: disk full").context("export");
    assert_eq!(words(&error), "export: cannot write: disk full");
}

#[test]
fn a_service_that_is_missing_comes_with_how_to_start_it() {
    let missing = Error::Unavailable {
        service: Service::Backfill,
        endpoint: "tcp://127.0.0.1:5557".into(),
        waited: Duration::from_secs(5),
    };
    let error = Err::<(), _>(missing).context("streams").unwrap_err();
    assert!(hint(&error).unwrap().contains("gapless-backfill"));
    assert!(!is_usage(&error));
}

#[test]
fn wrong_usage_is_told_from_failure() {
    assert!(is_usage(&usage("no such option")));
    assert!(is_usage(&Error::Usage("no stream".into()).into()));
    assert!(!is_usage(&anyhow::anyhow!("it broke")));
}
