//! Digests as sixteen hexadecimal digits: a number of 64 bits does not survive every reader of JSON.

use gapless_model::Digest;
use serde::de::{Deserialize, Deserializer, Error};
use serde::{Serialize, Serializer};

/// A digest as text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Hex(pub Digest);

impl Serialize for Hex {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for Hex {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Hex, D::Error> {
        let text = String::deserialize(from)?;
        let number = u64::from_str_radix(&text, 16);
        number
            .map(|number| Hex(Digest(number)))
            .map_err(|_| D::Error::custom(format!("{text:?} is no digest")))
    }
}
