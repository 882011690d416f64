use super::*;
use std::io::{Error as IoError, ErrorKind};
use std::path::Path;

fn denied(file: &str) -> Error {
    Error::write(Path::new(file), IoError::from(ErrorKind::PermissionDenied))
}

fn full(file: &str) -> Error {
    Error::write(Path::new(file), IoError::from(ErrorKind::StorageFull))
}

#[test]
fn pauses_grow_to_half_a_minute_and_begin_anew_after_a_success() {
    let (mut troubles, mut now) = (Troubles::default(), Instant::now());
    for seconds in [1, 2, 4, 8, 16, 30, 30] {
        troubles.note("a", &denied("file"), now);
        // Asked for early: the pause is neither longer nor begun again.
        troubles.note("a", &denied("file"), now);
        let next = troubles.not_before("a", now);
        assert_eq!(next, now + Duration::from_secs(seconds));
        assert_eq!(troubles.not_before("b", now), now, "others do not wait");
        now = next;
    }
    troubles.end("a");
    assert!(troubles.is_empty() && troubles.words().is_none());
    troubles.note("a", &denied("file"), now);
    assert_eq!(troubles.not_before("a", now), now + FIRST_REST);
}

#[test]
fn a_full_disk_is_one_trouble_of_all_until_anything_is_written() {
    let (mut troubles, now) = (Troubles::default(), Instant::now());
    (0..1000).for_each(|at| troubles.note(&format!("stream {at}"), &full("file"), now));
    assert_eq!(troubles.by_subject.len(), 1);
    assert_eq!(troubles.not_before("another", now), now + FIRST_REST);
    troubles.end("stream 7");
    assert!(troubles.is_empty());
}

#[test]
fn the_words_name_the_first_and_count_the_others() {
    let (mut troubles, now) = (Troubles::default(), Instant::now());
    (0..5).for_each(|at| troubles.note(&format!("s{at}"), &denied(&format!("/x/{at}")), now));
    let words = troubles.words().unwrap();
    assert!(words.starts_with("s0: /x/0: permission denied; s1: "), "{words}");
    assert!(words.ends_with("and 2 more"), "{words}");
}
