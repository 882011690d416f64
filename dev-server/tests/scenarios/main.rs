//! The real client against every built-in scenario, over real sockets.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod ledger;
mod run;

use gapless_dev_server::Scenario;
use run::{Outcome, run};

/// All at once: each waits far more than it works.
#[test]
fn a_real_client_gets_every_row_or_says_what_it_lacks_in_every_scenario() {
    let runs: Vec<_> = Scenario::names().map(|name| (name, std::thread::spawn(move || run(name)))).collect();
    let outcomes: Vec<Outcome> =
        runs.into_iter().map(|(name, run)| run.join().unwrap_or_else(|_| Outcome::panicked(name))).collect();
    outcomes.iter().for_each(|outcome| println!("{outcome}"));
    let wrong: Vec<String> =
        outcomes.iter().filter(|outcome| !outcome.is_right()).map(ToString::to_string).collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
