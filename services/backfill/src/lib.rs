//! Archives the journal in DuckDB and replays any range on request.
