//! The command line, which must end well.

use gapless_tests::Stack;
use std::time::{Duration, Instant};

/// Any command of a campaign is done within this.
const WITHIN: Duration = Duration::from_secs(120);

/// Runs `gapless` against the stack; what is wrong when it does not end well.
pub(crate) fn command(stack: &Stack, arguments: &[&str]) -> Option<String> {
    let mut running = stack.gapless(arguments).spawn();
    let deadline = Instant::now() + WITHIN;
    let status = loop {
        let ended = running.ended();
        if ended.is_some() || Instant::now() >= deadline {
            break ended;
        }
        std::thread::park_timeout(Duration::from_millis(5));
    };
    if status.is_some_and(|status| status.success()) {
        return None;
    }
    let (output, log) = (running.output().join("\n"), running.log());
    Some(format!("gapless {}: {status:?}\n{output}\n{log}", arguments.join(" ")))
}
