//! Who goes first when there are more threads than processors.

/// Work that nobody waits for: a fifth of the share of other threads while they want all there is.
#[cfg(target_os = "linux")]
const NICE: i32 = 7;

/// The calling thread, and those that it starts, leave the processors to others that want them. Does nothing where that
/// is a property of whole processes.
pub fn give_way() {
    #[cfg(target_os = "linux")]
    if let Err(error) = rustix::process::nice(NICE) {
        tracing::debug!(%error, "this thread keeps its priority");
    }
}
