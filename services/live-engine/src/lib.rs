//! Folds the journal into current state and publishes it live.
