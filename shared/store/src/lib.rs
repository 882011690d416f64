//! DuckDB: the client's cursor store and the archive.
