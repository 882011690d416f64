//! One row as names and fields, before anybody knows what they mean.

use crate::scalar::{Scalar, cut};
use serde::de::{Deserialize, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use std::borrow::Cow;
use std::fmt;

/// The most fields of a row: the most columns of a metrics stream, and as many again for what an
/// exchange sends along and nobody asked for.
pub(crate) const MAX_FIELDS: usize = 512;

/// A row of NDJSON, of a JSON array, or of CSV with its header: fields in the order they were written.
#[derive(Debug, Clone, PartialEq)]
pub struct Row<'a> {
    pub(crate) fields: Vec<(Cow<'a, str>, Scalar<'a>)>,
}

impl<'a> Row<'a> {
    /// Reads one JSON object whose fields are numbers, texts or `null`.
    ///
    /// # Errors
    /// What is wrong with it, in words: no JSON, no object, a name twice.
    pub fn from_json(line: &'a [u8]) -> Result<Row<'a>, String> {
        serde_json::from_slice(line).map_err(|error| {
            let reason = json_reason(&error);
            let is_object = line.trim_ascii_start().first() == Some(&b'{');
            // Of what is no JSON at all serde only says that it expected a value.
            if error.is_syntax() && !is_object { format!("{NO_OBJECT} ({reason})") } else { reason }
        })
    }

    /// Takes the field `name` out if it is there and is text.
    pub fn take_text(&mut self, name: &str) -> Option<String> {
        let at = self.fields.iter().position(|(n, field)| n == name && matches!(field, Scalar::Text(_)))?;
        self.fields.remove(at).1.text().ok().flatten()
    }

    /// The fields of a CSV record, named by its header; those that the record lacks are missing.
    pub(crate) fn from_fields(header: &'a [String], mut fields: impl Iterator<Item = &'a str>) -> Row<'a> {
        let field = |name: &'a String| {
            (Cow::from(name), fields.next().map_or(Scalar::Missing, |field| Scalar::Text(field.into())))
        };
        Row { fields: header.iter().map(field).collect() }
    }
}

/// What is said of a row that is neither an object nor any other JSON.
const NO_OBJECT: &str =
    "expected a JSON object with the fields of one row, such as {\"ts\":1700000000000,...}";

/// The most characters of what `serde_json` says: it repeats a text that is in the wrong place, all of it.
const MAX_REASON_CHARS: usize = 200;

/// What `serde_json` says, without the line that it counts within a row.
pub(crate) fn json_reason(error: &serde_json::Error) -> String {
    let text = error.to_string();
    let (what, place) =
        text.rfind(" at line ").and_then(|at| text.split_at_checked(at)).unwrap_or((&text, ""));
    let place = if error.line() == 1 { format!(", at column {}", error.column()) } else { place.to_owned() };
    match what.char_indices().nth(MAX_REASON_CHARS) {
        Some((end, _)) => format!("{}...{place}", what.get(..end).unwrap_or_default()),
        None => format!("{what}{place}"),
    }
}

impl<'de> Deserialize<'de> for Row<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Row<'de>, D::Error> {
        deserializer.deserialize_map(RowVisitor)
    }
}

struct RowVisitor;

impl<'de> Visitor<'de> for RowVisitor {
    type Value = Row<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object with the fields of one row")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Row<'de>, A::Error> {
        use serde::de::Error;
        let mut fields: Vec<(Cow<'de, str>, Scalar<'de>)> = Vec::new();
        while let Some(Name(name)) = map.next_key()? {
            if fields.len() >= MAX_FIELDS {
                return Err(A::Error::custom(format_args!("a row has at most {MAX_FIELDS} fields")));
            }
            if fields.iter().any(|(known, _)| *known == name) {
                return Err(A::Error::custom(format_args!("field {:?} is there twice", cut(&name))));
            }
            fields.push((name, map.next_value()?));
        }
        Ok(Row { fields })
    }
}

/// A field's name, borrowed when it has no escapes.
struct Name<'a>(Cow<'a, str>);

impl<'de> Deserialize<'de> for Name<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Name<'de>, D::Error> {
        struct NameVisitor;
        impl<'de> Visitor<'de> for NameVisitor {
            type Value = Name<'de>;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a field's name")
            }
            fn visit_borrowed_str<E>(self, name: &'de str) -> Result<Name<'de>, E> {
                Ok(Name(Cow::Borrowed(name)))
            }
            fn visit_str<E>(self, name: &str) -> Result<Name<'de>, E> {
                Ok(Name(Cow::Owned(name.to_owned())))
            }
        }
        deserializer.deserialize_str(NameVisitor)
    }
}

impl<'de> Deserialize<'de> for Scalar<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Scalar<'de>, D::Error> {
        deserializer.deserialize_any(ScalarVisitor)
    }
}

struct ScalarVisitor;

impl<'de> Visitor<'de> for ScalarVisitor {
    type Value = Scalar<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a number, a text or null")
    }
    fn visit_unit<E>(self) -> Result<Scalar<'de>, E> {
        Ok(Scalar::Missing)
    }
    fn visit_bool<E>(self, _: bool) -> Result<Scalar<'de>, E> {
        Ok(Scalar::Other("true or false"))
    }
    fn visit_i64<E>(self, value: i64) -> Result<Scalar<'de>, E> {
        Ok(Scalar::Integer(value))
    }
    fn visit_u64<E>(self, value: u64) -> Result<Scalar<'de>, E> {
        Ok(i64::try_from(value).map_or(Scalar::Decimal(value as f64), Scalar::Integer))
    }
    fn visit_f64<E>(self, value: f64) -> Result<Scalar<'de>, E> {
        Ok(Scalar::Decimal(value))
    }
    fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Scalar<'de>, E> {
        Ok(Scalar::Text(Cow::Borrowed(text)))
    }
    fn visit_str<E>(self, text: &str) -> Result<Scalar<'de>, E> {
        Ok(Scalar::Text(Cow::Owned(text.to_owned())))
    }
    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Scalar<'de>, A::Error> {
        while seq.next_element::<IgnoredAny>()?.is_some() {}
        Ok(Scalar::Other("a list"))
    }
    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Scalar<'de>, A::Error> {
        while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        Ok(Scalar::Other("an object"))
    }
}
