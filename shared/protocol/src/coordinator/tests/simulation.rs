//! The reference: whatever the network does, the application ends with the log's rows, in order and once,
//! or with an event for each row that it does not have.

use super::network::{Faults, World};
use crate::{Begin, Event, Settings};
use gapless_model::{Epoch, Seq};
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;
use std::collections::BTreeSet;

#[derive(Debug, Clone)]
enum Act {
    Publish(u64),
    Wait(u64),
    Sync(u64),
    Trim(u64),
    LoseTail(u64),
    LoseAll,
    RestartClient,
    Live { is_down: bool },
    Replay { is_down: bool },
}

/// What may happen; histories end only when epochs can tell.
fn act(has_epochs: bool) -> impl Strategy<Value = Act> {
    let ends = u32::from(has_epochs);
    prop_oneof![
        20 => (1u64..40).prop_map(Act::Publish),
        12 => (1u64..3_000).prop_map(Act::Wait),
        8 => (0u64..=100).prop_map(Act::Sync),
        2 * ends => (1u64..60).prop_map(Act::Trim),
        2 * ends => (0u64..50).prop_map(Act::LoseTail),
        ends => Just(Act::LoseAll),
        2 => Just(Act::RestartClient),
        1 => any::<bool>().prop_map(|is_down| Act::Live { is_down }),
        1 => any::<bool>().prop_map(|is_down| Act::Replay { is_down }),
    ]
}

fn faults() -> impl Strategy<Value = Faults> {
    let bad = 0u64..40;
    (bad.clone(), bad.clone(), bad.clone(), bad.clone(), bad.clone(), bad.clone(), bad).prop_map(
        |(live_drop, live_repeat, live_delay, reply_lost, reply_refused, reply_short, reply_odd)| Faults {
            live_drop,
            live_repeat,
            live_delay,
            reply_lost,
            reply_refused,
            reply_short,
            reply_odd,
            reply_empty: 0,
        },
    )
}

fn begin() -> impl Strategy<Value = Begin> {
    prop_oneof![
        3 => Just(Begin::Earliest),
        1 => Just(Begin::Latest),
        1 => (0u64..30).prop_map(|first| Begin::At(Seq(first))),
        1 => (0u64..30).prop_map(|applied| Begin::Cursor { epoch: Epoch(100), applied: Seq(applied) }),
    ]
}

/// Small enough that every limit is met.
fn settings() -> impl Strategy<Value = Settings> {
    (1u64..60, 1usize..400, 1u64..40, 1usize..5).prop_map(
        |(max_buffer_rows, max_buffer_bytes, chunk_rows, max_open_gaps)| Settings {
            max_buffer_rows,
            max_buffer_bytes,
            chunk_rows,
            max_open_gaps,
            ..Settings::default()
        },
    )
}

fn perform(world: &mut World, act: &Act) {
    match *act {
        Act::Publish(rows) => world.publish(rows),
        Act::Wait(millis) => world.run_for(millis),
        Act::Sync(percent) => world.sync_archive(percent),
        Act::Trim(rows) => world.trim(rows),
        Act::LoseTail(rows) => world.lose_tail(rows),
        Act::LoseAll => world.lose_all(),
        Act::RestartClient => world.restart_client(),
        Act::Live { is_down } => world.live_down(is_down),
        Act::Replay { is_down } => world.replay_down(is_down),
    }
}

