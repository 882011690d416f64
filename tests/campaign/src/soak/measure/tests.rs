use super::*;

#[test]
fn a_longer_run_lets_less_pass_down_to_the_share_of_the_level() {
    let warm = WARM_AFTER.as_secs_f64();
    let most = |window: f64| Measure::ResidentKib.most_per_hour(10_000.0, warm, window);
    assert_eq!(most(3600.0), 1024.0);
    assert_eq!(most(480.0), 7680.0);
    assert_eq!(most(1e9), 500.0);
    assert_eq!(Measure::Threads.most_per_hour(10.0, warm, 600.0), 6.0);
}

#[test]
fn a_run_with_a_short_warm_up_lets_more_memory_pass_but_no_more_descriptors() {
    let most = |measure: Measure, warm: f64| measure.most_per_hour(0.0, warm, 150.0);
    assert_eq!(most(Measure::AnonymousKib, 600.0), 1024.0 * 24.0);
    assert_eq!(most(Measure::AnonymousKib, 150.0), (1024.0 + FILLING_KIB * 0.75) * 24.0);
    assert_eq!(most(Measure::Descriptors, 150.0), most(Measure::Descriptors, 600.0));
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
