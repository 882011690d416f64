use super::*;

/// Twenty minutes of a process's memory, a sample each second, as `make soak` has them.
fn judged_after(warm: f64, lasts: u32, kib: impl Fn(f64) -> f64) -> MeasureLine {
    let mut random = fastrand::Rng::with_seed(7);
    let sample = |second| (f64::from(second), kib(f64::from(second)) + random.f64() * 200.0);
    let samples: Vec<(f64, f64)> = (0..lasts).map(sample).collect();
    let late: Vec<(f64, f64)> = samples.into_iter().filter(|(second, _)| *second >= warm).collect();
    MeasureLine::of("backfill", Measure::AnonymousKib, &late).unwrap()
}

/// Caches that are nine tenths full after ten minutes.
fn filling(second: f64) -> f64 {
    60_000.0 + 16_000.0 * (1.0 - (-second / 260.0).exp())
}

#[test]
fn caches_that_fill_up_are_no_leak_however_short_the_run_is() {
    for (warm, lasts) in [(600.0, 1200), (300.0, 600), (150.0, 300), (30.0, 60)] {
        let line = judged_after(warm, lasts, filling);
        assert!(!line.grows, "{lasts} s: {line:?}");
    }
}

#[test]
fn a_leak_is_found_and_a_longer_run_finds_a_smaller_one() {
    for (warm, lasts, kib_per_second) in [(600.0, 1200, 6.0), (300.0, 600, 80.0), (150.0, 300, 400.0)] {
        let line = judged_after(warm, lasts, |second| filling(second) + second * kib_per_second);
        assert!(line.grows, "{kib_per_second} KiB a second in {lasts} s: {line:?}");
    }
}
