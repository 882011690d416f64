//! The body of the fuzz target in `tests/fuzz`; a test replays its corpus through the same function.

use crate::{Interval, Kind, MAX_PART_BYTES, StreamKey};
use std::fmt::{Debug, Display};
use std::str::FromStr;

/// The longest message about a name: it repeats some dozens of characters, each escaped at worst.
const MAX_MESSAGE_BYTES: usize = 1000;

/// A text as every kind of name. What is a name is the same name when it is printed; what is none is refused
/// in few words.
pub fn names(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let kind: Option<Kind> = parsed(text);
    assert_eq!(kind.map(|kind| kind.name()), kind.is_some().then_some(text));
    let interval: Option<Interval> = parsed(text);
    assert!(interval.is_none_or(|interval| interval.seconds() > 0 && interval.millis() > 0));
    let Some(key) = parsed::<StreamKey>(text) else { return };
    assert_eq!(key.topic(), text, "another topic");
    let parts = [key.source_id(), key.symbol(), key.interval()];
    assert!(parts.iter().all(|part| (1..=MAX_PART_BYTES).contains(&part.len()) && !part.contains('.')));
    let [source_id, symbol, interval] = parts;
    assert_eq!(StreamKey::new(key.kind(), source_id, symbol, interval).as_ref(), Ok(&key));
    if let Ok(interval) = interval.parse() {
        let canonical = key.with_interval(interval);
        assert_eq!(parsed::<StreamKey>(&canonical.topic()), Some(canonical));
    }
}

fn parsed<T: FromStr<Err: Display> + Display + PartialEq + Debug>(text: &str) -> Option<T> {
    match text.parse::<T>() {
        Ok(value) => {
            assert_eq!(value.to_string().parse().ok().as_ref(), Some(&value), "another one when printed");
            Some(value)
        }
        Err(error) => {
            let words = error.to_string();
            assert!(words.len() <= MAX_MESSAGE_BYTES, "a message of {} bytes: {words:.200}", words.len());
            None
        }
    }
}
