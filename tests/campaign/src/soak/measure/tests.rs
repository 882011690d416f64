use super::*;

#[test]
fn a_longer_run_lets_less_pass_down_to_the_share_of_the_level() {
    let most = |window: f64| Measure::ResidentKib.most_per_hour(10_000.0, window);
    assert_eq!(most(3600.0), 1024.0);
    assert_eq!(most(480.0), 7680.0);
    assert_eq!(most(1e9), 500.0);
    assert_eq!(Measure::Threads.most_per_hour(10.0, 600.0), 6.0);
}

#[test]
fn the_warm_up_is_left_out() {
    let mut samples = Samples::default();
    (0..10).for_each(|second| samples.process(f64::from(second), "me", std::process::id()));
    for (who, _, late) in samples.since(4.0) {
        assert_eq!((who, late.len(), late[0].0), ("me", 6, 4.0));
    }
    assert_eq!(samples.since(0.0).count(), 4);
}
