//! The pure machines: sequencer, gap tracker, coordinator, replay scheduler, heartbeat, dedup.
