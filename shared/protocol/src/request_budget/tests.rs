use super::RequestBudget;
use crate::RequestId;
use proptest::prelude::*;
use std::collections::VecDeque;

#[test]
fn requests_beyond_the_budget_wait_for_their_turn() {
    let mut budget = RequestBudget::new(2);
    let sent: Vec<bool> = (0..4).map(|owner| budget.submit(owner, RequestId(1))).collect();
    assert_eq!(sent, [true, true, false, false]);
    assert_eq!(budget.poll_output(), None);
    budget.finish(&1, RequestId(1));
    assert_eq!(budget.poll_output(), Some((2, RequestId(1))));
    assert_eq!(budget.poll_output(), None);
}

#[test]
fn one_that_is_no_longer_wanted_gives_its_place_up() {
    let mut budget = RequestBudget::new(1);
    budget.submit("a", RequestId(1));
    budget.submit("b", RequestId(1));
    budget.submit("c", RequestId(1));
    budget.finish(&"b", RequestId(1));
    budget.finish(&"a", RequestId(1));
    budget.finish(&"a", RequestId(1));
    assert_eq!(budget.poll_output(), Some(("c", RequestId(1))));
    assert_eq!((budget.in_flight(), budget.waiting()), (1, 0));
}

proptest! {
    #[test]
    fn serves_in_order_and_never_too_many(
        limit in 1usize..5,
        steps in prop::collection::vec((0u8..3, 0usize..20), 0..200),
    ) {
        let mut budget = RequestBudget::new(limit);
        let (mut out, mut waiting) = (Vec::new(), VecDeque::new());
        for (next, (what, pick)) in (1u64..).zip(steps) {
            match what {
                0 => {
                    let entry = (pick, RequestId(next));
                    let is_sent = budget.submit(entry.0, entry.1);
                    prop_assert_eq!(is_sent, out.len() < limit && waiting.is_empty());
                    if is_sent { out.push(entry) } else { waiting.push_back(entry) }
                }
                1 if !out.is_empty() => {
                    let (owner, request) = out.remove(pick % out.len());
                    budget.finish(&owner, request);
                }
                _ => {
                    let expected = if out.len() < limit { waiting.pop_front() } else { None };
                    prop_assert_eq!(budget.poll_output(), expected);
                    out.extend(expected);
                }
            }
            prop_assert!(budget.in_flight() <= limit);
            prop_assert_eq!((budget.in_flight(), budget.waiting()), (out.len(), waiting.len()));
        }
    }
}
