//! Values as both databases know them: integers, text, bytes, nothing. A yes is 1, a no is 0.

use super::Error;
use std::borrow::Cow;
use std::sync::Arc;
use uuid::Uuid;

/// One parameter, or one column of a row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Value<'a> {
    Null,
    Int(i64),
    Text(Cow<'a, str>),
    Blob(Cow<'a, [u8]>),
}

impl Value<'_> {
    /// The same with all that it says.
    pub fn to_owned(&self) -> Value<'static> {
        match self {
            Value::Null => Value::Null,
            Value::Int(number) => Value::Int(*number),
            Value::Text(text) => Value::Text(text.clone().into_owned().into()),
            Value::Blob(bytes) => Value::Blob(bytes.clone().into_owned().into()),
        }
    }
}

/// What can be a parameter.
pub trait ToValue {
    fn to_value(&self) -> Value<'_>;
}

/// What a column can be read as.
pub trait FromValue: Sized {
    fn from_value(value: &Value<'_>) -> Option<Self>;
}

/// Parameters `?1`, `?2` and so on.
macro_rules! params {
    ($($value:expr),* $(,)?) => { [$($crate::store::ToValue::to_value(&$value)),*] };
}
pub(crate) use params;

/// One row of an answer.
#[derive(Debug)]
pub struct Row(pub(super) Vec<Value<'static>>);

impl Row {
    /// # Errors
    /// The column is not what it is read as: the file is another program's, or damaged.
    pub fn get<T: FromValue>(&self, column: usize) -> Result<T, Error> {
        self.0.get(column).and_then(T::from_value).ok_or(Error::Column(column))
    }

    /// A text that stays in the row.
    ///
    /// # Errors
    /// It is none.
    pub fn text(&self, column: usize) -> Result<&str, Error> {
        match self.0.get(column) {
            Some(Value::Text(text)) => Ok(text),
            _ => Err(Error::Column(column)),
        }
    }

    #[must_use]
    pub fn values(&self) -> &[Value<'static>] {
        &self.0
    }
}

macro_rules! integers {
    ($($integer:ty),*) => { $(
        impl ToValue for $integer {
            /// What is larger than any number of the contract is stored as the largest.
            fn to_value(&self) -> Value<'_> {
                Value::Int(i64::try_from(*self).unwrap_or(i64::MAX))
            }
        }

        impl FromValue for $integer {
            fn from_value(value: &Value<'_>) -> Option<Self> {
                match value {
                    Value::Int(number) => Self::try_from(*number).ok(),
                    _ => None,
                }
            }
        }
    )* };
}
integers!(i64, u32, u64, usize);

impl ToValue for bool {
    fn to_value(&self) -> Value<'_> {
        Value::Int((*self).into())
    }
}

impl ToValue for str {
    fn to_value(&self) -> Value<'_> {
        Value::Text(self.into())
    }
}

impl ToValue for String {
    fn to_value(&self) -> Value<'_> {
        self.as_str().to_value()
    }
}

impl ToValue for Cow<'_, str> {
    fn to_value(&self) -> Value<'_> {
        Value::Text(Cow::Borrowed(self))
    }
}

impl ToValue for [u8] {
    fn to_value(&self) -> Value<'_> {
        Value::Blob(self.into())
    }
}

impl ToValue for Uuid {
    fn to_value(&self) -> Value<'_> {
        self.as_bytes().as_slice().to_value()
    }
}

impl<T: ToValue> ToValue for Option<T> {
    fn to_value(&self) -> Value<'_> {
        self.as_ref().map_or(Value::Null, ToValue::to_value)
    }
}

impl<T: ToValue + ?Sized> ToValue for &T {
    fn to_value(&self) -> Value<'_> {
        (**self).to_value()
    }
}

impl FromValue for bool {
    fn from_value(value: &Value<'_>) -> Option<Self> {
        i64::from_value(value).map(|number| number != 0)
    }
}

impl FromValue for String {
    fn from_value(value: &Value<'_>) -> Option<Self> {
        match value {
            Value::Text(text) => Some(text.clone().into_owned()),
            _ => None,
        }
    }
}

impl FromValue for Arc<str> {
    fn from_value(value: &Value<'_>) -> Option<Self> {
        match value {
            Value::Text(text) => Some(text.as_ref().into()),
            _ => None,
        }
    }
}

impl FromValue for Vec<u8> {
    fn from_value(value: &Value<'_>) -> Option<Self> {
        match value {
            Value::Blob(bytes) => Some(bytes.clone().into_owned()),
            _ => None,
        }
    }
}

impl FromValue for Uuid {
    fn from_value(value: &Value<'_>) -> Option<Self> {
        match value {
            Value::Blob(bytes) => Uuid::from_slice(bytes).ok(),
            _ => None,
        }
    }
}

impl<T: FromValue> FromValue for Option<T> {
    fn from_value(value: &Value<'_>) -> Option<Self> {
        match value {
            Value::Null => Some(None),
            value => T::from_value(value).map(Some),
        }
    }
}
