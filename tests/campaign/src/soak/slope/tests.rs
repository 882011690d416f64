use super::*;

fn line(value: impl Fn(f64) -> f64) -> Slope {
    let samples: Vec<(f64, f64)> =
        (0..600).map(|second| (f64::from(second), value(f64::from(second)))).collect();
    Slope::of(&samples).unwrap()
}

#[test]
fn a_straight_line_is_found_exactly() {
    let slope = line(|x| 1000.0 + 0.5 * x);
    assert!((slope.per_hour - 1800.0).abs() < 1e-6, "{slope:?}");
    assert!(slope.plus_minus < 1e-6, "{slope:?}");
    assert!(slope.exceeds(1700.0) && !slope.exceeds(1900.0));
}

#[test]
fn what_only_wavers_does_not_grow() {
    let mut random = fastrand::Rng::with_seed(5);
    let noise: Vec<f64> = (0..600).map(|_| random.f64() * 100.0).collect();
    let slope = line(|x| 1000.0 + noise[x as usize]);
    assert!(slope.per_hour.abs() <= slope.plus_minus * 1.5, "{slope:?}");
    assert!(!slope.exceeds(50.0), "{slope:?}");
}

#[test]
fn a_leak_under_noise_is_seen() {
    let mut random = fastrand::Rng::with_seed(6);
    let noise: Vec<f64> = (0..600).map(|_| random.f64() * 100.0).collect();
    let slope = line(|x| 1000.0 + noise[x as usize] + x * 0.2);
    assert!(slope.exceeds(50.0), "{slope:?}");
}

#[test]
fn too_few_samples_are_no_line() {
    assert_eq!(Slope::of(&[(0.0, 1.0); 19]), None);
}
