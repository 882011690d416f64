//! The environment layer: `GAPLESS_<SERVICE>_<KEY>`, nested keys joined by `_` (or `__`).
//!
//! A name such as `GAPLESS_INGESTION_JOURNAL_SYNC` does not say where one key ends and the next
//! begins, so it is matched against the keys that the defaults have. A name that matches none is kept
//! as it is, to be reported as unknown: a misspelt variable must not pass in silence.
use std::collections::BTreeMap;

use toml::{Table, Value};

use super::layer;

/// The values from the environment and the variable that each came from.
#[derive(Debug, Default)]
pub(crate) struct EnvLayer {
    pub(crate) table: Table,
    variables: BTreeMap<Vec<String>, String>,
}

impl EnvLayer {
    /// The variable that set `path` or the closest table around it.
    pub(crate) fn place(&self, path: &[String]) -> Option<String> {
        (1..=path.len())
            .rev()
            .find_map(|length| self.variables.get(path.get(..length)?))
            .map(|name| format!("environment variable {name}"))
    }
}

/// Reads what belongs to `service`; `shape` is its default configuration.
pub(crate) fn read(
    service: &str,
    shape: &Table,
    environment: impl Iterator<Item = (String, String)>,
) -> EnvLayer {
    let prefix = format!("GAPLESS_{}_", shout(service));
    let known = layer::leaves(shape);
    let mut env = EnvLayer::default();
    for (name, text) in environment {
        let Some(key) = name.strip_prefix(&prefix) else { continue };
        let path = resolve(key, &known);
        let parts: Vec<&str> = path.iter().map(String::as_str).collect();
        let value = parse(&text, layer::get(shape, &path));
        layer::insert_at(&mut env.table, &parts, value);
        env.variables.insert(path, name);
    }
    env
}

fn resolve(key: &str, known: &[Vec<String>]) -> Vec<String> {
    let plain = key.replace("__", "_");
    let matches = |path: &&Vec<String>| shout(&path.join("_")) == plain;
    match known.iter().find(matches) {
        Some(path) => path.clone(),
        None => key.to_ascii_lowercase().split("__").map(str::to_owned).collect(),
    }
}

fn shout(text: &str) -> String {
    text.replace(['-', '.'], "_").to_ascii_uppercase()
}

/// A variable is text; the default's type says what it is meant to be.
fn parse(text: &str, default: Option<&Value>) -> Value {
    let as_toml = || {
        let table: Table = toml::from_str(&format!("value = {text}")).ok()?;
        table.get("value").cloned()
    };
    match default {
        Some(Value::String(_)) => Value::from(text),
        Some(Value::Array(_)) if !text.trim_start().starts_with('[') => {
            let items = text.split(',').map(str::trim).filter(|item| !item.is_empty());
            Value::Array(items.map(Value::from).collect())
        }
        _ => as_toml().unwrap_or_else(|| Value::from(text)),
    }
}
