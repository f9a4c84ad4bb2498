//! JSON bodies, strictly: the type said, the size bounded, an object at the top.

use std::cell::Cell;
use std::fmt;
use std::sync::Arc;

use salvo::Request;
use salvo::http::ParseError;
use salvo::http::header::CONTENT_TYPE;
use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use serde_json::map::Entry;
use serde_json::{Map, Value};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::App;
use super::errors::Problem;
use super::form::asks_to_send_too_much;

pub(super) type Object = Map<String, Value>;

/// Reads the body as a JSON object. Nesting is bounded by the parser (128 levels).
pub(super) async fn object(req: &mut Request, max_bytes: usize) -> Result<Object, Problem> {
    parse(read(req, max_bytes).await?, usize::MAX)
}

/// Values that one item of a large body may hold in the mean. As values they take ten times their bytes and more.
const VALUES_OF_ITEM_MAX: usize = 64;

/// Bodies beyond the usual size that are worked on at once: there may be as many of them as connections.
const LARGE_AT_ONCE: usize = 4;

/// Turns for whoever sends a body beyond the usual size.
#[derive(Clone, Debug)]
pub struct LargeBodies(Arc<Semaphore>);

impl Default for LargeBodies {
    fn default() -> Self {
        Self(Arc::new(Semaphore::new(LARGE_AT_ONCE)))
    }
}

/// To be kept as long as the body is worked on.
pub(super) struct Turn {
    _permit: Option<OwnedSemaphorePermit>,
}

/// The same for bodies that may be large: whoever sends one waits for a turn once it is there, so that nobody has one who
/// sends slowly. Of a body that holds far more than so many items no more is read.
pub(super) async fn large_object(req: &mut Request, app: &App, items_max: usize) -> Result<(Object, Turn), Problem> {
    let body = read(req, app.limits.batch_body_max_bytes).await?;
    let permit = if body.len() > app.limits.body_max_bytes {
        // Closed never.
        app.large_bodies.0.clone().acquire_owned().await.ok()
    } else {
        None
    };
    Ok((parse(body, items_max)?, Turn { _permit: permit }))
}

async fn read(req: &mut Request, max_bytes: usize) -> Result<&[u8], Problem> {
    let content_type = req.headers().get(CONTENT_TYPE).and_then(|v| v.to_str().ok()).unwrap_or_default();
    let essence = content_type.split(';').next().unwrap_or_default().trim();
    if !essence.eq_ignore_ascii_case("application/json") {
        return Err(Problem::bad_request("the body must be application/json"));
    }
    if asks_to_send_too_much(req, max_bytes) {
        return Err(Problem::too_large());
    }
    let body = req.payload_with_max_size(max_bytes).await.map_err(|error| match error {
        ParseError::PayloadTooLarge => Problem::too_large(),
        _ => Problem::bad_request("the body could not be read"),
    })?;
    if body.is_empty() {
        return Err(Problem::bad_request("the body is empty; a JSON object was expected"));
    }
    Ok(body)
}

fn parse(body: &[u8], items_max: usize) -> Result<Object, Problem> {
    let left = Cell::new(items_max.saturating_mul(VALUES_OF_ITEM_MAX));
    let strict = Strict { entries_max: items_max.saturating_mul(2), left: &left };
    let mut text = serde_json::Deserializer::from_slice(body);
    match strict.deserialize(&mut text).and_then(|value| text.end().map(|()| value)) {
        Ok(Value::Object(object)) => Ok(object),
        Ok(_) => Err(Problem::bad_request("the body must be a JSON object")),
        Err(error) => Err(Problem::bad_request(&format!("the body is not JSON: {error}"))),
    }
}

/// Reads any JSON value without a member that stands twice: two readers of such an object may see two different requests.
#[derive(Clone, Copy)]
struct Strict<'a> {
    /// Entries of one array or object at most.
    entries_max: usize,
    /// Values that may still come.
    left: &'a Cell<usize>,
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
