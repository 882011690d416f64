//! ZeroMQ sockets behind owned threads and bounded channels.
