//! Follow live streams without a gap: subscribe, resume, heal, health.
