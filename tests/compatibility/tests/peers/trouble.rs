//! Old servers that do not answer, answer too late, or are gone: our client survives all of it.

use crate::followed::{Copy, key};
use crate::peer::{Order, Setup, Written, for_each_peer};
use gapless::Health;
use gapless_compatibility::NextSequence;
use gapless_tests::{SOON, eventually};

for_each_peer!(
    one_that_never_answers_is_survived,
    one_that_answers_too_late_is_survived,
    one_that_closes_is_survived,
);

fn health(copy: &mut Copy) -> Health {
    copy.take();
    copy.subscription.status()[0].health
}

/// A gap that the server is in no state to fill is kept open, seen as such, and filled as soon as it is.
fn survive(written: Written, trouble: Order) {
    let Some(mut server) = written.server(&Setup::new(&key(), NextSequence::LastReturned)) else { return };
    server.order(Order::Append { rows: 10, live: false });
    let mut copy = Copy::follow(&*server);
    copy.until(1, 10);
    copy.until_live(&mut *server);
    let latest = server.order(trouble);
    copy.until(1, latest);

    server.order(Order::Append { rows: 100, live: false });
    let latest = server.order(Order::Append { rows: 1, live: true });
    eventually("it is known to be stalled", SOON, || health(&mut copy) == Health::Stalled);
    server.order(Order::Answer);
    copy.until(1, latest);
    let latest = server.order(Order::Append { rows: 1, live: true });
    copy.until(1, latest);
    eventually("it is well again", SOON, || {
        matches!(health(&mut copy), Health::Receiving | Health::Subscribed)
    });
}

fn one_that_never_answers_is_survived(written: Written) {
    survive(written, Order::Ignore);
}

fn one_that_answers_too_late_is_survived(written: Written) {
    survive(written, Order::Hold);
}

fn one_that_closes_is_survived(written: Written) {
    survive(written, Order::Close);
}
