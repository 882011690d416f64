//! What the first frame says. A stream's own topic is [`gapless_model::StreamKey::topic`].

/// Topic of [`crate::WatermarkBatch`] on the live socket.
pub const WATERMARKS: &str = "watermarks";

/// Topic of a partition's records and heartbeats on the journal socket: `journal.0`.
pub fn journal(partition: u32) -> String {
    format!("journal.{partition}")
}
