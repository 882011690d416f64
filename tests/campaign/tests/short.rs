//! Short campaigns, so that every run of the tests meets real kills, stops and full disks, and so that the
//! campaigns themselves are known to work.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use gapless_campaign::{crash, soak};
use gapless_service_kit::Shutdown;
use std::time::Duration;

/// Every fault of this seed's first seconds: all services are killed and stopped, disks are full.
const SEED: u64 = 11;

#[test]
fn whatever_is_killed_stopped_or_full_every_place_ends_with_the_same_rows() {
    let plan = crash::Plan { seed: SEED, lasts: Duration::from_secs(20), ..crash::Plan::default() };
    let report = crash::run(&plan, &Shutdown::new()).unwrap();
    assert!(report.problems.is_empty(), "{report}");
    assert_eq!((report.rows.lost, report.rows.repeated, report.rows.epochs), (0, 0, 1), "{report}");
    assert!(report.rows.published > 1000, "{report}");
    for service in &report.services {
        assert!(
            service.starts > 1 || service.outages.count > 0,
            "no fault has hit {}: {report}",
            service.name
        );
    }
    for client in &report.clients {
        assert!(client.rows > 0 && client.to_gapless.count > 0, "{} was not measured: {report}", client.name);
    }
    let acknowledged = report.producers.iter().map(|producer| producer.rows).sum::<u64>();
    assert_eq!(acknowledged, report.rows.published, "{report}");
}

#[test]
fn a_soak_measures_every_process_and_folder_while_visitors_come_and_go() {
    let plan = soak::Plan { lasts: Duration::from_secs(44), ..soak::Plan::default() };
    let report = soak::run(&plan, &Shutdown::new()).unwrap();
    let has =
        |who: &str, count: usize| report.measures.iter().filter(|line| line.who == who).count() == count;
    for process in ["ingestion", "live-engine", "backfill", "snapshot-writer", "client library"] {
        assert!(has(process, 4), "{process}: {report}");
    }
    assert!(has("journal", 1) && has("archive", 1) && has("checkpoints", 1), "{report}");
    assert!(report.rows > 1000 && report.visitor_rows > 0, "{report}");
    assert_eq!(report.visitors.len(), 8, "every kind of visitor: {report}");
    // So short a run says nothing about growth; what goes wrong otherwise would be told.
    let other = report.problems.iter().filter(|problem| !problem.contains(" an hour at "));
    assert_eq!(other.collect::<Vec<_>>(), Vec::<&String>::new(), "{report}");
}
