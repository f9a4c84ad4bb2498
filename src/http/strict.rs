//! JSON read strictly, and no further than it may go.

use std::cell::Cell;
use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use serde_json::Value;
use serde_json::map::Entry;

use super::json::Object;

/// Reads any JSON value without a member that stands twice: two readers of such an object may see two different requests.
#[derive(Clone, Copy)]
pub(super) struct Strict<'a> {
    /// Entries of one array or object at most.
    pub entries_max: usize,
    /// Values that may still come.
    pub left: &'a Cell<usize>,
}

impl Strict<'_> {
    fn room_beside<E: Error>(&self, entries: usize) -> Result<(), E> {
        let max = self.entries_max;
        if entries < max {
            return Ok(());
        }
        Err(E::custom(format_args!("an array or object must not hold more than {max} entries")))
    }
}

impl<'de> DeserializeSeed<'de> for Strict<'_> {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        let left = self.left.get().checked_sub(1).ok_or_else(|| D::Error::custom("it must not hold so many values"))?;
        self.left.set(left);
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Strict<'_> {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Value, A::Error> {
        let mut object = Object::new();
        while let Some(name) = map.next_key::<String>()? {
            self.room_beside(object.len())?;
            match object.entry(name) {
                Entry::Vacant(place) => drop(place.insert(map.next_value_seed(self)?)),
                Entry::Occupied(place) => {
                    return Err(Error::custom(format_args!("the member {:?} stands twice", place.key())));
                }
            }
        }
        Ok(Value::Object(object))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Value, A::Error> {
        let mut array = Vec::new();
        while let Some(value) = seq.next_element_seed(self)? {
            self.room_beside(array.len())?;
            array.push(value);
        }
        Ok(Value::Array(array))
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Value, E> {
        Ok(Value::String(text.to_owned()))
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_i64<E: Error>(self, number: i64) -> Result<Value, E> {
        Ok(Value::from(number))
    }

    fn visit_u64<E: Error>(self, number: u64) -> Result<Value, E> {
        Ok(Value::from(number))
    }

    fn visit_f64<E: Error>(self, number: f64) -> Result<Value, E> {
        Ok(Value::from(number))
    }

    fn visit_unit<E: Error>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }
}
