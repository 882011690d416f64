//! What every service needs: configuration, logs, metrics, health and shutdown.
