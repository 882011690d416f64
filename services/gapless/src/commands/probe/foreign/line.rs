//! One line of another program's output.

use anyhow::{Context, Result, bail};
use gapless::{Digest, Seq, SeqRange, StreamKey};
use gapless_dev_server::Expectation;
use gapless_formats::{Row, RowsBuilder};
use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::Value;
use std::fmt;

/// What a line says.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Said {
    /// A row was handed over.
    Row { topic: String, seq: Seq, digest: Digest },
    /// Rows are gone for good.
    Truncated { topic: String, range: SeqRange },
    /// Rows that were handed over are void.
    Void { topic: String, what: Expectation },
}

impl Said {
    pub(super) fn topic(&self) -> &str {
        match self {
            Said::Row { topic, .. } | Said::Truncated { topic, .. } | Said::Void { topic, .. } => topic,
        }
    }
}

/// Reads a line; `None`: it says something that is not judged.
pub(super) fn parse(text: &[u8]) -> Result<Option<Said>> {
    let mut object: Fields = serde_json::from_slice(text).context("no JSON object")?;
    let topic = match object.remove("stream") {
        Some(Value::String(topic)) => topic,
        _ => bail!("it has no \"stream\" (a text, as in the topic)"),
    };
    if let Some(event) = object.remove("event") {
        return told(topic, event.as_str().unwrap_or_default(), &object);
    }
    let seq = object.remove("sequence").or_else(|| object.remove("seq")).and_then(|seq| seq.as_u64());
    let Some(seq) = seq.map(Seq) else { bail!("it has no \"sequence\" (a whole number)") };
    let digest = match object.remove("digest") {
        Some(digest) => digest_of(&digest)?,
        None => row_digest(&topic, seq, object)?,
    };
    Ok(Some(Said::Row { topic, seq, digest }))
}

fn told(topic: String, event: &str, object: &Fields) -> Result<Option<Said>> {
    let number = |name: &str| object.get(name).and_then(Value::as_u64);
    Ok(match event {
        "truncated" => {
            let (Some(from), Some(to)) = (number("from"), number("to")) else {
                bail!("a truncation needs \"from\" and \"to\", the first and the last row that are gone")
            };
            Some(Said::Truncated { topic, range: SeqRange::new(Seq(from), Seq(to).next()) })
        }
        "rewind" => Some(Said::Void { topic, what: Expectation::Rewind }),
        "reset" => Some(Said::Void { topic, what: Expectation::Reset }),
        _ => None,
    })
}

/// A digest as 16 hexadecimal digits or as a whole number.
fn digest_of(value: &Value) -> Result<Digest> {
    let digest = match value {
        Value::String(text) => u64::from_str_radix(text.trim_start_matches("0x"), 16).ok(),
        other => other.as_u64(),
    };
    digest.map(Digest).context("\"digest\" is neither 16 hexadecimal digits nor a whole number")
}

/// The digest of a row that is given by its values, beside the others or as `values`.
fn row_digest(topic: &str, seq: Seq, mut object: Fields) -> Result<Digest> {
    let key: StreamKey = topic.parse().with_context(|| format!("stream {topic:?}"))?;
    // Beside a row's own fields; as columns they would be other metrics.
    for name in ["epoch", "simulated"] {
        object.remove(name);
    }
    let text = object.row()?;
    let row = Row::from_json(text.as_bytes()).map_err(anyhow::Error::msg)?;
    let mut builder = RowsBuilder::new(key.kind());
    builder.push(&row).map_err(|error| anyhow::anyhow!("{error}"))?;
    Ok(Digest::of(seq, &builder.take()))
}

/// The fields of an object in the order in which they were written, since the order of columns is part of a row.
#[derive(Debug, Default)]
struct Fields(Vec<(String, Field)>);

#[derive(Debug)]
enum Field {
    Value(Value),
    Fields(Fields),
}

impl Fields {
    fn get(&self, name: &str) -> Option<&Value> {
        self.0.iter().find_map(|(known, field)| match field {
            Field::Value(value) if known == name => Some(value),
            _ => None,
        })
    }

    fn remove(&mut self, name: &str) -> Option<Value> {
        let at =
            self.0.iter().position(|(known, field)| known == name && matches!(field, Field::Value(_)))?;
        match self.0.remove(at).1 {
            Field::Value(value) => Some(value),
            Field::Fields(_) => None,
        }
    }

    /// The row as one flat JSON object: the fields beside `values`, and those in it.
    fn row(&self) -> Result<String> {
        let mut text = String::from("{");
        self.write(&mut text)?;
        text.push('}');
        Ok(text)
    }

    fn write(&self, text: &mut String) -> Result<()> {
        for (name, field) in &self.0 {
            match field {
                Field::Fields(fields) if name == "values" => fields.write(text)?,
                Field::Fields(_) => bail!("the field {name:?} is an object: only \"values\" may be one"),
                Field::Value(value) => {
                    if text.len() > 1 {
                        text.push(',');
                    }
                    text.push_str(&serde_json::to_string(name)?);
                    text.push(':');
                    text.push_str(&serde_json::to_string(value)?);
                }
            }
        }
        Ok(())
    }
}

impl<'de> Deserialize<'de> for Fields {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Fields, D::Error> {
        from.deserialize_map(FieldsVisitor)
    }
}

struct FieldsVisitor;

impl<'de> Visitor<'de> for FieldsVisitor {
    type Value = Fields;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Fields, A::Error> {
        let mut fields = Vec::new();
        while let Some(name) = map.next_key::<String>()? {
            let field = match name.as_str() {
                "values" => Field::Fields(map.next_value()?),
                _ => Field::Value(map.next_value()?),
            };
            fields.push((name, field));
        }
        Ok(Fields(fields))
    }
}

#[cfg(test)]
mod tests;
