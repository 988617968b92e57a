//! What a row of the language is made of.

use std::time::Duration;

use crate::model::{Bucket, Column, List, Predicate, Setting, Tag, Text, Usage};

/// A key of a map: of a collector, a column or a predicate.
#[derive(Debug)]
pub(crate) struct Key<T: 'static> {
    /// How it is written.
    pub(crate) name: &'static str,
    /// What its value may be, and which field holds it.
    pub(crate) takes: Takes<T>,
    /// Who may write it.
    pub(crate) place: Place,
    /// What it means, in one sentence or two. Shown by editors and in `docs/collectors.md`.
    pub(crate) doc: &'static str,
}

/// Where a key may, or must, stand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    /// Every definition has it; a tuning has it not.
    Needed,
    /// Only definitions may have it.
    Definition,
    /// An entry without `query` may have it as well.
    Tuning,
}

/// What a key's value may be, and the field of the model that holds it.
pub(crate) enum Takes<T: 'static> {
    /// A text for people.
    Text(Field<T, Text>),
    /// What begins the names of metrics.
    Prefix(Field<T, Text>),
    /// What names a metric behind its prefix, or a label. The model holds the whole name, so it has no field.
    Suffix,
    /// What names a metric whole. It has no field of its own either.
    Metric,
    /// One statement.
    Statement(Field<T, Text>),
    /// Conditions.
    Tags(Field<T, List<Tag>>),
    /// Names of schemas.
    Schemas(Field<T, List<Text>>),
    /// Names of functions.
    Functions(Field<T, List<Text>>),
    /// Settings of the server and their values.
    Settings(Field<T, List<Setting>>),
    /// Seconds, not negative.
    Seconds(Field<T, Duration>),
    /// Seconds; zero stands for the default, less for none.
    Timeout(Field<T, Option<Duration>>),
    /// A server version; zero stands for the default, which is open.
    Version(Field<T, u32>),
    /// A boolean.
    Boolean(Field<T, bool>),
    /// A whole number; zero stands for the rank of the file.
    Priority(Field<T, i64>),
    /// A whole number, not negative.
    Count(Field<T, u64>),
    /// What becomes of a column.
    Usage(Field<T, Usage>),
    /// A number.
    Factor(Field<T, f64>),
    /// A number that may be absent.
    Number(Field<T, Option<f64>>),
    /// The bounds of buckets.
    Bounds(Field<T, List<Bucket>>),
    /// A list of predicates.
    Predicates(Field<T, List<Predicate>>),
    /// A list of columns.
    Columns(Field<T, List<Column>>),
}

/// A field of the model.
pub(crate) struct Field<T: 'static, V: 'static> {
    /// Its name in Rust.
    pub(crate) name: &'static str,
    pub(crate) get: fn(&T) -> &V,
    pub(crate) edit: fn(&mut T) -> &mut V,
}

/// The field of that name.
macro_rules! field {
    ($name:ident) => {
        $crate::language::key::Field {
            name: stringify!($name),
            get: |it| &it.$name,
            edit: |it| &mut it.$name,
        }
    };
}
pub(crate) use field;

/// What a field of the model holds, as it is written in a definition.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Value<'a> {
    Nothing,
    Text(&'a str),
    Boolean(bool),
    Number(f64),
    Whole(i64),
    Words(Vec<String>),
    Numbers(Vec<f64>),
    Settings(&'a [Setting]),
    Predicates(&'a [Predicate]),
    Columns(&'a [Column]),
}

impl<T> Key<T> {
    /// A key that every definition has.
    pub(crate) const fn needed(name: &'static str, takes: Takes<T>, doc: &'static str) -> Self {
        Self {
            name,
            takes,
            place: Place::Needed,
            doc,
        }
    }

    /// A key of definitions only.
    pub(crate) const fn fixed(name: &'static str, takes: Takes<T>, doc: &'static str) -> Self {
        Self {
            name,
            takes,
            place: Place::Definition,
            doc,
        }
    }

    /// A key that an entry without `query` may have as well.
    pub(crate) const fn tunable(name: &'static str, takes: Takes<T>, doc: &'static str) -> Self {
        Self {
            name,
            takes,
            place: Place::Tuning,
            doc,
        }
    }

    pub(crate) fn is_tunable(&self) -> bool {
        self.place == Place::Tuning
    }

    /// What the field holds.
    pub(crate) fn get<'a>(&self, it: &'a T) -> Value<'a> {
        let seconds = |duration: &Duration| Value::Number(duration.as_secs_f64());
        match &self.takes {
            Takes::Text(field) | Takes::Prefix(field) | Takes::Statement(field) => {
                Value::Text((field.get)(it).as_ref())
            }
            Takes::Suffix | Takes::Metric => Value::Nothing,
            Takes::Tags(field) => Value::Words((field.get)(it).iter().map(ToString::to_string).collect()),
            Takes::Schemas(field) | Takes::Functions(field) => {
                Value::Words((field.get)(it).iter().map(ToString::to_string).collect())
            }
            Takes::Settings(field) => Value::Settings((field.get)(it)),
            Takes::Seconds(field) => seconds((field.get)(it)),
            Takes::Timeout(field) => (field.get)(it).as_ref().map_or(Value::Whole(-1), seconds),
            Takes::Version(field) => Value::Whole(i64::from(*(field.get)(it))),
            Takes::Boolean(field) => Value::Boolean(*(field.get)(it)),
            Takes::Priority(field) => Value::Whole(*(field.get)(it)),
            Takes::Count(field) => Value::Whole(i64::try_from(*(field.get)(it)).unwrap_or(i64::MAX)),
            Takes::Usage(field) => Value::Text((field.get)(it).word()),
            Takes::Factor(field) => Value::Number(*(field.get)(it)),
            Takes::Number(field) => (field.get)(it).map_or(Value::Nothing, Value::Number),
            Takes::Bounds(field) => {
                Value::Numbers((field.get)(it).iter().map(|bucket| bucket.bound).collect())
            }
            Takes::Predicates(field) => Value::Predicates((field.get)(it)),
            Takes::Columns(field) => Value::Columns((field.get)(it)),
        }
    }
}

impl<T: Default> Key<T> {
    /// What the field holds, `None` when that is what it holds without the key.
    pub(crate) fn given<'a>(&self, it: &'a T) -> Option<Value<'a>> {
        let value = self.get(it);
        (value != self.get(&T::default())).then_some(value)
    }
}

impl<T> Takes<T> {
    /// The name of the field in Rust, `None` when there is none.
    pub(crate) fn field(&self) -> Option<&'static str> {
        Some(match self {
            Self::Suffix | Self::Metric => return None,
            Self::Text(field) | Self::Prefix(field) | Self::Statement(field) => field.name,
            Self::Tags(field) => field.name,
            Self::Schemas(field) | Self::Functions(field) => field.name,
            Self::Settings(field) => field.name,
            Self::Seconds(field) => field.name,
            Self::Timeout(field) => field.name,
            Self::Version(field) => field.name,
            Self::Boolean(field) => field.name,
            Self::Priority(field) => field.name,
            Self::Count(field) => field.name,
            Self::Usage(field) => field.name,
            Self::Factor(field) => field.name,
            Self::Number(field) => field.name,
            Self::Bounds(field) => field.name,
            Self::Predicates(field) => field.name,
            Self::Columns(field) => field.name,
        })
    }
}

impl<T> std::fmt::Debug for Takes<T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.field().unwrap_or("a name"))
    }
}

/// The names of some keys.
pub(crate) fn names<T>(keys: &[Key<T>]) -> impl Iterator<Item = &'static str> {
    keys.iter().map(|key| key.name)
}
