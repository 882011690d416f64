//! Drives the coordinator over real sockets: one way to follow a journal or streams.
