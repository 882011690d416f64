use super::*;

fn queue() -> FairQueue<char, u32> {
    FairQueue::new(FairLimits { per_peer: 4, total: 10, active_per_peer: 2 })
}

#[test]
fn peers_take_turns() {
    let mut queue = queue();
    for item in 0..4 {
        queue.push(&'a', item).unwrap();
    }
    queue.push(&'b', 10).unwrap();
    queue.push(&'c', 20).unwrap();
    let next: Vec<_> = std::iter::from_fn(|| queue.pop()).collect();
    assert_eq!(next, [('a', 0), ('b', 10), ('c', 20), ('a', 1)], "a has its share under way");
    assert!(queue.done(&'a'));
    assert_eq!(queue.pop(), Some(('a', 2)));
    assert_eq!(queue.pop(), None);
    assert!(!queue.done(&'b'));
}

#[test]
fn one_peer_fills_its_own_queue_only() {
    let mut queue = queue();
    for item in 0..4 {
        queue.push(&'a', item).unwrap();
    }
    assert_eq!(queue.push(&'a', 4), Err(4));
    for item in 0..4 {
        queue.push(&'b', item).unwrap();
    }
    queue.push(&'c', 0).unwrap();
    queue.push(&'d', 0).unwrap();
    assert_eq!(queue.push(&'e', 0), Err(0), "all together are bounded too");
    assert_eq!(queue.len(), 10);
}

#[test]
fn nothing_of_a_peer_stays_when_it_is_served() {
    let mut queue = queue();
    queue.push(&'a', 1).unwrap();
    queue.pop().unwrap();
    queue.done(&'a');
    assert!(queue.lanes.is_empty() && queue.ring.is_empty());
    assert!(!queue.done(&'a'), "told once too often");
}
