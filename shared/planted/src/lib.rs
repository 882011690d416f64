//! Mistakes that can be switched on, to test whether the simulation finds them.
//!
//! Each one is a mistake that a known system made. A crate asks [`on`] at the place where it would be made.
//! Without the feature `planted`, [`on`] is a constant `false` and the mistake is compiled away; with
//! it, a mistake is on for one thread while [`with`] runs. It is not fault injection: faults come from outside
//! and must be survived, these are wrong code and must be noticed.
//!
//! ```
//! use gapless_planted::{Bug, on};
//! assert!(!on(Bug::TailGapIgnored));
//! ```

/// A mistake in the code, by what goes wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Bug {
    /// A tail that was lost is not asked for when a watermark tells of it.
    TailGapIgnored,
}

/// Whether `bug` is switched on, on this thread.
#[cfg(not(feature = "planted"))]
#[inline(always)]
pub const fn on(_bug: Bug) -> bool {
    false
}

#[cfg(feature = "planted")]
mod switch {
    use super::Bug;
    use std::cell::Cell;

    thread_local! {
        static ON: Cell<Option<Bug>> = const { Cell::new(None) };
    }

    /// Whether `bug` is switched on, on this thread.
    pub fn on(bug: Bug) -> bool {
        ON.get() == Some(bug)
    }

    /// Runs `work` with `bug` switched on for this thread; `None` switches nothing on.
    pub fn with<T>(bug: Option<Bug>, work: impl FnOnce() -> T) -> T {
        struct Off(Option<Bug>);
        impl Drop for Off {
            fn drop(&mut self) {
                ON.set(self.0);
            }
        }
        let _off = Off(ON.replace(bug));
        work()
    }
}

#[cfg(feature = "planted")]
pub use switch::{on, with};