/// The log grows past where any follower begins; then everything works and the follower must have it all.
fn finish(world: &mut World) {
    world.publish(32u64.saturating_sub(world.truth.latest()).max(3));
    world.heal_and_check();
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1000, ..ProptestConfig::default() })]

    #[test]
    fn every_row_comes_once_and_in_order_or_is_accounted_for(
        seed: u64,
        begin in begin(),
        settings in settings(),
        faults in faults(),
        acts in prop::collection::vec(act(true), 1..80),
    ) {
        let mut world = World::new(seed, 100, begin, settings, faults);
        for act in &acts {
            perform(&mut world, act);
        }
        finish(&mut world);
    }

    #[test]
    fn a_server_without_epochs_is_followed_as_well(
        seed: u64,
        settings in settings(),
        faults in faults(),
        acts in prop::collection::vec(act(false), 1..60),
    ) {
        let mut world = World::new(seed, 0, Begin::Earliest, settings, faults);
        for act in &acts {
            perform(&mut world, act);
        }
        finish(&mut world);
    }

    #[test]
    fn a_server_that_lies_costs_rows_but_never_their_order(
        seed: u64,
        settings in settings(),
        faults in faults(),
        reply_empty in 30u64..100,
        acts in prop::collection::vec(act(true), 1..60),
    ) {
        let mut world = World::new(seed, 100, Begin::Earliest, settings, Faults { reply_empty, ..faults });
        for act in &acts {
            perform(&mut world, act);
        }
        finish(&mut world);
    }
}

#[test]
fn a_lost_tail_is_healed_within_a_second_of_the_next_heartbeat() {
    let mut world = World::new(1, 100, Begin::Earliest, Settings::default(), Faults::default());
    world.publish(10);
    world.sync_archive(100);
    world.run_for(1_000);
    world.live_down(true);
    world.publish(5);
    world.sync_archive(100);
    world.live_down(false);
    let lost_at = world.now;
    world.run_for(1_300);
    assert_eq!(world.client.applied().1, Seq(15));
    let healed =
        world.events.iter().find(|(at, event)| *at >= lost_at && matches!(event, Event::GapHealed(_)));
    assert!(healed.is_some());
    world.heal_and_check();
}

#[test]
fn a_slow_follower_with_a_tiny_buffer_gets_everything_through_replay() {
    let settings = Settings { max_buffer_rows: 10, chunk_rows: 50, ..Settings::default() };
    let mut world =
        World::new(7, 100, Begin::Earliest, settings, Faults { live_drop: 30, ..Faults::default() });
    for _ in 0..200 {
        world.publish(40);
        world.sync_archive(100);
        world.run_for(1);
    }
    world.heal_and_check();
    assert_eq!(world.app.rows.len(), 8_000);
    assert!(world.app.truncated.is_empty());
}

#[test]
fn the_simulation_meets_everything_that_can_happen() {
    let mut runner = TestRunner::deterministic();
    let mut met = BTreeSet::new();
    let cases = (any::<u64>(), begin(), settings(), faults(), prop::collection::vec(act(true), 1..80));
    for _ in 0..150 {
        let (seed, begin, settings, faults, acts) = cases.new_tree(&mut runner).unwrap().current();
        let mut world = World::new(seed, 100, begin, settings, faults);
        for act in &acts {
            perform(&mut world, act);
        }
        finish(&mut world);
        let counts = world.client.counts();
        let seen = [
            ("healed", counts.gaps_healed > 0),
            ("truncated", counts.gaps_truncated > 0),
            ("void", counts.gaps_void > 0),
            ("duplicate", counts.rows_duplicate > 0),
            ("overflowed", counts.rows_overflowed > 0),
            ("stale", counts.chunks_stale > 0),
            ("failed", counts.requests_failed > 0),
        ];
        met.extend(seen.into_iter().filter(|(_, was_met)| *was_met).map(|(name, _)| name));
        met.extend(world.events.iter().filter_map(|(_, event)| match event {
            Event::Rewind { .. } => Some("rewind"),
            Event::Reset { .. } => Some("reset"),
            Event::CaughtUp { .. } => Some("caught up"),
            Event::GapOpened(_)
            | Event::GapHealed(_)
            | Event::GapVoid(_)
            | Event::Truncated { .. }
            | Event::Health(_) => None,
        }));
    }
    assert_eq!(met.len(), 10, "{met:?}");
}
