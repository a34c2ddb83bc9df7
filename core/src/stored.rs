//! Records that are stored as JSON objects: each is one list of fields ([`record`]), by which it is written and read.
//! What a list does not name is passed over; a field that is missing or of another type makes the record unreadable.
//! Never in it: records, storage keys, secrets (they are stored beside the object).

use std::collections::BTreeMap;

use onrecord_entry::SaltId;
use onrecord_value::{Number, Object, Time, Value, json};

/// The usual form of a value; that of an instant is its text (RFC 3339, with all its nanoseconds).
pub(crate) struct Plain;
/// An instant as the nanoseconds since 1970.
pub(crate) struct Nanos;
/// A text or a list as it is, and null if it is empty: an optional field is left out then.
pub(crate) struct Sparse;

/// A type of stored values, in one of its forms.
pub(crate) trait Field<Form>: Sized {
    fn store(&self) -> Value;
    fn load(value: &Value) -> Option<Self>;
    /// What stands for a field that is not there.
    fn absent() -> Option<Self> {
        None
    }
}

impl<Form, T: Field<Form>> Field<Form> for Option<T> {
    fn store(&self) -> Value {
        self.as_ref().map_or(Value::Null, T::store)
    }
    fn load(value: &Value) -> Option<Self> {
        if *value == Value::Null { Some(None) } else { T::load(value).map(Some) }
    }
    fn absent() -> Option<Self> {
        Some(None)
    }
}

impl<T: Field<Plain>> Field<Plain> for Vec<T> {
    fn store(&self) -> Value {
        Value::Array(self.iter().map(T::store).collect())
    }
    fn load(value: &Value) -> Option<Self> {
        value.as_array()?.iter().map(T::load).collect()
    }
}

impl<T: Field<Plain>> Field<Plain> for BTreeMap<String, T> {
    fn store(&self) -> Value {
        Value::Object(self.iter().map(|(key, value)| (key.clone(), value.store())).collect())
    }
    fn load(value: &Value) -> Option<Self> {
        value.as_object()?.iter().map(|(key, value)| Some((key.to_owned(), T::load(value)?))).collect()
    }
}

impl Field<Sparse> for String {
    fn store(&self) -> Value {
        if self.is_empty() { Value::Null } else { Value::from(self.as_str()) }
    }
    fn load(value: &Value) -> Option<Self> {
        <Self as Field<Plain>>::load(value)
    }
}

impl<T: Field<Plain>> Field<Sparse> for Vec<T> {
    fn store(&self) -> Value {
        if self.is_empty() { Value::Null } else { <Self as Field<Plain>>::store(self) }
    }
    fn load(value: &Value) -> Option<Self> {
        <Self as Field<Plain>>::load(value)
    }
}

/// A record, made by [`record`].
pub(crate) trait Record: Sized {
    /// What it has beside its fields.
    type Beside;
    fn to_object(&self) -> Object;
    fn from_object(record: &Object, beside: Self::Beside) -> Option<Self>;
    fn encode(&self) -> Vec<u8> {
        Value::Object(self.to_object()).to_json()
    }
    fn decode(stored: &[u8], beside: Self::Beside) -> Option<Self> {
        Self::from_object(&parse(stored)?, beside)
    }
}

impl<T: Record<Beside = ()>> Field<Plain> for T {
    fn store(&self) -> Value {
        Value::Object(self.to_object())
    }
    fn load(value: &Value) -> Option<Self> {
        Self::from_object(value.as_object()?, ())
    }
}

macro_rules! field {
    ($form:ident: $($type:ty, $store:expr, $load:expr;)*) => {
        $(impl Field<$form> for $type {
            fn store(&self) -> Value {
                Value::from($store(self))
            }
            fn load(value: &Value) -> Option<Self> {
                $load(value)
            }
        })*
    };
}

field! { Plain:
    bool, |flag: &bool| *flag, Value::as_bool;
    i64, |number: &i64| *number, Value::as_i64;
    u64, |number: &u64| *number, |value: &Value| value.as_number().and_then(Number::as_u64);
    u32, |number: &u32| u64::from(*number), |value| u32::try_from(<u64 as Field<Plain>>::load(value)?).ok();
    String, String::as_str, |value: &Value| value.as_str().map(str::to_owned);
    Object, Object::clone, |value: &Value| value.as_object().cloned();
    SaltId, SaltId::to_string, |value: &Value| value.as_str().and_then(SaltId::parse);
    Time, |time: &Time| *time, |value: &Value| Time::parse(value.as_str()?).ok();
}

field! { Nanos:
    Time,
    |time: &Time| i64::try_from(time.unix_nanos()).unwrap_or(i64::MAX),
    |value: &Value| value.as_i64().map(|nanos| Time::from_unix_nanos(i128::from(nanos)));
}

pub(crate) fn load<Form, T: Field<Form>>(record: &Object, key: &str) -> Option<T> {
    record.get(key).map_or_else(T::absent, T::load)
}

pub(crate) fn parse(stored: &[u8]) -> Option<Object> {
    json::parse_object(stored, json::Limits::default()).ok()
}

/// The fields of a record: `"key" => field`, with `as Nanos` in that form. Those of the second list are left out where
/// they have their default. What a record has beside its fields is given when it is read.
macro_rules! record {
    ($record:ident($($given:ident: $type:ty),*) {
        $($key:literal => $field:ident $(as $form:ident)?,)*
    } $(optional {
        $($opt_key:literal => $opt_field:ident $(as $opt_form:ident)?,)*
    })?) => {
        impl $crate::stored::Record for $record {
            type Beside = ($($type,)*);

            fn to_object(&self) -> onrecord_value::Object {
                use $crate::stored::{Field, form};
                let fields = [$(($key, Field::<form!($($form)?)>::store(&self.$field)),)*];
                let fields = fields.into_iter();
                $(
                    let optional = [$(($opt_key, Field::<form!($($opt_form)?)>::store(&self.$opt_field)),)*];
                    let is_set = |value: &onrecord_value::Value| !value.is_null() && value.as_bool() != Some(false);
                    let fields = fields.chain(optional.into_iter().filter(|(_, value)| is_set(value)));
                )?
                fields.map(|(key, value)| (key.to_owned(), value)).collect()
            }

            fn from_object(record: &onrecord_value::Object, ($($given,)*): Self::Beside) -> Option<Self> {
                use $crate::stored::form;
                Some(Self {
                    $($field: $crate::stored::load::<form!($($form)?), _>(record, $key)?,)*
                    $($($opt_field: match record.get($opt_key) {
                        Some(value) => $crate::stored::Field::<form!($($opt_form)?)>::load(value)?,
                        None => Default::default(),
                    },)*)?
                    $($given,)*
                })
            }
        }
    };
}

/// The form of a field: [`Plain`] if the list names none.
macro_rules! form {
    () => {
        $crate::stored::Plain
    };
    ($form:ident) => {
        $crate::stored::$form
    };
}

pub(crate) use {form, record};
