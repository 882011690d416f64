//! FlatBuffers messages: typed encode and decode, limits, error codes.
