//! What the disk does not take, by what it concerns.
//!
//! Each trouble is tried again by itself, with growing pauses, so that one folder that cannot be written holds up no
//! other. What concerns every folder (a full disk) is one trouble for all: it is tried by whoever comes first, and
//! said once instead of for each stream.

use crate::error::Error;
use std::collections::BTreeMap;
use std::time::{Duration, Instant};

/// The first pause: most troubles are over soon.
const FIRST_REST: Duration = Duration::from_secs(1);
/// The longest pause: whoever repairs a folder wants to see within a minute that it is written again.
const LONGEST_REST: Duration = Duration::from_secs(30);
/// What a trouble of all artifacts is kept under; no artifact and no folder is called so.
const ALL: &str = "all artifacts";
/// How many troubles are named: a line that people read.
const NAMED: usize = 3;

/// The troubles that there are.
#[derive(Debug, Default)]
pub(super) struct Troubles {
    by_subject: BTreeMap<String, Trouble>,
}

#[derive(Debug)]
struct Trouble {
    words: String,
    /// Without the name of a file, which is another one with each try.
    cause: String,
    rest: Duration,
    next: Instant,
}

impl Troubles {
    /// `subject` was not written. Said when it is new or another trouble than before.
    pub(super) fn note(&mut self, subject: &str, error: &Error, now: Instant) {
        let subject = if error.is_of_all() { ALL } else { subject };
        let (words, cause) = (error.to_string(), error.cause());
        let old = self.by_subject.get(subject);
        let (rest, next) = match old {
            // Somebody asked before its time had come.
            Some(old) if now < old.next => (old.rest, old.next),
            Some(old) => {
                let rest = (old.rest * 2).min(LONGEST_REST);
                (rest, now + rest)
            }
            None => (FIRST_REST, now + FIRST_REST),
        };
        if old.is_none_or(|old| old.cause != cause) {
            tracing::error!(of = subject, error = words, retry = ?rest,
                "not written: what waits stays in memory and is tried again with growing pauses");
        }
        self.by_subject.insert(subject.to_owned(), Trouble { words, cause, rest, next });
    }

    /// `subject` was written.
    pub(super) fn end(&mut self, subject: &str) {
        for subject in [subject, ALL] {
            if self.by_subject.remove(subject).is_some() {
                tracing::info!(of = subject, "written again");
            }
        }
    }

    /// Whether `subject` is in trouble of its own.
    pub(super) fn has(&self, subject: &str) -> bool {
        self.by_subject.contains_key(subject)
    }

    /// Whether there is none.
    pub(super) fn is_empty(&self) -> bool {
        self.by_subject.is_empty()
    }

    /// When something that is due at `due` is to be tried.
    pub(super) fn not_before(&self, subject: &str, due: Instant) -> Instant {
        [subject, ALL]
            .iter()
            .filter_map(|subject| self.by_subject.get(*subject))
            .fold(due, |due, trouble| due.max(trouble.next))
    }

    /// All of it in words; `None` when there is none.
    pub(super) fn words(&self) -> Option<String> {
        let named = self.by_subject.iter().take(NAMED);
        let mut words: Vec<String> = named.map(|(subject, at)| format!("{subject}: {}", at.words)).collect();
        match self.by_subject.len().saturating_sub(NAMED) {
            0 => {}
            more => words.push(format!("and {more} more")),
        }
        (!words.is_empty()).then(|| words.join("; "))
    }
}

#[cfg(test)]
mod tests;
