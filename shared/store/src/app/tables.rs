//! The tables of an application's file: what its owner queries.

use crate::StoreError;
use crate::database::Database;
use crate::error::Doing;

/// Counts up when a table changes; a newer number in a file is refused, an older one would be migrated.
const LAYOUT: u32 = 1;

/// The parts of a topic stand in columns of their own, the topic is computed from them. There is no
/// index: rows arrive in order, so DuckDB's minimum and maximum per row group already find a range, and
/// the cursor guarantees that a sequence is there once.
const TABLES: &str = "
CREATE TABLE IF NOT EXISTS candles (
    source_id VARCHAR NOT NULL, symbol VARCHAR NOT NULL, \"interval\" VARCHAR NOT NULL,
    epoch UBIGINT NOT NULL, seq UBIGINT NOT NULL,
    ts TIMESTAMP_MS NOT NULL,
    open DOUBLE NOT NULL, high DOUBLE NOT NULL, low DOUBLE NOT NULL, close DOUBLE NOT NULL,
    volume DOUBLE NOT NULL,
    flags UINTEGER NOT NULL,
    simulated BOOLEAN GENERATED ALWAYS AS (flags & 1 = 1) VIRTUAL,
    stream VARCHAR GENERATED ALWAYS AS ('candles.' || source_id || '.' || symbol || '.' || \"interval\") VIRTUAL
);
CREATE TABLE IF NOT EXISTS metrics (
    source_id VARCHAR NOT NULL, symbol VARCHAR NOT NULL, \"interval\" VARCHAR NOT NULL,
    epoch UBIGINT NOT NULL, seq UBIGINT NOT NULL,
    ts TIMESTAMP_NS NOT NULL,
    names VARCHAR[] NOT NULL, vals DOUBLE[] NOT NULL,
    flags UINTEGER NOT NULL,
    simulated BOOLEAN GENERATED ALWAYS AS (flags & 1 = 1) VIRTUAL,
    stream VARCHAR GENERATED ALWAYS AS ('metrics.' || source_id || '.' || symbol || '.' || \"interval\") VIRTUAL
);
CREATE TABLE IF NOT EXISTS warnings (
    source_id VARCHAR NOT NULL, symbol VARCHAR NOT NULL, \"interval\" VARCHAR NOT NULL,
    epoch UBIGINT NOT NULL, seq UBIGINT NOT NULL,
    ts TIMESTAMP_NS NOT NULL,
    severity VARCHAR NOT NULL, code VARCHAR NOT NULL, subject VARCHAR NOT NULL, message VARCHAR NOT NULL,
    flags UINTEGER NOT NULL,
    simulated BOOLEAN GENERATED ALWAYS AS (flags & 1 = 1) VIRTUAL,
    stream VARCHAR GENERATED ALWAYS AS ('warnings.' || source_id || '.' || symbol || '.' || \"interval\") VIRTUAL
);
CREATE VIEW IF NOT EXISTS metric_values AS
    SELECT * REPLACE (CASE WHEN isnan(value) THEN NULL ELSE value END AS value)
    FROM (SELECT stream, source_id, symbol, \"interval\", epoch, seq, ts,
                 unnest(names) AS name, unnest(vals) AS value, simulated FROM metrics);
CREATE TABLE IF NOT EXISTS gapless_cursors (
    stream VARCHAR PRIMARY KEY,
    epoch UBIGINT NOT NULL, applied UBIGINT NOT NULL,
    digest UBIGINT, updated_at TIMESTAMP NOT NULL
);
CREATE TABLE IF NOT EXISTS gapless_gaps (
    stream VARCHAR NOT NULL, epoch UBIGINT NOT NULL,
    from_seq UBIGINT NOT NULL, to_seq UBIGINT NOT NULL,
    cause VARCHAR NOT NULL, state VARCHAR NOT NULL,
    detected TIMESTAMP NOT NULL, healed TIMESTAMP, healed_by VARCHAR,
    PRIMARY KEY (stream, epoch, from_seq, to_seq, detected)
);
";

pub(super) fn create(database: &Database) -> Result<(), StoreError> {
    database.check_layout(LAYOUT)?;
    database.connection.execute_batch(TABLES).doing("create the tables")
}
