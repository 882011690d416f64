//! Tables laid over each other, paths into them, and complaints about what lies there.
use serde_path_to_error::Segment;
use toml::{Table, Value};

use super::env::EnvLayer;
use super::error::Complaint;
use super::file::FileLayer;

/// All layers above the defaults.
#[derive(Debug)]
pub(crate) struct Layers {
    pub(crate) service: String,
    pub(crate) file: FileLayer,
    pub(crate) env: EnvLayer,
    pub(crate) flags: Table,
}

impl Layers {
    /// The layers as one table; the defaults come from the struct that reads it.
    pub(crate) fn merged(&self) -> Table {
        let mut merged = self.file.table.clone();
        merge(&mut merged, &self.env.table);
        merge(&mut merged, &self.flags);
        merged
    }

    /// A complaint about the value at `path`, with the place that said it.
    pub(crate) fn complain(&self, path: &[String], message: String, shape: Option<&Table>) -> Complaint {
        let merged = self.merged();
        let value = get(&merged, path).or_else(|| shape.and_then(|shape| get(shape, path)));
        let last = path.last().map_or("", String::as_str);
        Complaint {
            place: self.place(path),
            key: std::iter::once(&self.service).chain(path).cloned().collect::<Vec<_>>().join("."),
            value: value.map_or_else(|| "(absent)".to_owned(), |value| show(last, value)),
            message,
        }
    }

    /// A complaint about a key that nobody reads, with the keys that there are.
    pub(crate) fn unknown(&self, path: &[String], shape: &Table) -> Complaint {
        let parent = path.split_last().map_or(&[][..], |(_, parent)| parent);
        let siblings =
            if parent.is_empty() { Some(shape) } else { get(shape, parent).and_then(Value::as_table) };
        let message = match siblings.map(|table| table.keys().cloned().collect::<Vec<_>>()) {
            Some(keys) if !keys.is_empty() => format!("unknown key; there are: {}", keys.join(", ")),
            _ => "unknown key".to_owned(),
        };
        self.complain(path, message, None)
    }

    fn place(&self, path: &[String]) -> String {
        let holds = |table: &Table| path.iter().take(1).all(|_| get(table, path).is_some());
        if holds(&self.flags) {
            return "command line".to_owned();
        }
        if let Some(place) = self.env.place(path) {
            return place;
        }
        let deepest = (1..=path.len())
            .rev()
            .find_map(|length| path.get(..length).filter(|p| get(&self.file.table, p).is_some()));
        deepest.map_or_else(|| "default".to_owned(), |path| self.file.place(path))
    }
}

/// Lays `upper` over `lower`: tables are merged, everything else is replaced.
pub(crate) fn merge(lower: &mut Table, upper: &Table) {
    for (key, value) in upper {
        match (lower.get_mut(key), value) {
            (Some(Value::Table(below)), Value::Table(above)) => merge(below, above),
            _ => {
                lower.insert(key.clone(), value.clone());
            }
        }
    }
}

/// Puts `value` at `path`, making the tables on the way. An empty path changes nothing.
pub fn insert_at(table: &mut Table, path: &[&str], value: Value) {
    match path {
        [] => {}
        [last] => {
            table.insert((*last).to_owned(), value);
        }
        [first, rest @ ..] => {
            let entry = table.entry(*first).or_insert_with(|| Value::Table(Table::new()));
            if !entry.is_table() {
                *entry = Value::Table(Table::new());
            }
            if let Value::Table(inner) = entry {
                insert_at(inner, rest, value);
            }
        }
    }
}

/// The value at `path`; a part of it may index an array.
pub(crate) fn get<'a>(table: &'a Table, path: &[String]) -> Option<&'a Value> {
    let (first, rest) = path.split_first()?;
    rest.iter().try_fold(table.get(first)?, |value, part| match value {
        Value::Table(inner) => inner.get(part),
        Value::Array(items) => items.get(part.parse::<usize>().ok()?),
        _ => None,
    })
}

/// The paths of everything in `table` that is not itself a table.
pub(crate) fn leaves(table: &Table) -> Vec<Vec<String>> {
    let mut found = Vec::new();
    for (key, value) in table {
        match value {
            Value::Table(inner) => {
                found.extend(leaves(inner).into_iter().map(|path| [vec![key.clone()], path].concat()));
            }
            _ => found.push(vec![key.clone()]),
        }
    }
    found
}

/// A value as it would stand in a file; masked where a key looks like a secret, of it or inside it.
pub(crate) fn show(key: &str, value: &Value) -> String {
    masked(key, value).to_string()
}

fn masked(key: &str, value: &Value) -> Value {
    let key = key.to_ascii_lowercase();
    if ["secret", "token", "password"].iter().any(|word| key.contains(word)) {
        return Value::from("********");
    }
    match value {
        Value::Table(table) => {
            Value::Table(table.iter().map(|(key, value)| (key.clone(), masked(key, value))).collect())
        }
        Value::Array(items) => Value::Array(items.iter().map(|item| masked("", item)).collect()),
        plain => plain.clone(),
    }
}

/// The path of a key that nobody read.
pub(crate) fn ignored_path(path: &serde_ignored::Path<'_>) -> Vec<String> {
    use serde_ignored::Path;
    match path {
        Path::Root => Vec::new(),
        Path::Seq { parent, index } => [ignored_path(parent), vec![index.to_string()]].concat(),
        Path::Map { parent, key } => [ignored_path(parent), vec![key.clone()]].concat(),
        Path::Some { parent } | Path::NewtypeStruct { parent } | Path::NewtypeVariant { parent } => {
            ignored_path(parent)
        }
    }
}

/// The path of a value that could not be read.
pub(crate) fn error_path(path: &serde_path_to_error::Path) -> Vec<String> {
    path.iter()
        .filter_map(|segment| match segment {
            Segment::Seq { index } => Some(index.to_string()),
            Segment::Map { key } => Some(key.clone()),
            Segment::Enum { .. } | Segment::Unknown => None,
        })
        .collect()
}
