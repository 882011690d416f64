use super::*;
use proptest::prelude::*;

fn whole(numbers: &[i64]) -> Option<usize> {
    let bytes = integers(numbers)?;
    assert_eq!(read_integers(&bytes, numbers.len()).as_deref(), Some(numbers));
    Some(bytes.len())
}

fn bits(numbers: &[f64]) -> Vec<u64> {
    numbers.iter().map(|number| number.to_bits()).collect()
}

fn decimal(numbers: &[f64]) -> Option<usize> {
    let bytes = decimals(numbers)?;
    assert_eq!(read_decimals(&bytes, numbers.len()).map(|read| bits(&read)), Some(bits(numbers)));
    Some(bytes.len())
}

#[test]
fn what_lies_close_together_takes_few_bits() {
    let steps: Vec<i64> = (0..4096).map(|at| 1_700_000_000_000_000_000 + at * 1_000_000_007).collect();
    assert!(whole(&steps).unwrap() < 100, "equal steps");
    let near: Vec<i64> = (0..4096).map(|at| i64::MIN + at * 7919 % 1024).collect();
    assert!(whole(&near).unwrap() < 4096 * 11 / 8 + 100, "10 bits each");
    assert_eq!(whole(&[i64::MIN, i64::MAX, 0, 5]), None);
    for few in [&[][..], &[i64::MIN], &[7, 7], &[i64::MAX, i64::MIN]] {
        assert!(whole(few).is_some_and(|bytes| bytes > 0), "{few:?}");
    }
}

#[test]
fn decimals_take_the_bits_of_their_digits_and_others_are_kept_beside_them() {
    let mut prices: Vec<f64> = (0..4096).map(|at| f64::from(6_425_025 + at * 7919 % 4001) / 100.0).collect();
    assert!(decimal(&prices).unwrap() < 4096 * 13 / 8 + 100);
    for (at, odd) in
        [(0, f64::NAN), (100, 1.0 / 3.0), (4095, -0.0), (77, f64::INFINITY), (78, 1e300), (79, 5e-324)]
    {
        prices[at] = odd;
    }
    assert!(decimal(&prices).unwrap() < 4096 * 14 / 8 + 200);
    let thirds: Vec<f64> = (1..4096).map(|at| f64::from(at) / 3.0).collect();
    assert_eq!(decimal(&thirds), None);
    assert_eq!(decimal(&[f64::NAN; 100]), None);
    assert!(decimal(&[0.0; 4096]).unwrap() < 100);
    assert!(decimal(&[-0.5, 0.25, -1e6]).is_some());
}

proptest! {
    #[test]
    fn any_numbers_come_back(
        digits in 0..12i32, wholes in prop::collection::vec(any::<i32>(), 1..400),
        odd in prop::collection::vec((any::<prop::sample::Index>(), any::<f64>()), 0..6),
    ) {
        let mut numbers: Vec<f64> = wholes.iter().map(|whole| f64::from(*whole) / 10f64.powi(digits)).collect();
        for (at, number) in odd {
            let at = at.index(numbers.len());
            numbers[at] = number;
        }
        decimal(&numbers);
        whole(&wholes.iter().map(|whole| i64::from(*whole)).collect::<Vec<i64>>());
    }

    #[test]
    fn whatever_bytes_are_read_nothing_breaks(bytes in prop::collection::vec(any::<u8>(), 0..200), count in 0..5000usize) {
        let _ = (read_integers(&bytes, count), read_decimals(&bytes, count));
    }
}
