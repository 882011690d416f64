//! The file layer: one service's table of `gapless.toml`, with the line of every key.
use std::path::{Path, PathBuf};

use toml::de::{DeTable, DeValue};
use toml::{Spanned, Table, Value};

use super::error::{Complaint, ConfigError};
use super::{SECTIONS, layer};

/// Read when no `--config` was given and it exists.
const DEFAULT_FILE: &str = "gapless.toml";

/// One service's table and the text it came from.
#[derive(Debug, Default)]
pub(crate) struct FileLayer {
    path: PathBuf,
    text: String,
    section: String,
    pub(crate) table: Table,
    /// Whether the file has that table at all.
    pub(crate) is_present: bool,
}

/// Reads the table `service` of the file asked for, or of the default file if there is one.
pub(crate) fn read(asked: Option<&Path>, service: &str) -> Result<FileLayer, ConfigError> {
    let path = asked.unwrap_or(Path::new(DEFAULT_FILE)).to_owned();
    let text = match std::fs::read_to_string(&path) {
        Ok(text) => text,
        Err(e) if asked.is_none() && e.kind() == std::io::ErrorKind::NotFound => {
            return Ok(FileLayer::default());
        }
        Err(source) => return Err(ConfigError::Unreadable { path, source }),
    };
    FileLayer::parse(path, text, service)
}

impl FileLayer {
    pub(crate) fn parse(path: PathBuf, text: String, service: &str) -> Result<FileLayer, ConfigError> {
        let root: Table = toml::from_str(&text).map_err(|e| ConfigError::Syntax {
            path: path.clone(),
            line: line_at(&text, e.span().map_or(0, |span| span.start)),
            message: e.message().trim().to_owned(),
        })?;
        let section = service.to_owned();
        let mut file = FileLayer { path, text, section, table: Table::new(), is_present: false };
        let complaints: Vec<Complaint> = root
            .iter()
            .filter(|(name, value)| !SECTIONS.contains(&name.as_str()) || !value.is_table())
            .map(|(name, value)| file.stray(name, value))
            .collect();
        if !complaints.is_empty() {
            return Err(ConfigError::Rejected { complaints });
        }
        if let Some(Value::Table(table)) = root.get(service) {
            file.table = table.clone();
            file.is_present = true;
        }
        Ok(file)
    }

    /// A top-level key that is no service's table.
    fn stray(&self, name: &str, value: &Value) -> Complaint {
        Complaint {
            place: self.line_of(&[name.to_owned()]),
            key: name.to_owned(),
            value: layer::show(name, value),
            message: format!("unknown table; there are: {}", SECTIONS.join(", ")),
        }
    }

    /// `file:line` of a key inside the service's table.
    pub(crate) fn place(&self, path: &[String]) -> String {
        let mut full = vec![self.section.clone()];
        full.extend_from_slice(path);
        self.line_of(&full)
    }

    fn line_of(&self, path: &[String]) -> String {
        let offset = DeTable::parse(&self.text).ok().map_or(0, |root| offset_of(&root, path));
        format!("{}:{}", self.path.display(), line_at(&self.text, offset))
    }
}

/// Where the deepest part of `path` that exists begins.
fn offset_of(root: &Spanned<DeTable<'_>>, path: &[String]) -> usize {
    let mut offset = 0;
    let mut table = Some(root.get_ref());
    let mut array = None;
    for part in path {
        let value = if let Some(current) = table {
            let found = current.iter().find(|(key, _)| key.get_ref().as_ref() == part.as_str());
            found.map(|(key, value)| (key.span().start, value))
        } else {
            let items: Option<&toml::de::DeArray<'_>> = array;
            let item = items.and_then(|items| items.get(part.parse::<usize>().ok()?));
            item.map(|value| (value.span().start, value))
        };
        let Some((start, value)) = value else { break };
        offset = start;
        (table, array) = match value.get_ref() {
            DeValue::Table(inner) => (Some(inner), None),
            DeValue::Array(inner) => (None, Some(inner)),
            _ => break,
        };
    }
    offset
}

fn line_at(text: &str, offset: usize) -> usize {
    text.bytes().take(offset).filter(|byte| *byte == b'\n').count() + 1
}
